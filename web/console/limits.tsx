// Limits: rows to edit, and how they stand.

import type { Limit, LimitState } from "../client/operations.js";
import { Time } from "./parts.js";
import { COUNT, counted } from "./words.js";

export const WINDOWS: Readonly<Record<number, string>> = { 1: "second", 60: "minute", 3600: "hour", 86_400: "day" };

/** Return a limit in words: "600 a minute". */
export const inWords = ({ limit, window_seconds }: Limit): string =>
  `${COUNT.format(limit)} ${WINDOWS[window_seconds] ? `a ${WINDOWS[window_seconds]}` : `in ${counted(window_seconds, "second")}`}`;

/** Return a name that no other limit has. */
function freeName(limits: readonly Limit[], window: string): string {
  const names = limits.map((one) => one.name);
  for (let place = 1; ; place++) {
    const name = place === 1 ? `per-${window}` : `per-${window}-${place}`;
    if (!names.includes(name)) return name;
  }
}

export function LimitRows({ limits, label, onChange }: { limits: readonly Limit[]; label: string; onChange: (limits: Limit[]) => void }) {
  const change = (place: number, changes: Partial<Limit>) => onChange(limits.map((one, at) => (at === place ? { ...one, ...changes } : one)));
  return (
    <fieldset class="limits">
      <legend>{label}</legend>
      {limits.map((one, place) => (
        <div key={place} class="limit">
          <input type="number" min={1} required value={one.limit} aria-label={`Requests of limit ${place + 1}`} onInput={(event) => change(place, { limit: event.currentTarget.valueAsNumber || 1 })} />
          <span>in a</span>
          <select value={one.window_seconds} aria-label={`Window of limit ${place + 1}`} onChange={(event) => change(place, { window_seconds: Number(event.currentTarget.value) })}>
            {Object.entries({ ...WINDOWS, ...(WINDOWS[one.window_seconds] ? {} : { [one.window_seconds]: `window of ${counted(one.window_seconds, "second")}` }) }).map(([seconds, name]) => <option key={seconds} value={seconds}>{name}</option>)}
          </select>
          <button type="button" class="small" aria-label={`Remove limit ${place + 1}`} onClick={() => onChange(limits.filter((_, at) => at !== place))}>✕</button>
        </div>
      ))}
      <button type="button" class="small" onClick={() => onChange([...limits, { name: freeName(limits, "minute"), limit: 600, window_seconds: 60 }])}>Add a limit</button>
    </fieldset>
  );
}

const OF = { key: "", owner: "shared by the owner's keys", tenant: "shared by the tenant's keys", subject: "of a subject" } as const;

export function LimitStates({ states }: { states: readonly LimitState[] }) {
  return (
    <table>
      <thead><tr><th scope="col">Limit</th><th scope="col" class="number">Left</th><th scope="col">Resets</th></tr></thead>
      <tbody>
        {states.map((one) => (
          <tr key={`${one.of}/${one.name}`}>
            <th scope="row">{inWords(one)} <small>{one.name}{OF[one.of] && `, ${OF[one.of]}`}</small></th>
            <td class="number"><meter min={0} max={one.limit} low={one.limit * 0.1} value={one.remaining} aria-label={`${one.name} left`} /> {COUNT.format(one.remaining)}</td>
            <td><Time at={one.reset_at} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
