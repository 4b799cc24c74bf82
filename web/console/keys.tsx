// Screen 1: the keys of a tenant.

import { useSignal } from "@preact/signals";
import type { FacetCount, Key, KeyFacets, KeysFacetsAsked, KeysListAsked } from "../client/operations.js";
import { keyFacets, listKeys, may, usageSummary } from "./api.js";
import { Spark } from "./chart.js";
import { RevokeMany } from "./ending.js";
import { FirstKey } from "./first_key.js";
import { useAnswer, usePages } from "./loading.js";
import { Empty, Link, Status, Time, Title, toast } from "./parts.js";
import { address, filter, place } from "./place.js";
import { Search } from "./search.js";
import { type Column, List } from "./table.js";
import { COUNT, counted, full, sentence } from "./words.js";

const PAGE = 50;
/** Of how many keys the usage is asked for at once. */
const KEYS_MAX = 100;
const FILTERS = ["text", "owner", "status", "scope", "tag", "environment", "expiring_within_seconds", "last_used_before"];
const CHIPS: Readonly<Record<string, string>> = { owner: "Owner", scope: "Scope", tag: "Tag", environment: "Environment" };
const STATUSES = { "": "Every status", active: "Active", disabled: "Disabled", expired: "Expired", revoked: "Revoked" } as const;
const DAY = 86_400;
/** The options of the second list, as filters. Days ago are turned into a moment when the server is asked. */
const TIMES: Readonly<Record<string, Record<string, string>>> = {
  "Any time": {},
  "Expires within 14 days": { expiring_within_seconds: String(14 * DAY) },
  "Unused for 30 days": { unused: "30" },
  "Unused for 90 days": { unused: "90" },
};

/** Return the filters in the URL, as the server takes them. */
function filtersOf(query: URLSearchParams): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  const unused = Number(query.get("unused"));
  if (unused > 0) found.last_used_before = new Date(Date.now() - unused * DAY * 1000).toISOString();
  return found;
}

export function Keys() {
  const { query } = place.value;
  const filters = filtersOf(query);
  const sort = query.get("sort");
  const keys = usePages(
    (cursor) => listKeys({ ...filters, limit: PAGE, ...(sort ? { sort } : {}), ...(cursor ? { cursor } : {}) } as KeysListAsked),
    [query.toString()],
  );
  const shown = keys.value.value?.items;
  const sparks = useAnswer(() => sparksOf(shown ?? []), [shown]);
  const facets = useAnswer(async () => shown ? keyFacets(filters as KeysFacetsAsked) : null, [query.toString(), shown === undefined]);
  const revoking = useSignal(false);
  const isFiltered = Object.keys(filters).length > 0;
  const isEmpty = keys.value.value?.items.length === 0;
  return (
    <>
      <Title text="Keys">
        {isFiltered && !isEmpty && may("keys:write") && <button type="button" class="danger" onClick={() => (revoking.value = true)}>Revoke all of these…</button>}
        {may("keys:write") && <Link to={address("/issue")} class="button primary">New key</Link>}
      </Title>
      <Filters facets={facets.value.value} />
      {isEmpty && !isFiltered ? (
        <FirstKey />
      ) : (
        <List of={keys} label="Keys" id={(key) => key.id} columns={columns(sparks.value.value ?? {})} empty={<Empty title="No key fits these filters"><p><Link to={address("/")}>Show all keys</Link></p></Empty>} />
      )}
      {revoking.value && (
        <RevokeMany
          filters={filters}
          onEnd={() => (revoking.value = false)}
          onDone={(count) => {
            revoking.value = false;
            toast(`${counted(count, "key")} revoked. No online verification answers valid any more.`);
            keys.load();
          }}
        />
      )}
    </>
  );
}

/** The environment of a key, and the beginning of its secret if it has one: a revoked key has none. */
function Short({ of: { environment, secrets: [first] } }: { of: Key }) {
  return <code title={first ? `${environment} key, secret ${first.kid}` : `${environment} key`}>{environment}{first && `…${first.kid.slice(0, 4)}`}</code>;
}

type Sparks = Readonly<Record<string, readonly number[]>>;

const NO_USE = [0, 0, 0, 0, 0, 0, 0];

