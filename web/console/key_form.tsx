// The form of a key: the same for a new one and for a change.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { NotFound } from "../client/errors.js";
import type { CreditsBody, Key, KeysIssueAsked, Limit, Owner, Role } from "../client/operations.js";
import { listOwners, listRoles, listScopes, may, putOwner, session } from "./api.js";
import { entries, Field, Form, type Reader, Text } from "./form.js";
import { LimitRows } from "./limits.js";
import { useAnswer } from "./loading.js";
import { Loading } from "./parts.js";
import { place } from "./place.js";
import { ScopePicker } from "./scope_picker.js";
import { day, sentence } from "./words.js";

const DAY = 86_400;
const LIVES: Readonly<Record<string, number | null>> = { "30 days": 30 * DAY, "90 days": 90 * DAY, "1 year": 365 * DAY, never: null };
const DATE = "date";
export const OPERATORS = "op";

export type Fields = Partial<KeysIssueAsked> & { name: string };

export function KeyForm({ of, submit, onSubmit }: { of?: Key; submit: string; onSubmit: (fields: Fields) => Promise<void> }) {
  const { query } = place.value;
  const environment = of?.environment ?? query.get("environment") ?? "live";
  const owners = useAnswer(() => listOwners({ limit: 100 }));
  const roles = useAnswer(() => listRoles({ limit: 100 }));
  const catalogue = useSignal<readonly string[] | null>(null);
  const chosen = useSignal<string[]>(of?.scopes ?? query.getAll("scope"));
  const held = useSignal<string[]>(of?.roles ?? []);
  const limits = useSignal<Limit[]>(of?.limits ?? []);
  const life = useSignal(of ? "keep" : "90 days");
  const until = useSignal("");
  const unknownOwner = useSignal("");

  useEffect(() => {
    // An operator's key holds other scopes than those of the tenant's API.
    if (environment === OPERATORS) catalogue.value = session.value?.scopes ?? [];
    else listScopes({}).then((answer) => (catalogue.value = answer.scopes), () => (catalogue.value = []));
  }, []);

  const send = async (read: Reader) => {
    const fields: Fields = {
      name: read("name"),
      description: read("description"),
      scopes: chosen.value,
      roles: held.value,
      allowed_ips: entries(read("allowed_ips")),
      limits: limits.value,
      tags: entries(read("tags")),
      ...expiry(life.value, until.value),
    };
    const before = of?.credits ?? null;
    const credits = creditsOf(read, before);
    if (credits?.amount !== before?.amount || credits?.refill !== before?.refill) fields.credits = credits;
    if (!of) {
      fields.owner = read("owner");
      fields.environment = read("environment") || environment;
    }
    if (unknownOwner.value && unknownOwner.value === fields.owner) await putOwner({ external_id: unknownOwner.value });
    try {
      await onSubmit(fields);
    } catch (problem) {
      unknownOwner.value = problem instanceof NotFound && may("owners:write") ? (fields.owner ?? "") : "";
      if (!unknownOwner.value) throw problem;
      throw new NotFound(`There is no owner ${fields.owner} yet. Submit again to create the owner and the key.`);
    }
  };
  const ends = life.value === "keep" ? (of?.expires_at ?? null) : endOf(life.value, until.value);
  const credits = of?.credits;
  return (
    <Form class="key-form" submit={unknownOwner.value ? "Create owner and key" : submit} onSubmit={send}>
      {!of && (
        <>
          <Text name="owner" label="Owner" hint="A user or a service of yours, by its id in your system." list="owners" required maxLength={255} value={query.get("owner")} />
          <datalist id="owners">{owners.value.value?.items.map((one: Owner) => <option key={one.id} value={one.external_id}>{one.name}</option>)}</datalist>
        </>
      )}
      <Text name="name" label="Name" hint="Where the key is used, such as “build server”." required maxLength={100} value={of?.name} />
      {catalogue.value === null ? <Loading /> : <ScopePicker catalogue={catalogue.value} chosen={chosen.value} onChange={(scopes) => (chosen.value = scopes)} />}
      <Roles of={roles.value.value?.items ?? []} chosen={held.value} onChange={(names) => (held.value = names)} />
      <Field label="Expires" name="expires_in_seconds">
        <select name="life" value={life.value} onChange={(event) => (life.value = event.currentTarget.value)}>
          {of && <option value="keep">{of.expires_at ? `as it is: ${day(of.expires_at)}` : "as it is: never"}</option>}
          {Object.keys(LIVES).map((name) => <option key={name} value={name}>{name === "never" ? "never" : `in ${name}`}</option>)}
          <option value={DATE}>at a date…</option>
        </select>
      </Field>
      {life.value === DATE && (
        <Field label="At the beginning of" name="expires_at">
          <input type="date" required value={until.value} onInput={(event) => (until.value = event.currentTarget.value)} />
        </Field>
      )}
      <details open={Boolean(of && (of.allowed_ips.length || of.limits.length || of.credits))}>
        <summary>Limits, credits and addresses</summary>
        <LimitRows label="Limits" limits={limits.value} onChange={(rows) => (limits.value = rows)} />
        <div class="row">
          <Text name="credits" label="Credits" type="number" min={0} hint="Uses that it has. Empty does not count." value={credits?.amount} />
          <Field label="Refilled" name="credits.refill">
            <select name="refill">
              {["", "daily", "monthly"].map((name) => <option key={name} value={name} selected={name === (credits?.refill ?? "")}>{name || "never"}</option>)}
            </select>
          </Field>
        </div>
        <Text name="allowed_ips" label="Allowed addresses" hint="One address or network a line. Empty allows every address." rows={2} value={of?.allowed_ips.join("\n")} />
      </details>
      <details open={Boolean(of && (of.tags.length || of.description))}>
        <summary>Tags, description and environment</summary>
        <Text name="tags" label="Tags" hint="Labels to find it by, separated by blanks." value={of?.tags.join(" ")} />
        <Text name="description" label="Description" rows={2} maxLength={1000} value={of?.description} />
        {!of && environment !== OPERATORS && <Text name="environment" label="Environment" hint="A part of the prefix, such as live or test." maxLength={12} pattern="[a-z][a-z0-9]*" value={environment} />}
      </details>
      <p class="sentence">
        This key can <b>{sentence(chosen.value, held.value)}</b>{limits.value.length > 0 && ", within its limits"}{ends ? `, until ${day(ends)}.` : ", and never expires."}
      </p>
    </Form>
  );
}

