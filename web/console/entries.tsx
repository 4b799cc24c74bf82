// Entries of the audit log: what was done, by whom, and how it looked before and after.

import type { Entry } from "../client/operations.js";
import { session } from "./api.js";
import { Link, Time } from "./parts.js";
import { address } from "./place.js";

/** Return an action in words: "key.old_secret_used" is "key: old secret used". */
export const actionInWords = (action: string): string => action.replace(".", ": ").replaceAll("_", " ");

export function Actor({ of }: { of: string }) {
  if (of === session.value?.key_id) return <>you</>;
  return of ? <bdi>{of}</bdi> : <>the program</>;
}

/** The subject of an entry or an event, as a link if it has a page. */
export function Subject({ of, type }: { of: string; type: string }) {
  const kind = type.split(".")[0];
  const text = <bdi>{of}</bdi>;
  if (of.startsWith("key_")) return <Link to={address(`/keys/${of}`)}>{text}</Link>;
  if (of.startsWith("wh_") || kind === "webhook") return <Link to={address(`/webhooks/${encodeURIComponent(of)}`)}>{text}</Link>;
  if (kind === "owner" && of) return <Link to={address(`/owners/${encodeURIComponent(of)}`)}>{text}</Link>;
  return text;
}

const shown = (value: unknown): string => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** The fields that a change touched. */
export function Changes({ of }: { of: Entry }) {
  const names = [...new Set([...Object.keys(of.before ?? {}), ...Object.keys(of.after ?? {})])];
  const changed = names.filter((name) => shown(of.before?.[name]) !== shown(of.after?.[name]));
  if (changed.length === 0) return <p class="quiet">No field changed.</p>;
  return (
    <table class="changes">
      <thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
      <tbody>
        {changed.map((name) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td><code class="before">{shown(of.before?.[name])}</code></td>
            <td><code class="after">{shown(of.after?.[name])}</code></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function History({ entries }: { entries: readonly Entry[] }) {
  return (
    <ol class="history">
      {entries.map((one) => (
        <li key={one.id}>
          <details>
            <summary>
              <Time at={one.at} /> <b>{actionInWords(one.action).replace(/^key: /, "")}</b> by <Actor of={one.actor} />
              {one.ip && <> from <code>{one.ip}</code></>}
            </summary>
            <Changes of={one} />
          </details>
        </li>
      ))}
    </ol>
  );
}
