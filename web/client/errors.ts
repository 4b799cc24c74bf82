// The errors of the Python library, with the same names. Each keeps the code that the server answered with.

import type { FieldProblem } from "./operations.js";
import type { Refused } from "./verdict.js";

export interface Told {
  code?: string;
  status?: number;
  requestId?: string;
  details?: Record<string, unknown>;
}

/** The ancestor of every error of this package. */
export class TokenryError extends Error {
  readonly code: string;
  readonly status: number;
  /** Names the request in the log of the server. */
  readonly requestId: string;
  readonly details: Record<string, unknown>;

  constructor(message: string, told: Told = {}) {
    super(message);
    this.name = new.target.name;
    this.code = told.code ?? "";
    this.status = told.status ?? 0;
    this.requestId = told.requestId ?? "";
    this.details = told.details ?? {};
  }
}

/** Values cannot be accepted; `errors` names the fields. */
export class Invalid extends TokenryError {
  readonly errors: FieldProblem[];

  constructor(message: string, told: Told = {}, errors: FieldProblem[] = []) {
    super(message, told);
    this.errors = errors;
  }
}

/** There is no such record, or the caller may not see it. */
export class NotFound extends TokenryError {}

/** The state stands in the way. */
export class Conflict extends TokenryError {}

/** Somebody else changed the record: read it again. */
export class VersionConflict extends Conflict {}

/** The caller may not do this. */
export class NotAllowed extends TokenryError {}

/** The server cannot be reached, or cannot do it now. A change may have happened. */
export class StoreUnavailable extends TokenryError {}

/** The server refuses the key of the client itself. */
export class CallerRefused extends TokenryError {
  readonly retryAfter: number | null;

  constructor(message: string, told: Told, retryAfter: number | null) {
    super(message, told);
    this.retryAfter = retryAfter;
  }
}

/** A credential was refused; `verdict` says why. */
export class Denied extends TokenryError {
  readonly verdict: Refused;

  constructor(verdict: Refused) {
    super(`the credential was refused: ${verdict.code}`, { code: verdict.code });
    this.verdict = verdict;
  }
}

type Kind = new (message: string, told: Told) => TokenryError;

const BY_CODE: Readonly<Record<string, Kind>> = {
  not_found: NotFound,
  conflict: Conflict,
  idempotency_mismatch: Conflict,
  version_mismatch: VersionConflict,
  not_allowed: NotAllowed,
  insufficient_scope: NotAllowed,
  store_unavailable: StoreUnavailable,
};
// For the codes of a newer server, or of a proxy.
const BY_STATUS: Readonly<Record<number, Kind>> = { 403: NotAllowed, 404: NotFound, 409: Conflict, 412: VersionConflict };

/** Return the error for an answer that is no success (RFC 9457). */
export function errorOf(status: number, found: unknown, headers: Headers): TokenryError {
  const told = isRecord(found) ? found : {};
  const code = typeof told.code === "string" ? told.code : "";
  const message = String(told.detail || told.title || `HTTP status ${status}`);
  const errors = Array.isArray(told.errors) ? (told.errors as FieldProblem[]) : [];
  const about = {
    code,
    status,
    requestId: headers.get("x-request-id") ?? "",
    details: isRecord(told.details) ? told.details : {},
  };
  if (status === 401 || status === 429 || code === "ip_not_allowed") {
    return new CallerRefused(`the server refused the key of the caller: ${message}`, about, retryAfter(headers));
  }
  const kind = BY_CODE[code] ?? BY_STATUS[status] ?? (status >= 500 ? StoreUnavailable : null);
  return kind ? new kind(message, about) : new Invalid(message, about, errors);
}

/** Return the seconds of `Retry-After`; null for a date, and for what no server means. */
export function retryAfter(headers: Headers): number | null {
  const asked = headers.get("retry-after");
  return asked !== null && /^[0-9]{1,9}$/.test(asked) ? Number(asked) : null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
