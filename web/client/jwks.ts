// Access tokens, checked with the public keys of their tenant. The server is not asked for a verdict.

import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";

export interface TokenOptions {
  /** The address of the server. */
  server: string;
  /** The issuer that tokens must name, where it is not the address of the tenant at the server. */
  issuer?: string;
  tenant?: string;
  /** The audience that tokens must be made for; by default the issuer itself. */
  audience?: string;
}

/** The claims of a token. */
export interface TokenClaims extends JWTPayload {
  sub: string;
  tid: string;
  scope: string;
}

export type TokenVerdict =
  | { valid: true; claims: TokenClaims; scopes: string[] }
  | { valid: false; code: "malformed" | "expired" | "not_found" };

// jose skips white space and reads past padding: then one token would have many texts.
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const ALGORITHMS = ["ES256", "RS256", "EdDSA", "Ed25519"];

/**
 * Return a function that checks an access token by its signature, times, issuer and audience.
 *
 * A token that was revoked holds here until it expires. The key set is fetched again after five minutes.
 */
export function tokenVerifier(options: TokenOptions): (token: string) => Promise<TokenVerdict> {
  const tenant = options.tenant ?? "default";
  const base = `${options.server.replace(/\/+$/, "")}/t/${encodeURIComponent(tenant)}`;
  const issuer = options.issuer ?? base;
  const keys = createRemoteJWKSet(new URL(`${base}/.well-known/jwks.json`), {
    cacheMaxAge: 300_000,
    cooldownDuration: 10_000,
  });
  const asked = { issuer, audience: options.audience ?? issuer, typ: "at+jwt", algorithms: ALGORITHMS };
  return async (token) => {
    if (!FORM.test(token)) return { valid: false, code: "malformed" };
    try {
      const { payload } = await jwtVerify(token, keys, { ...asked, requiredClaims: ["exp", "iat", "sub"] });
      const claims = payload as TokenClaims;
      if (claims.tid !== tenant || typeof claims.scope !== "string") return { valid: false, code: "malformed" };
      return { valid: true, claims, scopes: claims.scope.split(" ").filter(Boolean) };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return { valid: false, code: "expired" };
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud") {
        return { valid: false, code: "not_found" };
      }
      // A key set that cannot be fetched is no verdict.
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) throw error;
      return { valid: false, code: "malformed" };
    }
  };
}
