// One key: what it may, how it is used, and what can be done with it.

import { useSignal } from "@preact/signals";
import type { Detail, Key } from "./api.js";
import { changed, usePage, useText } from "./app.js";
import { Revoke, Rotate } from "./ending.js";
import { Problem, Time } from "./parts.js";
import type { TextName } from "./words.js";
import { Use } from "./use.js";

const SOON = 14 * 86_400_000;

export function KeyCard({ of }: { of: Key }) {
  const page = usePage();
  const t = useText();
  const { words } = page;
  const open = useSignal<"" | "rotate" | "revoke">("");
  const isAlive = of.status === "active" || of.status === "disabled";
  const [tone, status] = state(of);
  const old = of.secrets.find((one) => one.ends_at !== null);
  const kid = of.secrets.find((one) => one.ends_at === null)?.kid ?? "";
  const end = () => (open.value = "");
  const may = (what: "rotate" | "revoke") => page.facts.permissions.includes(what);
  return (
    <li part="key" data-id={of.id}>
      <div class="head">
        <h2 part="name"><bdi>{of.name}</bdi></h2>
        <span class={`status ${tone}`} part={`status ${tone}`}>{t(status)}</span>
      </div>
      {of.description && <p><bdi>{of.description}</bdi></p>}
      <dl>
        <div class="wide"><dt>{t("may")}</dt><dd>{words.scopes([...of.scopes, ...of.roles])}</dd></div>
        <div>
          <dt>{t("last_used")}</dt>
          <dd>{of.last_used_at ? <><Time at={of.last_used_at} /> {of.last_used_ip && t("from_address", { address: of.last_used_ip })}</> : t("never")}</dd>
        </div>
        {of.revoked_at ? (
          <div><dt>{t("revoked")}</dt><dd><Time at={of.revoked_at} /></dd></div>
        ) : (
          <div><dt>{t("expires")}</dt><dd>{of.expires_at ? <time dateTime={of.expires_at} title={words.full(of.expires_at)}>{words.day(of.expires_at)}</time> : t("never")}</dd></div>
        )}
        <div><dt>{t("created")}</dt><dd><Time at={of.created_at} /></dd></div>
        {kid && <div><dt>{t("secret_of_key")}</dt><dd><code>…{kid.slice(-4)}</code></dd></div>}
      </dl>
      {old?.ends_at && <p class="quiet">{t("old_secret_until", { moment: words.full(old.ends_at) })}</p>}
      <Details of={of} />
      {isAlive && (may("rotate") || may("revoke")) && (
        <p class="actions">
          {of.status === "active" && may("rotate") && <button type="button" part="button" onClick={() => (open.value = "rotate")}>{t("rotate")}<span class="hidden"> <bdi>{of.name}</bdi></span></button>}
          {may("revoke") && <button type="button" class="danger" part="button danger" onClick={() => (open.value = "revoke")}>{t("revoke")}<span class="hidden"> <bdi>{of.name}</bdi></span></button>}
        </p>
      )}
      {open.value === "rotate" && <Rotate of={of} onEnd={end} />}
      {open.value === "revoke" && <Revoke of={of} onEnd={end} onDone={(key) => changed(page, key)} />}
    </li>
  );
}

function state(key: Key): ["good" | "warn" | "bad" | "quiet", TextName] {
  if (key.status !== "active") return [key.status === "revoked" ? "bad" : "warn", key.status];
  if (key.secrets.length > 1) return ["warn", "rotating"];
  if (key.expires_at && Date.parse(key.expires_at) - Date.now() < SOON) return ["warn", "expiring"];
  return key.last_used_at ? ["good", "active"] : ["quiet", "unused"];
}

/** The details of a key, loaded when the user opens them. */
function Details({ of }: { of: Key }) {
  const page = usePage();
  const t = useText();
  const detail = useSignal<Detail | null>(null);
  const error = useSignal<unknown>(null);
  const load = async (isOpen: boolean) => {
    if (!isOpen) return;
    try {
      detail.value = await page.api.key(of.id);
      error.value = null;
    } catch (problem) {
      error.value = problem;
    }
  };
  return (
    <details onToggle={(event) => load(event.currentTarget.open)}>
      <summary>{t("details")}<span class="hidden"> <bdi>{of.name}</bdi></span></summary>
      <Problem error={error.value} />
      {detail.value && <Use of={detail.value} />}
    </details>
  );
}
