// Use over time, as bars that are stacked by answer. A table behind it says the same in numbers.

import { CODES, COUNT } from "./words.js";

const HOUR = 3_600_000;
export const SPANS = { "24 h": [24, 1], "7 days": [168, 6], "30 days": [720, 24] } as const;
export type Span = keyof typeof SPANS;

/** So many answers with one code, at a moment. */
export interface Count {
  at: string;
  code: string;
  count: number;
}

/** The series of the bars, from below; what no other means is refused since its credential ended. */
const SERIES = { good: "valid", limited: "over a limit", bad: "not allowed", ended: "ended or unknown" } as const;
type Series = keyof typeof SERIES;
const NAMES = Object.keys(SERIES) as Series[];
const OF: Readonly<Record<string, Series>> = { valid: "good", rate_limited: "limited", quota_exceeded: "limited", insufficient_scope: "bad", ip_not_allowed: "bad" };
const seriesOf = (code: string): Series => OF[code] ?? "ended";

type Bucket = Record<Series, number> & { begin: number };

const sum = (of: Record<Series, number>): number => NAMES.reduce((total, name) => total + of[name], 0);

/** Return when a span begins that ends with this hour. */
export function beginOf(span: Span, now = Date.now()): number {
  return (Math.floor(now / HOUR) + 1 - SPANS[span][0]) * HOUR;
}

export function Chart({ counts, span, now = Date.now() }: { counts: readonly Count[]; span: Span; now?: number }) {
  const [length, width] = SPANS[span];
  const begin = beginOf(span, now);
  const buckets: Bucket[] = Array.from({ length: length / width }, (_, place) => ({ begin: begin + place * width * HOUR, good: 0, limited: 0, bad: 0, ended: 0 }));
  const codes = new Map<string, number>();
  for (const one of counts) {
    const bucket = buckets[Math.floor((Date.parse(one.at) - begin) / (width * HOUR))];
    if (!bucket) continue;
    bucket[seriesOf(one.code)] += one.count;
    codes.set(one.code, (codes.get(one.code) ?? 0) + one.count);
  }
  const most = Math.max(1, ...buckets.map(sum));
  const total = [...codes.values()].reduce((all, count) => all + count, 0);
  const summary = `${COUNT.format(total)} calls, ${COUNT.format(total - (codes.get("valid") ?? 0))} of them refused`;
  if (total === 0) return <p class="quiet">No calls in this time.</p>;
  const used = NAMES.filter((name) => [...codes.keys()].some((code) => seriesOf(code) === name));
  return (
    <figure class="chart">
      <figcaption>
        <span>{summary}</span>
        <span class="legend">{used.map((name) => <span key={name}><svg viewBox="0 0 10 10" aria-hidden="true"><rect class={name} width="10" height="10" rx="2" /></svg>{SERIES[name]}</span>)}</span>
      </figcaption>
      <svg class="bars" viewBox={`0 0 ${buckets.length * 10} 100`} preserveAspectRatio="none" role="img" aria-label={summary}>
        {buckets.map((one, place) => <Bar key={one.begin} of={one} x={place * 10 + 1} most={most} />)}
      </svg>
      <p class="axis"><span>{label(begin, span)}</span><span>most {COUNT.format(most)}</span><span>now</span></p>
      <details>
        <summary>As a table</summary>
        <table>
          <thead><tr><th scope="col">Answer</th><th scope="col" class="number">Calls</th></tr></thead>
          <tbody>
            {[...codes].sort((a, b) => b[1] - a[1]).map(([code, count]) => (
              <tr key={code}><th scope="row">{CODES[code] ?? code}</th><td class="number">{COUNT.format(count)}</td></tr>
            ))}
          </tbody>
        </table>
        <table>
          <thead><tr><th scope="col">From</th>{used.map((name) => <th key={name} scope="col" class="number">{SERIES[name]}</th>)}</tr></thead>
          <tbody>
            {buckets.filter((one) => sum(one) > 0).map((one) => (
              <tr key={one.begin}>
                <th scope="row">{label(one.begin, span)}</th>
                {used.map((name) => <td key={name} class="number">{COUNT.format(one[name])}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function Bar({ of, x, most }: { of: Bucket; x: number; most: number }) {
  let top = 100;
  return (
    <g>
      {NAMES.filter((name) => of[name] > 0).map((name) => {
        const height = (of[name] / most) * 96;
        top -= height;
        return <rect key={name} class={name} x={x} y={top} width={8} height={height} />;
      })}
    </g>
  );
}

function label(moment: number, span: Span): string {
  const options: Intl.DateTimeFormatOptions =
    span === "24 h" ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", ...(span === "7 days" ? { hour: "2-digit" } : {}) };
  return new Date(moment).toLocaleString("en-GB", options);
}

/** Seven days of use in one line, the last one at the right. */
export function Spark({ days }: { days: readonly number[] }) {
  const most = Math.max(1, ...days);
  const total = days.reduce((all, count) => all + count, 0);
  const said = `${COUNT.format(total)} calls in 7 days`;
  return (
    <svg class="spark" viewBox="0 0 70 20" role="img" aria-label={said}>
      <title>{said}</title>
      {days.map((count, place) => {
        const height = count === 0 ? 1 : Math.max(2, (count / most) * 20);
        return <rect key={place} class={count === 0 ? "none" : "good"} x={place * 10 + 1} y={20 - height} width={8} height={height} />;
      })}
    </svg>
  );
}
