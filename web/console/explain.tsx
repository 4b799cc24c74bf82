// Screen 4: why a credential is, or is not, accepted.

import { useSignal } from "@preact/signals";
import type { CheckDocument, ExplanationDocument, Refusal } from "../client/operations.js";
import { explain, explainKey, getRefusal, may } from "./api.js";
import { Field } from "./form.js";
import { useAnswer } from "./loading.js";
import { Facts, Link, Loading, Problem, Title } from "./parts.js";
import { address, go, place } from "./place.js";
import { CODES, FIXES, full } from "./words.js";

const CHECKS: Readonly<Record<string, string>> = {
  malformed: "It is a whole key or token",
  not_found: "It is known in this tenant and environment",
  tenant_suspended: "The tenant is active",
  revoked: "It is not revoked",
  disabled: "The key is enabled",
  not_yet_valid: "Its time has begun",
  expired: "It has not expired",
  owner_disabled: "The owner is enabled",
  ip_not_allowed: "The address is allowed",
  insufficient_scope: "The scopes suffice",
  rate_limited: "The limits are not used up",
  quota_exceeded: "Credits are left",
};

export function Explain() {
  const { query } = place.value;
  const request = query.get("request");
  return (
    <>
      <Title text="Explain" />
      {may("usage:read") && <OfRequest key={request} id={request} />}
      {!request && <OfCredential key={query.get("key")} />}
    </>
  );
}

/** The details of a refused request. Its id may be in the URL: it is no secret. */
function OfRequest({ id }: { id: string | null }) {
  const refusal = useAnswer<Refusal | null>(async () => (id ? getRefusal({ request_id: id }) : null), [id]);
  const find = (event: SubmitEvent) => {
    event.preventDefault();
    const asked = String(new FormData(event.currentTarget as HTMLFormElement).get("request")).trim();
    go(address("/explain", { request: asked }));
  };
  const found = refusal.value.value;
  return (
    <>
      <form class="explain" onSubmit={find}>
        <Field label="Id of a request" hint="The X-Request-Id of an answer. Of each key the last 20 refusals are kept, for a week.">
          <input name="request" required defaultValue={id ?? ""} maxLength={200} autoComplete="off" spellcheck={false} />
        </Field>
        <button class={id ? "primary" : ""}>Find the request</button>
        {id && <Link to={address("/explain")}>Explain a key</Link>}
      </form>
      <Problem error={refusal.error.value} />
      {id && !found && !refusal.error.value && <Loading />}
      {found && (
        <>
          <Facts of={{
            Key: <Link to={address(`/keys/${found.key}`)}><code>{found.key}</code></Link>,
            Owner: <Link to={address(`/owners/${encodeURIComponent(found.owner)}`)}><bdi>{found.owner}</bdi></Link>,
            When: <time dateTime={found.at}>{full(found.at)}</time>,
            From: found.ip && <code>{found.ip}</code>,
            "Asked for": found.scopes.length > 0 && <code>{found.scopes.join(" ")}</code>,
          }} />
          <Answer of={{ valid: false, ...found }} />
        </>
      )}
    </>
  );
}

function OfCredential() {
  const { query } = place.value;
  const answer = useSignal<ExplanationDocument | null>(null);
  const error = useSignal<unknown>(null);
  const ask = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    const text = (name: string) => String(data.get(name) ?? "").trim();
    const scopes = text("scopes").split(/[\s,]+/).filter(Boolean);
    const asked = { ...(scopes.length ? { scopes } : {}), ...(text("ip") ? { ip: text("ip") } : {}) };
    const credential = text("credential");
    const tenant = place.value.query.get("tenant");
    try {
      answer.value = credential.startsWith("key_")
        ? await explainKey({ id: credential, ...asked })
        : await explain({ credential, ...asked, ...(tenant ? { tenant } : {}) });
      error.value = null;
      if (!credential.startsWith("key_")) (form.elements.namedItem("credential") as HTMLInputElement).value = "";
    } catch (problem) {
      answer.value = null;
      error.value = problem;
    }
  };
  return (
    <>
      <p>Every check of a verification, without counting anything and without taking from limits.</p>
      <form class="explain" onSubmit={ask}>
        <Field label="Key, token, or the id of a key" hint="It is sent to the server and kept nowhere.">
          <input name="credential" required defaultValue={query.get("key") ?? ""} autoComplete="off" spellcheck={false} />
        </Field>
        <Field label="Scopes" hint="What the request needs, such as read:projects."><input name="scopes" defaultValue={query.get("scopes") ?? ""} spellcheck={false} autoComplete="off" /></Field>
        <Field label="Client address" hint="Such as 203.0.113.7."><input name="ip" defaultValue={query.get("ip") ?? ""} spellcheck={false} autoComplete="off" /></Field>
        <button class="primary">Explain</button>
      </form>
      <Problem error={error.value} />
      {answer.value && <Answer of={answer.value} />}
    </>
  );
}

function Answer({ of }: { of: { valid: boolean; code: string; checks: readonly CheckDocument[] } }) {
  const checks = of.checks.filter((one) => one.code !== "valid");
  const first = checks.find((one) => one.passed === false);
  return (
    <section aria-live="polite">
      <h2>{of.valid ? "Valid" : `Refused: ${CODES[of.code] ?? of.code}`}</h2>
      <ol class="checks">
        {checks.map((one) => (
          <li key={one.code} class={one === first ? "first failed" : one.passed === null ? "open" : one.passed ? "passed" : "failed"}>
            <span aria-hidden="true">{one.passed === null ? "–" : one.passed ? "✓" : "✕"}</span>
            <span>
              {CHECKS[one.code] ?? one.code}
              <span class="hidden">: {one.passed === null ? "not checked" : one.passed ? "passed" : "failed"}</span>
              {one.detail && <small>{one.detail}</small>}
              {one === first && <small class="fix">{FIXES[one.code]}</small>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
