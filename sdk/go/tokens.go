package tokenry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	tokenMax    = 8192
	tokenType   = "at+jwt"
	keySetMax   = 1 << 20
	keysAge     = 5 * time.Minute
	keysRefetch = 10 * time.Second
)

// TokenOptions say which access tokens a TokenVerifier accepts.
type TokenOptions struct {
	// Server is the address of the server.
	Server string
	// Issuer is what tokens must name, where it is not the address of the tenant at the server.
	Issuer string
	// Tenant is the tenant of the tokens; "default" by default.
	Tenant string
	// Audience is what tokens must be made for; the issuer by default.
	Audience string
	// HTTPClient fetches the public keys; one with a timeout of 5 seconds by default.
	HTTPClient *http.Client
	// Now returns the time; time.Now by default.
	Now func() time.Time
}

// TokenVerdict says whether an access token is valid. Code is "valid", "malformed", "expired" or "not_found".
type TokenVerdict struct {
	Valid  bool
	Code   string
	Claims TokenClaims
	Scopes []string
}

// TokenClaims are what a token says. All holds every claim, those of your own too.
type TokenClaims struct {
	Subject  string
	Tenant   string
	Issuer   string
	Audience []string
	Expires  time.Time
	All      map[string]any
}

// TokenVerifier checks access tokens with the public keys of a tenant. The server is not asked for a verdict.
//
// A token that was revoked is valid here until it expires. The keys are fetched again after five minutes.
type TokenVerifier struct {
	url, issuer, audience, tenant string
	http                          *http.Client
	now                           func() time.Time
	fetching                      chan struct{}
	mutex                         sync.Mutex
	keys                          map[string]verifyingKey
	fetchedAt                     time.Time
}

// NewTokenVerifier returns a verifier; an ErrInvalid when the address cannot be one. Nothing is fetched yet.
func NewTokenVerifier(options TokenOptions) (*TokenVerifier, error) {
	server := strings.TrimRight(strings.TrimSpace(options.Server), "/")
	if !address.MatchString(server) {
		return nil, invalid("Server: pass an address such as https://tokenry.example.com")
	}
	tenant := firstOf(options.Tenant, "default")
	base := server + "/t/" + url.PathEscape(tenant)
	issuer := firstOf(options.Issuer, base)
	v := &TokenVerifier{
		url: base + "/.well-known/jwks.json", issuer: issuer, audience: firstOf(options.Audience, issuer), tenant: tenant,
		http: httpClient(&http.Client{Timeout: 5 * time.Second}), now: time.Now, fetching: make(chan struct{}, 1),
	}
	if options.HTTPClient != nil {
		v.http = httpClient(options.HTTPClient)
	}
	if options.Now != nil {
		v.now = options.Now
	}
	return v, nil
}

// Verify checks a token by its signature, times, issuer, audience and tenant. An error means that the public keys
// cannot be fetched, so that there is no verdict.
func (v *TokenVerifier) Verify(ctx context.Context, token string) (*TokenVerdict, error) {
	parts, ok := readToken(token)
	if !ok || parts.typ != tokenType {
		return &TokenVerdict{Code: "malformed"}, nil
	}
	key, err := v.key(ctx, parts.kid)
	if err != nil {
		return nil, err
	}
	if key == nil || !key.verifies(parts) {
		return &TokenVerdict{Code: "malformed"}, nil
	}
	return v.judged(parts.payload), nil
}

// judged returns the verdict of a payload whose signature is right.
func (v *TokenVerifier) judged(payload []byte) *TokenVerdict {
	var said struct {
		Issuer   string  `json:"iss"`
		Subject  string  `json:"sub"`
		Tenant   string  `json:"tid"`
		Audience texts   `json:"aud"`
		Expires  *int64  `json:"exp"`
		Issued   *int64  `json:"iat"`
		Before   int64   `json:"nbf"`
		Scope    *string `json:"scope"`
	}
	claims := TokenClaims{}
	now := v.now().Unix()
	switch {
	case json.Unmarshal(payload, &said) != nil || json.Unmarshal(payload, &claims.All) != nil,
		said.Issuer != v.issuer, said.Subject == "", said.Tenant != v.tenant, said.Scope == nil,
		said.Issued == nil, said.Expires == nil, said.Before > now:
		return &TokenVerdict{Code: "malformed"}
	case *said.Expires <= now:
		return &TokenVerdict{Code: "expired"}
	case !said.Audience.hold(v.audience):
		return &TokenVerdict{Code: "not_found"}
	}
	claims.Subject, claims.Tenant, claims.Issuer = said.Subject, said.Tenant, said.Issuer
	claims.Audience, claims.Expires = said.Audience, time.Unix(*said.Expires, 0)
	return &TokenVerdict{Valid: true, Code: "valid", Claims: claims, Scopes: strings.Fields(*said.Scope)}
}

// texts is one text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

func (t texts) hold(text string) bool {
	for _, one := range t {
		if one == text {
			return true
		}
	}
	return false
}

// key returns the public key of a kid; nil when there is none.
func (v *TokenVerifier) key(ctx context.Context, kid string) (verifyingKey, error) {
	if key, current := v.known(kid); current {
		return key, nil
	}
	// One goroutine fetches; the others wait for what it finds.
	select {
	case v.fetching <- struct{}{}:
		defer func() { <-v.fetching }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if key, current := v.known(kid); current {
		return key, nil
	}
	keys, err := v.fetch(ctx)
	if err != nil {
		return nil, err
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.keys, v.fetchedAt = keys, v.now()
	return keys[kid], nil
}

// known returns what the keys at hand say of a kid, and whether that still counts. Invented names of keys cause one
// request in ten seconds.
func (v *TokenVerifier) known(kid string) (verifyingKey, bool) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	key, age := v.keys[kid], v.now().Sub(v.fetchedAt)
	if v.keys == nil || age >= keysAge || age < 0 {
		return nil, false
	}
	return key, key != nil || age < keysRefetch
}

func (v *TokenVerifier) fetch(ctx context.Context) (map[string]verifyingKey, error) {
	asked, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return nil, invalid("the address of the keys cannot be used: %v", err)
	}
	got, err := v.http.Do(asked)
	if err != nil {
		return nil, unavailable(err)
	}
	defer got.Body.Close()
	read, err := io.ReadAll(io.LimitReader(got.Body, keySetMax))
	if err != nil {
		return nil, unavailable(err)
	}
	if got.StatusCode != http.StatusOK {
		return nil, errorOf(&reply{got.StatusCode, got.Header, read})
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(read, &set); err != nil {
		return nil, notUnderstood(v.url, err)
	}
	keys := keysOf(set.Keys)
	if len(keys) == 0 {
		return nil, notUnderstood(v.url, errors.New("it has no key"))
	}
	return keys, nil
}
