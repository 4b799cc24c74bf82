// The calls of the console. Each is one operation of `/v1`, made with the cookie of the sign-in.

import { signal } from "@preact/signals";
import { CallerRefused, TokenryError } from "../client/errors.js";
import type * as api from "../client/operations.js";
import { Sender, sendingOf } from "../client/sending.js";
import { place } from "./place.js";

export interface Session {
  key_id: string;
  name: string;
  tenant: string;
  scopes: string[];
  fresh_until: string;
  ends_at: string;
}

const sender = new Sender({ server: "/console", timeout: 20_000 });

/** Undefined until the server has said; null for nobody. */
export const session = signal<Session | null | undefined>(undefined);

/** Set while a change waits for a fresh sign-in; called with whether there is one. */
export const waiting = signal<((signedIn: boolean) => void) | null>(null);

export async function lookUpSession(): Promise<void> {
  try {
    session.value = (await sender.send({ method: "GET", path: "/session" })) as Session;
  } catch (error) {
    if (!(error instanceof TokenryError)) throw error;
    session.value = null;
  }
}

export async function signIn(key: string): Promise<void> {
  await sender.send({ method: "POST", path: "/session", body: { key } });
  await lookUpSession();
}

export async function signOut(): Promise<void> {
  await sender.send({ method: "DELETE", path: "/session" });
  sessionStorage.clear();
  session.value = null;
}

/** Tell whether the signed-in key may use an operation of these scopes. */
export const may = (...scopes: string[]): boolean =>
  scopes.every((scope) => session.value?.scopes.includes(`tokenry:${scope}`));

function call<A extends object, R>(route: string) {
  return async (given: A): Promise<R> => {
    const tenant = place.value.query.get("tenant") ?? undefined;
    const send = () => sender.send(sendingOf(route, given as Record<string, unknown>, tenant)) as Promise<R>;
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof CallerRefused) || error.status !== 401) throw error;
      if (error.code !== "sign_in_again") {
        session.value = null;
        throw error;
      }
      const signedIn = await new Promise<boolean>((resolve) => {
        waiting.value = resolve;
      });
      waiting.value = null;
      if (!signedIn) throw error;
      return send();
    }
  };
}

export const listTenants = call<api.TenantsListAsked, api.PageOfTenant>("GET /v1/tenants");
export const listOwners = call<api.OwnersListAsked, api.PageOfOwner>("GET /v1/owners?tenant");
export const putOwner = call<api.OwnersPutAsked, api.Owner>("PUT /v1/owners/{external_id}?tenant");
export const listScopes = call<api.ScopesListAsked, api.ScopesDocument>("GET /v1/scopes?tenant");
export const listKeys = call<api.KeysListAsked, api.PageOfKey>("GET /v1/keys?tenant");
export const findKey = call<api.KeysFindAsked, api.Key>("POST /v1/keys/find?tenant");
export const getKey = call<api.KeysGetAsked, api.Key>("GET /v1/keys/{id}?tenant");
export const issueKey = call<api.KeysIssueAsked, api.IssuedDocument>("POST /v1/keys?tenant");
export const updateKey = call<api.KeysUpdateAsked, api.Key>("PATCH /v1/keys/{id}?tenant");
export const rotateKey = call<api.KeysRotateAsked, api.IssuedDocument>("POST /v1/keys/{id}/rotate?tenant");
export const revokeKey = call<api.KeysRevokeAsked, api.Key>("POST /v1/keys/{id}/revoke?tenant");
export const revokeKeys = call<api.KeysRevokeWhereAsked, api.RevokedDocument>("POST /v1/keys/bulk-revoke?tenant");
export const disableKey = call<api.KeysDisableAsked, api.Key>("POST /v1/keys/{id}/disable?tenant");
export const enableKey = call<api.KeysEnableAsked, api.Key>("POST /v1/keys/{id}/enable?tenant");
export const keyLimits = call<api.KeysLimitsAsked, api.ListOfLimitState>("GET /v1/keys/{id}/limits?tenant");
export const keyUsage = call<api.KeysUsageAsked, api.ListOfUsageHour>("GET /v1/keys/{key_id}/usage?tenant");
export const listAudit = call<api.AuditListAsked, api.PageOfEntry>("GET /v1/audit?tenant");
export const explain = call<api.ExplainAsked, api.ExplanationDocument>("POST /v1/explain");
export const explainKey = call<api.KeysExplainAsked, api.ExplanationDocument>("POST /v1/keys/{id}/explain?tenant");
