// Screen 3: one key, what to do about it, and everything that happened to it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Entry, IssuedDocument, Key, LimitState, UsageHour } from "../client/operations.js";
import { disableKey, enableKey, getKey, keyLimits, keyUsage, listAudit, may, session } from "./api.js";
import { Chart, type Span, SPANS } from "./chart.js";
import { Revoke, Rotate } from "./ending.js";
import { Edit } from "./issue.js";
import { Code, Dialog, Link, Loading, Problem, Status, Tabs, Time, Title, toast } from "./parts.js";
import { address } from "./place.js";
import { Secret } from "./secret.js";
import { clock, COUNT, full, sentence } from "./words.js";

export function KeyPage({ id }: { id: string }) {
  const key = useSignal<Key | null>(null);
  const hours = useSignal<UsageHour[]>([]);
  const limits = useSignal<LimitState[]>([]);
  const history = useSignal<Entry[]>([]);
  const error = useSignal<unknown>(null);
  const open = useSignal<"" | "edit" | "rotate" | "revoke">("");
  const issued = useSignal<IssuedDocument | null>(null);
  const ended = useSignal("");

  const load = async () => {
    try {
      key.value = await getKey({ id });
      error.value = null;
    } catch (problem) {
      error.value = problem;
      return;
    }
    const since = new Date(Date.now() - 30 * 86_400_000).toISOString();
    if (may("usage:read")) keyUsage({ key_id: id, since }).then((found) => (hours.value = found.items), () => {});
    if (may("audit:read")) listAudit({ subject: id, limit: 20 }).then((page) => (history.value = page.items), () => {});
    if (key.value?.limits.length) keyLimits({ id }).then((found) => (limits.value = found.items), () => {});
  };
  useEffect(() => {
    load();
  }, [id]);

  const found = key.value;
  if (issued.value) {
    return (
      <Secret
        issued={issued.value}
        title="The new secret"
        onDone={() => {
          issued.value = null;
          load();
        }}
      />
    );
  }
  if (!found) return <><Title text="Key" /><Problem error={error.value} />{!error.value && <Loading />}</>;
  const change = async (does: typeof disableKey, said: string) => {
    try {
      key.value = await does({ id });
      toast(said);
      load();
    } catch (problem) {
      error.value = problem;
    }
  };
  const isAlive = found.status === "active" || found.status === "disabled";
  return (
    <>
      <Title text={found.name}>
        {may("keys:write") && isAlive && (
          <>
            <button type="button" onClick={() => (open.value = "edit")}>Edit</button>
            <button type="button" onClick={() => (open.value = "rotate")}>Rotate</button>
            {found.status === "active" ? (
              <button type="button" onClick={() => change(disableKey, "The key is disabled.")}>Disable</button>
            ) : (
              <button type="button" onClick={() => change(enableKey, "The key is enabled.")}>Enable</button>
            )}
            <button type="button" class="danger" onClick={() => (open.value = "revoke")}>Revoke</button>
          </>
        )}
      </Title>
      <Problem error={error.value} />
      {ended.value && (
        <p class="ended" role="status">Since {clock(ended.value)} no verification answers valid.</p>
      )}
      <Facts of={found} />
      <Use hours={hours.value} />
      {limits.value.length > 0 && <Limits states={limits.value} />}
      <Secrets of={found} />
      <History entries={history.value} />
      <Elsewhere of={found} />
      {open.value === "rotate" && (
        <Rotate of={found} onEnd={() => (open.value = "")} onDone={(answer) => { open.value = ""; issued.value = answer; }} />
      )}
      {open.value === "revoke" && (
        <Revoke of={found} hours={hours.value} onEnd={() => (open.value = "")} onDone={(answer) => { open.value = ""; key.value = answer; ended.value = answer.revoked_at ?? ""; load(); }} />
      )}
      {open.value === "edit" && <EditDialog of={found} onEnd={() => (open.value = "")} onDone={(answer) => { open.value = ""; key.value = answer; toast("Saved."); load(); }} />}
    </>
  );
}

function EditDialog({ of, onEnd, onDone }: { of: Key; onEnd: () => void; onDone: (key: Key) => void }) {
  return <Dialog title="Edit key" onEnd={onEnd}><Edit of={of} onDone={onDone} /></Dialog>;
}

