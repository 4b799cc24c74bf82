// Code generated from the OpenAPI document by `make types`. DO NOT EDIT.

package tokenry

import (
	"context"
	"time"
)

// ProblemDocument: An answer that is no success (RFC 9457). `type` is a page about the code.
type ProblemDocument struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int64          `json:"status"`
	Detail    string         `json:"detail"`
	Code      string         `json:"code"`
	RequestID string         `json:"request_id"`
	Errors    []FieldProblem `json:"errors"`
}

// FieldProblem: A mistake in one field.
type FieldProblem struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// TenantDocument: A customer of the installation.
type TenantDocument struct {
	ID                      string    `json:"id"`
	Slug                    string    `json:"slug"`
	Name                    string    `json:"name"`
	Prefix                  string    `json:"prefix"`
	Status                  string    `json:"status"`
	ExpiresInDefaultSeconds float64   `json:"expires_in_default_seconds"`
	ExpiresInMaxSeconds     float64   `json:"expires_in_max_seconds"`
	NeverAllowed            bool      `json:"never_allowed"`
	SelfRotationAllowed     bool      `json:"self_rotation_allowed"`
	CreatedAt               time.Time `json:"created_at"`
	DefaultLimits           []Limit   `json:"default_limits"`
	SharedLimits            []Limit   `json:"shared_limits"`
	TimeZone                string    `json:"time_zone"`
	OnLeak                  string    `json:"on_leak"`
	MaxIdleSeconds          *float64  `json:"max_idle_seconds"`
	Contact                 string    `json:"contact"`
}

// Limit: At most `limit` requests in every window of `window_seconds`.
type Limit struct {
	Name          string `json:"name"`
	Limit         int64  `json:"limit"`
	WindowSeconds int64  `json:"window_seconds"`
}

// LimitBody: At most `limit` requests in every window of `window_seconds`.
type LimitBody struct {
	Name          string `json:"name"`
	Limit         int64  `json:"limit"`
	WindowSeconds int64  `json:"window_seconds"`
}

// Owner: The owner of keys: a user or a service of the tenant, known to the host by `external_id`.
type Owner struct {
	ID            string     `json:"id"`
	Tenant        string     `json:"tenant"`
	ExternalID    string     `json:"external_id"`
	Name          string     `json:"name"`
	Email         string     `json:"email"`
	Roles         []string   `json:"roles"`
	Admin         bool       `json:"admin"`
	Status        string     `json:"status"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     *time.Time `json:"updated_at"`
	DefaultLimits []Limit    `json:"default_limits"`
	SharedLimits  []Limit    `json:"shared_limits"`
}

// OwnerHandOver: How many keys of `owner` now belong to `to` (in a dry run: would), and how many stay, with the first 1,000. `next_cursor` is None when no key is left.
type OwnerHandOver struct {
	Owner        string       `json:"owner"`
	To           string       `json:"to"`
	DryRun       bool         `json:"dry_run"`
	HandedCount  int64        `json:"handed_count"`
	SkippedCount int64        `json:"skipped_count"`
	Skipped      []SkippedKey `json:"skipped"`
	NextCursor   string       `json:"next_cursor"`
}

// SkippedKey: A key that stays with its owner: `code` and `message` are those of the error that `keys.hand_over` raises.
type SkippedKey struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Role: A named set of scopes in a tenant.
type Role struct {
	Tenant string   `json:"tenant"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
}

// ScopesDocument: The catalogue of scopes; empty when any well-formed scope may be granted.
type ScopesDocument struct {
	Scopes []string `json:"scopes"`
}

// ScopeCheckDocument: Whether scopes may be granted, and which are unknown.
type ScopeCheckDocument struct {
	Known   bool     `json:"known"`
	Unknown []string `json:"unknown"`
}

// Key: A stable identity for API access. Secrets come and go, the key stays. `max_idle` is None in a verdict.
type Key struct {
	ID             string         `json:"id"`
	Tenant         string         `json:"tenant"`
	Owner          string         `json:"owner"`
	Name           string         `json:"name"`
	Description    string         `json:"description"`
	Scopes         []string       `json:"scopes"`
	Roles          []string       `json:"roles"`
	AllowedIPs     []string       `json:"allowed_ips"`
	Limits         []Limit        `json:"limits"`
	Environment    string         `json:"environment"`
	Status         string         `json:"status"`
	CreatedAt      time.Time      `json:"created_at"`
	UpdatedAt      *time.Time     `json:"updated_at"`
	ExpiresAt      *time.Time     `json:"expires_at"`
	NotBefore      string         `json:"not_before"`
	RevokedAt      *time.Time     `json:"revoked_at"`
	RevokeReason   string         `json:"revoke_reason"`
	LastUsedAt     *time.Time     `json:"last_used_at"`
	LastUsedIP     string         `json:"last_used_ip"`
	UseCount       int64          `json:"use_count"`
	Version        int64          `json:"version"`
	Tags           []string       `json:"tags"`
	Credits        *Credits       `json:"credits"`
	Decoy          bool           `json:"decoy"`
	MaxIdleSeconds *float64       `json:"max_idle_seconds"`
	Metadata       map[string]any `json:"metadata"`
	Secrets        []SecretInfo   `json:"secrets"`
	Rotation       *Rotation      `json:"rotation"`
}

// Credits: The credits of a key: `amount` in total, or again from each refill. `refill` is `"daily"` (at midnight), `"monthly"` (at midnight of `refill_day`, or of the last day of a shorter month), or None. Midnight is that of the tenant's time zone. With `shared=True` a process takes several credits from the database at once and spends them from memory: this is faster, and a process that is killed loses what it had taken, at most a hundredth of `amount`.
type Credits struct {
	Amount    int64  `json:"amount"`
	Refill    string `json:"refill"`
	RefillDay int64  `json:"refill_day"`
	Shared    bool   `json:"shared"`
}

