// Generated from the OpenAPI document by `make types`. Do not edit.

import type { CallOptions } from "./sending.js";

/** An answer that is no success (RFC 9457). `type` is a page about the code. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors: FieldProblem[];
}

/** A mistake in one field. */
export interface FieldProblem {
  field: string;
  code: string;
  message: string;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfTenant {
  items: TenantDocument[];
  next_cursor: string | null;
}

/** A customer of the installation. */
export interface TenantDocument {
  id: string;
  slug: string;
  name: string;
  prefix: string;
  status: "active" | "suspended";
  expires_in_default_seconds: number;
  expires_in_max_seconds: number;
  never_allowed: boolean;
  self_rotation_allowed: boolean;
  created_at: string;
  default_limits: Limit[];
  shared_limits: Limit[];
  time_zone: string;
  on_leak: "flag" | "revoke";
  max_idle_seconds: number | null;
  contact: string | null;
}

/** At most `limit` requests in every window of `window_seconds`. */
export interface Limit {
  name: string;
  limit: number;
  window_seconds: number;
}

/** At most `limit` requests in every window of `window_seconds`. */
export interface LimitBody {
  name: string;
  limit: number;
  window_seconds: number;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfOwner {
  items: Owner[];
  next_cursor: string | null;
}

/** The owner of keys: a user or a service of the tenant, known to the host by `external_id`. */
export interface Owner {
  id: string;
  tenant: string;
  external_id: string;
  name: string;
  email: string | null;
  roles: string[];
  admin: boolean;
  status: "active" | "disabled";
  created_at: string;
  updated_at: string | null;
  default_limits: Limit[];
  shared_limits: Limit[];
}

/** How many keys of `owner` now belong to `to` (in a dry run: would), and how many stay, with the first 1,000. `next_cursor` is None when no key is left. */
export interface OwnerHandOver {
  owner: string;
  to: string;
  dry_run: boolean;
  handed_count: number;
  skipped_count: number;
  skipped: SkippedKey[];
  next_cursor: string | null;
}

/** A key that stays with its owner: `code` and `message` are those of the error that `keys.hand_over` raises. */
export interface SkippedKey {
  key: string;
  name: string;
  code: string;
  message: string;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfRole {
  items: Role[];
  next_cursor: string | null;
}

/** A named set of scopes in a tenant. */
export interface Role {
  tenant: string;
  name: string;
  scopes: string[];
}

/** The catalogue of scopes; empty when any well-formed scope may be granted. */
export interface ScopesDocument {
  scopes: string[];
}

/** Whether scopes may be granted, and which are unknown. */
export interface ScopeCheckDocument {
  known: boolean;
  unknown: string[];
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfKey {
  items: Key[];
  next_cursor: string | null;
}

/** A stable identity for API access. Secrets come and go, the key stays. `max_idle` is None in a verdict. */
export interface Key {
  id: string;
  tenant: string;
  owner: string;
  name: string;
  description: string;
  scopes: string[];
  roles: string[];
  allowed_ips: string[];
  limits: Limit[];
  environment: string;
  status: "active" | "disabled" | "expired" | "revoked";
  created_at: string;
  updated_at: string | null;
  expires_at: string | null;
  not_before: string | null;
  revoked_at: string | null;
  revoke_reason: string;
  last_used_at: string | null;
  last_used_ip: string | null;
  use_count: number;
  version: number;
  tags: string[];
  credits: Credits | null;
  decoy: boolean;
  max_idle_seconds: number | null;
  metadata: Record<string, unknown>;
  secrets: SecretInfo[];
  rotation: Rotation | null;
}

/** The credits of a key: `amount` in total, or again from each refill. `refill` is `"daily"` (at midnight), `"monthly"` (at midnight of `refill_day`, or of the last day of a shorter month), or None. Midnight is that of the tenant's time zone. With `shared=True` a process takes several credits from the database at once and spends them from memory: this is faster, and a process that is killed loses what it had taken, at most a hundredth of `amount`. */
export interface Credits {
  amount: number;
  refill: "daily" | "monthly" | null;
  refill_day: number;
  shared: boolean;
}

/** The public part of a secret: its `kid`, age, use and leak. `ends_at` is None for the current secret. */
export interface SecretInfo {
  kid: string;
  created_at: string;
  ends_at: string | null;
  last_used_at: string | null;
  last_used_ip: string | null;
  use_count: number;
  leaked_at: string | null;
}

/** How the rotation of a key stands while its old secret works: when that ends, and when it was last used. It is `safe_to_retire` when neither the rotation nor a use of the old secret was within the last day. The use of the last second may not be counted yet. */
export interface Rotation {
  old_kid: string;
  rotated_at: string;
  ends_at: string;
  last_used_at: string | null;
  safe_to_retire: boolean;
}

export interface KeysIssueRequest {
  owner: string;
  name: string;
  scopes?: string[];
  roles?: string[];
  description?: string;
  expires_in_seconds?: number | null;
  expires_at?: string | null;
  not_before?: string | null;
  allowed_ips?: string[];
  limits?: LimitBody[];
  environment?: string;
  metadata?: Record<string, unknown> | null;
  tags?: string[];
  credits?: number | CreditsBody | null;
  /** Refuse its secret as unknown, and tell who uses it. */
  decoy?: boolean;
  max_idle_seconds?: number | null;
}

/** `amount` credits, ever or again from each refill. */
export interface CreditsBody {
  amount: number;
  refill: "daily" | "monthly" | null;
  /** Of a monthly refill. A shorter month has it on its last day. */
  refill_day: number;
  /** Faster; a process that is killed loses the credits it had taken. */
  shared: boolean;
}

/** A key with its secret, which is shown this once. */
export interface IssuedDocument {
  key: Key;
  secret: string;
}

/** How many keys have each status, environment, owner, tag, scope and role; the most frequent first, 50 at most. `scopes` are those that are granted to the keys themselves. `asked_scopes` are those of them that a verification of the key asked for within 90 days. The newest `counted_count` keys were counted. `is_complete` is False when there may be older ones. */
export interface KeyFacets {
  counted_count: number;
  is_complete: boolean;
  statuses: FacetCount[];
  environments: FacetCount[];
  owners: FacetCount[];
  tags: FacetCount[];
  scopes: FacetCount[];
  roles: FacetCount[];
  asked_scopes: FacetCount[];
}

/** One value of a facet, and how many keys have it. */
export interface FacetCount {
  value: string;
  count: number;
}

/** A whole list. */
export interface ListOfBulkResult {
  items: BulkResult[];
}

/** The result for one key: the key with its secret, or the problem (`error`) that kept it from being issued. */
export interface BulkResult {
  key: Key | null;
  secret: string | null;
  error: ProblemDocument | null;
}

/** The result of a bulk revocation or of its dry run: how many keys, and the first 1,000 of them. */
export interface RevokedDocument {
  dry_run: boolean;
  items: RevokedItem[];
  revoked_count: number;
  refused_count: number;
  next_cursor: string | null;
}

/** The result for one key: `error` is null when it is revoked, or in a dry run would be. */
export interface RevokedItem {
  key: Key;
  error: string | null;
}

/** How many were removed. */
export interface CountDocument {
  deleted_count: number;
}

/** The results for the rows of an import. */
export interface ImportDocument {
  dry_run: boolean;
  imported_count: number;
  existing_count: number;
  refused_count: number;
  results: ImportResultDocument[];
}

/** The result for one row: `imported`, `exists` (it was imported before) or `refused`, with the reasons. */
export interface ImportResultDocument {
  id: string;
  status: string;
  key: string | null;
  errors: FieldProblem[];
  notes: string[];
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfExportLine {
  items: ExportLine[];
  next_cursor: string | null;
}

/** One record of a tenant, without secrets and digests. `kind` is `tenant`, `scopes`, `role`, `owner` or `key`. */
export interface ExportLine {
  kind: string;
  record: Record<string, unknown>;
}

/** A whole list. */
export interface ListOfLimitState {
  items: LimitState[];
}

/** The state of one limit: the units left in the window that ends at `reset_at`. `of` says whether the limit belongs to the key, is shared by all keys of its owner or its tenant, or was taken from for a subject. */
export interface LimitState {
  name: string;
  limit: number;
  window_seconds: number;
  remaining: number;
  reset_at: string;
  of: "key" | "owner" | "subject" | "tenant";
}

/** Advice about a key. Falsy when there are no findings. `scopes` are those of the key itself, not those of its roles. When verifications asked for no scope at all, `unscoped_at` is the time of the last such verification. The needed scopes are then unknown, so no scope is reported as unused. */
export interface Advice {
  key: string;
  owner: string;
  name: string;
  findings: Finding[];
  scopes: AskedScope[];
  unscoped_at: string | null;
}

/** One finding about a key: its `code`, the remedy in `message`, and the scopes or dates concerned in `values`. */
export interface Finding {
  code: "never_used" | "no_expiry" | "no_limit" | "unused" | "unused_scopes" | "wide_addresses";
  message: string;
  values: string[];
}

/** A scope of a key, and when a verification last asked for it. None: not within 90 days. */
export interface AskedScope {
  scope: string;
  last_asked_at: string | null;
}

/** The effects of revoking a key, as they are known `at` a moment. `valid_count` and `refused_count` are its verifications since `since`, the beginning of the hour 24 hours ago. `addresses` are the last valid one of each secret and those of the latest refusals, the newest first: no other address is recorded. An address may stand there twice: valid, and refused. `kids` are the secrets that stop. Access tokens derived from the key are not recorded, and end with it. Verifiers that work offline may accept one until `offline_until` at the latest, which is None if none can be left. `visit_count` are open visits of the key page, and unused links to it, that this key made: they end with it. No session does: `owner_session_count` are the living ones of its owner. Both are counted up to 100. Counts are None where the actor may not read usage or sessions. */
export interface KeyImpact {
  key: string;
  owner: string;
  name: string;
  status: "active" | "disabled" | "expired" | "revoked";
  at: string;
  since: string;
  valid_count: number | null;
  refused_count: number | null;
  last_used_at: string | null;
  addresses: SeenAddress[];
  kids: string[];
  offline_until: string | null;
  visit_count: number | null;
  owner_session_count: number | null;
}

/** An address that presented a key, the last time, and the code of that answer: `valid`, or why it was refused. */
export interface SeenAddress {
  ip: string;
  at: string;
  code: string;
}

/** Every check in its order; `code` is the verdict's. */
export interface ExplanationDocument {
  valid: boolean;
  code: string;
  checks: CheckDocument[];
}

/** One check of an explanation. `passed` is null when it could not be made, since the credential is unknown. `detail` says more of a failure that has several causes, such as a token for another audience. */
export interface CheckDocument {
  code: string;
  passed: boolean | null;
  detail: string;
}

/** The result of `limits.take`; truthy when `allowed`. A falsy result means that nothing was taken. `limited_by` is the limit that refuses. `retry_after` (whole seconds) is None when the cost alone is too much. */
export interface LimitsTaken {
  allowed: boolean;
  limits: LimitState[];
  retry_after: number | null;
  limited_by: LimitState | null;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfCreditState {
  items: CreditState[];
  next_cursor: string | null;
}

/** The credits of a key: how many remain, how many are held, and when the next refill comes (None for never). */
export interface CreditState {
  key: string;
  amount: number;
  remaining: number;
  held: number;
  reset_at: string | null;
}

/** A whole list. */
export interface ListOfHold {
  items: Hold[];
}

/** Credits of a key that are set aside until they are charged or freed. At `expires_at` all of them are freed or charged, as `on_expiry` says. `charged` is None while the hold is open. */
export interface Hold {
  id: string;
  key: string;
  amount: number;
  on_expiry: "charge" | "free";
  created_at: string;
  expires_at: string;
  charged: number | null;
  ended_at: string | null;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfSession {
  items: Session[];
  next_cursor: string | null;
}

/** One sign-in of an owner. `scopes` is None when it holds those of its owner's roles, as they are now. It ends at `expires_at` whatever happens, and at `idle_expires_at` unless it is refreshed before. */
export interface Session {
  id: string;
  tenant: string;
  owner: string;
  status: "active" | "expired" | "revoked";
  scopes: string[] | null;
  audience: string[];
  claims: Record<string, unknown>;
  device: Record<string, unknown>;
  client_id: string | null;
  generation: number;
  created_at: string;
  refreshed_at: string;
  idle_expires_at: string;
  expires_at: string;
  revoked_at: string | null;
  revoke_reason: string;
}

/** A session with its access token and the refresh token that gets the next one. Both are shown this once. */
export interface SessionTokensDocument {
  session: Session;
  access: string;
  refresh: string;
  scopes: string[];
  access_expires_at: string;
  refresh_expires_at: string;
}

/** The next pair of tokens, or with `valid` false and `tokens` null the code that says why there is none. */
export interface RefreshDocument {
  valid: boolean;
  code: string;
  tokens: SessionTokensDocument | null;
}

/** The ids of the sessions that this call has ended. */
export interface RevokedSessionsDocument {
  sessions: string[];
}

/** The look, the texts and the permissions of a tenant's key page. `colours` are the colour of the light page and that of the dark page. `texts` are by language and name. */
export interface KeyPageSettings {
  tenant: string;
  texts: Record<string, Record<string, string>>;
  title: string;
  logo: string | null;
  colours: string[] | null;
  language: string | null;
  permissions: string[];
  keys_max: number;
  updated_at: string | null;
}

/** A link to the key page. Its `url` is shown this once, and works once. */
export interface PortalLinkDocument {
  id: string;
  tenant: string;
  owner: string;
  scopes: string[] | null;
  return_to: string | null;
  refresh_url: string | null;
  created_at: string;
  expires_at: string;
  ends_at: string;
  url: string;
}

/** A whole list. */
export interface ListOfSigningKey {
  items: SigningKey[];
}

/** A key that signs access tokens (`active`), will (`next`), or whose tokens are still good (`retiring`). */
export interface SigningKey {
  kid: string;
  tenant: string;
  algorithm: string;
  status: "active" | "next" | "removed" | "retiring";
  created_at: string;
  active_at: string | null;
  retired_at: string | null;
  removed_at: string | null;
  jwk: Record<string, unknown> | null;
}

/** The presented key, its owner, all scopes that it holds, and how its limits and credits stand. */
export interface SelfDocument {
  key: Key;
  owner: Owner;
  tenant: string;
  scopes: string[];
  limits: LimitState[];
  credits: CreditState | null;
}

/** A whole list. */
export interface ListOfUsageHour {
  items: UsageHour[];
}

/** How often a key was answered with one code within one hour, or (`hour_count` is 24) one day of UTC long ago. */
export interface UsageHour {
  key_id: string;
  at: string;
  code: string;
  count: number;
  hour_count: number;
}

/** Usage that was added up, the oldest first and then the most; the largest groups if there are too many. `counted_since` is None when all requested usage was counted. Else there was more usage than one call looks at, and usage older than that moment is missing. */
export interface UsageSummary {
  groups: UsageGroup[];
  counted_since: string | null;
}

/** How often keys were answered. Fields outside `group_by` are None; `at` is the beginning of a day or hour. */
export interface UsageGroup {
  count: number;
  key: string | null;
  owner: string | null;
  code: string | null;
  at: string | null;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfRefusal {
  items: Refusal[];
  next_cursor: string | null;
}

/** One verification that was refused. `scopes` are those that were asked for, the first 20. `request_id` is that of the HTTP request, if there was one. */
export interface Refusal {
  id: string;
  key: string;
  owner: string;
  code: string;
  at: string;
  ip: string | null;
  scopes: string[];
  request_id: string | null;
  checks: Check[];
}

/** One check of an explanation. `passed` is None when it could not be made, since the credential is unknown. `detail` says more of a failure that has several causes, such as a token for another audience. */
export interface Check {
  code: "disabled" | "expired" | "insufficient_scope" | "ip_not_allowed" | "malformed" | "not_found" | "not_yet_valid" | "owner_disabled" | "quota_exceeded" | "rate_limited" | "revoked" | "tenant_suspended";
  passed: boolean | null;
  detail: string;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfEntry {
  items: Entry[];
  next_cursor: string | null;
}

/** One entry of the audit log: the actor, the action, the subject, and its values before and after. `trace_id` is the trace (W3C Trace Context) that the change belongs to, where one was known. */
export interface Entry {
  id: string;
  at: string;
  tenant: string;
  actor: string;
  action: string;
  subject: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  ip: string | null;
  request_id: string | null;
  position: number | null;
  trace_id: string | null;
}

/** The end of a tenant's audit chain, signed: keep it elsewhere, and `audit.check(head=…)` finds a cut tail. */
export interface Head {
  tenant: string;
  position: number;
  chain: string;
  at: string;
  signature: string;
}

/** A head as `GET /v1/audit/head` returned it. */
export interface HeadBody {
  tenant: string;
  position: number;
  chain: string;
  at: string;
  signature: string;
}

/** The result of checking the audit log; it is whole when there are no problems. */
export interface AuditReportDocument {
  whole: boolean;
  entry_count: number;
  problems: string[];
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfEvent {
  items: Event[];
  next_cursor: string | null;
}

/** Something that happened. `sequence` orders the events of an installation for its readers. A subscriber is told before the place of an event is settled, so there `sequence` is 0: tell repeats by `id`. */
export interface Event {
  sequence: number;
  id: string;
  type: string;
  at: string;
  tenant: string;
  subject: string;
  actor: string;
  data: Record<string, unknown>;
}

/** The sequence of an event. */
export interface SequenceDocument {
  sequence: number;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfAdvice {
  items: Advice[];
  next_cursor: string | null;
}

/** A whole list. */
export interface ListOfDiagnosis {
  items: Diagnosis[];
}

/** The result of one check of an installation: what was checked, how it stands, and what to do about it. `step` says what to do, and `command` is the command that does it; each is empty where there is none. `unreachable` means that the database did not answer. */
export interface Diagnosis {
  check: string;
  status: "failed" | "ok" | "warning";
  message: string;
  step: string;
  command: string;
  unreachable: boolean;
}

/** The result of a leak report. Truthy when the credential is one of this installation (`true_positive`). `action` is the state after the report: the key or session is `revoked`; the key is `flagged`; the secret has `ended` and opens nothing, while its key goes on; a derived token `expires` by itself; `none` for a credential that is unknown here. */
export interface LeakReport {
  label: "false_positive" | "true_positive";
  action: "ended" | "expires" | "flagged" | "none" | "revoked";
  kind: "key" | "session" | "token" | null;
  tenant: string | null;
  subject: string | null;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfWebhook {
  items: Webhook[];
  next_cursor: string | null;
}

/** An endpoint that events are sent to. `types` are names and patterns of events, `public_key` verifies v1a. */
export interface Webhook {
  id: string;
  tenant: string;
  url: string;
  description: string;
  types: string[];
  include: string | null;
  status: "active" | "paused";
  pause_reason: string;
  paused_at: string | null;
  failing_since: string | null;
  failure_count: number;
  public_key: string;
  created_at: string;
  updated_at: string;
  version: number;
}

/** An endpoint with its new secret, which is shown this once. */
export interface CreatedWebhookDocument {
  webhook: Webhook;
  secret: string;
}

/** One event on its way to one endpoint, with the attempts so far. `due_at` is when the next one is made. */
export interface Delivery {
  id: string;
  webhook: string;
  event: string;
  type: string;
  kind: "event" | "replay" | "test";
  status: "delivered" | "failed" | "pending";
  created_at: string;
  due_at: string | null;
  ended_at: string | null;
  attempt_count: number;
  attempts: Attempt[];
}

/** One attempt to deliver: when, how long it took, and the HTTP status and the first 1 KiB of the answer. `http_status` is None when there was no answer; `error` says why. */
export interface Attempt {
  at: string;
  duration_ms: number;
  http_status: number | null;
  error: string;
  excerpt: string;
}

/** A page of a list. Pass `next_cursor` as `cursor` for the next; null on the last. */
export interface PageOfDelivery {
  items: Delivery[];
  next_cursor: string | null;
}

/** How many events are sent once more, or in a dry run would be. */
export interface Replay {
  count: number;
  dry_run: boolean;
}

export interface VerifyQuestion {
  /** A key or an access token. */
  credential: string;
  /** A scope, a list (all of them), or `{"any": […]}` and `{"all": […]}`, nested. */
  scopes?: unknown;
  /** The address of the client. */
  ip?: string | null;
  /** Refuse credentials of any other tenant. */
  tenant?: string | null;
  /** Refuse credentials of any other environment. */
  environment?: string | null;
  /** 1 by default; 0 takes nothing. */
  cost?: number;
  /** Refuse tokens that were made for another audience. */
  audience?: string | null;
}

export interface Verdict {
  valid: boolean;
  /** `valid`, or why not. */
  code: string;
  kind: "key" | "session" | "token" | null;
  key: Key | null;
  session: Session | null;
  owner: Owner | null;
  tenant: VerdictTenant | null;
  scopes: string[];
  /** The claims of an access token; empty for keys and refusals. */
  claims: Record<string, unknown>;
  limits: LimitState[];
  retry_after: number | null;
  /** The limit that refuses, of `rate_limited`. */
  limited_by: LimitState | null;
  credits: CreditState | null;
}

export interface VerdictTenant {
  id: string;
  slug: string;
  name: string;
  prefix: string;
  status: "active" | "suspended";
  /** In whole seconds. */
  expires_in_default_seconds: number;
  /** In whole seconds. */
  expires_in_max_seconds: number;
  never_allowed: boolean;
  self_rotation_allowed: boolean;
  created_at: string;
  default_limits?: Limit[];
  shared_limits?: Limit[];
  /** Credits are refilled at midnight there. */
  time_zone?: string;
  /** The effect of a leak report on a key. */
  on_leak?: "revoke" | "flag";
  /** Keys that are unused for so long are disabled. */
  max_idle_seconds?: unknown;
  /** The mail address for notices. */
  contact?: unknown;
}

export interface TenantsListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
}

export interface TenantsCreateAsked {
  slug: string;
  name?: string | null;
  prefix?: string;
  /** In seconds. */
  expires_in_default_seconds?: number;
  /** In seconds. */
  expires_in_max_seconds?: number;
  never_allowed?: boolean;
  self_rotation_allowed?: boolean;
  /** The limits of each key that has none of its own. */
  default_limits?: LimitBody[];
  /** Limits that all keys of it use up together. */
  shared_limits?: LimitBody[];
  /** An IANA name. Credits are refilled at midnight there. */
  time_zone?: string;
  /** The effect of a leak report on a key. */
  on_leak?: "revoke" | "flag";
  max_idle_seconds?: number | null;
  contact?: string | null;
}

export interface TenantsGetAsked {
  /** The slug of a tenant. */
  slug: string;
}

export interface TenantsUpdateAsked {
  /** The slug of a tenant. */
  slug: string;
  name?: string;
  prefix?: string;
  /** In seconds. */
  expires_in_default_seconds?: number;
  /** In seconds. */
  expires_in_max_seconds?: number;
  never_allowed?: boolean;
  self_rotation_allowed?: boolean;
  /** The limits of each key that has none of its own. */
  default_limits?: LimitBody[];
  /** Limits that all keys of it use up together. */
  shared_limits?: LimitBody[];
  /** An IANA name. Credits are refilled at midnight there. */
  time_zone?: string;
  /** The effect of a leak report on a key. */
  on_leak?: "revoke" | "flag";
  max_idle_seconds?: number | null;
  contact?: string | null;
}

export interface TenantsDeleteAsked {
  /** The slug of a tenant. */
  slug: string;
}

export interface TenantsSuspendAsked {
  /** The slug of a tenant. */
  slug: string;
}

export interface TenantsResumeAsked {
  /** The slug of a tenant. */
  slug: string;
}

export interface OwnersListAsked {
  text?: string;
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface OwnersGetAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface OwnersPutAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  name?: string;
  email?: string | null;
  roles?: string[];
  admin?: boolean;
  /** The limits of each key that has none of its own. */
  default_limits?: LimitBody[];
  /** Limits that all keys of it use up together. */
  shared_limits?: LimitBody[];
}

export interface OwnersDeleteAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface OwnersDisableAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface OwnersEnableAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface OwnersHandOverAsked {
  /** The owner's id in your own system. */
  external_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  to: string;
  /** Only count the keys that would be handed over. */
  dry_run?: boolean;
  limit?: number | null;
  cursor?: string | null;
}

export interface RolesListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface RolesGetAsked {
  /** The name of a role. */
  name: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface RolesPutAsked {
  /** The name of a role. */
  name: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  scopes: string[];
}

export interface RolesDeleteAsked {
  /** The name of a role. */
  name: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface ScopesListAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface ScopesDefineAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  scopes: string[];
}

export interface ScopesCheckAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  scopes: string[];
}

export interface KeysListAsked {
  owner?: string;
  status?: "active" | "disabled" | "revoked" | "expired";
  scope?: string;
  tag?: string;
  environment?: string;
  text?: string;
  /** In seconds. */
  expiring_within_seconds?: number;
  last_used_before?: string;
  /** The order; a minus turns it round. The newest first by default. */
  sort?: "created" | "-created" | "expires" | "-expires" | "last_used" | "-last_used" | "name" | "-name";
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysIssueAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** A repeat with the same one gets the same answer, secret included, for ten minutes. */
  idempotency_key?: string;
  owner: string;
  name: string;
  scopes?: string[];
  roles?: string[];
  description?: string;
  expires_in_seconds?: number | null;
  expires_at?: string | null;
  not_before?: string | null;
  allowed_ips?: string[];
  limits?: LimitBody[];
  environment?: string;
  metadata?: Record<string, unknown> | null;
  tags?: string[];
  credits?: number | CreditsBody | null;
  /** Refuse its secret as unknown, and tell who uses it. */
  decoy?: boolean;
  max_idle_seconds?: number | null;
}

export interface KeysFacetsAsked {
  owner?: string;
  status?: "active" | "disabled" | "revoked" | "expired";
  scope?: string;
  tag?: string;
  environment?: string;
  text?: string;
  /** In seconds. */
  expiring_within_seconds?: number;
  last_used_before?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysExpiringAsked {
  /** In seconds. */
  within_seconds?: number;
  owner?: string;
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysFindAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  secret?: string | null;
  kid?: string | null;
}

export interface KeysIssueManyAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  keys: KeysIssueRequest[];
}

export interface KeysRevokeWhereAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  owner?: string;
  status?: "active" | "disabled" | "revoked" | "expired";
  scope?: string;
  tag?: string;
  environment?: string;
  text?: string;
  /** In seconds. */
  expiring_within_seconds?: number;
  last_used_before?: string;
  reason?: string;
  /** Only list what would be revoked. */
  dry_run?: boolean;
  limit?: number | null;
  cursor?: string | null;
}

export interface KeysPurgeAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  expired_before?: string | null;
  revoked_before?: string | null;
  limit?: number | null;
}

export interface ImportsRunAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** Keys of the other system (docs/import.md). */
  rows: (Record<string, unknown>)[];
  source?: string;
  /** Only say what would become of every row. */
  dry_run?: boolean;
}

export interface ExportsListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysGetAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysUpdateAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** The `ETag` of the key that you read. */
  if_version?: number;
  name?: string;
  description?: string;
  scopes?: string[];
  roles?: string[];
  allowed_ips?: string[];
  limits?: LimitBody[];
  expires_in_seconds?: number | null;
  expires_at?: string | null;
  not_before?: string | null;
  metadata?: Record<string, unknown> | null;
  tags?: string[];
  credits?: number | CreditsBody | null;
  max_idle_seconds?: number | null;
}

export interface KeysDeleteAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysRotateAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** A repeat with the same one gets the same answer, secret included, for ten minutes. */
  idempotency_key?: string;
  /** In seconds. */
  grace_seconds?: number;
}

export interface KeysRevokeAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  reason?: string;
}

export interface KeysDisableAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysEnableAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysHandOverAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  owner: string;
}

export interface KeysLimitsAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysAdviceAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysImpactAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeysExplainAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  scopes?: string | unknown[] | Record<string, unknown> | null;
  ip?: string;
  cost?: number;
}

export interface LimitsTakeAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  name: string;
  subject: string;
  limits: LimitBody[];
  cost?: number;
}

export interface CreditsListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface CreditsGetAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface CreditsAddAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  amount: number;
}

export interface CreditsSetAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  remaining: number;
}

