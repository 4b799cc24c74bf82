// The steps of every middleware: find the credential, verify it, and answer a refusal.

import type { Client } from "./client.js";
import { StoreUnavailable } from "./errors.js";
import type { CreditState, LimitState } from "./operations.js";
import type { Ask, Refused, Valid } from "./verdict.js";

/** The requirements of a route for a credential. */
export type GuardOptions = Omit<Ask, "ip">;

/** An answer in place of the one of the application, as `application/problem+json`. */
export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type Admission =
  | { verdict: Valid; headers: Record<string, string>; refusal: null }
  | { verdict: null; headers: null; refusal: Refusal };

const MESSAGES: Readonly<Record<string, [number, string]>> = {
  credential_missing: [401, "Send `Authorization: Bearer …` or `X-API-Key: …`."],
  credential_ambiguous: [400, "Send one credential, in one header."],
  store_unavailable: [503, "The credential cannot be checked now: try again after a moment."],
};
const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  429: "Too Many Requests",
  503: "Service Unavailable",
};
const FORBIDDEN = ["ip_not_allowed", "insufficient_scope"];
const TOO_MANY = ["quota_exceeded", "rate_limited", "throttled"];

/** Verify what a request presents. A server that cannot answer lets nobody in (503). */
export async function admit(
  client: Client,
  headers: Headers,
  ip: string | null | undefined,
  asked: GuardOptions,
): Promise<Admission> {
  const presented = presentedIn(headers);
  if (presented === null) return refusing("credential_missing", { "WWW-Authenticate": "Bearer" });
  if (presented === "ambiguous") return refusing("credential_ambiguous");
  try {
    const verdict = await client.verify(presented.text, { ...asked, ...(ip ? { ip } : {}) });
    if (!verdict.valid) return refused(verdict, asked);
    return { verdict, headers: tellingFields(verdict.limits, verdict.credits), refusal: null };
  } catch (error) {
    if (error instanceof StoreUnavailable) return refusing("store_unavailable", { "Retry-After": "1" });
    throw error;
  }
}

/** Return the credential in the headers of a request, null for none, and "ambiguous" for two that differ. */
export function presentedIn(headers: Headers): { text: string } | "ambiguous" | null {
  const scheme = /^(?:bearer|token)(?: +|$)(.*)$/i.exec(headers.get("authorization")?.trim() ?? "");
  const named = [headers.get("x-api-key"), headers.get("x-api-token")].map((value) => value?.trim());
  const found = new Set([scheme?.[1]?.trim(), ...named].filter((text): text is string => text !== undefined));
  if (found.size > 1) return "ambiguous";
  const [text] = found;
  return text === undefined ? null : { text };
}

function refused(verdict: Refused, asked: GuardOptions): Admission {
  const { code } = verdict;
  const status = TOO_MANY.includes(code) ? 429 : FORBIDDEN.includes(code) ? 403 : 401;
  const scopes = typeof asked.scopes === "string" ? [asked.scopes] : Array.isArray(asked.scopes) ? asked.scopes : [];
  const names = scopes.every((one) => typeof one === "string") ? scopes.join(" ") : "";
  const headers = tellingFields(verdict.limits, verdict.credits);
  if (status !== 429) {
    const error = code === "insufficient_scope" ? "insufficient_scope" : "invalid_token";
    headers["WWW-Authenticate"] =
      `Bearer error="${error}"` + (code === "insufficient_scope" && names ? `, scope="${names}"` : "");
  }
  if (verdict.retry_after !== null) headers["Retry-After"] = String(verdict.retry_after);
  const detail =
    code === "insufficient_scope" && names ? `This needs the scope ${names}.` : `The credential is refused: ${code}.`;
  return { verdict: null, headers: null, refusal: problem(status, code, detail, headers) };
}

function refusing(code: string, headers: Record<string, string> = {}): Admission {
  const [status, detail] = MESSAGES[code] ?? [500, ""];
  return { verdict: null, headers: null, refusal: problem(status, code, detail, headers) };
}

function problem(status: number, code: string, detail: string, headers: Record<string, string>): Refusal {
  const body = JSON.stringify({ type: "about:blank", title: TITLES[status] ?? "", status, detail, code });
  return {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
    body,
  };
}

/** Return the fields that tell a caller how limits and credits stand. */
function tellingFields(limits: readonly LimitState[], credits: CreditState | null): Record<string, string> {
  const fields: Record<string, string> = {};
  if (limits.length > 0) {
    fields["RateLimit-Policy"] = limits.map((one) => `"${nameOf(one)}";q=${one.limit};w=${one.window_seconds}`).join(", ");
    fields["RateLimit"] = limits
      .map((one) => `"${nameOf(one)}";r=${one.remaining};t=${secondsUntil(one.reset_at)}`)
      .join(", ");
  }
  if (credits !== null) {
    fields["Credits-Remaining"] = String(credits.remaining);
    if (credits.reset_at) fields["Credits-Reset"] = String(secondsUntil(credits.reset_at));
  }
  return fields;
}

function nameOf(limit: LimitState): string {
  return limit.of === "key" ? limit.name : `${limit.of}/${limit.name}`;
}

function secondsUntil(moment: string): number {
  return Math.max(0, Math.ceil((Date.parse(moment) - Date.now()) / 1000));
}