// SecretInfo: The public part of a secret: its `kid`, age, use and leak. `ends_at` is None for the current secret.
type SecretInfo struct {
	Kid        string     `json:"kid"`
	CreatedAt  time.Time  `json:"created_at"`
	EndsAt     *time.Time `json:"ends_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	LastUsedIP string     `json:"last_used_ip"`
	UseCount   int64      `json:"use_count"`
	LeakedAt   *time.Time `json:"leaked_at"`
}

// Rotation: How the rotation of a key stands while its old secret works: when that ends, and when it was last used. It is `safe_to_retire` when neither the rotation nor a use of the old secret was within the last day. The use of the last second may not be counted yet.
type Rotation struct {
	OldKid       string     `json:"old_kid"`
	RotatedAt    time.Time  `json:"rotated_at"`
	EndsAt       time.Time  `json:"ends_at"`
	LastUsedAt   *time.Time `json:"last_used_at"`
	SafeToRetire bool       `json:"safe_to_retire"`
}

type KeysIssueRequest struct {
	Owner            string                   `json:"owner"`
	Name             string                   `json:"name"`
	Scopes           []string                 `json:"scopes"`
	Roles            []string                 `json:"roles"`
	Description      Optional[string]         `json:"description"`
	ExpiresInSeconds Optional[float64]        `json:"expires_in_seconds"`
	ExpiresAt        Optional[time.Time]      `json:"expires_at"`
	NotBefore        Optional[time.Time]      `json:"not_before"`
	AllowedIPs       []string                 `json:"allowed_ips"`
	Limits           []LimitBody              `json:"limits"`
	Environment      Optional[string]         `json:"environment"`
	Metadata         Optional[map[string]any] `json:"metadata"`
	Tags             []string                 `json:"tags"`
	Credits          any                      `json:"credits"`
	// Refuse its secret as unknown, and tell who uses it.
	Decoy          Optional[bool]    `json:"decoy"`
	MaxIdleSeconds Optional[float64] `json:"max_idle_seconds"`
}

// MarshalJSON leaves out what is not set.
func (r KeysIssueRequest) MarshalJSON() ([]byte, error) {
	return marshalGiven(r)
}

// CreditsBody: `amount` credits, ever or again from each refill.
type CreditsBody struct {
	Amount int64            `json:"amount"`
	Refill Optional[string] `json:"refill"`
	// Of a monthly refill. A shorter month has it on its last day.
	RefillDay Optional[int64] `json:"refill_day"`
	// Faster; a process that is killed loses the credits it had taken.
	Shared Optional[bool] `json:"shared"`
}

// MarshalJSON leaves out what is not set.
func (r CreditsBody) MarshalJSON() ([]byte, error) {
	return marshalGiven(r)
}

// IssuedDocument: A key with its secret, which is shown this once.
type IssuedDocument struct {
	Key    Key    `json:"key"`
	Secret string `json:"secret"`
}

// KeyFacets: How many keys have each status, environment, owner, tag, scope and role; the most frequent first, 50 at most. `scopes` are those that are granted to the keys themselves. `asked_scopes` are those of them that a verification of the key asked for within 90 days. The newest `counted_count` keys were counted. `is_complete` is False when there may be older ones.
type KeyFacets struct {
	CountedCount int64        `json:"counted_count"`
	IsComplete   bool         `json:"is_complete"`
	Statuses     []FacetCount `json:"statuses"`
	Environments []FacetCount `json:"environments"`
	Owners       []FacetCount `json:"owners"`
	Tags         []FacetCount `json:"tags"`
	Scopes       []FacetCount `json:"scopes"`
	Roles        []FacetCount `json:"roles"`
	AskedScopes  []FacetCount `json:"asked_scopes"`
}

// FacetCount: One value of a facet, and how many keys have it.
type FacetCount struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// BulkResult: The result for one key: the key with its secret, or the problem (`error`) that kept it from being issued.
type BulkResult struct {
	Key    *Key             `json:"key"`
	Secret string           `json:"secret"`
	Error  *ProblemDocument `json:"error"`
}

// RevokedDocument: The result of a bulk revocation or of its dry run: how many keys, and the first 1,000 of them.
type RevokedDocument struct {
	DryRun       bool          `json:"dry_run"`
	Items        []RevokedItem `json:"items"`
	RevokedCount int64         `json:"revoked_count"`
	RefusedCount int64         `json:"refused_count"`
	NextCursor   string        `json:"next_cursor"`
}

// RevokedItem: The result for one key: `error` is null when it is revoked, or in a dry run would be.
type RevokedItem struct {
	Key   Key    `json:"key"`
	Error string `json:"error"`
}

// CountDocument: How many were removed.
type CountDocument struct {
	DeletedCount int64 `json:"deleted_count"`
}

// ImportDocument: The results for the rows of an import.
type ImportDocument struct {
	DryRun        bool                   `json:"dry_run"`
	ImportedCount int64                  `json:"imported_count"`
	ExistingCount int64                  `json:"existing_count"`
	RefusedCount  int64                  `json:"refused_count"`
	Results       []ImportResultDocument `json:"results"`
}

// ImportResultDocument: The result for one row: `imported`, `exists` (it was imported before) or `refused`, with the reasons.
type ImportResultDocument struct {
	ID     string         `json:"id"`
	Status string         `json:"status"`
	Key    string         `json:"key"`
	Errors []FieldProblem `json:"errors"`
	Notes  []string       `json:"notes"`
}

// ExportLine: One record of a tenant, without secrets and digests. `kind` is `tenant`, `scopes`, `role`, `owner` or `key`.
type ExportLine struct {
	Kind   string         `json:"kind"`
	Record map[string]any `json:"record"`
}

// LimitState: The state of one limit: the units left in the window that ends at `reset_at`. `of` says whether the limit belongs to the key, is shared by all keys of its owner or its tenant, or was taken from for a subject.
type LimitState struct {
	Name          string    `json:"name"`
	Limit         int64     `json:"limit"`
	WindowSeconds int64     `json:"window_seconds"`
	Remaining     int64     `json:"remaining"`
	ResetAt       time.Time `json:"reset_at"`
	Of            string    `json:"of"`
}

// Advice: Advice about a key. Falsy when there are no findings. `scopes` are those of the key itself, not those of its roles. When verifications asked for no scope at all, `unscoped_at` is the time of the last such verification. The needed scopes are then unknown, so no scope is reported as unused.
type Advice struct {
	Key        string       `json:"key"`
	Owner      string       `json:"owner"`
	Name       string       `json:"name"`
	Findings   []Finding    `json:"findings"`
	Scopes     []AskedScope `json:"scopes"`
	UnscopedAt *time.Time   `json:"unscoped_at"`
}

// Finding: One finding about a key: its `code`, the remedy in `message`, and the scopes or dates concerned in `values`.
type Finding struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Values  []string `json:"values"`
}

// AskedScope: A scope of a key, and when a verification last asked for it. None: not within 90 days.
type AskedScope struct {
	Scope       string     `json:"scope"`
	LastAskedAt *time.Time `json:"last_asked_at"`
}

// KeyImpact: The effects of revoking a key, as they are known `at` a moment. `valid_count` and `refused_count` are its verifications since `since`, the beginning of the hour 24 hours ago. `addresses` are the last valid one of each secret and those of the latest refusals, the newest first: no other address is recorded. An address may stand there twice: valid, and refused. `kids` are the secrets that stop. Access tokens derived from the key are not recorded, and end with it. Verifiers that work offline may accept one until `offline_until` at the latest, which is None if none can be left. `visit_count` are open visits of the key page, and unused links to it, that this key made: they end with it. No session does: `owner_session_count` are the living ones of its owner. Both are counted up to 100. Counts are None where the actor may not read usage or sessions.
type KeyImpact struct {
	Key               string        `json:"key"`
	Owner             string        `json:"owner"`
	Name              string        `json:"name"`
	Status            string        `json:"status"`
	At                time.Time     `json:"at"`
	Since             string        `json:"since"`
	ValidCount        *int64        `json:"valid_count"`
	RefusedCount      *int64        `json:"refused_count"`
	LastUsedAt        *time.Time    `json:"last_used_at"`
	Addresses         []SeenAddress `json:"addresses"`
	Kids              []string      `json:"kids"`
	OfflineUntil      string        `json:"offline_until"`
	VisitCount        *int64        `json:"visit_count"`
	OwnerSessionCount *int64        `json:"owner_session_count"`
}

// SeenAddress: An address that presented a key, the last time, and the code of that answer: `valid`, or why it was refused.
type SeenAddress struct {
	IP   string    `json:"ip"`
	At   time.Time `json:"at"`
	Code string    `json:"code"`
}

// ExplanationDocument: Every check in its order; `code` is the verdict's.
type ExplanationDocument struct {
	Valid  bool            `json:"valid"`
	Code   string          `json:"code"`
	Checks []CheckDocument `json:"checks"`
}

// CheckDocument: One check of an explanation. `passed` is null when it could not be made, since the credential is unknown. `detail` says more of a failure that has several causes, such as a token for another audience.
type CheckDocument struct {
	Code   string `json:"code"`
	Passed *bool  `json:"passed"`
	Detail string `json:"detail"`
}

// LimitsTaken: The result of `limits.take`; truthy when `allowed`. A falsy result means that nothing was taken. `limited_by` is the limit that refuses. `retry_after` (whole seconds) is None when the cost alone is too much.
type LimitsTaken struct {
	Allowed    bool         `json:"allowed"`
	Limits     []LimitState `json:"limits"`
	RetryAfter *int64       `json:"retry_after"`
	LimitedBy  *LimitState  `json:"limited_by"`
}

// CreditState: The credits of a key: how many remain, how many are held, and when the next refill comes (None for never).
type CreditState struct {
	Key       string     `json:"key"`
	Amount    int64      `json:"amount"`
	Remaining int64      `json:"remaining"`
	Held      int64      `json:"held"`
	ResetAt   *time.Time `json:"reset_at"`
}

// Hold: Credits of a key that are set aside until they are charged or freed. At `expires_at` all of them are freed or charged, as `on_expiry` says. `charged` is None while the hold is open.
type Hold struct {
	ID        string     `json:"id"`
	Key       string     `json:"key"`
	Amount    int64      `json:"amount"`
	OnExpiry  string     `json:"on_expiry"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	Charged   *int64     `json:"charged"`
	EndedAt   *time.Time `json:"ended_at"`
}

// Session: One sign-in of an owner. `scopes` is None when it holds those of its owner's roles, as they are now. It ends at `expires_at` whatever happens, and at `idle_expires_at` unless it is refreshed before.
type Session struct {
	ID            string         `json:"id"`
	Tenant        string         `json:"tenant"`
	Owner         string         `json:"owner"`
	Status        string         `json:"status"`
	Scopes        []string       `json:"scopes"`
	Audience      []string       `json:"audience"`
	Claims        map[string]any `json:"claims"`
	Device        map[string]any `json:"device"`
	ClientID      string         `json:"client_id"`
	Generation    int64          `json:"generation"`
	CreatedAt     time.Time      `json:"created_at"`
	RefreshedAt   time.Time      `json:"refreshed_at"`
	IdleExpiresAt time.Time      `json:"idle_expires_at"`
	ExpiresAt     time.Time      `json:"expires_at"`
	RevokedAt     *time.Time     `json:"revoked_at"`
	RevokeReason  string         `json:"revoke_reason"`
}

// SessionTokensDocument: A session with its access token and the refresh token that gets the next one. Both are shown this once.
type SessionTokensDocument struct {
	Session          Session   `json:"session"`
	Access           string    `json:"access"`
	Refresh          string    `json:"refresh"`
	Scopes           []string  `json:"scopes"`
	AccessExpiresAt  time.Time `json:"access_expires_at"`
	RefreshExpiresAt time.Time `json:"refresh_expires_at"`
}

// RefreshDocument: The next pair of tokens, or with `valid` false and `tokens` null the code that says why there is none.
type RefreshDocument struct {
	Valid  bool                   `json:"valid"`
	Code   string                 `json:"code"`
	Tokens *SessionTokensDocument `json:"tokens"`
}

// RevokedSessionsDocument: The ids of the sessions that this call has ended.
type RevokedSessionsDocument struct {
	Sessions []string `json:"sessions"`
}

// KeyPageSettings: The look, the texts and the permissions of a tenant's key page. `colours` are the colour of the light page and that of the dark page. `texts` are by language and name.
type KeyPageSettings struct {
	Tenant      string                       `json:"tenant"`
	Texts       map[string]map[string]string `json:"texts"`
	Title       string                       `json:"title"`
	Logo        string                       `json:"logo"`
	Colours     []string                     `json:"colours"`
	Language    string                       `json:"language"`
	Permissions []string                     `json:"permissions"`
	KeysMax     int64                        `json:"keys_max"`
	UpdatedAt   *time.Time                   `json:"updated_at"`
}

// PortalLinkDocument: A link to the key page. Its `url` is shown this once, and works once.
type PortalLinkDocument struct {
	ID         string    `json:"id"`
	Tenant     string    `json:"tenant"`
	Owner      string    `json:"owner"`
	Scopes     []string  `json:"scopes"`
	ReturnTo   string    `json:"return_to"`
	RefreshURL string    `json:"refresh_url"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	EndsAt     time.Time `json:"ends_at"`
	URL        string    `json:"url"`
}

// SigningKey: A key that signs access tokens (`active`), will (`next`), or whose tokens are still good (`retiring`).
type SigningKey struct {
	Kid       string         `json:"kid"`
	Tenant    string         `json:"tenant"`
	Algorithm string         `json:"algorithm"`
	Status    string         `json:"status"`
	CreatedAt time.Time      `json:"created_at"`
	ActiveAt  *time.Time     `json:"active_at"`
	RetiredAt *time.Time     `json:"retired_at"`
	RemovedAt *time.Time     `json:"removed_at"`
	Jwk       map[string]any `json:"jwk"`
}

// SelfDocument: The presented key, its owner, all scopes that it holds, and how its limits and credits stand.
type SelfDocument struct {
	Key     Key          `json:"key"`
	Owner   Owner        `json:"owner"`
	Tenant  string       `json:"tenant"`
	Scopes  []string     `json:"scopes"`
	Limits  []LimitState `json:"limits"`
	Credits *CreditState `json:"credits"`
}

// UsageHour: How often a key was answered with one code within one hour, or (`hour_count` is 24) one day of UTC long ago.
type UsageHour struct {
	KeyID     string    `json:"key_id"`
	At        time.Time `json:"at"`
	Code      string    `json:"code"`
	Count     int64     `json:"count"`
	HourCount int64     `json:"hour_count"`
}

// UsageSummary: Usage that was added up, the oldest first and then the most; the largest groups if there are too many. `counted_since` is None when all requested usage was counted. Else there was more usage than one call looks at, and usage older than that moment is missing.
type UsageSummary struct {
	Groups       []UsageGroup `json:"groups"`
	CountedSince string       `json:"counted_since"`
}

// UsageGroup: How often keys were answered. Fields outside `group_by` are None; `at` is the beginning of a day or hour.
type UsageGroup struct {
	Count int64      `json:"count"`
	Key   string     `json:"key"`
	Owner string     `json:"owner"`
	Code  string     `json:"code"`
	At    *time.Time `json:"at"`
}

// Refusal: One verification that was refused. `scopes` are those that were asked for, the first 20. `request_id` is that of the HTTP request, if there was one.
type Refusal struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Owner     string    `json:"owner"`
	Code      string    `json:"code"`
	At        time.Time `json:"at"`
	IP        string    `json:"ip"`
	Scopes    []string  `json:"scopes"`
	RequestID string    `json:"request_id"`
	Checks    []Check   `json:"checks"`
}

// Check: One check of an explanation. `passed` is None when it could not be made, since the credential is unknown. `detail` says more of a failure that has several causes, such as a token for another audience.
type Check struct {
	Code   string `json:"code"`
	Passed *bool  `json:"passed"`
	Detail string `json:"detail"`
}

// Entry: One entry of the audit log: the actor, the action, the subject, and its values before and after. `trace_id` is the trace (W3C Trace Context) that the change belongs to, where one was known.
type Entry struct {
	ID        string         `json:"id"`
	At        time.Time      `json:"at"`
	Tenant    string         `json:"tenant"`
	Actor     string         `json:"actor"`
	Action    string         `json:"action"`
	Subject   string         `json:"subject"`
	Before    map[string]any `json:"before"`
	After     map[string]any `json:"after"`
	IP        string         `json:"ip"`
	RequestID string         `json:"request_id"`
	Position  *int64         `json:"position"`
	TraceID   string         `json:"trace_id"`
}

// Head: The end of a tenant's audit chain, signed: keep it elsewhere, and `audit.check(head=…)` finds a cut tail.
type Head struct {
	Tenant    string    `json:"tenant"`
	Position  int64     `json:"position"`
	Chain     string    `json:"chain"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature"`
}