function Roles({ of, chosen, onChange }: { of: readonly Role[]; chosen: readonly string[]; onChange: (names: string[]) => void }) {
  const names = [...new Set([...of.map((role) => role.name), ...chosen])];
  if (names.length === 0) return null;
  return (
    <fieldset class="scopes">
      <legend>Roles</legend>
      {names.map((name) => (
        <label key={name} class="check" title={of.find((role) => role.name === name)?.scopes.join(" ")}>
          <input
            type="checkbox"
            checked={chosen.includes(name)}
            onChange={(event) => onChange(event.currentTarget.checked ? [...chosen, name] : chosen.filter((one) => one !== name))}
          />
          <bdi>{name}</bdi>
        </label>
      ))}
    </fieldset>
  );
}

function expiry(life: string, until: string): Partial<Fields> {
  if (life === "keep") return {};
  return life === DATE ? { expires_at: endOf(life, until) } : { expires_in_seconds: LIVES[life] ?? null };
}

function endOf(life: string, until: string): string | null {
  if (life === DATE) return until ? new Date(`${until}T00:00:00`).toISOString() : null;
  const seconds = LIVES[life];
  return seconds ? new Date(Date.now() + seconds * 1000).toISOString() : null;
}

function creditsOf(read: Reader, before: CreditsBody | null): CreditsBody | null {
  if (!read("credits")) return null;
  const refill = read("refill");
  return { refill_day: 1, shared: false, ...before, amount: Number(read("credits")), refill: refill === "daily" || refill === "monthly" ? refill : null };
}
