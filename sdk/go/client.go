// Package tokenry is a client of a Tokenry server: it verifies keys, manages them, and guards handlers of net/http.
//
// It needs nothing but the standard library.
package tokenry

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options say which server a client calls, and how.
type Options struct {
	// Server is the address of the server; TOKENRY_SERVER by default.
	Server string
	// Key is the key of the caller; TOKENRY_KEY by default.
	Key string
	// Tenant is the default tenant of all calls.
	Tenant string
	// Timeout is how long one attempt may take; 5 seconds by default.
	Timeout time.Duration
	// Retries is how often a call is sent again; 2 by default, -1 for never.
	Retries int
	// HTTPClient sends the requests; one of its own by default. Redirects are never followed.
	HTTPClient *http.Client
}

// Client calls a server. Every operation of the API is a method. It may be used by many goroutines at once.
type Client struct {
	Groups
	sender *sender
}

var (
	address = regexp.MustCompile(`^https?://[^/?#@\s]+[^?#@\s]*$`)
	visible = regexp.MustCompile(`^[\x21-\x7e]*$`)
)

// New returns a client; an ErrInvalid when the address or the key cannot be one.
func New(options Options) (*Client, error) {
	server := strings.TrimRight(strings.TrimSpace(firstOf(options.Server, os.Getenv("TOKENRY_SERVER"))), "/")
	if !address.MatchString(server) {
		return nil, invalid("Server: pass an address such as https://tokenry.example.com, or set TOKENRY_SERVER")
	}
	key := strings.TrimSpace(firstOf(options.Key, os.Getenv("TOKENRY_KEY")))
	if !visible.MatchString(key) {
		return nil, invalid("Key: it holds characters that no key has. Is it the right file?")
	}
	timeout, retries := options.Timeout, options.Retries
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	if retries == 0 {
		retries = 2
	}
	s := &sender{server, key, options.Tenant, timeout, retries, httpClient(options.HTTPClient)}
	return &Client{Groups: groupsOf(s), sender: s}, nil
}

// httpClient returns a client that follows no redirect, which would carry the key elsewhere.
func httpClient(given *http.Client) *http.Client {
	if given == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		// All requests go to one host; the default of 2 would close most connections again.
		transport.MaxIdleConnsPerHost = 64
		given = &http.Client{Transport: transport}
	}
	own := *given
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Verify answers whether a credential is valid. It is sent once, since it takes from limits.
//
// A refused credential is an answer, whose Valid is false and whose Code says why. An error means that there is no answer.
func (c *Client) Verify(ctx context.Context, credential string, ask Ask) (*Verdict, error) {
	body := Question{credential, ask}
	found, err := answer[Verdict](ctx, c.sender, &request{method: http.MethodPost, path: "/v1/verify", body: body})
	if err == nil && found.Code == "" {
		return nil, notUnderstood("/v1/verify", errNoCode)
	}
	return found, err
}

// Require verifies, and returns a *Denied for a credential that is refused.
func (c *Client) Require(ctx context.Context, credential string, ask Ask) (*Verdict, error) {
	verdict, err := c.Verify(ctx, credential, ask)
	if err == nil && !verdict.Valid {
		return nil, &Denied{verdict}
	}
	return verdict, err
}

// VerifyBatch answers up to 100 questions in their order.
func (c *Client) VerifyBatch(ctx context.Context, questions ...Question) ([]Verdict, error) {
	path, body := "/v1/verify/batch", map[string]any{"questions": questions}
	found, err := answer[struct {
		Verdicts []Verdict `json:"verdicts"`
	}](ctx, c.sender, &request{method: http.MethodPost, path: path, body: body})
	if err != nil {
		return nil, err
	}
	if len(found.Verdicts) != len(questions) {
		return nil, notUnderstood(path, errNoCode)
	}
	return found.Verdicts, nil
}

// ProxyAnswer is what a proxy gets from /v1/auth: the header has the fields that it passes on.
type ProxyAnswer struct {
	Allowed bool
	Status  int
	Header  http.Header
}