// HeadBody: A head as `GET /v1/audit/head` returned it.
type HeadBody struct {
	Tenant    string    `json:"tenant"`
	Position  int64     `json:"position"`
	Chain     string    `json:"chain"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature"`
}

// AuditReportDocument: The result of checking the audit log; it is whole when there are no problems.
type AuditReportDocument struct {
	Whole      bool     `json:"whole"`
	EntryCount int64    `json:"entry_count"`
	Problems   []string `json:"problems"`
}

// Event: Something that happened. `sequence` orders the events of an installation for its readers. A subscriber is told before the place of an event is settled, so there `sequence` is 0: tell repeats by `id`.
type Event struct {
	Sequence int64          `json:"sequence"`
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	At       time.Time      `json:"at"`
	Tenant   string         `json:"tenant"`
	Subject  string         `json:"subject"`
	Actor    string         `json:"actor"`
	Data     map[string]any `json:"data"`
}

// SequenceDocument: The sequence of an event.
type SequenceDocument struct {
	Sequence int64 `json:"sequence"`
}

// Diagnosis: The result of one check of an installation: what was checked, how it stands, and what to do about it. `step` says what to do, and `command` is the command that does it; each is empty where there is none. `unreachable` means that the database did not answer.
type Diagnosis struct {
	Check       string `json:"check"`
	Status      string `json:"status"`
	Message     string `json:"message"`
	Step        string `json:"step"`
	Command     string `json:"command"`
	Unreachable bool   `json:"unreachable"`
}

// LeakReport: The result of a leak report. Truthy when the credential is one of this installation (`true_positive`). `action` is the state after the report: the key or session is `revoked`; the key is `flagged`; the secret has `ended` and opens nothing, while its key goes on; a derived token `expires` by itself; `none` for a credential that is unknown here.
type LeakReport struct {
	Label   string `json:"label"`
	Action  string `json:"action"`
	Kind    string `json:"kind"`
	Tenant  string `json:"tenant"`
	Subject string `json:"subject"`
}

// Webhook: An endpoint that events are sent to. `types` are names and patterns of events, `public_key` verifies v1a.
type Webhook struct {
	ID           string     `json:"id"`
	Tenant       string     `json:"tenant"`
	URL          string     `json:"url"`
	Description  string     `json:"description"`
	Types        []string   `json:"types"`
	Include      string     `json:"include"`
	Status       string     `json:"status"`
	PauseReason  string     `json:"pause_reason"`
	PausedAt     *time.Time `json:"paused_at"`
	FailingSince string     `json:"failing_since"`
	FailureCount int64      `json:"failure_count"`
	PublicKey    string     `json:"public_key"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	Version      int64      `json:"version"`
}

// CreatedWebhookDocument: An endpoint with its new secret, which is shown this once.
type CreatedWebhookDocument struct {
	Webhook Webhook `json:"webhook"`
	Secret  string  `json:"secret"`
}

// Delivery: One event on its way to one endpoint, with the attempts so far. `due_at` is when the next one is made.
type Delivery struct {
	ID           string     `json:"id"`
	Webhook      string     `json:"webhook"`
	Event        string     `json:"event"`
	Type         string     `json:"type"`
	Kind         string     `json:"kind"`
	Status       string     `json:"status"`
	CreatedAt    time.Time  `json:"created_at"`
	DueAt        *time.Time `json:"due_at"`
	EndedAt      *time.Time `json:"ended_at"`
	AttemptCount int64      `json:"attempt_count"`
	Attempts     []Attempt  `json:"attempts"`
}

// Attempt: One attempt to deliver: when, how long it took, and the HTTP status and the first 1 KiB of the answer. `http_status` is None when there was no answer; `error` says why.
type Attempt struct {
	At         time.Time `json:"at"`
	DurationMs int64     `json:"duration_ms"`
	HttpStatus *int64    `json:"http_status"`
	Error      string    `json:"error"`
	Excerpt    string    `json:"excerpt"`
}

// Replay: How many events are sent once more, or in a dry run would be.
type Replay struct {
	Count  int64 `json:"count"`
	DryRun bool  `json:"dry_run"`
}

type Verdict struct {
	Valid bool `json:"valid"`
	// `valid`, or why not.
	Code    string         `json:"code"`
	Kind    string         `json:"kind"`
	Key     *Key           `json:"key"`
	Session *Session       `json:"session"`
	Owner   *Owner         `json:"owner"`
	Tenant  *VerdictTenant `json:"tenant"`
	Scopes  []string       `json:"scopes"`
	// The claims of an access token; empty for keys and refusals.
	Claims     map[string]any `json:"claims"`
	Limits     []LimitState   `json:"limits"`
	RetryAfter *int64         `json:"retry_after"`
	// The limit that refuses, of `rate_limited`.
	LimitedBy *LimitState  `json:"limited_by"`
	Credits   *CreditState `json:"credits"`
}

type VerdictTenant struct {
	ID     string `json:"id"`
	Slug   string `json:"slug"`
	Name   string `json:"name"`
	Prefix string `json:"prefix"`
	Status string `json:"status"`
	// In whole seconds.
	ExpiresInDefaultSeconds int64 `json:"expires_in_default_seconds"`
	// In whole seconds.
	ExpiresInMaxSeconds int64     `json:"expires_in_max_seconds"`
	NeverAllowed        bool      `json:"never_allowed"`
	SelfRotationAllowed bool      `json:"self_rotation_allowed"`
	CreatedAt           time.Time `json:"created_at"`
	DefaultLimits       []Limit   `json:"default_limits"`
	SharedLimits        []Limit   `json:"shared_limits"`
	// Credits are refilled at midnight there.
	TimeZone string `json:"time_zone"`
	// The effect of a leak report on a key.
	OnLeak string `json:"on_leak"`
	// Keys that are unused for so long are disabled.
	MaxIdleSeconds *int64 `json:"max_idle_seconds"`
	// The mail address for notices.
	Contact string `json:"contact"`
}

// TenantsListParams: Arguments of tenants.list.
type TenantsListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
}

func (p TenantsListParams) after(cursor string) TenantsListParams {
	p.Cursor = Set(cursor)
	return p
}

// TenantsCreateParams: Arguments of tenants.create.
type TenantsCreateParams struct {
	Slug   string           `json:"slug"`
	Name   Optional[string] `json:"name"`
	Prefix Optional[string] `json:"prefix"`
	// In seconds.
	ExpiresInDefaultSeconds Optional[float64] `json:"expires_in_default_seconds"`
	// In seconds.
	ExpiresInMaxSeconds Optional[float64] `json:"expires_in_max_seconds"`
	NeverAllowed        Optional[bool]    `json:"never_allowed"`
	SelfRotationAllowed Optional[bool]    `json:"self_rotation_allowed"`
	// The limits of each key that has none of its own.
	DefaultLimits []LimitBody `json:"default_limits"`
	// Limits that all keys of it use up together.
	SharedLimits []LimitBody `json:"shared_limits"`
	// An IANA name. Credits are refilled at midnight there.
	TimeZone Optional[string] `json:"time_zone"`
	// The effect of a leak report on a key.
	OnLeak         Optional[string]  `json:"on_leak"`
	MaxIdleSeconds Optional[float64] `json:"max_idle_seconds"`
	Contact        Optional[string]  `json:"contact"`
}

// TenantsGetParams: Arguments of tenants.get.
type TenantsGetParams struct {
	// The slug of a tenant.
	Slug string `json:"slug"`
}

// TenantsUpdateParams: Arguments of tenants.update.
type TenantsUpdateParams struct {
	// The slug of a tenant.
	Slug   string           `json:"slug"`
	Name   Optional[string] `json:"name"`
	Prefix Optional[string] `json:"prefix"`
	// In seconds.
	ExpiresInDefaultSeconds Optional[float64] `json:"expires_in_default_seconds"`
	// In seconds.
	ExpiresInMaxSeconds Optional[float64] `json:"expires_in_max_seconds"`
	NeverAllowed        Optional[bool]    `json:"never_allowed"`
	SelfRotationAllowed Optional[bool]    `json:"self_rotation_allowed"`
	// The limits of each key that has none of its own.
	DefaultLimits []LimitBody `json:"default_limits"`
	// Limits that all keys of it use up together.
	SharedLimits []LimitBody `json:"shared_limits"`
	// An IANA name. Credits are refilled at midnight there.
	TimeZone Optional[string] `json:"time_zone"`
	// The effect of a leak report on a key.
	OnLeak         Optional[string]  `json:"on_leak"`
	MaxIdleSeconds Optional[float64] `json:"max_idle_seconds"`
	Contact        Optional[string]  `json:"contact"`
}

// TenantsDeleteParams: Arguments of tenants.delete.
type TenantsDeleteParams struct {
	// The slug of a tenant.
	Slug string `json:"slug"`
}

// TenantsSuspendParams: Arguments of tenants.suspend.
type TenantsSuspendParams struct {
	// The slug of a tenant.
	Slug string `json:"slug"`
}

// TenantsResumeParams: Arguments of tenants.resume.
type TenantsResumeParams struct {
	// The slug of a tenant.
	Slug string `json:"slug"`
}

// OwnersListParams: Arguments of owners.list.
type OwnersListParams struct {
	Text Optional[string] `json:"text"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p OwnersListParams) after(cursor string) OwnersListParams {
	p.Cursor = Set(cursor)
	return p
}

