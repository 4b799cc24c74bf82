// Screen 5: rotating a key, and revoking one or many.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { IssuedDocument, Key, KeyImpact, KeysRevokeWhereAsked, RevokedDocument } from "../client/operations.js";
import { keyImpact, revokeKey, revokeKeys, rotateKey } from "./api.js";
import { Field } from "./form.js";
import { useAnswer } from "./loading.js";
import { Dialog, Loading, Problem, Time } from "./parts.js";
import { clockAfter, CODES, COUNT, counted, full } from "./words.js";

const GRACES = { "1 hour": 3600, "1 day": 86_400, "7 days": 604_800, "no time at all": 0 } as const;

export function Rotate({ of, onEnd, onDone }: { of: Key; onEnd: () => void; onDone: (issued: IssuedDocument) => void }) {
  const error = useSignal<unknown>(null);
  const grace = useSignal<keyof typeof GRACES>("1 day");
  const id = useSignal(crypto.randomUUID());
  const rotate = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      onDone(await rotateKey({ id: of.id, grace_seconds: GRACES[grace.value], idempotency_key: id.value }));
    } catch (problem) {
      error.value = problem;
      id.value = crypto.randomUUID();
    }
  };
  return (
    <Dialog title="Rotate key" onEnd={onEnd}>
      <form onSubmit={rotate}>
        <p>The key gets a new secret and keeps everything else.</p>
        <Field label="The old secret works for" hint="Long enough to change it everywhere. The key's page shows when the old one is safe to retire.">
          <select value={grace.value} onChange={(event) => (grace.value = event.currentTarget.value as keyof typeof GRACES)}>
            {Object.keys(GRACES).map((name) => <option key={name} value={name}>{name}</option>)}
          </select>
        </Field>
        <Problem error={error.value} />
        <button class="primary">Rotate</button>
      </form>
    </Dialog>
  );
}

const SHOWN = 8;

export function Revoke({ of, onEnd, onDone }: { of: Key; onEnd: () => void; onDone: (key: Key, after: KeyImpact | null) => void }) {
  const error = useSignal<unknown>(null);
  const reason = useSignal("");
  const impact = useAnswer(() => keyImpact({ id: of.id }), [of.id]);
  const revoke = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      const key = await revokeKey({ id: of.id, reason: reason.value });
      // `revoked_at` is when the change began. Verifications may have answered valid until it ended, and this answer is later.
      onDone(key, await keyImpact({ id: of.id }).catch(() => null));
    } catch (problem) {
      error.value = problem;
    }
  };
  const found = impact.value.value;
  return (
    <Dialog title="Revoke key" onEnd={onEnd}>
      <form onSubmit={revoke}>
        <Problem error={impact.error.value} />
        {found ? <Impact of={found} /> : !impact.error.value && <Loading />}
        <p>A revoked key never works again. The next verification anywhere is refused.</p>
        <Field label="Reason" hint="The audit log and the key's page show it.">
          <input value={reason.value} maxLength={200} onInput={(event) => (reason.value = event.currentTarget.value)} />
        </Field>
        <Problem error={error.value} />
        <button class="danger">Revoke for good</button>
      </form>
    </Dialog>
  );
}

/** Says what the server knows after a revocation: since when, and until when verifiers that work offline may not know of it. */
export function Ended({ after }: { after: KeyImpact | null }) {
  return (
    <p class="ended" role="status">
      Revoked.{after && ` Since ${clockAfter(after.at)} no online verification answers valid.`}
      {after?.offline_until && ` Offline verification may accept tokens derived from the key until ${full(after.offline_until)}.`}
    </p>
  );
}

function Impact({ of }: { of: KeyImpact }) {
  const { valid_count: valid, refused_count: refused, owner_session_count: sessions } = of;
  return (
    <ul class="impact">
      {valid !== null && <li><b>{counted(valid, "valid call")}</b>{refused ? ` and ${COUNT.format(refused)} refused` : ""} since {full(of.since)}</li>}
      <li>Last used <Time at={of.last_used_at} /></li>
      {of.addresses.length > 0 && (
        <li>
          Latest addresses (of each secret the last, and those of the last refusals):
          <ul>
            {of.addresses.slice(0, SHOWN).map((one) => <li key={`${one.ip} ${one.code}`}><code>{one.ip}</code> <Time at={one.at} />{one.code !== "valid" && `, refused: ${CODES[one.code] ?? one.code}`}</li>)}
          </ul>
        </li>
      )}
      <li><b>{counted(of.kids.length, "secret")}</b> and every access token derived from it stop</li>
      {of.offline_until && <li>Where tokens are verified offline, one may be accepted until <b>{full(of.offline_until)}</b></li>}
      {of.visit_count ? <li>{counted(of.visit_count, "visit")} of the key page that it made links for</li> : null}
      {sessions !== null && sessions > 0 && <li>No session ends: {COUNT.format(sessions)} of <bdi>{of.owner}</bdi> {sessions === 1 ? "goes" : "go"} on</li>}
    </ul>
  );
}

/** Revokes every key that the filters of the list mean, after a dry run that says which ones those are. */
export function RevokeMany({ filters, onEnd, onDone }: { filters: KeysRevokeWhereAsked; onEnd: () => void; onDone: (count: number) => void }) {
  const trial = useSignal<RevokedDocument | null>(null);
  const error = useSignal<unknown>(null);
  const reason = useSignal("");
  useEffect(() => {
    revokeKeys({ ...filters, dry_run: true }).then((found) => (trial.value = found), (problem) => (error.value = problem));
  }, []);
  const revoke = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      onDone((await revokeKeys({ ...filters, dry_run: false, reason: reason.value })).revoked_count);
    } catch (problem) {
      error.value = problem;
    }
  };
  const found = trial.value;
  const keys = found?.items.filter((one) => one.error === null).map((one) => one.key) ?? [];
  const count = found?.revoked_count ?? 0;
  const owners = new Set(keys.map((key) => key.owner)).size;
  return (
    <Dialog title="Revoke these keys" onEnd={onEnd}>
      <Problem error={error.value} />
      {!found ? !error.value && <Loading /> : count === 0 ? <p>None of these keys can be revoked: they have ended already.</p> : (
        <form onSubmit={revoke}>
          <p><b>{counted(count, "key")}</b> of {counted(owners, "owner")} would be revoked:</p>
          <ul class="impact">
            {keys.slice(0, SHOWN).map((key) => <li key={key.id}><b><bdi>{key.name}</bdi></b> of <bdi>{key.owner}</bdi>, last used <Time at={key.last_used_at} /></li>)}
            {count > SHOWN && <li>and {COUNT.format(count - SHOWN)} more</li>}
          </ul>
          {found.refused_count > 0 && <p>{COUNT.format(found.refused_count)} more would be refused: you may not revoke them.</p>}
          <Field label="Reason" hint="The audit log and the pages of the keys show it.">
            <input value={reason.value} maxLength={200} onInput={(event) => (reason.value = event.currentTarget.value)} />
          </Field>
          <button class="danger">Revoke {counted(count, "key")} for good</button>
        </form>
      )}
    </Dialog>
  );
}
