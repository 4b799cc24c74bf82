// The parts of a key's page.

import { useSignal } from "@preact/signals";
import type { Advice, CreditState, Key, UsageHour } from "../client/operations.js";
import { addCredits, may } from "./api.js";
import { Chart, type Span, SPANS } from "./chart.js";
import { FormDialog, Text } from "./form.js";
import { Badge, Card, Elsewhere, Facts, Link, Status, Tabs, Time, toast } from "./parts.js";
import { address } from "./place.js";
import { COUNT, nextStep, sentence } from "./words.js";

export function KeyFacts({ of, onStep }: { of: Key; onStep: (step: "edit" | "rotate" | "revoke") => void }) {
  const step = nextStep(of);
  return (
    <Facts of={{
      Status: <Status of={of} />,
      Owner: <Link to={address(`/owners/${encodeURIComponent(of.owner)}`)}><bdi>{of.owner}</bdi></Link>,
      "Last used": <><Time at={of.last_used_at} />{of.last_used_ip && <> from <code>{of.last_used_ip}</code></>}</>,
      Expires: of.expires_at ? <Time at={of.expires_at} /> : "never",
      Made: <Time at={of.created_at} />,
      Environment: of.environment,
      Begins: of.not_before && <Time at={of.not_before} />,
      "Revoked because": of.revoke_reason && <bdi>{of.revoke_reason}</bdi>,
    }}>
      <div class="wide"><dt>May</dt><dd>{sentence(of.scopes, of.roles)} <small>{of.scopes.map((scope) => <code key={scope}>{scope} </code>)}</small></dd></div>
      {of.allowed_ips.length > 0 && <div class="wide"><dt>Only from</dt><dd><code>{of.allowed_ips.join(", ")}</code></dd></div>}
      {of.tags.length > 0 && <div class="wide"><dt>Tags</dt><dd class="chips">{of.tags.map((tag) => <Link key={tag} to={address("/", { tag })} class="chip"><bdi>{tag}</bdi></Link>)}</dd></div>}
      {of.description && <div class="wide"><dt>Description</dt><dd class="description"><bdi>{of.description}</bdi></dd></div>}
      {step && (
        <div class="wide next">
          <p><b>What to do.</b> {step.text}</p>
          {step.does && may("keys:write") && <button type="button" class="small" onClick={() => step.does && onStep(step.does)}>{step.label}</button>}
        </div>
      )}
    </Facts>
  );
}

export function Use({ hours }: { hours: readonly UsageHour[] }) {
  const span = useSignal<Span>("24 h");
  return (
    <Card title="Use" actions={<Tabs names={Object.keys(SPANS)} chosen={span.value} onChoose={(name) => (span.value = name as Span)} />}>
      <Chart counts={hours} span={span.value} />
    </Card>
  );
}

/** The secrets of a key: while two work, how much of the use each has. */
export function Secrets({ of }: { of: Key }) {
  const total = Math.max(1, of.secrets.reduce((sum, one) => sum + one.use_count, 0));
  return (
    <Card title="Secrets" actions={of.rotation && (of.rotation.safe_to_retire ? <Badge tone="good">Old secret is safe to retire</Badge> : <Badge tone="warn">Old secret was used within a day</Badge>)}>
      <ul class="secrets">
        {of.secrets.map((one) => (
          <li key={one.kid}>
            <p>
              <b>{one.ends_at ? "Old" : of.secrets.length > 1 ? "New" : "Current"}</b> <code>{one.kid}</code>
              {one.leaked_at && <> <Badge tone="bad">Leaked</Badge></>}
            </p>
            <div class="share"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class={one.ends_at ? "old" : "new"} width={(100 * one.use_count) / total} height="4" /></svg></div>
            <small>
              {COUNT.format(one.use_count)} uses, last <Time at={one.last_used_at} />{one.last_used_ip && <> from <code>{one.last_used_ip}</code></>};
              made <Time at={one.created_at} />{one.ends_at && <>, ends <Time at={one.ends_at} /></>}
            </small>
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function CreditsCard({ of, state, onChange }: { of: Key; state: CreditState; onChange: () => void }) {
  const isAdding = useSignal(false);
  return (
    <Card title="Credits" actions={may("credits:write") && <button type="button" class="small" onClick={() => (isAdding.value = true)}>Add credits</button>}>
      <p class="meter"><meter min={0} max={Math.max(state.amount, state.remaining)} low={state.amount * 0.1} value={state.remaining} aria-label="Credits left" /> <b>{COUNT.format(state.remaining)}</b> of {COUNT.format(state.amount)} left{state.held > 0 && `, ${COUNT.format(state.held)} held`}</p>
      <p class="quiet">{state.reset_at ? <>Refilled {of.credits?.refill}, next <Time at={state.reset_at} /></> : "Not refilled."}</p>
      {isAdding.value && (
        <FormDialog
          title="Add credits"
          submit="Add"
          onEnd={() => (isAdding.value = false)}
          onSubmit={async (read) => {
            await addCredits({ id: of.id, amount: Number(read("amount")) });
            isAdding.value = false;
            toast("The credits are added.");
            onChange();
          }}
        >
          <Text name="amount" label="How many" type="number" min={1} required />
        </FormDialog>
      )}
    </Card>
  );
}

export function AdviceCard({ of, onEdit }: { of: Advice; onEdit: () => void }) {
  const unused = of.scopes.filter((one) => !one.last_asked_at);
  if (of.findings.length === 0) return null;
  return (
    <Card title="Advice" actions={may("keys:write") && <button type="button" class="small" onClick={onEdit}>Change it</button>}>
      <ul class="advice">
        {of.findings.map((one) => <li key={one.code}>{one.message} {one.values.length > 0 && <code>{one.values.join(" ")}</code>}</li>)}
      </ul>
      {of.scopes.length > 0 && (
        <details>
          <summary>When each scope was last asked for{unused.length > 0 && `: ${unused.length} of ${of.scopes.length} not within 90 days`}</summary>
          <table>
            <tbody>{of.scopes.map((one) => <tr key={one.scope}><th scope="row"><code>{one.scope}</code></th><td><Time at={one.last_asked_at} none="not within 90 days" /></td></tr>)}</tbody>
          </table>
        </details>
      )}
    </Card>
  );
}

/** The commands for a key, for curl and the CLI. */
export function KeyElsewhere({ of }: { of: Key }) {
  const curl = (method: string, rest: string, body?: object) =>
    `curl ${method === "GET" ? "" : `-X ${method} `}-H "Authorization: Bearer $TOKENRY_KEY"${body ? ` -H "Content-Type: application/json" -d '${JSON.stringify(body)}'` : ""} "${location.origin}/v1/keys/${of.id}${rest}?tenant=${of.tenant}"`;
  const cli = (command: string) => `tokenry ${command} --tenant ${of.tenant} --server ${location.origin}`;
  return (
    <Elsewhere of={{
      Show: { curl: curl("GET", ""), cli: cli(`keys show ${of.id}`) },
      Rotate: { curl: curl("POST", "/rotate", { grace_seconds: 86_400 }), cli: cli(`keys rotate ${of.id} --grace 1d`) },
      Disable: { curl: curl("POST", "/disable", {}), cli: cli(`keys disable ${of.id}`) },
      Revoke: { curl: curl("POST", "/revoke", { reason: "" }), cli: cli(`keys revoke ${of.id}`) },
      Use: { curl: curl("GET", "/usage"), cli: cli(`usage ${of.id}`) },
      Explain: { curl: curl("POST", "/explain", { scopes: of.scopes.slice(0, 1) }) },
    }} />
  );
}