// OwnersGetParams: Arguments of owners.get.
type OwnersGetParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// OwnersPutParams: Arguments of owners.put.
type OwnersPutParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Name   Optional[string] `json:"name"`
	Email  Optional[string] `json:"email"`
	Roles  []string         `json:"roles"`
	Admin  Optional[bool]   `json:"admin"`
	// The limits of each key that has none of its own.
	DefaultLimits []LimitBody `json:"default_limits"`
	// Limits that all keys of it use up together.
	SharedLimits []LimitBody `json:"shared_limits"`
}

// OwnersDeleteParams: Arguments of owners.delete.
type OwnersDeleteParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// OwnersDisableParams: Arguments of owners.disable.
type OwnersDisableParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// OwnersEnableParams: Arguments of owners.enable.
type OwnersEnableParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// OwnersHandOverParams: Arguments of owners.hand_over.
type OwnersHandOverParams struct {
	// The owner's id in your own system.
	ExternalID string `json:"external_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	To     string           `json:"to"`
	// Only count the keys that would be handed over.
	DryRun Optional[bool]   `json:"dry_run"`
	Limit  Optional[int64]  `json:"limit"`
	Cursor Optional[string] `json:"cursor"`
}

func (p OwnersHandOverParams) after(cursor string) OwnersHandOverParams {
	p.Cursor = Set(cursor)
	return p
}

// RolesListParams: Arguments of roles.list.
type RolesListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p RolesListParams) after(cursor string) RolesListParams {
	p.Cursor = Set(cursor)
	return p
}

// RolesGetParams: Arguments of roles.get.
type RolesGetParams struct {
	// The name of a role.
	Name string `json:"name"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// RolesPutParams: Arguments of roles.put.
type RolesPutParams struct {
	// The name of a role.
	Name string `json:"name"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Scopes []string         `json:"scopes"`
}

// RolesDeleteParams: Arguments of roles.delete.
type RolesDeleteParams struct {
	// The name of a role.
	Name string `json:"name"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// ScopesListParams: Arguments of scopes.list.
type ScopesListParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// ScopesDefineParams: Arguments of scopes.define.
type ScopesDefineParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Scopes []string         `json:"scopes"`
}

// ScopesCheckParams: Arguments of scopes.check.
type ScopesCheckParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Scopes []string         `json:"scopes"`
}

// KeysListParams: Arguments of keys.list.
type KeysListParams struct {
	Owner       Optional[string] `json:"owner"`
	Status      Optional[string] `json:"status"`
	Scope       Optional[string] `json:"scope"`
	Tag         Optional[string] `json:"tag"`
	Environment Optional[string] `json:"environment"`
	Text        Optional[string] `json:"text"`
	// In seconds.
	ExpiringWithinSeconds Optional[float64]   `json:"expiring_within_seconds"`
	LastUsedBefore        Optional[time.Time] `json:"last_used_before"`
	// The order; a minus turns it round. The newest first by default.
	Sort Optional[string] `json:"sort"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p KeysListParams) after(cursor string) KeysListParams {
	p.Cursor = Set(cursor)
	return p
}

// KeysIssueParams: Arguments of keys.issue.
type KeysIssueParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// A repeat with the same one gets the same answer, secret included, for ten minutes.
	IdempotencyKey   Optional[string]         `json:"idempotency_key"`
	Owner            string                   `json:"owner"`
	Name             string                   `json:"name"`
	Scopes           []string                 `json:"scopes"`
	Roles            []string                 `json:"roles"`
	Description      Optional[string]         `json:"description"`
	ExpiresInSeconds Optional[float64]        `json:"expires_in_seconds"`
	ExpiresAt        Optional[time.Time]      `json:"expires_at"`
	NotBefore        Optional[time.Time]      `json:"not_before"`
	AllowedIPs       []string                 `json:"allowed_ips"`
	Limits           []LimitBody              `json:"limits"`
	Environment      Optional[string]         `json:"environment"`
	Metadata         Optional[map[string]any] `json:"metadata"`
	Tags             []string                 `json:"tags"`
	Credits          any                      `json:"credits"`
	// Refuse its secret as unknown, and tell who uses it.
	Decoy          Optional[bool]    `json:"decoy"`
	MaxIdleSeconds Optional[float64] `json:"max_idle_seconds"`
}

// KeysFacetsParams: Arguments of keys.facets.
type KeysFacetsParams struct {
	Owner       Optional[string] `json:"owner"`
	Status      Optional[string] `json:"status"`
	Scope       Optional[string] `json:"scope"`
	Tag         Optional[string] `json:"tag"`
	Environment Optional[string] `json:"environment"`
	Text        Optional[string] `json:"text"`
	// In seconds.
	ExpiringWithinSeconds Optional[float64]   `json:"expiring_within_seconds"`
	LastUsedBefore        Optional[time.Time] `json:"last_used_before"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysExpiringParams: Arguments of keys.expiring.
type KeysExpiringParams struct {
	// In seconds.
	WithinSeconds Optional[float64] `json:"within_seconds"`
	Owner         Optional[string]  `json:"owner"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p KeysExpiringParams) after(cursor string) KeysExpiringParams {
	p.Cursor = Set(cursor)
	return p
}

// KeysFindParams: Arguments of keys.find.
type KeysFindParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Secret Optional[string] `json:"secret"`
	Kid    Optional[string] `json:"kid"`
}

// KeysIssueManyParams: Arguments of keys.issue_many.
type KeysIssueManyParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string]   `json:"tenant"`
	Keys   []KeysIssueRequest `json:"keys"`
}

// KeysRevokeWhereParams: Arguments of keys.revoke_where.
type KeysRevokeWhereParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant      Optional[string] `json:"tenant"`
	Owner       Optional[string] `json:"owner"`
	Status      Optional[string] `json:"status"`
	Scope       Optional[string] `json:"scope"`
	Tag         Optional[string] `json:"tag"`
	Environment Optional[string] `json:"environment"`
	Text        Optional[string] `json:"text"`
	// In seconds.
	ExpiringWithinSeconds Optional[float64]   `json:"expiring_within_seconds"`
	LastUsedBefore        Optional[time.Time] `json:"last_used_before"`
	Reason                Optional[string]    `json:"reason"`
	// Only list what would be revoked.
	DryRun Optional[bool]   `json:"dry_run"`
	Limit  Optional[int64]  `json:"limit"`
	Cursor Optional[string] `json:"cursor"`
}

func (p KeysRevokeWhereParams) after(cursor string) KeysRevokeWhereParams {
	p.Cursor = Set(cursor)
	return p
}

// KeysPurgeParams: Arguments of keys.purge.
type KeysPurgeParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant        Optional[string]    `json:"tenant"`
	ExpiredBefore Optional[time.Time] `json:"expired_before"`
	RevokedBefore Optional[time.Time] `json:"revoked_before"`
	Limit         Optional[int64]     `json:"limit"`
}

// ImportsRunParams: Arguments of imports.run.
type ImportsRunParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// Keys of the other system (docs/import.md).
	Rows   []map[string]any `json:"rows"`
	Source Optional[string] `json:"source"`
	// Only say what would become of every row.
	DryRun Optional[bool] `json:"dry_run"`
}

// ExportsListParams: Arguments of exports.list.
type ExportsListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p ExportsListParams) after(cursor string) ExportsListParams {
	p.Cursor = Set(cursor)
	return p
}

// KeysGetParams: Arguments of keys.get.
type KeysGetParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysUpdateParams: Arguments of keys.update.
type KeysUpdateParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// The `ETag` of the key that you read.
	IfVersion        Optional[int64]          `json:"if_version"`
	Name             Optional[string]         `json:"name"`
	Description      Optional[string]         `json:"description"`
	Scopes           []string                 `json:"scopes"`
	Roles            []string                 `json:"roles"`
	AllowedIPs       []string                 `json:"allowed_ips"`
	Limits           []LimitBody              `json:"limits"`
	ExpiresInSeconds Optional[float64]        `json:"expires_in_seconds"`
	ExpiresAt        Optional[time.Time]      `json:"expires_at"`
	NotBefore        Optional[time.Time]      `json:"not_before"`
	Metadata         Optional[map[string]any] `json:"metadata"`
	Tags             []string                 `json:"tags"`
	Credits          any                      `json:"credits"`
	MaxIdleSeconds   Optional[float64]        `json:"max_idle_seconds"`
}

// KeysDeleteParams: Arguments of keys.delete.
type KeysDeleteParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysRotateParams: Arguments of keys.rotate.
type KeysRotateParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// A repeat with the same one gets the same answer, secret included, for ten minutes.
	IdempotencyKey Optional[string] `json:"idempotency_key"`
	// In seconds.
	GraceSeconds Optional[float64] `json:"grace_seconds"`
}

// KeysRevokeParams: Arguments of keys.revoke.
type KeysRevokeParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Reason Optional[string] `json:"reason"`
}

// KeysDisableParams: Arguments of keys.disable.
type KeysDisableParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysEnableParams: Arguments of keys.enable.
type KeysEnableParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysHandOverParams: Arguments of keys.hand_over.
type KeysHandOverParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Owner  string           `json:"owner"`
}

// KeysLimitsParams: Arguments of keys.limits.
type KeysLimitsParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysAdviceParams: Arguments of keys.advice.
type KeysAdviceParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysImpactParams: Arguments of keys.impact.
type KeysImpactParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeysExplainParams: Arguments of keys.explain.
type KeysExplainParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Scopes any              `json:"scopes"`
	IP     Optional[string] `json:"ip"`
	Cost   Optional[int64]  `json:"cost"`
}

// LimitsTakeParams: Arguments of limits.take.
type LimitsTakeParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant  Optional[string] `json:"tenant"`
	Name    string           `json:"name"`
	Subject string           `json:"subject"`
	Limits  []LimitBody      `json:"limits"`
	Cost    Optional[int64]  `json:"cost"`
}

// CreditsListParams: Arguments of credits.list.
type CreditsListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p CreditsListParams) after(cursor string) CreditsListParams {
	p.Cursor = Set(cursor)
	return p
}

// CreditsGetParams: Arguments of credits.get.
type CreditsGetParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// CreditsAddParams: Arguments of credits.add.
type CreditsAddParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Amount int64            `json:"amount"`
}

// CreditsSetParams: Arguments of credits.set.
type CreditsSetParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant    Optional[string] `json:"tenant"`
	Remaining int64            `json:"remaining"`
}

// CreditsHoldsParams: Arguments of credits.holds.
type CreditsHoldsParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// CreditsReserveParams: Arguments of credits.reserve.
type CreditsReserveParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Amount int64            `json:"amount"`
	// In seconds.
	ExpiresInSeconds Optional[float64] `json:"expires_in_seconds"`
	// Free or charge the credits of a hold that is not settled in time.
	OnExpiry Optional[string] `json:"on_expiry"`
}

// CreditsSettleParams: Arguments of credits.settle.
type CreditsSettleParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Hold   string           `json:"hold"`
	Amount int64            `json:"amount"`
}

// SessionsListParams: Arguments of sessions.list.
type SessionsListParams struct {
	Owner Optional[string] `json:"owner"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p SessionsListParams) after(cursor string) SessionsListParams {
	p.Cursor = Set(cursor)
	return p
}

// SessionsStartParams: Arguments of sessions.start.
type SessionsStartParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant   Optional[string]         `json:"tenant"`
	Owner    string                   `json:"owner"`
	Claims   Optional[map[string]any] `json:"claims"`
	Audience any                      `json:"audience"`
	Scopes   Optional[[]string]       `json:"scopes"`
	Device   Optional[map[string]any] `json:"device"`
	ClientID Optional[string]         `json:"client_id"`
}

