// The last refusals of a key: what was asked, the code, from where and when. Each leads to its explanation.

import type { Refusal } from "../client/operations.js";
import { Card, Link, Time } from "./parts.js";
import { address } from "./place.js";
import { CODES } from "./words.js";

/** Where a refusal is explained: by the id of its request, or else by asking the same of the key again. */
const explained = ({ request_id, key, scopes, ip }: Refusal): string =>
  address("/explain", request_id ? { request: request_id } : { key, scopes: scopes.join(" "), ip: ip ?? undefined });

export function LastRefusals({ of }: { of: readonly Refusal[] }) {
  return (
    <Card title="Last refusals">
      <table class="list refusals" aria-label="Last refusals">
        <thead><tr><th scope="col">Answer</th><th scope="col">Asked for</th><th scope="col">From</th><th scope="col">When</th><th scope="col">Request</th></tr></thead>
        <tbody>
          {of.map((one) => (
            <tr key={one.id}>
              <th scope="row"><Link to={explained(one)}>{CODES[one.code] ?? one.code}</Link></th>
              <td data-label="Asked for" class="wide">{one.scopes.length ? <code>{one.scopes.join(" ")}</code> : <span class="quiet">no scope</span>}</td>
              <td data-label="From">{one.ip ? <code>{one.ip}</code> : <span class="quiet">unknown</span>}</td>
              <td data-label="When"><Time at={one.at} /></td>
              <td data-label="Request" class="wide">{one.request_id ? <code>{one.request_id}</code> : <span class="quiet">none</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