export interface CreditsHoldsAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface CreditsReserveAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  amount: number;
  /** In seconds. */
  expires_in_seconds?: number;
  /** Free or charge the credits of a hold that is not settled in time. */
  on_expiry?: "free" | "charge";
}

export interface CreditsSettleAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  hold: string;
  amount: number;
}

export interface SessionsListAsked {
  owner?: string;
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface SessionsStartAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  owner: string;
  claims?: Record<string, unknown> | null;
  audience?: string | string[] | null;
  scopes?: string[] | null;
  device?: Record<string, unknown> | null;
  client_id?: string | null;
}

export interface SessionsRefreshAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  refresh: string;
  access?: string | null;
  scopes?: string[] | null;
  client_id?: string | null;
}

export interface SessionsGetAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface SessionsRevokeByTokenAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  refresh: string;
  reason?: string;
  client_id?: string | null;
}

export interface SessionsRevokeAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  reason?: string;
  client_id?: string | null;
}

export interface SessionsRevokeAllAsked {
  /** The owner's id in your own system. */
  owner: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  keep?: string[] | string | null;
  reason?: string;
  limit?: number | null;
}

export interface KeyPageGetAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface KeyPagePutAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  title?: string;
  logo?: string | null;
  colours?: string[] | null;
  language?: string | null;
  texts?: Record<string, Record<string, string>> | null;
  /** The permissions of owners on their key page. */
  permissions?: string[];
  keys_max?: number;
}