// SessionsRefreshParams: Arguments of sessions.refresh.
type SessionsRefreshParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant   Optional[string]   `json:"tenant"`
	Refresh  string             `json:"refresh"`
	Access   Optional[string]   `json:"access"`
	Scopes   Optional[[]string] `json:"scopes"`
	ClientID Optional[string]   `json:"client_id"`
}

// SessionsGetParams: Arguments of sessions.get.
type SessionsGetParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// SessionsRevokeByTokenParams: Arguments of sessions.revoke_by_token.
type SessionsRevokeByTokenParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant   Optional[string] `json:"tenant"`
	Refresh  string           `json:"refresh"`
	Reason   Optional[string] `json:"reason"`
	ClientID Optional[string] `json:"client_id"`
}

// SessionsRevokeParams: Arguments of sessions.revoke.
type SessionsRevokeParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant   Optional[string] `json:"tenant"`
	Reason   Optional[string] `json:"reason"`
	ClientID Optional[string] `json:"client_id"`
}

// SessionsRevokeAllParams: Arguments of sessions.revoke_all.
type SessionsRevokeAllParams struct {
	// The owner's id in your own system.
	Owner string `json:"owner"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Keep   any              `json:"keep"`
	Reason Optional[string] `json:"reason"`
	Limit  Optional[int64]  `json:"limit"`
}

// KeyPageGetParams: Arguments of key_page.get.
type KeyPageGetParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// KeyPagePutParams: Arguments of key_page.put.
type KeyPagePutParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant   Optional[string]                       `json:"tenant"`
	Title    Optional[string]                       `json:"title"`
	Logo     Optional[string]                       `json:"logo"`
	Colours  Optional[[]string]                     `json:"colours"`
	Language Optional[string]                       `json:"language"`
	Texts    Optional[map[string]map[string]string] `json:"texts"`
	// The permissions of owners on their key page.
	Permissions []string        `json:"permissions"`
	KeysMax     Optional[int64] `json:"keys_max"`
}

// PortalOpenParams: Arguments of portal.open.
type PortalOpenParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant     Optional[string]   `json:"tenant"`
	Owner      string             `json:"owner"`
	Scopes     Optional[[]string] `json:"scopes"`
	ReturnTo   Optional[string]   `json:"return_to"`
	RefreshURL Optional[string]   `json:"refresh_url"`
	// In seconds.
	ExpiresInSeconds Optional[float64] `json:"expires_in_seconds"`
}

// SigningKeysListParams: Arguments of signing_keys.list.
type SigningKeysListParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// SigningKeysRotateParams: Arguments of signing_keys.rotate.
type SigningKeysRotateParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// SigningKeysRemoveParams: Arguments of signing_keys.remove.
type SigningKeysRemoveParams struct {
	// The `kid` of a signing key.
	Kid string `json:"kid"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// SelfRotateParams: Arguments of self.rotate.
type SelfRotateParams struct {
	// A repeat with the same one gets the same answer, secret included, for ten minutes.
	IdempotencyKey Optional[string] `json:"idempotency_key"`
	// In seconds.
	GraceSeconds Optional[float64] `json:"grace_seconds"`
}

// SelfRevokeParams: Arguments of self.revoke.
type SelfRevokeParams struct {
	Reason Optional[string] `json:"reason"`
}

// ExplainParams: Arguments of explain.
type ExplainParams struct {
	Credential string `json:"credential"`
	// One scope, a list (all of them), or nested `{"all": […]}` and `{"any": […]}`.
	Scopes      any              `json:"scopes"`
	IP          Optional[string] `json:"ip"`
	Cost        Optional[int64]  `json:"cost"`
	Tenant      Optional[string] `json:"tenant"`
	Environment Optional[string] `json:"environment"`
	Audience    any              `json:"audience"`
}

// UsageGetParams: Arguments of usage.get.
type UsageGetParams struct {
	KeyID string              `json:"key_id"`
	Since Optional[time.Time] `json:"since"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// UsageSummaryParams: Arguments of usage.summary.
type UsageSummaryParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// Group usage by day or hour, not both.
	GroupBy []string            `json:"group_by"`
	KeyIds  Optional[[]string]  `json:"key_ids"`
	Owner   Optional[string]    `json:"owner"`
	Since   Optional[time.Time] `json:"since"`
	Until   Optional[time.Time] `json:"until"`
	// How many groups at most.
	Limit Optional[int64] `json:"limit"`
}

// RefusalsListParams: Arguments of refusals.list.
type RefusalsListParams struct {
	KeyID Optional[string] `json:"key_id"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p RefusalsListParams) after(cursor string) RefusalsListParams {
	p.Cursor = Set(cursor)
	return p
}

// RefusalsGetParams: Arguments of refusals.get.
type RefusalsGetParams struct {
	// The `X-Request-Id` of an answer.
	RequestID string `json:"request_id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// AuditListParams: Arguments of audit.list.
type AuditListParams struct {
	Subject Optional[string] `json:"subject"`
	Actor   Optional[string] `json:"actor"`
	Action  Optional[string] `json:"action"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p AuditListParams) after(cursor string) AuditListParams {
	p.Cursor = Set(cursor)
	return p
}

// AuditHeadParams: Arguments of audit.head.
type AuditHeadParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// AuditCheckParams: Arguments of audit.check.
type AuditCheckParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string]   `json:"tenant"`
	Head   Optional[HeadBody] `json:"head"`
}

// EventsListParams: Arguments of events.list.
type EventsListParams struct {
	// The `sequence` of the last event that you have.
	After Optional[int64] `json:"after"`
	// Types or patterns: `types=key.*&types=owner.deleted`.
	Types []string `json:"types"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// How many seconds to wait while there is none.
	Wait Optional[float64] `json:"wait"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p EventsListParams) after(cursor string) EventsListParams {
	p.Cursor = Set(cursor)
	return p
}

// EventsLatestParams: Arguments of events.latest.
type EventsLatestParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// AdviceListParams: Arguments of advice.list.
type AdviceListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p AdviceListParams) after(cursor string) AdviceListParams {
	p.Cursor = Set(cursor)
	return p
}

// LeaksReportParams: Arguments of leaks.report.
type LeaksReportParams struct {
	Secret string           `json:"secret"`
	Source Optional[string] `json:"source"`
	// Where it was found.
	URL Optional[string] `json:"url"`
}

// WebhooksListParams: Arguments of webhooks.list.
type WebhooksListParams struct {
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p WebhooksListParams) after(cursor string) WebhooksListParams {
	p.Cursor = Set(cursor)
	return p
}

// WebhooksCreateParams: Arguments of webhooks.create.
type WebhooksCreateParams struct {
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	URL    string           `json:"url"`
	// Types or patterns.
	Types       []string         `json:"types"`
	Description Optional[string] `json:"description"`
	Include     Optional[string] `json:"include"`
}

// WebhooksGetParams: Arguments of webhooks.get.
type WebhooksGetParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// WebhooksUpdateParams: Arguments of webhooks.update.
type WebhooksUpdateParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	URL    Optional[string] `json:"url"`
	// Types or patterns.
	Types       []string         `json:"types"`
	Description Optional[string] `json:"description"`
	Include     Optional[string] `json:"include"`
}

// WebhooksDeleteParams: Arguments of webhooks.delete.
type WebhooksDeleteParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// WebhooksPauseParams: Arguments of webhooks.pause.
type WebhooksPauseParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	Reason Optional[string] `json:"reason"`
}

// WebhooksResumeParams: Arguments of webhooks.resume.
type WebhooksResumeParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// WebhooksRotateSecretParams: Arguments of webhooks.rotate_secret.
type WebhooksRotateSecretParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
	// In seconds.
	GraceSeconds Optional[float64] `json:"grace_seconds"`
}

// WebhooksTestParams: Arguments of webhooks.test.
type WebhooksTestParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// WebhooksDeliveriesParams: Arguments of webhooks.deliveries.
type WebhooksDeliveriesParams struct {
	// The id of the record.
	ID     string           `json:"id"`
	Status Optional[string] `json:"status"`
	// How many items a page has at most.
	Limit Optional[int64] `json:"limit"`
	// `next_cursor` of the page before.
	Cursor Optional[string] `json:"cursor"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

func (p WebhooksDeliveriesParams) after(cursor string) WebhooksDeliveriesParams {
	p.Cursor = Set(cursor)
	return p
}

// WebhooksReplayParams: Arguments of webhooks.replay.
type WebhooksReplayParams struct {
	// The id of the record.
	ID string `json:"id"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string]    `json:"tenant"`
	Event  Optional[string]    `json:"event"`
	Since  Optional[time.Time] `json:"since"`
	Until  Optional[time.Time] `json:"until"`
	Types  Optional[[]string]  `json:"types"`
	// Only events whose delivery to this endpoint has failed.
	Failed Optional[bool] `json:"failed"`
	// Only count what would be sent.
	DryRun Optional[bool] `json:"dry_run"`
}

