// Screen 2: one form for a new key and for a change, then the secret.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Invalid, NotFound, TokenryError } from "../client/errors.js";
import type { IssuedDocument, Key, KeysIssueAsked, Owner } from "../client/operations.js";
import { issueKey, listOwners, listScopes, putOwner, updateKey } from "./api.js";
import { Field, Loading, Problem, Title, told } from "./parts.js";
import { address, go, place } from "./place.js";
import { Secret } from "./secret.js";
import { day, sentence } from "./words.js";

const DAY = 86_400;
const LIVES = { "30 days": 30 * DAY, "90 days": 90 * DAY, "1 year": 365 * DAY, never: null } as const;
const PENDING = "tokenry-issue";

/** What is kept over a reload: what was asked, never what was answered. The server repeats its answer for ten minutes. */
interface Pending {
  asked: KeysIssueAsked;
  at: number;
}

function pending(): Pending | null {
  const found = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  return found && Date.now() - found.at < 600_000 ? found : null;
}

export function Issue() {
  const issued = useSignal<IssuedDocument | null>(null);
  const error = useSignal<unknown>(null);
  const send = async (asked: KeysIssueAsked) => {
    sessionStorage.setItem(PENDING, JSON.stringify({ asked, at: pending()?.at ?? Date.now() }));
    try {
      issued.value = await issueKey(asked);
    } catch (problem) {
      sessionStorage.removeItem(PENDING);
      throw problem;
    }
  };
  useEffect(() => {
    const found = pending();
    if (found) send(found.asked).catch((problem) => (error.value = problem));
    // A reload does not come here: then the same request gets the same secret again.
    return () => sessionStorage.removeItem(PENDING);
  }, []);
  if (issued.value) {
    return (
      <Secret
        issued={issued.value}
        title="The new key"
        undo
        onDone={(id) => go(address(`/keys/${id}`))}
      />
    );
  }
  return (
    <>
      <Title text="New key" />
      <Problem error={error.value} />
      <KeyForm submit="Issue key" onSubmit={(fields) => send({ ...fields, idempotency_key: crypto.randomUUID() } as KeysIssueAsked)} />
    </>
  );
}

export function Edit({ of, onDone }: { of: Key; onDone: (key: Key) => void }) {
  return (
    <KeyForm
      of={of}
      submit="Save"
      onSubmit={async ({ owner: _, environment: __, ...fields }) => onDone(await updateKey({ ...fields, id: of.id, if_version: of.version }))}
    />
  );
}

type Fields = Partial<KeysIssueAsked> & { name: string };

