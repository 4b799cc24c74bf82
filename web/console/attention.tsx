// Screen 6: keys that somebody should look at, each with the one thing to do.

import type { ComponentChildren } from "preact";
import type { Advice, Event, Finding, Key } from "../client/operations.js";
import { expiringKeys, getOwner, latestEvent, listAdvice, listAudit, listEvents, may } from "./api.js";
import { all, useAnswer } from "./loading.js";
import { Card, Empty, Link, Loading, Problem, Time, Title } from "./parts.js";
import { address } from "./place.js";
import { COUNT, counted } from "./words.js";

const SHOWN = 10;
const ADVICE_MAX = 1000;
/** How many of the last events are looked through. */
const EVENTS_MAX = 10_000;
const ALARMS: Readonly<Record<string, string>> = {
  "key.leaked": "Leaked",
  "key.decoy_used": "A decoy was tried",
  "key.old_secret_used": "An old secret is still used",
  "key.tampered": "Changed in the database without the keyring",
  "session.reuse_detected": "An old refresh token was presented",
};

interface Item {
  id: string;
  name: string;
  owner: string;
  to: string;
  about: ComponentChildren;
  fix: string;
  fixTo: string;
}

interface Group {
  title: string;
  why: string;
  urgent: boolean;
  items: Item[];
}

export function Attention() {
  const { value, error } = useAnswer(look);
  const groups = value.value?.groups;
  const count = groups?.reduce((sum, group) => sum + group.items.length, 0) ?? 0;
  return (
    <>
      <Title text="Attention" lead={groups && count > 0 ? `${counted(count, "thing")} to look at, the most urgent first.${value.value?.isWhole ? "" : ` Of the newest ${COUNT.format(ADVICE_MAX)} active keys.`}` : undefined} />
      <Problem error={error.value} />
      {!groups ? !error.value && <Loading /> : count === 0 ? (
        <div class="empty"><Empty title="Nothing needs you"><p>No key of this tenant is unused, too broad, without a limit, or about to expire.</p></Empty></div>
      ) : (
        groups.filter((group) => group.items.length > 0).map((group) => <Found key={group.title} of={group} />)
      )}
    </>
  );
}

function Found({ of }: { of: Group }) {
  const rest = of.items.slice(SHOWN);
  return (
    <Card title={of.title} actions={<span class={`status ${of.urgent ? "bad" : "warn"}`}>{of.items.length}</span>}>
      <p class="quiet">{of.why}</p>
      <Items of={of.items.slice(0, SHOWN)} />
      {rest.length > 0 && <details><summary>{counted(rest.length, "more", "more")}</summary><Items of={rest} /></details>}
    </Card>
  );
}

function Items({ of }: { of: readonly Item[] }) {
  return (
    <ul class="items">
      {of.map((one) => (
        <li key={one.id}>
          <span><Link to={one.to}><bdi>{one.name}</bdi></Link>{one.owner && <span class="quiet"> of <bdi>{one.owner}</bdi></span>} <small>{one.about}</small></span>
          <Link to={one.fixTo} class="button small">{one.fix}</Link>
        </li>
      ))}
    </ul>
  );
}

interface Look {
  groups: Group[];
  isWhole: boolean;
}

async function look(): Promise<Look> {
  const [advice, expiring, events, owners] = await Promise.all([
    all((page) => listAdvice(page), ADVICE_MAX),
    expiringKeys({ within_seconds: 14 * 86_400, limit: 100 }),
    alarms(),
    disabledOwners(),
  ]);
  const having = (...codes: Finding["code"][]) => (found: Finding) => codes.includes(found.code);
  const groups = [
    ...Object.entries(ALARMS).map(([type, title]) => alarmed(title, events.filter((one) => one.type === type))),
    {
      title: "Expires soon",
      why: "Within 14 days. Whoever uses it is refused from then on.",
      urgent: true,
      items: expiring.items.map(expires),
    },
    { title: "Owner is disabled", why: "Its keys are refused. Hand them over, or delete the owner.", urgent: false, items: owners },
    advised("Broad", "It may do more than it is used for, or is accepted from everywhere.", advice.items, having("unused_scopes", "wide_addresses"), "Narrow", "edit"),
    advised("Unused", "Nobody has used it for 90 days, or ever.", advice.items, having("unused", "never_used"), "Revoke", "revoke"),
    advised("Never expires", "A key that leaks is good for ever.", advice.items, having("no_expiry"), "Set an expiry", "edit"),
    advised("No limit", "One mistake in a loop can use everything up.", advice.items, having("no_limit"), "Set a limit", "edit"),
  ];
  return { groups, isWhole: advice.isWhole };
}

function advised(title: string, why: string, advice: readonly Advice[], is: (finding: Finding) => boolean, fix: string, change: string): Group {
  const items = advice.flatMap((one) => {
    const finding = one.findings.find(is);
    const to = `/keys/${one.key}`;
    return finding ? [{ id: one.key, name: one.name, owner: one.owner, to: address(to), about: finding.values.join(" "), fix, fixTo: address(to, { do: change }) }] : [];
  });
  return { title, why, urgent: false, items };
}

function expires(key: Key): Item {
  const to = `/keys/${key.id}`;
  return { id: key.id, name: key.name, owner: key.owner, to: address(to), about: <Time at={key.expires_at} />, fix: "Move the expiry", fixTo: address(to, { do: "edit" }) };
}

/** Return the last events of every subject that are an alarm. */
async function alarms(): Promise<Event[]> {
  if (!may("events:read")) return [];
  const { sequence } = await latestEvent({});
  const after = Math.max(0, sequence - EVENTS_MAX);
  const found = await all((page) => listEvents({ after, types: Object.keys(ALARMS), ...page }), 500);
  return [...new Map(found.items.map((one) => [`${one.type} ${one.subject}`, one])).values()];
}

const FIXES: Readonly<Record<string, [string, string]>> = {
  "key.leaked": ["Rotate", "rotate"],
  "key.tampered": ["Revoke", "revoke"],
  "key.decoy_used": ["See from where", ""],
  "key.old_secret_used": ["See who uses it", ""],
};

function alarmed(title: string, events: readonly Event[]): Group {
  const items = events.map((one) => {
    const isKey = one.type.startsWith("key.");
    const to = isKey ? `/keys/${one.subject}` : "/sessions";
    const owner = String(one.data.owner ?? "");
    const [fix, change] = FIXES[one.type] ?? ["See the sessions", ""];
    const query: Record<string, string> = isKey ? (change ? { do: change } : {}) : { owner };
    return { id: one.id, name: String(one.data.name ?? one.subject), owner, to: address(to), about: <><Time at={one.at} />{one.data.ip ? ` from ${String(one.data.ip)}` : ""}</>, fix, fixTo: address(to, query) };
  });
  return { title, why: "In the last events of this tenant.", urgent: true, items };
}

async function disabledOwners(): Promise<Item[]> {
  if (!may("audit:read") || !may("owners:read")) return [];
  const page = await listAudit({ action: "owner.disabled", limit: 50 });
  const names = [...new Set(page.items.map((entry) => entry.subject))].slice(0, SHOWN);
  const owners = await Promise.all(names.map((external_id) => getOwner({ external_id }).catch(() => null)));
  return owners.flatMap((one) => {
    if (one?.status !== "disabled") return [];
    const to = address(`/owners/${encodeURIComponent(one.external_id)}`);
    return [{ id: one.id, name: one.external_id, owner: "", to, about: one.name, fix: "Offboard", fixTo: to }];
  });
}