// KeysUsageParams: Arguments of keys.usage.
type KeysUsageParams struct {
	// The id of a key.
	KeyID string              `json:"key_id"`
	Since Optional[time.Time] `json:"since"`
	// The slug of the tenant. By default the caller's own; for operators of the installation `default`.
	Tenant Optional[string] `json:"tenant"`
}

// Groups holds every operation of the API.
type Groups struct {
	calls       *sender
	Tenants     TenantsCalls
	Owners      OwnersCalls
	Roles       RolesCalls
	Scopes      ScopesCalls
	Keys        KeysCalls
	Imports     ImportsCalls
	Exports     ExportsCalls
	Limits      LimitsCalls
	Credits     CreditsCalls
	Sessions    SessionsCalls
	KeyPage     KeyPageCalls
	Portal      PortalCalls
	SigningKeys SigningKeysCalls
	Me          MeCalls
	Usage       UsageCalls
	Refusals    RefusalsCalls
	Audit       AuditCalls
	Events      EventsCalls
	Advice      AdviceCalls
	Doctor      DoctorCalls
	Leaks       LeaksCalls
	Webhooks    WebhooksCalls
}

func groupsOf(s *sender) Groups {
	return Groups{calls: s, Tenants: TenantsCalls{s}, Owners: OwnersCalls{s}, Roles: RolesCalls{s}, Scopes: ScopesCalls{s}, Keys: KeysCalls{s}, Imports: ImportsCalls{s}, Exports: ExportsCalls{s}, Limits: LimitsCalls{s}, Credits: CreditsCalls{s}, Sessions: SessionsCalls{s}, KeyPage: KeyPageCalls{s}, Portal: PortalCalls{s}, SigningKeys: SigningKeysCalls{s}, Me: MeCalls{s}, Usage: UsageCalls{s}, Refusals: RefusalsCalls{s}, Audit: AuditCalls{s}, Events: EventsCalls{s}, Advice: AdviceCalls{s}, Doctor: DoctorCalls{s}, Leaks: LeaksCalls{s}, Webhooks: WebhooksCalls{s}}
}

// TenantsCalls: the operations tenants.*.
type TenantsCalls struct{ calls *sender }

// List is tenants.list. Return one page of tenants, by slug.
func (c TenantsCalls) List(ctx context.Context, params TenantsListParams) (*Page[TenantDocument], error) {
	return call[Page[TenantDocument]](ctx, c.calls, "GET /v1/tenants", params)
}

// Create is tenants.create. Create a tenant.
func (c TenantsCalls) Create(ctx context.Context, params TenantsCreateParams) (*TenantDocument, error) {
	return call[TenantDocument](ctx, c.calls, "POST /v1/tenants", params)
}

// Get is tenants.get. Return a tenant.
func (c TenantsCalls) Get(ctx context.Context, params TenantsGetParams) (*TenantDocument, error) {
	return call[TenantDocument](ctx, c.calls, "GET /v1/tenants/{slug}", params)
}

// Update is tenants.update. Change what is given.
func (c TenantsCalls) Update(ctx context.Context, params TenantsUpdateParams) (*TenantDocument, error) {
	return call[TenantDocument](ctx, c.calls, "PATCH /v1/tenants/{slug}", params)
}

// Delete is tenants.delete. Remove a tenant that is suspended and has no owners left; its audit log stays, found by the tenant's id.
func (c TenantsCalls) Delete(ctx context.Context, params TenantsDeleteParams) error {
	return callNothing(ctx, c.calls, "DELETE /v1/tenants/{slug}", params)
}

// Suspend is tenants.suspend. Suspend a tenant: from now on none of its credentials is valid.
func (c TenantsCalls) Suspend(ctx context.Context, params TenantsSuspendParams) (*TenantDocument, error) {
	return call[TenantDocument](ctx, c.calls, "POST /v1/tenants/{slug}/suspend", params)
}

// Resume is tenants.resume. Make a suspended tenant active again.
func (c TenantsCalls) Resume(ctx context.Context, params TenantsResumeParams) (*TenantDocument, error) {
	return call[TenantDocument](ctx, c.calls, "POST /v1/tenants/{slug}/resume", params)
}

// OwnersCalls: the operations owners.*.
type OwnersCalls struct{ calls *sender }

// List is owners.list. Return one page of owners, by external id; `text` looks in id, name and email, ignoring case and accents.
func (c OwnersCalls) List(ctx context.Context, params OwnersListParams) (*Page[Owner], error) {
	return call[Page[Owner]](ctx, c.calls, "GET /v1/owners?tenant", params)
}

// Get is owners.get. Return an owner.
func (c OwnersCalls) Get(ctx context.Context, params OwnersGetParams) (*Owner, error) {
	return call[Owner](ctx, c.calls, "GET /v1/owners/{external_id}?tenant", params)
}

// Put is owners.put. Create an owner, or change only the fields that are given; never its status.
func (c OwnersCalls) Put(ctx context.Context, params OwnersPutParams) (*Owner, error) {
	return call[Owner](ctx, c.calls, "PUT /v1/owners/{external_id}?tenant", params)
}

// Delete is owners.delete. Delete an owner and revoke its keys.
func (c OwnersCalls) Delete(ctx context.Context, params OwnersDeleteParams) error {
	return callNothing(ctx, c.calls, "DELETE /v1/owners/{external_id}?tenant", params)
}

// Disable is owners.disable. Disable an owner: from now on none of its credentials is valid.
func (c OwnersCalls) Disable(ctx context.Context, params OwnersDisableParams) (*Owner, error) {
	return call[Owner](ctx, c.calls, "POST /v1/owners/{external_id}/disable?tenant", params)
}

// Enable is owners.enable. Make a disabled owner active again.
func (c OwnersCalls) Enable(ctx context.Context, params OwnersEnableParams) (*Owner, error) {
	return call[Owner](ctx, c.calls, "POST /v1/owners/{external_id}/enable?tenant", params)
}

// HandOver is owners.hand_over. Give all living keys of an owner to another owner of its tenant, by the rules of `keys.hand_over`.
func (c OwnersCalls) HandOver(ctx context.Context, params OwnersHandOverParams) (*OwnerHandOver, error) {
	return call[OwnerHandOver](ctx, c.calls, "POST /v1/owners/{external_id}/hand-over?tenant", params)
}

// RolesCalls: the operations roles.*.
type RolesCalls struct{ calls *sender }

// List is roles.list. Return one page of roles, by name.
func (c RolesCalls) List(ctx context.Context, params RolesListParams) (*Page[Role], error) {
	return call[Page[Role]](ctx, c.calls, "GET /v1/roles?tenant", params)
}

// Get is roles.get. Return a role.
func (c RolesCalls) Get(ctx context.Context, params RolesGetParams) (*Role, error) {
	return call[Role](ctx, c.calls, "GET /v1/roles/{name}?tenant", params)
}

// Put is roles.put. Create a role or replace its scopes; keys with the role hold the new ones at once.
func (c RolesCalls) Put(ctx context.Context, params RolesPutParams) (*Role, error) {
	return call[Role](ctx, c.calls, "PUT /v1/roles/{name}?tenant", params)
}

// Delete is roles.delete. Delete a role: it grants nothing any more at once, and is removed from owners and keys in batches.
func (c RolesCalls) Delete(ctx context.Context, params RolesDeleteParams) error {
	return callNothing(ctx, c.calls, "DELETE /v1/roles/{name}?tenant", params)
}

// ScopesCalls: the operations scopes.*.
type ScopesCalls struct{ calls *sender }

// List is scopes.list. Return the catalogue, in the order in which it was defined; empty when there is none.
func (c ScopesCalls) List(ctx context.Context, params ScopesListParams) (*ScopesDocument, error) {
	return call[ScopesDocument](ctx, c.calls, "GET /v1/scopes?tenant", params)
}

// Define is scopes.define. Replace the catalogue; entries may be patterns.
func (c ScopesCalls) Define(ctx context.Context, params ScopesDefineParams) (*ScopesDocument, error) {
	return call[ScopesDocument](ctx, c.calls, "PUT /v1/scopes?tenant", params)
}

// Check is scopes.check. Say whether scopes may be granted, and name the unknown ones.
func (c ScopesCalls) Check(ctx context.Context, params ScopesCheckParams) (*ScopeCheckDocument, error) {
	return call[ScopeCheckDocument](ctx, c.calls, "POST /v1/scopes/check?tenant", params)
}

// KeysCalls: the operations keys.*.
type KeysCalls struct{ calls *sender }

// List is keys.list. Return one page of keys, in all states unless `status` says which.
func (c KeysCalls) List(ctx context.Context, params KeysListParams) (*Page[Key], error) {
	return call[Page[Key]](ctx, c.calls, "GET /v1/keys?tenant", params)
}

// Issue is keys.issue. Issue a key; its secret is in the answer this once.
func (c KeysCalls) Issue(ctx context.Context, params KeysIssueParams) (*IssuedDocument, error) {
	return call[IssuedDocument](ctx, c.calls, "POST /v1/keys?tenant", params)
}

// Facets is keys.facets. Count the keys that `list` finds by status, environment, owner, tag, scope and role.
func (c KeysCalls) Facets(ctx context.Context, params KeysFacetsParams) (*KeyFacets, error) {
	return call[KeyFacets](ctx, c.calls, "GET /v1/keys/facets?tenant", params)
}

// Expiring is keys.expiring. List active keys that expire within a time, the most urgent first.
func (c KeysCalls) Expiring(ctx context.Context, params KeysExpiringParams) (*Page[Key], error) {
	return call[Page[Key]](ctx, c.calls, "GET /v1/keys/expiring?tenant", params)
}

// Find is keys.find. Return the key of a secret, or of the public `kid` of one, whatever its state.
func (c KeysCalls) Find(ctx context.Context, params KeysFindParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/keys/find?tenant", params)
}

// IssueMany is keys.issue_many. Issue up to 1,000 keys, 200 in a transaction, each given as the arguments of `issue`.
func (c KeysCalls) IssueMany(ctx context.Context, params KeysIssueManyParams) (*List[BulkResult], error) {
	return call[List[BulkResult]](ctx, c.calls, "POST /v1/keys/bulk?tenant", params)
}