export interface PortalOpenAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  owner: string;
  scopes?: string[] | null;
  return_to?: string | null;
  refresh_url?: string | null;
  /** In seconds. */
  expires_in_seconds?: number;
}

export interface SigningKeysListAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface SigningKeysRotateAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface SigningKeysRemoveAsked {
  /** The `kid` of a signing key. */
  kid: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface SelfRotateAsked {
  /** A repeat with the same one gets the same answer, secret included, for ten minutes. */
  idempotency_key?: string;
  /** In seconds. */
  grace_seconds?: number;
}

export interface SelfRevokeAsked {
  reason?: string;
}

export interface ExplainAsked {
  credential: string;
  /** One scope, a list (all of them), or nested `{"all": […]}` and `{"any": […]}`. */
  scopes?: string | unknown[] | Record<string, unknown>;
  ip?: string | null;
  cost?: number;
  tenant?: string | null;
  environment?: string | null;
  audience?: string | string[] | null;
}

export interface UsageGetAsked {
  key_id: string;
  since?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface UsageSummaryAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** Group usage by day or hour, not both. */
  group_by?: string[];
  key_ids?: string[] | null;
  owner?: string | null;
  since?: string | null;
  until?: string | null;
  /** How many groups at most. */
  limit?: number;
}

export interface RefusalsListAsked {
  key_id?: string;
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface RefusalsGetAsked {
  /** The `X-Request-Id` of an answer. */
  request_id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface AuditListAsked {
  subject?: string;
  actor?: string;
  action?: string;
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface AuditHeadAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface AuditCheckAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  head?: HeadBody | null;
}

export interface EventsListAsked {
  /** The `sequence` of the last event that you have. */
  after?: number;
  /** Types or patterns: `types=key.*&types=owner.deleted`. */
  types?: string[];
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** How many seconds to wait while there is none. */
  wait?: number;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface EventsLatestAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface AdviceListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface LeaksReportAsked {
  secret: string;
  source?: string;
  /** Where it was found. */
  url?: string;
}

export interface WebhooksListAsked {
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksCreateAsked {
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  url: string;
  /** Types or patterns. */
  types?: string[];
  description?: string;
  include?: "object" | null;
}

export interface WebhooksGetAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksUpdateAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  url?: string;
  /** Types or patterns. */
  types?: string[];
  description?: string;
  include?: "object" | null;
}

export interface WebhooksDeleteAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksPauseAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  reason?: string;
}

export interface WebhooksResumeAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksRotateSecretAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  /** In seconds. */
  grace_seconds?: number;
}

export interface WebhooksTestAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksDeliveriesAsked {
  /** The id of the record. */
  id: string;
  status?: "pending" | "delivered" | "failed";
  /** How many items a page has at most. */
  limit?: number;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface WebhooksReplayAsked {
  /** The id of the record. */
  id: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
  event?: string | null;
  since?: string | null;
  until?: string | null;
  types?: string[] | null;
  /** Only events whose delivery to this endpoint has failed. */
  failed?: boolean;
  /** Only count what would be sent. */
  dry_run?: boolean;
}

export interface KeysUsageAsked {
  /** The id of a key. */
  key_id: string;
  since?: string;
  /** The slug of the tenant. By default the caller's own; for operators of the installation `default`. */
  tenant?: string;
}

export interface TenantsCalls {
  /** Return one page of tenants, by slug. */
  list(given?: TenantsListAsked, options?: CallOptions): Promise<PageOfTenant>;
  /** Create a tenant. */
  create(given: TenantsCreateAsked, options?: CallOptions): Promise<TenantDocument>;
  /** Return a tenant. */
  get(given: TenantsGetAsked, options?: CallOptions): Promise<TenantDocument>;
  /** Change what is given. */
  update(given: TenantsUpdateAsked, options?: CallOptions): Promise<TenantDocument>;
  /** Remove a tenant that is suspended and has no owners left; its audit log stays, found by the tenant's id. */
  delete(given: TenantsDeleteAsked, options?: CallOptions): Promise<void>;
  /** Suspend a tenant: from now on none of its credentials is valid. */
  suspend(given: TenantsSuspendAsked, options?: CallOptions): Promise<TenantDocument>;
  /** Make a suspended tenant active again. */
  resume(given: TenantsResumeAsked, options?: CallOptions): Promise<TenantDocument>;
}

export interface OwnersCalls {
  /** Return one page of owners, by external id; `text` looks in id, name and email, ignoring case and accents. */
  list(given?: OwnersListAsked, options?: CallOptions): Promise<PageOfOwner>;
  /** Return an owner. */
  get(given: OwnersGetAsked, options?: CallOptions): Promise<Owner>;
  /** Create an owner, or change only the fields that are given; never its status. */
  put(given: OwnersPutAsked, options?: CallOptions): Promise<Owner>;
  /** Delete an owner and revoke its keys. */
  delete(given: OwnersDeleteAsked, options?: CallOptions): Promise<void>;
  /** Disable an owner: from now on none of its credentials is valid. */
  disable(given: OwnersDisableAsked, options?: CallOptions): Promise<Owner>;
  /** Make a disabled owner active again. */
  enable(given: OwnersEnableAsked, options?: CallOptions): Promise<Owner>;
  /** Give all living keys of an owner to another owner of its tenant, by the rules of `keys.hand_over`. */
  handOver(given: OwnersHandOverAsked, options?: CallOptions): Promise<OwnerHandOver>;
}

export interface RolesCalls {
  /** Return one page of roles, by name. */
  list(given?: RolesListAsked, options?: CallOptions): Promise<PageOfRole>;
  /** Return a role. */
  get(given: RolesGetAsked, options?: CallOptions): Promise<Role>;
  /** Create a role or replace its scopes; keys with the role hold the new ones at once. */
  put(given: RolesPutAsked, options?: CallOptions): Promise<Role>;
  /** Delete a role: it grants nothing any more at once, and is removed from owners and keys in batches. */
  delete(given: RolesDeleteAsked, options?: CallOptions): Promise<void>;
}

export interface ScopesCalls {
  /** Return the catalogue, in the order in which it was defined; empty when there is none. */
  list(given?: ScopesListAsked, options?: CallOptions): Promise<ScopesDocument>;
  /** Replace the catalogue; entries may be patterns. */
  define(given: ScopesDefineAsked, options?: CallOptions): Promise<ScopesDocument>;
  /** Say whether scopes may be granted, and name the unknown ones. */
  check(given: ScopesCheckAsked, options?: CallOptions): Promise<ScopeCheckDocument>;
}

export interface KeysCalls {
  /** Return one page of keys, in all states unless `status` says which. */
  list(given?: KeysListAsked, options?: CallOptions): Promise<PageOfKey>;
  /** Issue a key; its secret is in the answer this once. */
  issue(given: KeysIssueAsked, options?: CallOptions): Promise<IssuedDocument>;
  /** Count the keys that `list` finds by status, environment, owner, tag, scope and role. */
  facets(given?: KeysFacetsAsked, options?: CallOptions): Promise<KeyFacets>;
  /** List active keys that expire within a time, the most urgent first. */
  expiring(given?: KeysExpiringAsked, options?: CallOptions): Promise<PageOfKey>;
  /** Return the key of a secret, or of the public `kid` of one, whatever its state. */
  find(given?: KeysFindAsked, options?: CallOptions): Promise<Key>;
  /** Issue up to 1,000 keys, 200 in a transaction, each given as the arguments of `issue`. */
  issueMany(given: KeysIssueManyAsked, options?: CallOptions): Promise<ListOfBulkResult>;
  /** Revoke all living keys that every given filter means; at least one filter is needed. */
  revokeWhere(given?: KeysRevokeWhereAsked, options?: CallOptions): Promise<RevokedDocument>;
  /** Remove keys that expired or were revoked before a moment; return how many. */
  purge(given?: KeysPurgeAsked, options?: CallOptions): Promise<CountDocument>;
  /** Return a key. */
  get(given: KeysGetAsked, options?: CallOptions): Promise<Key>;
  /** Change what is given and leave the rest; never of a revoked key. */
  update(given: KeysUpdateAsked, options?: CallOptions): Promise<Key>;
  /** Revoke a live key and remove it, in one transaction; its audit entries stay. */
  delete(given: KeysDeleteAsked, options?: CallOptions): Promise<void>;
  /** Give a live key a new secret and change nothing else; the old one works until `grace` is over. */
  rotate(given: KeysRotateAsked, options?: CallOptions): Promise<IssuedDocument>;
  /** End a key for good, with every secret of it. */
  revoke(given: KeysRevokeAsked, options?: CallOptions): Promise<Key>;
  /** Switch a key off until `enable`; doing it twice is fine. */
  disable(given: KeysDisableAsked, options?: CallOptions): Promise<Key>;
  /** Switch a disabled key on again. */
  enable(given: KeysEnableAsked, options?: CallOptions): Promise<Key>;
  /** Give a key to another owner of its tenant; its secret, limits and usage stay as they are. */
  handOver(given: KeysHandOverAsked, options?: CallOptions): Promise<Key>;
  /** Return how every limit that counts for a key stands, without its secret: defaults and shared ones, too. */
  limits(given: KeysLimitsAsked, options?: CallOptions): Promise<ListOfLimitState>;
  /** Return the advice about a key: unused scopes, no use, no expiry, no limit, wide networks. */
  advice(given: KeysAdviceAsked, options?: CallOptions): Promise<Advice>;
  /** Return the effects of revoking a key: calls of the last 24 hours, latest addresses, secrets and tokens. */
  impact(given: KeysImpactAsked, options?: CallOptions): Promise<KeyImpact>;
  /** Explain every check of the key's current secret, without the secret. */
  explain(given: KeysExplainAsked, options?: CallOptions): Promise<ExplanationDocument>;
  /** Say how often a key was presented, by hour and code. */
  usage(given: KeysUsageAsked, options?: CallOptions): Promise<ListOfUsageHour>;
}

export interface ImportsCalls {
  /** Import keys, 500 in a transaction, and return how many of them were imported. */
  run(given: ImportsRunAsked, options?: CallOptions): Promise<ImportDocument>;
}

export interface ExportsCalls {
  /** Return one page of an export: tenant, scopes, roles, owners and keys, without secrets and digests. */
  list(given?: ExportsListAsked, options?: CallOptions): Promise<PageOfExportLine>;
}

export interface LimitsCalls {
  /** Take `cost` units of all limits of a subject, or of none; the answer is falsy when one is used up. */
  take(given: LimitsTakeAsked, options?: CallOptions): Promise<LimitsTaken>;
}

export interface CreditsCalls {
  /** Return one page of the keys that have credits, the newest first, with how these stand. */
  list(given?: CreditsListAsked, options?: CallOptions): Promise<PageOfCreditState>;
  /** Return how the credits of a key stand. */
  get(given: CreditsGetAsked, options?: CallOptions): Promise<CreditState>;
  /** Give a key more credits. */
  add(given: CreditsAddAsked, options?: CallOptions): Promise<CreditState>;
  /** Say how many credits are left until the next refill, beside those that are held. */
  set(given: CreditsSetAsked, options?: CallOptions): Promise<CreditState>;
  /** Return the open holds of a key, at most 1,000, those first that end first. */
  holds(given: CreditsHoldsAsked, options?: CallOptions): Promise<ListOfHold>;
  /** Set credits of a live key aside, until you settle or release them. */
  reserve(given: CreditsReserveAsked, options?: CallOptions): Promise<Hold>;
  /** Charge so many credits of a hold, from 0 to all, and free the rest. */
  settle(given: CreditsSettleAsked, options?: CallOptions): Promise<Hold>;
}

export interface SessionsCalls {
  /** Return one page of sessions, the newest first; of one owner, or of all that the actor may see. */
  list(given?: SessionsListAsked, options?: CallOptions): Promise<PageOfSession>;
  /** Sign an owner in: return a session with its first access and refresh token. */
  start(given: SessionsStartAsked, options?: CallOptions): Promise<SessionTokensDocument>;
  /** Take a refresh token for the next pair of tokens. A refusal is an answer, too. */
  refresh(given: SessionsRefreshAsked, options?: CallOptions): Promise<RefreshDocument>;
  /** Return a session. */
  get(given: SessionsGetAsked, options?: CallOptions): Promise<Session>;
  /** End the session of a refresh token. */
  revokeByToken(given: SessionsRevokeByTokenAsked, options?: CallOptions): Promise<Session>;
  /** End a session for good. */
  revoke(given: SessionsRevokeAsked, options?: CallOptions): Promise<Session>;
  /** End all sessions of an owner except those in `keep`; return the ids of the sessions that this call ended. */
  revokeAll(given: SessionsRevokeAllAsked, options?: CallOptions): Promise<RevokedSessionsDocument>;
}

export interface KeyPageCalls {
  /** Return the settings of the key page; those of a new tenant are the defaults. */
  get(given?: KeyPageGetAsked, options?: CallOptions): Promise<KeyPageSettings>;
  /** Replace the settings of the key page; omitted settings get their defaults. */
  put(given?: KeyPagePutAsked, options?: CallOptions): Promise<KeyPageSettings>;
}

export interface PortalCalls {
  /** Make a link to the key page of an owner. */
  open(given: PortalOpenAsked, options?: CallOptions): Promise<PortalLinkDocument>;
}

export interface SigningKeysCalls {
  /** Return the keys of a tenant, the oldest first; a removed one stays in the list. */
  list(given?: SigningKeysListAsked, options?: CallOptions): Promise<ListOfSigningKey>;
  /** Let the next key sign from now on, and make another next key. */
  rotate(given?: SigningKeysRotateAsked, options?: CallOptions): Promise<SigningKey>;
  /** Remove a key that has become known: nothing that it signed is accepted any more. */
  remove(given: SigningKeysRemoveAsked, options?: CallOptions): Promise<SigningKey>;
}

export interface MeCalls {
  /** Return the presented key, its owner, all scopes that it holds, and how its limits and credits stand. */
  get(given?: Record<string, never>, options?: CallOptions): Promise<SelfDocument>;
  /** Replace the key's own secret, if the tenant allows it: the old one works until `grace` is over. */
  rotate(given?: SelfRotateAsked, options?: CallOptions): Promise<IssuedDocument>;
  /** End the presented key, for good. */
  revoke(given?: SelfRevokeAsked, options?: CallOptions): Promise<Key>;
}

export interface UsageCalls {
  /** Say how often a key was presented, by hour and code. */
  get(given: UsageGetAsked, options?: CallOptions): Promise<ListOfUsageHour>;
  /** Add up the usage of many keys, by any of key, owner, code, and day or hour of UTC. */
  summary(given?: UsageSummaryAsked, options?: CallOptions): Promise<UsageSummary>;
}

export interface RefusalsCalls {
  /** Return the last refusals of a key, or of all keys of the tenant, the newest first. */
  list(given?: RefusalsListAsked, options?: CallOptions): Promise<PageOfRefusal>;
  /** Return the refusal that a request was answered with, and every check up to the one that failed. */
  get(given: RefusalsGetAsked, options?: CallOptions): Promise<Refusal>;
}

export interface AuditCalls {
  /** Return one page of entries, the newest first. */
  list(given?: AuditListAsked, options?: CallOptions): Promise<PageOfEntry>;
  /** Return the signed end of the chain, everything written so far included. */
  head(given?: AuditHeadAsked, options?: CallOptions): Promise<Head>;
  /** Check every entry, the chain over them, and that `head`, kept from earlier, still lies on the chain. */
  check(given?: AuditCheckAsked, options?: CallOptions): Promise<AuditReportDocument>;
}

export interface EventsCalls {
  /** Return one page of events after a sequence number, the oldest first. */
  list(given?: EventsListAsked, options?: CallOptions): Promise<PageOfEvent>;
  /** Return the sequence of the last event, 0 when there is none: go on from there to hear of later ones. */
  latest(given?: EventsLatestAsked, options?: CallOptions): Promise<SequenceDocument>;
}

export interface AdviceCalls {
  /** Return one page of advice about active keys, the newest key first. */
  list(given?: AdviceListAsked, options?: CallOptions): Promise<PageOfAdvice>;
}

export interface DoctorCalls {
  /** Make every check and return the results; only operators of the installation and the program may ask. */
  examine(given?: Record<string, never>, options?: CallOptions): Promise<ListOfDiagnosis>;
}

export interface LeaksCalls {
  /** Report a leaked key, refresh token or access token of any tenant, and return what was done about it. */
  report(given: LeaksReportAsked, options?: CallOptions): Promise<LeakReport>;
}

export interface WebhooksCalls {
  /** Return one page of endpoints, the oldest first. */
  list(given?: WebhooksListAsked, options?: CallOptions): Promise<PageOfWebhook>;
  /** Create an endpoint that receives every matching event from now on; its secret is shown this once. */
  create(given: WebhooksCreateAsked, options?: CallOptions): Promise<CreatedWebhookDocument>;
  /** Return an endpoint. */
  get(given: WebhooksGetAsked, options?: CallOptions): Promise<Webhook>;
  /** Change the given fields of an endpoint. */
  update(given: WebhooksUpdateAsked, options?: CallOptions): Promise<Webhook>;
  /** Remove an endpoint and what waits for it. */
  delete(given: WebhooksDeleteAsked, options?: CallOptions): Promise<void>;
  /** Send nothing to an endpoint until it is resumed; missed events are kept and sent then. */
  pause(given: WebhooksPauseAsked, options?: CallOptions): Promise<Webhook>;
  /** Send to a paused endpoint again, first the events it has missed. */
  resume(given: WebhooksResumeAsked, options?: CallOptions): Promise<Webhook>;
  /** Give an endpoint a new secret, shown this once; until `grace` is over, requests are signed with both. */
  rotateSecret(given: WebhooksRotateSecretAsked, options?: CallOptions): Promise<CreatedWebhookDocument>;
  /** Send an event `webhook.test` to an endpoint, even a paused one: one attempt, which changes nothing else. */
  test(given: WebhooksTestAsked, options?: CallOptions): Promise<Delivery>;
  /** Return one page of an endpoint's deliveries and their attempts, the newest first. */
  deliveries(given: WebhooksDeliveriesAsked, options?: CallOptions): Promise<PageOfDelivery>;
  /** Send events to an endpoint once more, each with its old id, signed anew: one attempt each. */
  replay(given: WebhooksReplayAsked, options?: CallOptions): Promise<Replay>;
}

export interface Groups {
  readonly tenants: TenantsCalls;
  readonly owners: OwnersCalls;
  readonly roles: RolesCalls;
  readonly scopes: ScopesCalls;
  readonly keys: KeysCalls;
  readonly imports: ImportsCalls;
  readonly exports: ExportsCalls;
  readonly limits: LimitsCalls;
  readonly credits: CreditsCalls;
  readonly sessions: SessionsCalls;
  readonly keyPage: KeyPageCalls;
  readonly portal: PortalCalls;
  readonly signingKeys: SigningKeysCalls;
  readonly me: MeCalls;
  readonly usage: UsageCalls;
  readonly refusals: RefusalsCalls;
  readonly audit: AuditCalls;
  readonly events: EventsCalls;
  readonly advice: AdviceCalls;
  readonly doctor: DoctorCalls;
  readonly leaks: LeaksCalls;
  readonly webhooks: WebhooksCalls;
  /** Evaluate every check for a credential and mark the first failure. */
  explain(given: ExplainAsked, options?: CallOptions): Promise<ExplanationDocument>;
}

/** Every call: its verb and path. `?tenant` marks those that take a tenant in the query. */
export const OPERATIONS: Readonly<Record<string, string>> = {
  "tenants.list": "GET /v1/tenants",
  "tenants.create": "POST /v1/tenants",
  "tenants.get": "GET /v1/tenants/{slug}",
  "tenants.update": "PATCH /v1/tenants/{slug}",
  "tenants.delete": "DELETE /v1/tenants/{slug}",
  "tenants.suspend": "POST /v1/tenants/{slug}/suspend",
  "tenants.resume": "POST /v1/tenants/{slug}/resume",
  "owners.list": "GET /v1/owners?tenant",
  "owners.get": "GET /v1/owners/{external_id}?tenant",
  "owners.put": "PUT /v1/owners/{external_id}?tenant",
  "owners.delete": "DELETE /v1/owners/{external_id}?tenant",
  "owners.disable": "POST /v1/owners/{external_id}/disable?tenant",
  "owners.enable": "POST /v1/owners/{external_id}/enable?tenant",
  "owners.handOver": "POST /v1/owners/{external_id}/hand-over?tenant",
  "roles.list": "GET /v1/roles?tenant",
  "roles.get": "GET /v1/roles/{name}?tenant",
  "roles.put": "PUT /v1/roles/{name}?tenant",
  "roles.delete": "DELETE /v1/roles/{name}?tenant",
  "scopes.list": "GET /v1/scopes?tenant",
  "scopes.define": "PUT /v1/scopes?tenant",
  "scopes.check": "POST /v1/scopes/check?tenant",
  "keys.list": "GET /v1/keys?tenant",
  "keys.issue": "POST /v1/keys?tenant",
  "keys.facets": "GET /v1/keys/facets?tenant",
  "keys.expiring": "GET /v1/keys/expiring?tenant",
  "keys.find": "POST /v1/keys/find?tenant",
  "keys.issueMany": "POST /v1/keys/bulk?tenant",
  "keys.revokeWhere": "POST /v1/keys/bulk-revoke?tenant",
  "keys.purge": "POST /v1/keys/purge?tenant",
  "imports.run": "POST /v1/imports?tenant",
  "exports.list": "GET /v1/export?tenant",
  "keys.get": "GET /v1/keys/{id}?tenant",
  "keys.update": "PATCH /v1/keys/{id}?tenant",
  "keys.delete": "DELETE /v1/keys/{id}?tenant",
  "keys.rotate": "POST /v1/keys/{id}/rotate?tenant",
  "keys.revoke": "POST /v1/keys/{id}/revoke?tenant",
  "keys.disable": "POST /v1/keys/{id}/disable?tenant",
  "keys.enable": "POST /v1/keys/{id}/enable?tenant",
  "keys.handOver": "POST /v1/keys/{id}/hand-over?tenant",
  "keys.limits": "GET /v1/keys/{id}/limits?tenant",
  "keys.advice": "GET /v1/keys/{id}/advice?tenant",
  "keys.impact": "GET /v1/keys/{id}/impact?tenant",
  "keys.explain": "POST /v1/keys/{id}/explain?tenant",
  "limits.take": "POST /v1/limits/take?tenant",
  "credits.list": "GET /v1/credits?tenant",
  "credits.get": "GET /v1/keys/{id}/credits?tenant",
  "credits.add": "POST /v1/keys/{id}/credits/add?tenant",
  "credits.set": "POST /v1/keys/{id}/credits/set?tenant",
  "credits.holds": "GET /v1/keys/{id}/credits/holds?tenant",
  "credits.reserve": "POST /v1/keys/{id}/credits/holds?tenant",
  "credits.settle": "POST /v1/keys/{id}/credits/settle?tenant",
  "sessions.list": "GET /v1/sessions?tenant",
  "sessions.start": "POST /v1/sessions?tenant",
  "sessions.refresh": "POST /v1/sessions/refresh?tenant",
  "sessions.get": "GET /v1/sessions/{id}?tenant",
  "sessions.revokeByToken": "POST /v1/sessions/revoke?tenant",
  "sessions.revoke": "POST /v1/sessions/{id}/revoke?tenant",
  "sessions.revokeAll": "POST /v1/owners/{owner}/sessions/revoke?tenant",
  "keyPage.get": "GET /v1/key-page?tenant",
  "keyPage.put": "PUT /v1/key-page?tenant",
  "portal.open": "POST /v1/portal/sessions?tenant",
  "signingKeys.list": "GET /v1/signing-keys?tenant",
  "signingKeys.rotate": "POST /v1/signing-keys/rotate?tenant",
  "signingKeys.remove": "POST /v1/signing-keys/{kid}/remove?tenant",
  "me.get": "GET /v1/self",
  "me.rotate": "POST /v1/self/rotate",
  "me.revoke": "POST /v1/self/revoke",
  "explain": "POST /v1/explain",
  "usage.get": "GET /v1/usage?tenant",
  "usage.summary": "POST /v1/usage/summary?tenant",
  "refusals.list": "GET /v1/refusals?tenant",
  "refusals.get": "GET /v1/refusals/{request_id}?tenant",
  "audit.list": "GET /v1/audit?tenant",
  "audit.head": "GET /v1/audit/head?tenant",
  "audit.check": "POST /v1/audit/check?tenant",
  "events.list": "GET /v1/events?tenant",
  "events.latest": "GET /v1/events/latest?tenant",
  "advice.list": "GET /v1/advice?tenant",
  "doctor.examine": "GET /v1/doctor",
  "leaks.report": "POST /v1/leaks",
  "webhooks.list": "GET /v1/webhooks?tenant",
  "webhooks.create": "POST /v1/webhooks?tenant",
  "webhooks.get": "GET /v1/webhooks/{id}?tenant",
  "webhooks.update": "PATCH /v1/webhooks/{id}?tenant",
  "webhooks.delete": "DELETE /v1/webhooks/{id}?tenant",
  "webhooks.pause": "POST /v1/webhooks/{id}/pause?tenant",
  "webhooks.resume": "POST /v1/webhooks/{id}/resume?tenant",
  "webhooks.rotateSecret": "POST /v1/webhooks/{id}/rotate-secret?tenant",
  "webhooks.test": "POST /v1/webhooks/{id}/test?tenant",
  "webhooks.deliveries": "GET /v1/webhooks/{id}/deliveries?tenant",
  "webhooks.replay": "POST /v1/webhooks/{id}/replay?tenant",
  "keys.usage": "GET /v1/keys/{key_id}/usage?tenant",
};