function KeyForm({ of, submit, onSubmit }: { of?: Key; submit: string; onSubmit: (fields: Fields) => Promise<void> }) {
  const owners = useSignal<Owner[]>([]);
  const catalogue = useSignal<string[] | null>(null);
  const chosen = useSignal<string[]>(of?.scopes ?? []);
  const life = useSignal<string>(of ? "keep" : "90 days");
  const error = useSignal<unknown>(null);
  const unknownOwner = useSignal("");
  const busy = useSignal(false);

  useEffect(() => {
    listOwners({ limit: 100 }).then((page) => (owners.value = page.items), () => {});
    listScopes({}).then((found) => (catalogue.value = found.scopes), () => (catalogue.value = []));
  }, []);

  const send = async (form: HTMLFormElement) => {
    const fields = read(form, chosen.value, life.value, of);
    busy.value = true;
    try {
      if (unknownOwner.value && unknownOwner.value === fields.owner) await putOwner({ external_id: unknownOwner.value });
      await onSubmit(fields);
    } catch (problem) {
      error.value = problem;
      unknownOwner.value = problem instanceof NotFound ? (fields.owner ?? "") : "";
    } finally {
      busy.value = false;
    }
  };
  const wrong = (field: string): string | undefined =>
    error.value instanceof Invalid ? error.value.errors.find((one) => one.field === field || one.field.startsWith(`${field}[`))?.message : undefined;
  const seconds = LIVES[life.value as keyof typeof LIVES];
  const until = life.value === "keep" ? (of?.expires_at ?? null) : seconds === null ? null : new Date(Date.now() + (seconds ?? 0) * 1000).toISOString();

  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        send(event.currentTarget);
      }}
    >
      {!of && (
        <Field label="Owner" hint="A user or a service of yours, by its id in your system." error={wrong("owner")}>
          <input name="owner" list="owners" required maxLength={255} autoComplete="off" defaultValue={place.value.query.get("owner") ?? ""} />
          <datalist id="owners">{owners.value.map((one) => <option key={one.id} value={one.external_id}>{one.name}</option>)}</datalist>
        </Field>
      )}
      <Field label="Name" hint="Where the key is used, such as “build server”." error={wrong("name")}>
        <input name="name" required maxLength={100} autoComplete="off" defaultValue={of?.name ?? ""} />
      </Field>
      {catalogue.value === null ? <Loading /> : <Scopes catalogue={catalogue.value} chosen={chosen.value} error={wrong("scopes")} onChange={(scopes) => (chosen.value = scopes)} />}
      <Field label="Expires" error={wrong("expires_in") ?? wrong("expires_in_seconds")}>
        <select name="life" value={life.value} onChange={(event) => (life.value = event.currentTarget.value)}>
          {of && <option value="keep">{of.expires_at ? `as it is: ${day(of.expires_at)}` : "as it is: never"}</option>}
          {Object.keys(LIVES).map((name) => <option key={name} value={name}>{name === "never" ? "never" : `in ${name}`}</option>)}
        </select>
      </Field>
      <details open={Boolean(of && (of.allowed_ips.length || of.description))}>
        <summary>Addresses, environment and description</summary>
        <Field label="Allowed addresses" hint="One address or network a line. Empty allows every address." error={wrong("allowed_ips")}>
          <textarea name="allowed_ips" rows={2} spellcheck={false} defaultValue={of?.allowed_ips.join("\n") ?? ""} />
        </Field>
        {!of && (
          <Field label="Environment" hint="A part of the prefix, such as live or test." error={wrong("environment")}>
            <input name="environment" maxLength={12} pattern="[a-z][a-z0-9]*" defaultValue="live" />
          </Field>
        )}
        <Field label="Description" error={wrong("description")}>
          <textarea name="description" rows={2} maxLength={1000} defaultValue={of?.description ?? ""} />
        </Field>
      </details>
      <p class="sentence">This key can <b>{sentence(chosen.value)}</b>{until ? `, until ${day(until)}.` : ", and never expires."}</p>
      {unknownOwner.value ? (
        <p class="problem" role="alert">There is no owner <b><bdi>{unknownOwner.value}</bdi></b> yet. Submit again to create the owner and the key.</p>
      ) : (
        error.value !== null && <p class="problem" role="alert">{told(error.value)}{error.value instanceof TokenryError && error.value.requestId && <small> Request {error.value.requestId}</small>}</p>
      )}
      <button class="primary" disabled={busy.value}>{unknownOwner.value ? "Create owner and key" : submit}</button>
    </form>
  );
}

function read(form: HTMLFormElement, scopes: string[], life: string, of?: Key): Fields {
  const data = new FormData(form);
  const text = (name: string) => String(data.get(name) ?? "").trim();
  const fields: Fields = {
    name: text("name"),
    description: text("description"),
    scopes,
    allowed_ips: text("allowed_ips").split(/\s+/).filter(Boolean),
  };
  if (!of) {
    fields.owner = text("owner");
    fields.environment = text("environment");
  }
  if (life !== "keep") fields.expires_in_seconds = LIVES[life as keyof typeof LIVES];
  return fields;
}

/** The scopes of the catalogue to choose from, or a field for any where the tenant has none. */
function Scopes({ catalogue, chosen, error, onChange }: { catalogue: string[]; chosen: string[]; error: string | undefined; onChange: (scopes: string[]) => void }) {
  const text = useSignal(chosen.join(" "));
  const listed = [...new Set([...catalogue, ...chosen])];
  if (catalogue.length === 0) {
    return (
      <Field label="Scopes" hint="Separated by blanks, such as read:projects write:projects." error={error}>
        <input
          name="scopes"
          spellcheck={false}
          autoComplete="off"
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            onChange(text.value.split(/[\s,]+/).filter(Boolean));
          }}
        />
      </Field>
    );
  }
  return (
    <fieldset class="scopes">
      <legend>Scopes</legend>
      {listed.map((scope) => (
        <label key={scope}>
          <input
            type="checkbox"
            checked={chosen.includes(scope)}
            onChange={(event) => onChange(event.currentTarget.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope))}
          />
          <code>{scope}</code>
        </label>
      ))}
      {error && <small class="error" role="alert">{error}</small>}
    </fieldset>
  );
}
