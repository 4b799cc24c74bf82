// Screen 3: one key, what to do about it, and everything that happened to it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { IssuedDocument, Key, KeyImpact } from "../client/operations.js";
import { disableKey, enableKey, getKey, keyAdvice, keyCredits, keyLimits, keyUsage, listAudit, listRefusals, may, updateKey } from "./api.js";
import { Ended, Revoke, Rotate } from "./ending.js";
import { History } from "./entries.js";
import { KeyForm } from "./key_form.js";
import { AdviceCard, CreditsCard, KeyElsewhere, KeyFacts, Secrets, Use } from "./key_parts.js";
import { LimitStates } from "./limits.js";
import { useAnswer } from "./loading.js";
import { Card, Dialog, Do, Link, Loading, Problem, Title, toast } from "./parts.js";
import { address, place } from "./place.js";
import { LastRefusals } from "./refusals.js";
import { Secret } from "./secret.js";

type Open = "" | "edit" | "rotate" | "revoke";

const MONTH = 30 * 86_400_000;

/** Ask for a part of the page, if the signed-in key may see it. */
const part = <T,>(needs: string, ask: () => Promise<T>): Promise<T | null> => (may(needs) ? ask().catch(() => null) : Promise.resolve(null));

const more = async (key: Key) => {
  const { id } = key;
  const [usage, limits, credits, advice, history, refusals] = await Promise.all([
    part("usage:read", () => keyUsage({ key_id: id, since: new Date(Date.now() - MONTH).toISOString() })),
    part("keys:read", () => keyLimits({ id })),
    part("credits:read", async () => key.credits && keyCredits({ id })),
    part("keys:read", () => keyAdvice({ id })),
    part("audit:read", () => listAudit({ subject: id, limit: 20 })),
    part("usage:read", () => listRefusals({ key_id: id, limit: 20 })),
  ]);
  return { hours: usage?.items ?? [], limits: limits?.items ?? [], credits, advice, history: history?.items ?? [], refusals: refusals?.items ?? [] };
};

export function KeyPage({ id }: { id: string }) {
  const key = useAnswer(() => getKey({ id }), [id]);
  const found = key.value.value;
  const parts = useAnswer(async () => found && more(found), [found]);
  const open = useSignal<Open>("");
  const issued = useSignal<IssuedDocument | null>(null);
  const ended = useSignal<{ after: KeyImpact | null } | null>(null);
  useEffect(() => {
    // Another screen may lead to a change.
    const asked = place.value.query.get("do");
    if (asked === "edit" || asked === "rotate" || asked === "revoke") open.value = asked;
  }, [id]);

  if (issued.value) {
    return (
      <Secret
        issued={issued.value}
        title="The new secret"
        onDone={() => {
          issued.value = null;
          key.load();
        }}
      />
    );
  }
  if (!found) return <><Title text="Key" /><Problem error={key.error.value} />{!key.error.value && <Loading />}</>;
  const close = () => (open.value = "");
  const change = (now: Key) => {
    close();
    key.value.value = now;
  };
  const isAlive = found.status === "active" || found.status === "disabled";
  const about = parts.value.value;
  return (
    <>
      <Title text={found.name} above={<Link to={address("/")}>Keys</Link>}>
        {may("keys:write") && isAlive && (
          <>
            <button type="button" onClick={() => (open.value = "edit")}>Edit</button>
            <button type="button" onClick={() => (open.value = "rotate")}>Rotate</button>
            {found.status === "active" ? (
              <Do label="Disable" said="The key is disabled." does={async () => change(await disableKey({ id }))} />
            ) : (
              <Do label="Enable" said="The key is enabled." does={async () => change(await enableKey({ id }))} />
            )}
            <button type="button" class="danger" onClick={() => (open.value = "revoke")}>Revoke</button>
          </>
        )}
      </Title>
      <Problem error={key.error.value} />
      {ended.value && <Ended {...ended.value} />}
      <KeyFacts of={found} onStep={(step) => (open.value = step)} />
      {about && (
        <>
          {may("usage:read") && <Use hours={about.hours} />}
          {about.refusals.length > 0 && <LastRefusals of={about.refusals} />}
          {about.limits.length > 0 && <Card title="Limits"><LimitStates states={about.limits} /></Card>}
          {about.credits && <CreditsCard of={found} state={about.credits} onChange={parts.load} />}
          {about.advice && isAlive && <AdviceCard of={about.advice} onEdit={() => (open.value = "edit")} />}
        </>
      )}
      {found.secrets.length > 0 && <Secrets of={found} />}
      {about && about.history.length > 0 && (
        <Card title="History" actions={<Link to={address("/audit", { subject: id })}>All of it</Link>}><History entries={about.history} /></Card>
      )}
      <KeyElsewhere of={found} />
      {open.value === "rotate" && <Rotate of={found} onEnd={close} onDone={(answer) => { close(); issued.value = answer; }} />}
      {open.value === "revoke" && (
        <Revoke of={found} onEnd={close} onDone={(answer, after) => { ended.value = { after }; change(answer); }} />
      )}
      {open.value === "edit" && (
        <Dialog title="Edit key" onEnd={close}>
          <KeyForm
            of={found}
            submit="Save"
            onSubmit={async ({ owner: _, environment: __, ...fields }) => {
              change(await updateKey({ ...fields, id, if_version: found.version }));
              toast("Saved.");
            }}
          />
        </Dialog>
      )}
    </>
  );
}