/** Return seven days of use of each of some keys. They come behind the list, which does not wait for them. */
async function sparksOf(keys: readonly Key[]): Promise<Sparks> {
  if (keys.length === 0 || !may("usage:read")) return {};
  const today = Math.floor(Date.now() / (DAY * 1000));
  const since = new Date((today - 6) * DAY * 1000).toISOString();
  const found: Record<string, number[]> = {};
  for (let at = 0; at < keys.length; at += KEYS_MAX) {
    const key_ids = keys.slice(at, at + KEYS_MAX).map((key) => key.id);
    const { groups } = await usageSummary({ key_ids, since, group_by: ["key", "day"], limit: 7 * KEYS_MAX });
    for (const { key, at: day, count } of groups) {
      if (key === null || day === null) continue;
      const days = (found[key] ??= [...NO_USE]);
      days[6 - today + Math.floor(Date.parse(day) / (DAY * 1000))] = count;
    }
  }
  return found;
}

const columns = (days: Sparks): readonly Column<Key>[] => [
  { name: "Name", sort: "name", cell: (key) => <Link to={address(`/keys/${key.id}`)}><bdi>{key.name}</bdi></Link> },
  { name: "Owner", kind: "name", cell: (key) => <Link to={address("/", { owner: key.owner })} class="plain"><bdi>{key.owner}</bdi></Link> },
  { name: "Key", kind: "fit", cell: (key) => <Short of={key} /> },
  { name: "May", kind: "wide", cell: (key) => <span class="scopes" title={key.scopes.join(" ")}>{sentence(key.scopes, key.roles)}</span> },
  { name: "Status", kind: "fit", cell: (key) => <Status of={key} /> },
  { name: "Last used", sort: "-last_used", cell: (key) => <Time at={key.last_used_at} more={key.last_used_ip ? `from ${key.last_used_ip}` : ""} /> },
  ...(may("usage:read") ? [{ name: "7 days", kind: "fit" as const, cell: (key: Key) => <Spark days={days[key.id] ?? NO_USE} /> }] : []),
  { name: "Expires", sort: "expires", cell: (key) => (key.expires_at ? <time dateTime={key.expires_at} title={full(key.expires_at)}>{key.expires_at.slice(0, 10)}</time> : <span class="quiet">never</span>) },
];

function Filters({ facets }: { facets: KeyFacets | null }) {
  const { query } = place.value;
  const time = Object.entries(TIMES).find(([, filters]) => Object.entries(filters).some(([name, value]) => query.get(name) === value))?.[0] ?? "Any time";
  return (
    <Search label="Search, or paste a key" hint="Name, owner, or paste a key" value={query.get("text") ?? ""} onSearch={(text) => filter({ text })}>
      <select aria-label="Status" value={query.get("status") ?? ""} onChange={(event) => filter({ status: event.currentTarget.value })}>
        {Object.entries(STATUSES).map(([status, name]) => <option key={status} value={status}>{name}{numberOf(facets?.statuses, status)}</option>)}
      </select>
      <select aria-label="Time" value={time} onChange={(event) => filter({ expiring_within_seconds: "", unused: "", ...TIMES[event.currentTarget.value] })}>
        {Object.keys(TIMES).map((name) => <option key={name}>{name}</option>)}
      </select>
      <Facet name="environment" label="Environment" of={facets?.environments} />
      <Facet name="tag" label="Tag" of={facets?.tags} />
      {Object.entries(CHIPS).map(([name, label]) => query.get(name) && (
        <button key={name} type="button" class="chip" onClick={() => filter({ [name]: "" })} aria-label={`Remove the filter ${name} ${query.get(name)}`}>
          {label}: <bdi>{query.get(name)}</bdi> ✕
        </button>
      ))}
    </Search>
  );
}

/** Return how many keys have a value, as the end of an option. */
function numberOf(of: readonly FacetCount[] | undefined, value: string): string {
  const found = of?.find((one) => one.value === value);
  return found ? ` (${COUNT.format(found.count)})` : "";
}

/** A choice among the values that the keys have; one that is chosen is a chip. */
function Facet({ name, label, of }: { name: string; label: string; of: readonly FacetCount[] | undefined }) {
  if (!of || of.length < 2 || place.value.query.get(name)) return null;
  return (
    <select aria-label={label} value="" onChange={(event) => filter({ [name]: event.currentTarget.value })}>
      <option value="">{label}</option>
      {of.map(({ value, count }) => <option key={value} value={value}>{value} ({COUNT.format(count)})</option>)}
    </select>
  );
}