// RevokeWhere is keys.revoke_where. Revoke all living keys that every given filter means; at least one filter is needed.
func (c KeysCalls) RevokeWhere(ctx context.Context, params KeysRevokeWhereParams) (*RevokedDocument, error) {
	return call[RevokedDocument](ctx, c.calls, "POST /v1/keys/bulk-revoke?tenant", params)
}

// Purge is keys.purge. Remove keys that expired or were revoked before a moment; return how many.
func (c KeysCalls) Purge(ctx context.Context, params KeysPurgeParams) (*CountDocument, error) {
	return call[CountDocument](ctx, c.calls, "POST /v1/keys/purge?tenant", params)
}

// Get is keys.get. Return a key.
func (c KeysCalls) Get(ctx context.Context, params KeysGetParams) (*Key, error) {
	return call[Key](ctx, c.calls, "GET /v1/keys/{id}?tenant", params)
}

// Update is keys.update. Change what is given and leave the rest; never of a revoked key.
func (c KeysCalls) Update(ctx context.Context, params KeysUpdateParams) (*Key, error) {
	return call[Key](ctx, c.calls, "PATCH /v1/keys/{id}?tenant", params)
}

// Delete is keys.delete. Revoke a live key and remove it, in one transaction; its audit entries stay.
func (c KeysCalls) Delete(ctx context.Context, params KeysDeleteParams) error {
	return callNothing(ctx, c.calls, "DELETE /v1/keys/{id}?tenant", params)
}

// Rotate is keys.rotate. Give a live key a new secret and change nothing else; the old one works until `grace` is over.
func (c KeysCalls) Rotate(ctx context.Context, params KeysRotateParams) (*IssuedDocument, error) {
	return call[IssuedDocument](ctx, c.calls, "POST /v1/keys/{id}/rotate?tenant", params)
}

// Revoke is keys.revoke. End a key for good, with every secret of it.
func (c KeysCalls) Revoke(ctx context.Context, params KeysRevokeParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/keys/{id}/revoke?tenant", params)
}

// Disable is keys.disable. Switch a key off until `enable`; doing it twice is fine.
func (c KeysCalls) Disable(ctx context.Context, params KeysDisableParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/keys/{id}/disable?tenant", params)
}

// Enable is keys.enable. Switch a disabled key on again.
func (c KeysCalls) Enable(ctx context.Context, params KeysEnableParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/keys/{id}/enable?tenant", params)
}

// HandOver is keys.hand_over. Give a key to another owner of its tenant; its secret, limits and usage stay as they are.
func (c KeysCalls) HandOver(ctx context.Context, params KeysHandOverParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/keys/{id}/hand-over?tenant", params)
}

// Limits is keys.limits. Return how every limit that counts for a key stands, without its secret: defaults and shared ones, too.
func (c KeysCalls) Limits(ctx context.Context, params KeysLimitsParams) (*List[LimitState], error) {
	return call[List[LimitState]](ctx, c.calls, "GET /v1/keys/{id}/limits?tenant", params)
}

// Advice is keys.advice. Return the advice about a key: unused scopes, no use, no expiry, no limit, wide networks.
func (c KeysCalls) Advice(ctx context.Context, params KeysAdviceParams) (*Advice, error) {
	return call[Advice](ctx, c.calls, "GET /v1/keys/{id}/advice?tenant", params)
}

// Impact is keys.impact. Return the effects of revoking a key: calls of the last 24 hours, latest addresses, secrets and tokens.
func (c KeysCalls) Impact(ctx context.Context, params KeysImpactParams) (*KeyImpact, error) {
	return call[KeyImpact](ctx, c.calls, "GET /v1/keys/{id}/impact?tenant", params)
}

// Explain is keys.explain. Explain every check of the key's current secret, without the secret.
func (c KeysCalls) Explain(ctx context.Context, params KeysExplainParams) (*ExplanationDocument, error) {
	return call[ExplanationDocument](ctx, c.calls, "POST /v1/keys/{id}/explain?tenant", params)
}

// Usage is keys.usage. Say how often a key was presented, by hour and code.
func (c KeysCalls) Usage(ctx context.Context, params KeysUsageParams) (*List[UsageHour], error) {
	return call[List[UsageHour]](ctx, c.calls, "GET /v1/keys/{key_id}/usage?tenant", params)
}

// ImportsCalls: the operations imports.*.
type ImportsCalls struct{ calls *sender }

// Run is imports.run. Import keys, 500 in a transaction, and return how many of them were imported.
func (c ImportsCalls) Run(ctx context.Context, params ImportsRunParams) (*ImportDocument, error) {
	return call[ImportDocument](ctx, c.calls, "POST /v1/imports?tenant", params)
}

// ExportsCalls: the operations exports.*.
type ExportsCalls struct{ calls *sender }

// List is exports.list. Return one page of an export: tenant, scopes, roles, owners and keys, without secrets and digests.
func (c ExportsCalls) List(ctx context.Context, params ExportsListParams) (*Page[ExportLine], error) {
	return call[Page[ExportLine]](ctx, c.calls, "GET /v1/export?tenant", params)
}

// LimitsCalls: the operations limits.*.
type LimitsCalls struct{ calls *sender }

// Take is limits.take. Take `cost` units of all limits of a subject, or of none; the answer is falsy when one is used up.
func (c LimitsCalls) Take(ctx context.Context, params LimitsTakeParams) (*LimitsTaken, error) {
	return call[LimitsTaken](ctx, c.calls, "POST /v1/limits/take?tenant", params)
}

// CreditsCalls: the operations credits.*.
type CreditsCalls struct{ calls *sender }

// List is credits.list. Return one page of the keys that have credits, the newest first, with how these stand.
func (c CreditsCalls) List(ctx context.Context, params CreditsListParams) (*Page[CreditState], error) {
	return call[Page[CreditState]](ctx, c.calls, "GET /v1/credits?tenant", params)
}

// Get is credits.get. Return how the credits of a key stand.
func (c CreditsCalls) Get(ctx context.Context, params CreditsGetParams) (*CreditState, error) {
	return call[CreditState](ctx, c.calls, "GET /v1/keys/{id}/credits?tenant", params)
}

// Add is credits.add. Give a key more credits.
func (c CreditsCalls) Add(ctx context.Context, params CreditsAddParams) (*CreditState, error) {
	return call[CreditState](ctx, c.calls, "POST /v1/keys/{id}/credits/add?tenant", params)
}

// Set is credits.set. Say how many credits are left until the next refill, beside those that are held.
func (c CreditsCalls) Set(ctx context.Context, params CreditsSetParams) (*CreditState, error) {
	return call[CreditState](ctx, c.calls, "POST /v1/keys/{id}/credits/set?tenant", params)
}

// Holds is credits.holds. Return the open holds of a key, at most 1,000, those first that end first.
func (c CreditsCalls) Holds(ctx context.Context, params CreditsHoldsParams) (*List[Hold], error) {
	return call[List[Hold]](ctx, c.calls, "GET /v1/keys/{id}/credits/holds?tenant", params)
}

// Reserve is credits.reserve. Set credits of a live key aside, until you settle or release them.
func (c CreditsCalls) Reserve(ctx context.Context, params CreditsReserveParams) (*Hold, error) {
	return call[Hold](ctx, c.calls, "POST /v1/keys/{id}/credits/holds?tenant", params)
}

// Settle is credits.settle. Charge so many credits of a hold, from 0 to all, and free the rest.
func (c CreditsCalls) Settle(ctx context.Context, params CreditsSettleParams) (*Hold, error) {
	return call[Hold](ctx, c.calls, "POST /v1/keys/{id}/credits/settle?tenant", params)
}

// SessionsCalls: the operations sessions.*.
type SessionsCalls struct{ calls *sender }

// List is sessions.list. Return one page of sessions, the newest first; of one owner, or of all that the actor may see.
func (c SessionsCalls) List(ctx context.Context, params SessionsListParams) (*Page[Session], error) {
	return call[Page[Session]](ctx, c.calls, "GET /v1/sessions?tenant", params)
}

// Start is sessions.start. Sign an owner in: return a session with its first access and refresh token.
func (c SessionsCalls) Start(ctx context.Context, params SessionsStartParams) (*SessionTokensDocument, error) {
	return call[SessionTokensDocument](ctx, c.calls, "POST /v1/sessions?tenant", params)
}

// Refresh is sessions.refresh. Take a refresh token for the next pair of tokens. A refusal is an answer, too.
func (c SessionsCalls) Refresh(ctx context.Context, params SessionsRefreshParams) (*RefreshDocument, error) {
	return call[RefreshDocument](ctx, c.calls, "POST /v1/sessions/refresh?tenant", params)
}

// Get is sessions.get. Return a session.
func (c SessionsCalls) Get(ctx context.Context, params SessionsGetParams) (*Session, error) {
	return call[Session](ctx, c.calls, "GET /v1/sessions/{id}?tenant", params)
}

// RevokeByToken is sessions.revoke_by_token. End the session of a refresh token.
func (c SessionsCalls) RevokeByToken(ctx context.Context, params SessionsRevokeByTokenParams) (*Session, error) {
	return call[Session](ctx, c.calls, "POST /v1/sessions/revoke?tenant", params)
}

// Revoke is sessions.revoke. End a session for good.
func (c SessionsCalls) Revoke(ctx context.Context, params SessionsRevokeParams) (*Session, error) {
	return call[Session](ctx, c.calls, "POST /v1/sessions/{id}/revoke?tenant", params)
}

// RevokeAll is sessions.revoke_all. End all sessions of an owner except those in `keep`; return the ids of the sessions that this call ended.
func (c SessionsCalls) RevokeAll(ctx context.Context, params SessionsRevokeAllParams) (*RevokedSessionsDocument, error) {
	return call[RevokedSessionsDocument](ctx, c.calls, "POST /v1/owners/{owner}/sessions/revoke?tenant", params)
}

// KeyPageCalls: the operations key_page.*.
type KeyPageCalls struct{ calls *sender }

// Get is key_page.get. Return the settings of the key page; those of a new tenant are the defaults.
func (c KeyPageCalls) Get(ctx context.Context, params KeyPageGetParams) (*KeyPageSettings, error) {
	return call[KeyPageSettings](ctx, c.calls, "GET /v1/key-page?tenant", params)
}

// Put is key_page.put. Replace the settings of the key page; omitted settings get their defaults.
func (c KeyPageCalls) Put(ctx context.Context, params KeyPagePutParams) (*KeyPageSettings, error) {
	return call[KeyPageSettings](ctx, c.calls, "PUT /v1/key-page?tenant", params)
}

