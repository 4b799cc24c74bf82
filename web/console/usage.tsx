// The usage of a tenant: by answer over time, and the keys, owners and refusals that make it.

import type { UsageGroup, UsageSummary } from "../client/operations.js";
import { getKey, usageSummary } from "./api.js";
import { beginOf, Chart, type Count, type Span, SPANS } from "./chart.js";
import { csv, download } from "./download.js";
import { useAnswer } from "./loading.js";
import { ownerAddress } from "./owners.js";
import { Card, Do, Empty, Link, Loading, Problem, Tabs, Title, toast } from "./parts.js";
import { address, filter, place } from "./place.js";
import { CODES, COUNT, full } from "./words.js";

const TOP = 10;
const EXPORTED_MAX = 5000;

interface Row {
  id: string;
  name: string;
  to?: string;
  count: number;
}

export function Usage() {
  const asked = place.value.query.get("span") as Span | null;
  const span: Span = asked && asked in SPANS ? asked : "24 h";
  const usage = useAnswer(() => look(span), [span]);
  const found = usage.value.value;
  return (
    <>
      <Title text="Usage" lead="How often keys were presented, and what the answers were.">
        <Do label="Export as CSV" does={() => save(span)} />
      </Title>
      <Tabs names={Object.keys(SPANS)} chosen={span} onChoose={(name) => filter({ span: name })} />
      <Problem error={usage.error.value} />
      {!found ? !usage.error.value && <Loading /> : found.counts.length === 0 ? (
        <div class="empty"><Empty title="No calls in this time"><p>Each verification of a key is counted here.</p></Empty></div>
      ) : (
        <>
          {found.since && <p class="note">There was more usage than one call looks at: this is since {full(found.since)}.</p>}
          <Card title="By answer"><Chart counts={found.counts} span={span} /></Card>
          <div class="columns">
            <Card title="Keys"><Bars of={found.keys} label="Keys by calls" /></Card>
            <Card title="Owners"><Bars of={found.owners} label="Owners by calls" /></Card>
            <Card title="Refusals">{found.refusals.length > 0 ? <Bars of={found.refusals} label="Refusals by reason" /> : <Empty title="Nothing was refused" />}</Card>
          </div>
        </>
      )}
    </>
  );
}

/** A list by count, with a bar for each. */
function Bars({ of, label }: { of: readonly Row[]; label: string }) {
  const most = Math.max(1, ...of.map((one) => one.count));
  return (
    <ol class="tops" aria-label={label}>
      {of.map((one) => (
        <li key={one.id}>
          <span>{one.to ? <Link to={one.to}><bdi>{one.name}</bdi></Link> : one.name}</span>
          <b>{COUNT.format(one.count)}</b>
          <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="good" width={(100 * one.count) / most} height="4" /></svg>
        </li>
      ))}
    </ol>
  );
}

const sinceOf = (span: Span): string => new Date(beginOf(span)).toISOString();

async function look(span: Span) {
  const since = sinceOf(span);
  const ask = (group_by: string[], limit: number): Promise<UsageSummary> => usageSummary({ since, group_by, limit });
  const [time, keys, owners, codes] = await Promise.all([
    ask([span === "30 days" ? "day" : "hour", "code"], EXPORTED_MAX),
    ask(["key"], TOP),
    ask(["owner"], TOP),
    ask(["code"], 100),
  ]);
  const top = byCount(keys.groups);
  const names = await Promise.all(top.map((one) => nameOf(one.key ?? "")));
  return {
    since: time.counted_since,
    counts: time.groups.map(({ at, code, count }): Count => ({ at: at ?? since, code: code ?? "", count })),
    keys: top.map((one, at): Row => ({ id: one.key ?? "", name: names[at] ?? "", to: address(`/keys/${one.key}`), count: one.count })),
    owners: byCount(owners.groups).map(({ owner, count }): Row => ({ id: owner ?? "", name: owner ?? "", to: ownerAddress(owner ?? ""), count })),
    refusals: byCount(codes.groups).filter(({ code }) => code !== "valid").map(({ code, count }): Row => ({ id: code ?? "", name: CODES[code ?? ""] ?? code ?? "", count })),
  };
}

const byCount = (groups: readonly UsageGroup[]): UsageGroup[] => [...groups].sort((one, other) => other.count - one.count);

/** Return the name of a key; one that is gone keeps its id. */
const nameOf = (id: string): Promise<string> => getKey({ id }).then((key) => key.name, () => id);

async function save(span: Span): Promise<void> {
  const { groups, counted_since } = await usageSummary({ since: sinceOf(span), group_by: ["day", "owner", "key", "code"], limit: EXPORTED_MAX });
  const rows = groups.map(({ at, owner, key, code, count }) => [at ?? "", owner ?? "", key ?? "", code ?? "", count]);
  download("usage.csv", "text/csv", csv([["day", "owner", "key", "code", "count"], ...rows]));
  if (counted_since || groups.length === EXPORTED_MAX) toast(`The file holds the ${COUNT.format(groups.length)} largest counts.`, "warn");
}