// Auth asks as a proxy does. Of ask it takes the scopes and the environment.
func (c *Client) Auth(ctx context.Context, credential string, ask Ask) (*ProxyAnswer, error) {
	query := url.Values{}
	if names := ask.Scopes.Names(); len(names) > 0 {
		query.Set("scopes", strings.Join(names, " "))
	}
	if ask.Environment != "" {
		query.Set("environment", ask.Environment)
	}
	sent := &request{
		method: http.MethodGet, path: "/v1/auth", query: query, credential: credential, anonymous: credential == "",
	}
	got, err := c.sender.reply(ctx, sent)
	if err != nil {
		return nil, err
	}
	return &ProxyAnswer{got.status == http.StatusOK, got.status, got.header}, nil
}

// ExchangeAsk says what a derived token is for; the zero value asks for all that the key may do.
type ExchangeAsk struct {
	Scopes    []string
	Audience  []string
	ExpiresIn time.Duration
	Tenant    string
}

// DerivedToken is an access token that was derived from a key.
type DerivedToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
}

// Exchange derives a short-lived access token from a key. It may do at most what the key may, and ends with it.
func (c *Client) Exchange(ctx context.Context, credential string, ask ExchangeAsk) (*DerivedToken, error) {
	form := url.Values{
		"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"subject_token":      {credential},
		"subject_token_type": {"urn:tokenry:token-type:key"},
	}
	if len(ask.Scopes) > 0 {
		form.Set("scope", strings.Join(ask.Scopes, " "))
	}
	if len(ask.Audience) > 0 {
		form["audience"] = ask.Audience
	}
	if ask.ExpiresIn > 0 {
		form.Set("expires_in", strconv.FormatInt(int64(ask.ExpiresIn/time.Second), 10))
	}
	path := c.issuer(ask.Tenant) + "/oauth/token"
	return answer[DerivedToken](ctx, c.sender, &request{method: http.MethodPost, path: path, form: form})
}

// Introspect returns what the server says of a token (RFC 7662); "active" tells whether it is valid.
func (c *Client) Introspect(ctx context.Context, token, tenant string) (map[string]any, error) {
	path, form := c.issuer(tenant)+"/oauth/introspect", url.Values{"token": {token}}
	return c.document(ctx, &request{method: http.MethodPost, path: path, form: form})
}

// RevokeToken ends the session of a refresh token, or of the access token beside it (RFC 7009).
func (c *Client) RevokeToken(ctx context.Context, token, tenant string) error {
	path, form := c.issuer(tenant)+"/oauth/revoke", url.Values{"token": {token}}
	// With the key of the client the server would end sessions of that key alone.
	_, err := c.sender.send(ctx, &request{method: http.MethodPost, path: path, form: form, anonymous: true})
	return err
}

// JWKS returns the public keys that the access tokens of a tenant are verified with.
func (c *Client) JWKS(ctx context.Context, tenant string) ([]json.RawMessage, error) {
	found, err := answer[struct {
		Keys []json.RawMessage `json:"keys"`
	}](ctx, c.sender, &request{method: http.MethodGet, path: c.issuer(tenant) + "/.well-known/jwks.json"})
	if err != nil {
		return nil, err
	}
	return found.Keys, nil
}

// Metadata returns where the OAuth endpoints of a tenant are (RFC 8414).
func (c *Client) Metadata(ctx context.Context, tenant string) (map[string]any, error) {
	path := "/.well-known/oauth-authorization-server" + c.issuer(tenant)
	return c.document(ctx, &request{method: http.MethodGet, path: path})
}

// Health returns the state of a server that runs.
func (c *Client) Health(ctx context.Context) (map[string]any, error) {
	return c.document(ctx, &request{method: http.MethodGet, path: "/healthz"})
}

// Ready returns the state of a server that is ready; an ErrUnavailable when its database does not answer.
func (c *Client) Ready(ctx context.Context) (map[string]any, error) {
	return c.document(ctx, &request{method: http.MethodGet, path: "/readyz"})
}

// Metrics returns the metrics of the server in the text format of Prometheus.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	got, err := c.sender.send(ctx, &request{method: http.MethodGet, path: "/metrics"})
	if err != nil {
		return "", err
	}
	return string(got.body), nil
}

func (c *Client) document(ctx context.Context, sent *request) (map[string]any, error) {
	found, err := answer[map[string]any](ctx, c.sender, sent)
	if err != nil {
		return nil, err
	}
	return *found, nil
}

func (c *Client) issuer(tenant string) string {
	return "/t/" + url.PathEscape(firstOf(tenant, c.sender.tenant, "default"))
}