// PortalCalls: the operations portal.*.
type PortalCalls struct{ calls *sender }

// Open is portal.open. Make a link to the key page of an owner.
func (c PortalCalls) Open(ctx context.Context, params PortalOpenParams) (*PortalLinkDocument, error) {
	return call[PortalLinkDocument](ctx, c.calls, "POST /v1/portal/sessions?tenant", params)
}

// SigningKeysCalls: the operations signing_keys.*.
type SigningKeysCalls struct{ calls *sender }

// List is signing_keys.list. Return the keys of a tenant, the oldest first; a removed one stays in the list.
func (c SigningKeysCalls) List(ctx context.Context, params SigningKeysListParams) (*List[SigningKey], error) {
	return call[List[SigningKey]](ctx, c.calls, "GET /v1/signing-keys?tenant", params)
}

// Rotate is signing_keys.rotate. Let the next key sign from now on, and make another next key.
func (c SigningKeysCalls) Rotate(ctx context.Context, params SigningKeysRotateParams) (*SigningKey, error) {
	return call[SigningKey](ctx, c.calls, "POST /v1/signing-keys/rotate?tenant", params)
}

// Remove is signing_keys.remove. Remove a key that has become known: nothing that it signed is accepted any more.
func (c SigningKeysCalls) Remove(ctx context.Context, params SigningKeysRemoveParams) (*SigningKey, error) {
	return call[SigningKey](ctx, c.calls, "POST /v1/signing-keys/{kid}/remove?tenant", params)
}

// MeCalls: the operations me.*.
type MeCalls struct{ calls *sender }

// Get is self.get. Return the presented key, its owner, all scopes that it holds, and how its limits and credits stand.
func (c MeCalls) Get(ctx context.Context) (*SelfDocument, error) {
	return call[SelfDocument](ctx, c.calls, "GET /v1/self", struct{}{})
}

// Rotate is self.rotate. Replace the key's own secret, if the tenant allows it: the old one works until `grace` is over.
func (c MeCalls) Rotate(ctx context.Context, params SelfRotateParams) (*IssuedDocument, error) {
	return call[IssuedDocument](ctx, c.calls, "POST /v1/self/rotate", params)
}

// Revoke is self.revoke. End the presented key, for good.
func (c MeCalls) Revoke(ctx context.Context, params SelfRevokeParams) (*Key, error) {
	return call[Key](ctx, c.calls, "POST /v1/self/revoke", params)
}

// UsageCalls: the operations usage.*.
type UsageCalls struct{ calls *sender }

// Get is usage.get. Say how often a key was presented, by hour and code.
func (c UsageCalls) Get(ctx context.Context, params UsageGetParams) (*List[UsageHour], error) {
	return call[List[UsageHour]](ctx, c.calls, "GET /v1/usage?tenant", params)
}

// Summary is usage.summary. Add up the usage of many keys, by any of key, owner, code, and day or hour of UTC.
func (c UsageCalls) Summary(ctx context.Context, params UsageSummaryParams) (*UsageSummary, error) {
	return call[UsageSummary](ctx, c.calls, "POST /v1/usage/summary?tenant", params)
}

// RefusalsCalls: the operations refusals.*.
type RefusalsCalls struct{ calls *sender }

// List is refusals.list. Return the last refusals of a key, or of all keys of the tenant, the newest first.
func (c RefusalsCalls) List(ctx context.Context, params RefusalsListParams) (*Page[Refusal], error) {
	return call[Page[Refusal]](ctx, c.calls, "GET /v1/refusals?tenant", params)
}

// Get is refusals.get. Return the refusal that a request was answered with, and every check up to the one that failed.
func (c RefusalsCalls) Get(ctx context.Context, params RefusalsGetParams) (*Refusal, error) {
	return call[Refusal](ctx, c.calls, "GET /v1/refusals/{request_id}?tenant", params)
}

// AuditCalls: the operations audit.*.
type AuditCalls struct{ calls *sender }

// List is audit.list. Return one page of entries, the newest first.
func (c AuditCalls) List(ctx context.Context, params AuditListParams) (*Page[Entry], error) {
	return call[Page[Entry]](ctx, c.calls, "GET /v1/audit?tenant", params)
}

// Head is audit.head. Return the signed end of the chain, everything written so far included.
func (c AuditCalls) Head(ctx context.Context, params AuditHeadParams) (*Head, error) {
	return call[Head](ctx, c.calls, "GET /v1/audit/head?tenant", params)
}

// Check is audit.check. Check every entry, the chain over them, and that `head`, kept from earlier, still lies on the chain.
func (c AuditCalls) Check(ctx context.Context, params AuditCheckParams) (*AuditReportDocument, error) {
	return call[AuditReportDocument](ctx, c.calls, "POST /v1/audit/check?tenant", params)
}

// EventsCalls: the operations events.*.
type EventsCalls struct{ calls *sender }

// List is events.list. Return one page of events after a sequence number, the oldest first.
func (c EventsCalls) List(ctx context.Context, params EventsListParams) (*Page[Event], error) {
	return call[Page[Event]](ctx, c.calls, "GET /v1/events?tenant", params)
}

// Latest is events.latest. Return the sequence of the last event, 0 when there is none: go on from there to hear of later ones.
func (c EventsCalls) Latest(ctx context.Context, params EventsLatestParams) (*SequenceDocument, error) {
	return call[SequenceDocument](ctx, c.calls, "GET /v1/events/latest?tenant", params)
}

// AdviceCalls: the operations advice.*.
type AdviceCalls struct{ calls *sender }

// List is advice.list. Return one page of advice about active keys, the newest key first.
func (c AdviceCalls) List(ctx context.Context, params AdviceListParams) (*Page[Advice], error) {
	return call[Page[Advice]](ctx, c.calls, "GET /v1/advice?tenant", params)
}

// DoctorCalls: the operations doctor.*.
type DoctorCalls struct{ calls *sender }

// Examine is doctor.examine. Make every check and return the results; only operators of the installation and the program may ask.
func (c DoctorCalls) Examine(ctx context.Context) (*List[Diagnosis], error) {
	return call[List[Diagnosis]](ctx, c.calls, "GET /v1/doctor", struct{}{})
}

// LeaksCalls: the operations leaks.*.
type LeaksCalls struct{ calls *sender }

// Report is leaks.report. Report a leaked key, refresh token or access token of any tenant, and return what was done about it.
func (c LeaksCalls) Report(ctx context.Context, params LeaksReportParams) (*LeakReport, error) {
	return call[LeakReport](ctx, c.calls, "POST /v1/leaks", params)
}

// WebhooksCalls: the operations webhooks.*.
type WebhooksCalls struct{ calls *sender }

// List is webhooks.list. Return one page of endpoints, the oldest first.
func (c WebhooksCalls) List(ctx context.Context, params WebhooksListParams) (*Page[Webhook], error) {
	return call[Page[Webhook]](ctx, c.calls, "GET /v1/webhooks?tenant", params)
}

// Create is webhooks.create. Create an endpoint that receives every matching event from now on; its secret is shown this once.
func (c WebhooksCalls) Create(ctx context.Context, params WebhooksCreateParams) (*CreatedWebhookDocument, error) {
	return call[CreatedWebhookDocument](ctx, c.calls, "POST /v1/webhooks?tenant", params)
}

// Get is webhooks.get. Return an endpoint.
func (c WebhooksCalls) Get(ctx context.Context, params WebhooksGetParams) (*Webhook, error) {
	return call[Webhook](ctx, c.calls, "GET /v1/webhooks/{id}?tenant", params)
}

// Update is webhooks.update. Change the given fields of an endpoint.
func (c WebhooksCalls) Update(ctx context.Context, params WebhooksUpdateParams) (*Webhook, error) {
	return call[Webhook](ctx, c.calls, "PATCH /v1/webhooks/{id}?tenant", params)
}

// Delete is webhooks.delete. Remove an endpoint and what waits for it.
func (c WebhooksCalls) Delete(ctx context.Context, params WebhooksDeleteParams) error {
	return callNothing(ctx, c.calls, "DELETE /v1/webhooks/{id}?tenant", params)
}

// Pause is webhooks.pause. Send nothing to an endpoint until it is resumed; missed events are kept and sent then.
func (c WebhooksCalls) Pause(ctx context.Context, params WebhooksPauseParams) (*Webhook, error) {
	return call[Webhook](ctx, c.calls, "POST /v1/webhooks/{id}/pause?tenant", params)
}

// Resume is webhooks.resume. Send to a paused endpoint again, first the events it has missed.
func (c WebhooksCalls) Resume(ctx context.Context, params WebhooksResumeParams) (*Webhook, error) {
	return call[Webhook](ctx, c.calls, "POST /v1/webhooks/{id}/resume?tenant", params)
}

// RotateSecret is webhooks.rotate_secret. Give an endpoint a new secret, shown this once; until `grace` is over, requests are signed with both.
func (c WebhooksCalls) RotateSecret(ctx context.Context, params WebhooksRotateSecretParams) (*CreatedWebhookDocument, error) {
	return call[CreatedWebhookDocument](ctx, c.calls, "POST /v1/webhooks/{id}/rotate-secret?tenant", params)
}

// Test is webhooks.test. Send an event `webhook.test` to an endpoint, even a paused one: one attempt, which changes nothing else.
func (c WebhooksCalls) Test(ctx context.Context, params WebhooksTestParams) (*Delivery, error) {
	return call[Delivery](ctx, c.calls, "POST /v1/webhooks/{id}/test?tenant", params)
}

// Deliveries is webhooks.deliveries. Return one page of an endpoint's deliveries and their attempts, the newest first.
func (c WebhooksCalls) Deliveries(ctx context.Context, params WebhooksDeliveriesParams) (*Page[Delivery], error) {
	return call[Page[Delivery]](ctx, c.calls, "GET /v1/webhooks/{id}/deliveries?tenant", params)
}

// Replay is webhooks.replay. Send events to an endpoint once more, each with its old id, signed anew: one attempt each.
func (c WebhooksCalls) Replay(ctx context.Context, params WebhooksReplayParams) (*Replay, error) {
	return call[Replay](ctx, c.calls, "POST /v1/webhooks/{id}/replay?tenant", params)
}

// Explain is explain. Evaluate every check for a credential and mark the first failure.
func (c Groups) Explain(ctx context.Context, params ExplainParams) (*ExplanationDocument, error) {
	return call[ExplanationDocument](ctx, c.calls, "POST /v1/explain", params)
}