function Facts({ of }: { of: Key }) {
  return (
    <dl class="facts">
      <div><dt>Status</dt><dd><Status of={of} /></dd></div>
      <div><dt>Owner</dt><dd><Link to={address("/", { owner: of.owner })}><bdi>{of.owner}</bdi></Link></dd></div>
      <div><dt>Last used</dt><dd><Time at={of.last_used_at} />{of.last_used_ip && <> from <code>{of.last_used_ip}</code></>}</dd></div>
      <div><dt>Expires</dt><dd>{of.expires_at ? <><Time at={of.expires_at} /> <small>{full(of.expires_at)}</small></> : "never"}</dd></div>
      <div class="wide"><dt>May</dt><dd>{sentence(of.scopes)} {of.scopes.length > 0 && <small><code>{of.scopes.join(" ")}</code></small>}</dd></div>
      {of.allowed_ips.length > 0 && <div class="wide"><dt>Only from</dt><dd><code>{of.allowed_ips.join(", ")}</code></dd></div>}
      {of.revoke_reason && <div class="wide"><dt>Revoked because</dt><dd><bdi>{of.revoke_reason}</bdi></dd></div>}
      {of.description && <div class="wide"><dt>Description</dt><dd class="description"><bdi>{of.description}</bdi></dd></div>}
    </dl>
  );
}

function Use({ hours }: { hours: readonly UsageHour[] }) {
  const span = useSignal<Span>("24 h");
  return (
    <section>
      <h2>Use</h2>
      <Tabs names={Object.keys(SPANS)} chosen={span.value} onChoose={(name) => (span.value = name as Span)} />
      <Chart hours={hours} span={span.value} />
    </section>
  );
}

function Limits({ states }: { states: readonly LimitState[] }) {
  return (
    <section>
      <h2>Limits</h2>
      <table>
        <thead><tr><th scope="col">Limit</th><th scope="col" class="number">Left</th><th scope="col">Resets</th></tr></thead>
        <tbody>
          {states.map((one) => (
            <tr key={`${one.of}/${one.name}`}>
              <th scope="row">{one.name}</th>
              <td class="number"><meter min={0} max={one.limit} value={one.remaining} aria-label={`${one.name} left`} /> {COUNT.format(one.remaining)} of {COUNT.format(one.limit)}</td>
              <td><Time at={one.reset_at} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The secrets of a key: while two work, how much of the use each has. */
function Secrets({ of }: { of: Key }) {
  const most = Math.max(1, ...of.secrets.map((one) => one.use_count));
  return (
    <section>
      <h2>Secrets</h2>
      <table>
        <thead>
          <tr><th scope="col">Secret</th><th scope="col" class="made">Made</th><th scope="col">Last used</th><th scope="col" class="number">Uses</th><th scope="col">Ends</th></tr>
        </thead>
        <tbody>
          {of.secrets.map((one) => (
            <tr key={one.kid}>
              <th scope="row"><code>{one.kid}</code></th>
              <td class="made"><Time at={one.created_at} /></td>
              <td><Time at={one.last_used_at} more={one.last_used_ip ? `from ${one.last_used_ip}` : ""} /></td>
              <td class="number"><meter min={0} max={most} value={one.use_count} aria-label="Share of the uses" /> {COUNT.format(one.use_count)}</td>
              <td>{one.ends_at ? <><Time at={one.ends_at} /> {isQuiet(one, of) && <span class="status good">Safe to retire</span>}</> : "current"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Tell whether an old secret was not used since its successor was. */
function isQuiet(old: Key["secrets"][number], of: Key): boolean {
  const current = of.secrets.find((one) => one.ends_at === null);
  return Boolean(current?.last_used_at && (!old.last_used_at || old.last_used_at < current.created_at));
}

function History({ entries }: { entries: readonly Entry[] }) {
  if (entries.length === 0) return null;
  return (
    <section>
      <h2>History</h2>
      <ol class="history">
        {entries.map((one) => (
          <li key={one.id}>
            <Time at={one.at} /> <b>{one.action.replace(/^key\./, "").replaceAll("_", " ")}</b> by {actor(one)}
            {one.ip && <> from <code>{one.ip}</code></>}
          </li>
        ))}
      </ol>
    </section>
  );
}

function actor({ actor }: Entry) {
  if (actor === session.value?.key_id) return "you";
  return actor ? <bdi>{actor}</bdi> : "the program";
}

function Elsewhere({ of }: { of: Key }) {
  return (
    <section>
      <h2>The same elsewhere</h2>
      <details>
        <summary>As curl</summary>
        <Code label="curl" text={`curl -H "Authorization: Bearer $TOKENRY_KEY" ${location.origin}/v1/keys/${of.id}?tenant=${of.tenant}`} />
      </details>
      <details>
        <summary>On the command line</summary>
        <Code label="Command line" text={`tokenry keys show ${of.id} --tenant ${of.tenant}`} />
      </details>
    </section>
  );
}
