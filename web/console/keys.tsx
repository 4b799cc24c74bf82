// Screen 1: the keys of a tenant.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { parseKey } from "../client/key.js";
import type { Key, KeysListAsked } from "../client/operations.js";
import { findKey, listKeys, may } from "./api.js";
import { RevokeMany } from "./ending.js";
import { Code, Link, Loading, Problem, Status, Time, Title, toast } from "./parts.js";
import { address, filter, go, place } from "./place.js";
import { counted, full, sentence, shortKid } from "./words.js";

const PAGE = 50;
const FILTERS = ["text", "owner", "status", "scope"];
const STATUSES = ["active", "disabled", "expired", "revoked"] as const;

export function Keys() {
  const keys = useSignal<Key[] | null>(null);
  const cursor = useSignal<string | null>(null);
  const error = useSignal<unknown>(null);
  const revoking = useSignal(false);
  const query = place.value.query.toString();

  const filters: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = place.value.query.get(name);
    if (value) filters[name] = value;
  }
  const load = async (more: boolean) => {
    const asked = { ...filters, limit: PAGE, ...(more && cursor.value ? { cursor: cursor.value } : {}) };
    try {
      const page = await listKeys(asked as KeysListAsked);
      if (place.value.query.toString() !== query) return;
      keys.value = more ? [...(keys.value ?? []), ...page.items] : page.items;
      cursor.value = page.next_cursor;
      error.value = null;
    } catch (problem) {
      error.value = problem;
    }
  };
  useEffect(() => {
    load(false);
  }, [query]);

  const isFiltered = Object.keys(filters).length > 0;
  return (
    <>
      <Title text="Keys">{may("keys:write") && <Link to={address("/issue")} class="button primary">New key</Link>}</Title>
      <Filters />
      <Problem error={error.value} />
      {keys.value === null ? (
        !error.value && <Loading />
      ) : keys.value.length === 0 ? (
        isFiltered ? <p class="empty">No key fits these filters. <Link to={address("/")}>Show all</Link></p> : <FirstKey />
      ) : (
        <Table keys={keys.value} />
      )}
      <p class="actions more">
        {cursor.value && <button type="button" onClick={() => load(true)}>Show more</button>}
        {isFiltered && Boolean(keys.value?.length) && may("keys:write") && (
          <button type="button" class="danger" onClick={() => (revoking.value = true)}>Revoke all of these…</button>
        )}
      </p>
      {revoking.value && (
        <RevokeMany
          filters={filters}
          onEnd={() => (revoking.value = false)}
          onDone={(count) => {
            revoking.value = false;
            toast(`${counted(count, "key")} revoked. Since then no verification answers valid.`);
            load(false);
          }}
        />
      )}
    </>
  );
}

function Filters() {
  const search = useRef<HTMLInputElement>(null);
  const { query } = place.value;
  const find = async (event: SubmitEvent) => {
    event.preventDefault();
    const input = search.current;
    if (!input) return;
    const text = input.value.trim();
    if (!parseKey(text)) return filter({ text });
    // A pasted key never becomes a part of the URL.
    input.value = "";
    try {
      const key = await findKey({ secret: text });
      go(address(`/keys/${key.id}`));
    } catch {
      toast("No key of this tenant has this secret.");
    }
  };
  return (
    <form class="filters" role="search" onSubmit={find}>
      <input ref={search} id="search" type="search" name="text" placeholder="Name, owner, or paste a key" aria-label="Search, or paste a key" defaultValue={query.get("text") ?? ""} autoComplete="off" spellcheck={false} />
      <select aria-label="Status" value={query.get("status") ?? ""} onChange={(event) => filter({ status: event.currentTarget.value })}>
        <option value="">Every status</option>
        {STATUSES.map((status) => <option key={status} value={status}>{status[0]?.toUpperCase() + status.slice(1)}</option>)}
      </select>
      {query.get("owner") && (
        <button type="button" class="chip" onClick={() => filter({ owner: "" })} aria-label={`Remove the filter owner ${query.get("owner")}`}>
          Owner: <bdi>{query.get("owner")}</bdi> ✕
        </button>
      )}
    </form>
  );
}

function Table({ keys }: { keys: readonly Key[] }) {
  return (
    <table class="keys">
      <thead>
        <tr>
          <th scope="col">Name</th><th scope="col">Owner</th><th scope="col">Key</th><th scope="col">May</th>
          <th scope="col">Status</th><th scope="col">Last used</th><th scope="col">Expires</th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.id}>
            <th scope="row"><Link to={address(`/keys/${key.id}`)}><bdi>{key.name}</bdi></Link></th>
            <td data-label="Owner"><Link to={address("/", { owner: key.owner })} class="plain"><bdi>{key.owner}</bdi></Link></td>
            <td data-label="Key"><code title={`${key.environment} key, secret ${key.secrets[0]?.kid ?? ""}`}>{key.environment} {shortKid(key.secrets[0])}</code></td>
            <td data-label="May" title={key.scopes.join(" ")}><span class="scopes">{sentence(key.scopes)}</span></td>
            <td data-label="Status"><Status of={key} /></td>
            <td data-label="Last used"><Time at={key.last_used_at} more={key.last_used_ip ? `from ${key.last_used_ip}` : ""} /></td>
            <td data-label="Expires">{key.expires_at ? <time dateTime={key.expires_at} title={full(key.expires_at)}>{key.expires_at.slice(0, 10)}</time> : <span class="quiet">never</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const FIRST_STEPS = {
  Flask: `from tokenry.ext.flask import FlaskTokenry

auth = FlaskTokenry(app)

@app.get("/projects")
@auth.key_required("read:projects")
def projects(): ...`,
  FastAPI: `from tokenry import AsyncTokenry
from tokenry.ext.fastapi import FastAPITokenry

auth = FastAPITokenry(app, AsyncTokenry("sqlite:///keys.db"))

@app.get("/projects", dependencies=[Depends(auth.key_required("read:projects"))])
async def projects(): ...`,
  Express: `import { Client } from "@tokenry/client";
import { requireKey } from "@tokenry/client/express";

const tk = new Client({ server: "${location.origin}", key: process.env.TOKENRY_KEY });
app.get("/projects", requireKey(tk, { scopes: "read:projects" }), projects);`,
};

/** The empty state: what a first key is good for. */
function FirstKey() {
  return (
    <section class="welcome">
      <h2>No keys yet</h2>
      <p>A key belongs to an owner, a user or a service of yours, and may do what its scopes say.</p>
      {may("keys:write") && <p><Link to={address("/issue")} class="button primary">Issue the first key</Link></p>}
      <h3>Then let your API ask for it</h3>
      {Object.entries(FIRST_STEPS).map(([name, text]) => (
        <details key={name} open={name === "Flask"}>
          <summary>{name}</summary>
          <Code text={text} label={name} />
        </details>
      ))}
    </section>
  );
}
