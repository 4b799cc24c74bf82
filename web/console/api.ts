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

/** The slug of the tenant that the console shows; undefined for that of the signed-in key. */
export const chosenTenant = (): string | undefined => place.value.query.get("tenant") ?? undefined;

function call<A extends object, R>(route: string) {
  return async (given: A): Promise<R> => {
    const tenant = chosenTenant();
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

type Name = { name: string };

export const getKeyPage = call<api.KeyPageGetAsked, api.KeyPageSettings>("GET /v1/key-page?tenant");
export const putKeyPage = call<api.KeyPagePutAsked, api.KeyPageSettings>("PUT /v1/key-page?tenant");

export const listTenants = call<api.TenantsListAsked, api.PageOfTenant>("GET /v1/tenants");
export const getTenant = call<api.TenantsGetAsked, api.TenantDocument>("GET /v1/tenants/{slug}");
export const createTenant = call<api.TenantsCreateAsked, api.TenantDocument>("POST /v1/tenants");
export const updateTenant = call<api.TenantsUpdateAsked, api.TenantDocument>("PATCH /v1/tenants/{slug}");
export const suspendTenant = call<api.TenantsSuspendAsked, api.TenantDocument>("POST /v1/tenants/{slug}/suspend");
export const resumeTenant = call<api.TenantsResumeAsked, api.TenantDocument>("POST /v1/tenants/{slug}/resume");
export const deleteTenant = call<api.TenantsDeleteAsked, void>("DELETE /v1/tenants/{slug}");

export const listOwners = call<api.OwnersListAsked, api.PageOfOwner>("GET /v1/owners?tenant");
export const getOwner = call<api.OwnersGetAsked, api.Owner>("GET /v1/owners/{external_id}?tenant");
export const putOwner = call<api.OwnersPutAsked, api.Owner>("PUT /v1/owners/{external_id}?tenant");
export const disableOwner = call<api.OwnersDisableAsked, api.Owner>("POST /v1/owners/{external_id}/disable?tenant");
export const enableOwner = call<api.OwnersEnableAsked, api.Owner>("POST /v1/owners/{external_id}/enable?tenant");
export const handOver = call<api.OwnersHandOverAsked, api.OwnerHandOver>("POST /v1/owners/{external_id}/hand-over?tenant");
export const deleteOwner = call<api.OwnersDeleteAsked, void>("DELETE /v1/owners/{external_id}?tenant");

export const listScopes = call<api.ScopesListAsked, api.ScopesDocument>("GET /v1/scopes?tenant");
export const defineScopes = call<api.ScopesDefineAsked, api.ScopesDocument>("PUT /v1/scopes?tenant");
export const listRoles = call<api.RolesListAsked, api.PageOfRole>("GET /v1/roles?tenant");
export const putRole = call<api.RolesPutAsked, api.Role>("PUT /v1/roles/{name}?tenant");
export const deleteRole = call<Name, void>("DELETE /v1/roles/{name}?tenant");

export const listKeys = call<api.KeysListAsked, api.PageOfKey>("GET /v1/keys?tenant");
export const expiringKeys = call<api.KeysExpiringAsked, api.PageOfKey>("GET /v1/keys/expiring?tenant");
export const findKey = call<api.KeysFindAsked, api.Key>("POST /v1/keys/find?tenant");
export const getKey = call<api.KeysGetAsked, api.Key>("GET /v1/keys/{id}?tenant");
export const issueKey = call<api.KeysIssueAsked, api.IssuedDocument>("POST /v1/keys?tenant");
export const updateKey = call<api.KeysUpdateAsked, api.Key>("PATCH /v1/keys/{id}?tenant");
export const rotateKey = call<api.KeysRotateAsked, api.IssuedDocument>("POST /v1/keys/{id}/rotate?tenant");
export const revokeKey = call<api.KeysRevokeAsked, api.Key>("POST /v1/keys/{id}/revoke?tenant");
export const revokeKeys = call<api.KeysRevokeWhereAsked, api.RevokedDocument>("POST /v1/keys/bulk-revoke?tenant");
export const disableKey = call<api.KeysDisableAsked, api.Key>("POST /v1/keys/{id}/disable?tenant");
export const enableKey = call<api.KeysEnableAsked, api.Key>("POST /v1/keys/{id}/enable?tenant");
export const keyFacets = call<api.KeysFacetsAsked, api.KeyFacets>("GET /v1/keys/facets?tenant");
export const keyLimits = call<api.KeysLimitsAsked, api.ListOfLimitState>("GET /v1/keys/{id}/limits?tenant");
export const keyUsage = call<api.KeysUsageAsked, api.ListOfUsageHour>("GET /v1/keys/{key_id}/usage?tenant");
export const usageSummary = call<api.UsageSummaryAsked, api.UsageSummary>("POST /v1/usage/summary?tenant");
export const listRefusals = call<api.RefusalsListAsked, api.PageOfRefusal>("GET /v1/refusals?tenant");
export const getRefusal = call<api.RefusalsGetAsked, api.Refusal>("GET /v1/refusals/{request_id}?tenant");
export const keyImpact = call<api.KeysImpactAsked, api.KeyImpact>("GET /v1/keys/{id}/impact?tenant");
export const keyAdvice = call<api.KeysAdviceAsked, api.Advice>("GET /v1/keys/{id}/advice?tenant");
export const keyCredits = call<api.CreditsGetAsked, api.CreditState>("GET /v1/keys/{id}/credits?tenant");
export const addCredits = call<api.CreditsAddAsked, api.CreditState>("POST /v1/keys/{id}/credits/add?tenant");
export const explain = call<api.ExplainAsked, api.ExplanationDocument>("POST /v1/explain");
export const explainKey = call<api.KeysExplainAsked, api.ExplanationDocument>("POST /v1/keys/{id}/explain?tenant");
export const listAdvice = call<api.AdviceListAsked, api.PageOfAdvice>("GET /v1/advice?tenant");
export const runImport = call<api.ImportsRunAsked, api.ImportDocument>("POST /v1/imports?tenant");

export const listAudit = call<api.AuditListAsked, api.PageOfEntry>("GET /v1/audit?tenant");
export const checkAudit = call<api.AuditCheckAsked, api.AuditReportDocument>("POST /v1/audit/check?tenant");
export const examine = call<object, api.ListOfDiagnosis>("GET /v1/doctor");
export const listEvents = call<api.EventsListAsked, api.PageOfEvent>("GET /v1/events?tenant");
export const latestEvent = call<api.EventsLatestAsked, api.SequenceDocument>("GET /v1/events/latest?tenant");

export const listSessions = call<api.SessionsListAsked, api.PageOfSession>("GET /v1/sessions?tenant");
export const endSession = call<api.SessionsRevokeAsked, api.Session>("POST /v1/sessions/{id}/revoke?tenant");
export const endSessions = call<api.SessionsRevokeAllAsked, api.RevokedSessionsDocument>("POST /v1/owners/{owner}/sessions/revoke?tenant");

export const listSigningKeys = call<api.SigningKeysListAsked, api.ListOfSigningKey>("GET /v1/signing-keys?tenant");
export const rotateSigningKey = call<api.SigningKeysRotateAsked, api.SigningKey>("POST /v1/signing-keys/rotate?tenant");
export const removeSigningKey = call<api.SigningKeysRemoveAsked, api.SigningKey>("POST /v1/signing-keys/{kid}/remove?tenant");

export const listWebhooks = call<api.WebhooksListAsked, api.PageOfWebhook>("GET /v1/webhooks?tenant");
export const getWebhook = call<api.WebhooksGetAsked, api.Webhook>("GET /v1/webhooks/{id}?tenant");
export const createWebhook = call<api.WebhooksCreateAsked, api.CreatedWebhookDocument>("POST /v1/webhooks?tenant");
export const updateWebhook = call<api.WebhooksUpdateAsked, api.Webhook>("PATCH /v1/webhooks/{id}?tenant");
export const deleteWebhook = call<api.WebhooksDeleteAsked, void>("DELETE /v1/webhooks/{id}?tenant");
export const pauseWebhook = call<api.WebhooksPauseAsked, api.Webhook>("POST /v1/webhooks/{id}/pause?tenant");
export const resumeWebhook = call<api.WebhooksResumeAsked, api.Webhook>("POST /v1/webhooks/{id}/resume?tenant");
export const rotateWebhookSecret = call<api.WebhooksRotateSecretAsked, api.CreatedWebhookDocument>("POST /v1/webhooks/{id}/rotate-secret?tenant");
export const testWebhook = call<api.WebhooksTestAsked, api.Delivery>("POST /v1/webhooks/{id}/test?tenant");
export const listDeliveries = call<api.WebhooksDeliveriesAsked, api.PageOfDelivery>("GET /v1/webhooks/{id}/deliveries?tenant");
export const replayWebhook = call<api.WebhooksReplayAsked, api.Replay>("POST /v1/webhooks/{id}/replay?tenant");
