// The answer to a verification, as a union that `if (verdict.valid)` narrows.

import type { Key, Owner, Session, Verdict as Document, VerdictTenant } from "./operations.js";

interface ValidPart extends Omit<Document, "valid" | "kind" | "key" | "session" | "owner" | "tenant"> {
  valid: true;
  owner: Owner;
  tenant: VerdictTenant;
}

/** A key that holds, or an access token that was derived from one. */
export interface ValidKey extends ValidPart {
  kind: "key" | "token";
  key: Key;
  session: null;
}

/** The access token of a session that holds. */
export interface ValidSession extends ValidPart {
  kind: "session";
  key: null;
  session: Session;
}

export type Valid = ValidKey | ValidSession;

/** A credential that does not hold; `code` says why. */
export interface Refused extends Omit<Document, "valid"> {
  valid: false;
}

export type Verdict = Valid | Refused;

/** Scopes that a credential has to hold: one, all of a list, or `any` and `all`, nested. */
export type ScopesAsked = string | readonly string[] | { any: readonly ScopesAsked[] } | { all: readonly ScopesAsked[] };

/** The requirements for a credential. */
export interface Ask {
  scopes?: ScopesAsked;
  /** The address of the client. */
  ip?: string | null;
  /** How much it takes from the limits of the key: 1 by default, 0 takes nothing. */
  cost?: number;
  tenant?: string;
  environment?: string;
  audience?: string;
}
