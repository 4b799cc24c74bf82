// Records in words.

import type { Key } from "../client/operations.js";

const DAY = 86_400_000;

/** Return scopes as the end of a sentence: "read and write projects, read invoices". */
export function sentence(scopes: readonly string[], roles: readonly string[] = []): string {
  if (roles.length > 0) {
    const more = `do what ${roles.length === 1 ? "the role" : "the roles"} ${joined(roles)} may`;
    return scopes.length > 0 ? `${sentence(scopes)}, and ${more}` : more;
  }
  if (scopes.length === 0) return "be verified, and nothing more";
  if (scopes.includes("*")) return "do everything";
  const verbs = new Map<string, string[]>();
  for (const scope of scopes) {
    const [verb, noun] = parts(scope);
    verbs.set(noun, [...(verbs.get(noun) ?? []), verb]);
  }
  const nouns = new Map<string, string[]>();
  for (const [noun, found] of verbs) {
    const verb = joined([...new Set(found)]);
    nouns.set(verb, [...(nouns.get(verb) ?? []), noun]);
  }
  return [...nouns].map(([verb, found]) => `${verb} ${joined(found)}`).join(", ");
}

/** Return the verb and the noun of a scope. An operator's scope has its verb at the end: "tokenry:keys:read". */
function parts(scope: string): [string, string] {
  const words = scope.split(":");
  const isOperators = words[0] === "tokenry";
  const verb = (isOperators ? (words.length > 2 ? words.pop() : "use") : words.length > 1 ? words.shift() : "use") ?? "";
  const noun = (isOperators ? words.slice(1) : words).join(" ");
  return [verb === "*" ? "use" : verb, noun === "*" ? "everything" : noun];
}

function joined(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

export type Tone = "good" | "warn" | "bad" | "quiet";

export interface Advice {
  tone: Tone;
  text: string;
}

/** Return the state of a key as advice. */
export function advice(key: Key, now = Date.now()): Advice {
  if (key.status === "revoked") return { tone: "bad", text: "Revoked" };
  if (key.status === "expired") return { tone: "quiet", text: "Expired" };
  if (key.status === "disabled") return { tone: "warn", text: "Disabled" };
  if (key.secrets.length > 1) return { tone: "warn", text: "Rotating" };
  const left = key.expires_at ? Date.parse(key.expires_at) - now : null;
  if (left !== null && left < 14 * DAY) return { tone: "warn", text: left < DAY ? "Expires today" : `Expires in ${days(left)}` };
  const idle = now - Date.parse(key.last_used_at ?? key.created_at);
  if (idle > 90 * DAY) return { tone: "warn", text: `Unused for ${days(idle)}` };
  if (!key.last_used_at) return { tone: "quiet", text: "Not used yet" };
  return { tone: "good", text: "Active" };
}

export interface Step {
  text: string;
  does?: "edit" | "rotate" | "revoke";
  label?: string;
}

/** Return advice for the reader of the key's page, if there is any. */
export function nextStep(key: Key, now = Date.now()): Step | null {
  if (key.secrets.some((one) => one.leaked_at) && key.status === "active") return { text: "Its secret was reported as leaked. Rotate it, or revoke the key.", does: "rotate", label: "Rotate" };
  if (key.status === "disabled") return { text: "It is refused until you enable it." };
  if (key.status !== "active") return null;
  if (key.rotation) return key.rotation.safe_to_retire ? { text: "The old secret was not used within the last day: it may end." } : { text: "Put the new secret everywhere. The old one is still used, or was until a day ago." };
  const left = key.expires_at ? Date.parse(key.expires_at) - now : null;
  if (left !== null && left < 14 * DAY) return { text: `It is refused in ${left < DAY ? "less than a day" : days(left)}. Move its expiry, or issue its successor.`, does: "edit", label: "Edit" };
  if (now - Date.parse(key.last_used_at ?? key.created_at) > 90 * DAY) return { text: "Nobody has used it for 90 days. Revoke it if nobody needs it.", does: "revoke", label: "Revoke" };
  return null;
}

const days = (milliseconds: number): string => counted(Math.floor(milliseconds / DAY), "day");

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** Return a moment as it is from here: "3 minutes ago". */
export function ago(moment: string, now = Date.now()): string {
  const distance = Date.parse(moment) - now;
  for (const [unit, length] of UNITS) {
    if (Math.abs(distance) >= length) return relative.format(Math.trunc(distance / length), unit);
  }
  return distance > 0 ? "in a moment" : "just now";
}

export const clock = (moment: string): string => new Date(moment).toLocaleTimeString("en-GB");
/** Return the first whole second that is not before a moment. */
export const clockAfter = (moment: string): string => clock(new Date(Math.ceil(Date.parse(moment) / 1000) * 1000).toISOString());
export const full = (moment: string): string =>
  new Date(moment).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
export const day = (moment: string): string => new Date(moment).toLocaleDateString("en-GB", { dateStyle: "long" });

/** Return the meaning of a verdict code for the reader of a chart. */
export const CODES: Readonly<Record<string, string>> = {
  valid: "valid",
  malformed: "malformed",
  not_found: "unknown",
  tenant_suspended: "tenant suspended",
  revoked: "revoked",
  disabled: "disabled",
  not_yet_valid: "not valid yet",
  expired: "expired",
  owner_disabled: "owner disabled",
  ip_not_allowed: "address not allowed",
  insufficient_scope: "scope missing",
  rate_limited: "over the limit",
  quota_exceeded: "out of credits",
};

/** The fix for each check of an explanation that can fail. */
export const FIXES: Readonly<Record<string, string>> = {
  malformed: "Copy the whole key again. It ends in a checksum.",
  not_found: "Check the tenant and the environment. An unknown key was never issued here.",
  tenant_suspended: "Resume the tenant.",
  revoked: "A revoked key never works again. Issue another one.",
  disabled: "Enable the key.",
  not_yet_valid: "Wait until the key begins, or move its beginning.",
  expired: "Move the expiry of the key, or issue another one.",
  owner_disabled: "Enable the owner.",
  ip_not_allowed: "Add the address to the allowed addresses of the key.",
  insufficient_scope: "Grant the scope to the key, or ask for less.",
  rate_limited: "Wait for the next window, or raise the limit.",
  quota_exceeded: "Add credits, or wait for the next refill.",
};

export const COUNT = new Intl.NumberFormat("en");

/** Return a count with its noun: "1 key", "12 keys". */
export const counted = (count: number, noun: string, nouns = `${noun}s`): string => `${COUNT.format(count)} ${count === 1 ? noun : nouns}`;
