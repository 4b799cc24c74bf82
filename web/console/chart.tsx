// Use over time, as bars that are stacked by answer. A table behind it says the same in numbers.

import type { UsageHour } from "../client/operations.js";
import { CODES, COUNT } from "./words.js";

const HOUR = 3_600_000;
export const SPANS = { "24 h": [24, 1], "7 days": [168, 6], "30 days": [720, 24] } as const;
export type Span = keyof typeof SPANS;

interface Bucket {
  begin: number;
  valid: number;
  refused: number;
}

export function Chart({ hours, span, now = Date.now() }: { hours: readonly UsageHour[]; span: Span; now?: number }) {
  const [length, width] = SPANS[span];
  const end = (Math.floor(now / HOUR) + 1) * HOUR;
  const begin = end - length * HOUR;
  const buckets: Bucket[] = Array.from({ length: length / width }, (_, place) => ({
    begin: begin + place * width * HOUR,
    valid: 0,
    refused: 0,
  }));
  const codes = new Map<string, number>();
  for (const hour of hours) {
    const bucket = buckets[Math.floor((Date.parse(hour.at) - begin) / (width * HOUR))];
    if (!bucket) continue;
    bucket[hour.code === "valid" ? "valid" : "refused"] += hour.count;
    codes.set(hour.code, (codes.get(hour.code) ?? 0) + hour.count);
  }
  const most = Math.max(1, ...buckets.map((one) => one.valid + one.refused));
  const total = [...codes.values()].reduce((sum, count) => sum + count, 0);
  const summary = `${COUNT.format(total)} calls, ${COUNT.format(total - (codes.get("valid") ?? 0))} of them refused`;
  if (total === 0) return <p class="quiet empty">No calls in this time.</p>;
  return (
    <figure class="chart">
      <figcaption>{summary}</figcaption>
      <svg viewBox={`0 0 ${buckets.length * 10} 100`} preserveAspectRatio="none" role="img" aria-label={summary}>
        {buckets.map((one, place) => {
          const good = (one.valid / most) * 96;
          const bad = (one.refused / most) * 96;
          return (
            <g key={one.begin}>
              <rect class="good" x={place * 10 + 1} width={8} y={100 - good} height={good} />
              <rect class="bad" x={place * 10 + 1} width={8} y={100 - good - bad} height={bad} />
            </g>
          );
        })}
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
          <thead>
            <tr><th scope="col">From</th><th scope="col" class="number">Valid</th><th scope="col" class="number">Refused</th></tr>
          </thead>
          <tbody>
            {buckets.filter((one) => one.valid + one.refused > 0).map((one) => (
              <tr key={one.begin}>
                <th scope="row">{label(one.begin, span)}</th>
                <td class="number">{COUNT.format(one.valid)}</td>
                <td class="number">{COUNT.format(one.refused)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function label(moment: number, span: Span): string {
  const options: Intl.DateTimeFormatOptions =
    span === "24 h" ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", ...(span === "7 days" ? { hour: "2-digit" } : {}) };
  return new Date(moment).toLocaleString("en-GB", options);
}
