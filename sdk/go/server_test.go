package tokenry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tokenry.example/tokenry"
)

var ctx = context.Background()

// operator returns a client with the key of an operator of a running server; TOKENRY_SERVER and TOKENRY_KEY say which.
func operator(t *testing.T) *tokenry.Client {
	t.Helper()
	if os.Getenv("TOKENRY_SERVER") == "" {
		t.Skip("TOKENRY_SERVER is not set: tests/sdk/test_go.py starts a server")
	}
	return client(t, tokenry.Options{})
}

var owners int32

// issue issues a key of a new owner.
func issue(t *testing.T, tk *tokenry.Client, params tokenry.KeysIssueParams) *tokenry.IssuedDocument {
	t.Helper()
	params.Owner = fmt.Sprintf("go-%d-%d", os.Getpid(), atomic.AddInt32(&owners, 1))
	params.Name = "CI"
	if _, err := tk.Owners.Put(ctx, tokenry.OwnersPutParams{ExternalID: params.Owner}); err != nil {
		t.Fatal(err)
	}
	return must(tk.Keys.Issue(ctx, params))(t)
}

// must returns a function that returns the value, and ends the test when there is an error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func has(err error, kind error, t *testing.T) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Errorf("%v, not %v", err, kind)
	}
}

// The operations that no table of management holds, and the method of each. GitHub calls `leaks.github` by itself.
var others = map[string]string{
	"verify": "Verify", "verify.batch": "VerifyBatch", "auth": "Auth", "oauth.token": "Exchange",
	"oauth.introspect": "Introspect", "oauth.revoke": "RevokeToken", "oauth.jwks": "JWKS", "oauth.metadata": "Metadata",
	"healthz": "Health", "readyz": "Ready", "metrics": "Metrics", "leaks.github": "",
}

func TestEveryOperationOfTheOpenAPIDocumentHasAMethod(t *testing.T) {
	tk := operator(t)
	got, err := http.Get(os.Getenv("TOKENRY_SERVER") + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var document struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	if err := json.NewDecoder(got.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, item := range document.Paths {
		for _, one := range item {
			count++
			if method, known := others[one.OperationID]; known {
				if method != "" && !reflect.ValueOf(tk).MethodByName(method).IsValid() {
					t.Errorf("%s: Client has no method %s", one.OperationID, method)
				}
				continue
			}
			target := reflect.ValueOf(tk)
			noun, call, grouped := strings.Cut(one.OperationID, ".")
			if grouped {
				target = target.Elem().FieldByName(exported(strings.Replace(noun, "self", "me", 1)))
			} else {
				call = noun
			}
			if !target.IsValid() || !target.MethodByName(exported(call)).IsValid() {
				t.Errorf("%s has no method: run `make types`, or write one in client.go", one.OperationID)
			}
		}
	}
	if count < 80 {
		t.Errorf("%d operations", count)
	}
}

func exported(name string) string {
	var text strings.Builder
	for _, part := range strings.Split(name, "_") {
		text.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return text.String()
}

func TestAKeyIsIssuedVerifiedChangedRotatedAndRevoked(t *testing.T) {
	tk := operator(t)
	issued := issue(t, tk, tokenry.KeysIssueParams{Scopes: []string{"read:projects"}, Metadata: tokenry.Set(map[string]any{"a": 1})})
	key, secret := issued.Key, issued.Secret
	ask := tokenry.Ask{Scopes: tokenry.Scopes("read:projects"), IP: "203.0.113.7"}
	verdict := must(tk.Require(ctx, secret, ask))(t)
	if verdict.Key.ID != key.ID || verdict.Kind != "key" || verdict.Owner.ExternalID == "" || verdict.Key.CreatedAt.IsZero() {
		t.Errorf("%+v", verdict)
	}
	either := tokenry.AnyOf(tokenry.Scopes("write:projects"), tokenry.Scopes("read:projects"))
	both := tokenry.AllOf(tokenry.Scopes("write:projects"), tokenry.Scopes("read:projects"))
	if !must(tk.Verify(ctx, secret, tokenry.Ask{Scopes: either}))(t).Valid {
		t.Error("one of two scopes suffices")
	}
	if code := must(tk.Verify(ctx, secret, tokenry.Ask{Scopes: both}))(t).Code; code != "insufficient_scope" {
		t.Error(code)
	}
	params := tokenry.KeysUpdateParams{ID: key.ID, Name: tokenry.Set("build"), IfVersion: tokenry.Set(key.Version)}
	if changed := must(tk.Keys.Update(ctx, params))(t); changed.Name != "build" || changed.Metadata["a"] != 1.0 {
		t.Errorf("%+v", changed)
	}
	_, err := tk.Keys.Update(ctx, params)
	has(err, tokenry.ErrVersionConflict, t)
	rotated := must(tk.Keys.Rotate(ctx, tokenry.KeysRotateParams{ID: key.ID, GraceSeconds: tokenry.Set(60.0)}))(t)
	found := must(tk.VerifyBatch(ctx, tokenry.Question{Credential: secret}, tokenry.Question{Credential: rotated.Secret}))(t)
	if !found[0].Valid || !found[1].Valid {
		t.Errorf("%+v", found)
	}
	if revoked := must(tk.Keys.Revoke(ctx, tokenry.KeysRevokeParams{ID: key.ID}))(t); revoked.Status != "revoked" {
		t.Error(revoked.Status)
	}
	_, err = tk.Require(ctx, secret, tokenry.Ask{})
	var denied *tokenry.Denied
	if !errors.As(err, &denied) || denied.Verdict.Code != "revoked" {
		t.Error(err)
	}
	has(err, tokenry.ErrDenied, t)
}

func TestAListIsReadPageAfterPage(t *testing.T) {
	tk := operator(t)
	first := issue(t, tk, tokenry.KeysIssueParams{}).Key
	second := must(tk.Keys.Issue(ctx, tokenry.KeysIssueParams{Owner: first.Owner, Name: "second"}))(t).Key
	found := map[string]bool{}
	params := tokenry.KeysListParams{Owner: tokenry.Set(first.Owner), Limit: tokenry.Set[int64](1)}
	err := tokenry.Each(ctx, tk.Keys.List, params, func(key tokenry.Key) error {
		found[key.ID] = true
		return nil
	})
	if err != nil || len(found) != 2 || !found[first.ID] || !found[second.ID] {
		t.Error(found, err)
	}
	stop := errors.New("enough")
	has(tokenry.Each(ctx, tk.Keys.List, params, func(tokenry.Key) error { return stop }), stop, t)
}

func TestARepeatWithTheSameIdempotencyKeyGetsTheSameSecret(t *testing.T) {
	tk := operator(t)
	owner := issue(t, tk, tokenry.KeysIssueParams{}).Key.Owner
	params := tokenry.KeysIssueParams{Owner: owner, Name: "once", IdempotencyKey: tokenry.Set("go-1")}
	if must(tk.Keys.Issue(ctx, params))(t).Secret != must(tk.Keys.Issue(ctx, params))(t).Secret {
		t.Error("two secrets")
	}
}

func TestTheOtherCallsAnswer(t *testing.T) {
	tk := operator(t)
	issued := issue(t, tk, tokenry.KeysIssueParams{Scopes: []string{"read:projects"}})
	own := client(t, tokenry.Options{Key: issued.Secret})
	if must(own.Me.Get(ctx))(t).Key.ID != issued.Key.ID {
		t.Error("another key")
	}
	proxied := must(tk.Auth(ctx, issued.Secret, tokenry.Ask{Scopes: tokenry.Scopes("read:projects")}))(t)
	if !proxied.Allowed || proxied.Header.Get("X-Auth-Key-Id") != issued.Key.ID {
		t.Errorf("%+v", proxied)
	}
	if refused := must(tk.Auth(ctx, issued.Secret, tokenry.Ask{Scopes: tokenry.Scopes("write:a")}))(t); refused.Status != 403 {
		t.Error(refused.Status)
	}
	if nobody := must(tk.Auth(ctx, "", tokenry.Ask{}))(t); nobody.Allowed || nobody.Status != 401 {
		t.Error(nobody.Status)
	}
	if must(tk.Introspect(ctx, issued.Secret, ""))(t)["active"] != true {
		t.Error("not active")
	}
	if len(must(tk.JWKS(ctx, "default"))(t)) == 0 || must(tk.Metadata(ctx, ""))(t)["issuer"] == nil {
		t.Error("no keys")
	}
	if must(tk.Health(ctx))(t)["status"] != "ok" || must(tk.Ready(ctx))(t)["status"] != "ready" {
		t.Error("not well")
	}
	if !strings.Contains(must(tk.Metrics(ctx))(t), "# HELP tokenry_") {
		t.Error("no metrics")
	}
	session := must(tk.Sessions.Start(ctx, tokenry.SessionsStartParams{Owner: issued.Key.Owner}))(t)
	if err := tk.RevokeToken(ctx, session.Refresh, ""); err != nil {
		t.Error(err)
	}
	if one := must(tk.Sessions.Get(ctx, tokenry.SessionsGetParams{ID: session.Session.ID}))(t); one.Status != "revoked" {
		t.Error(one.Status)
	}
	explained := must(tk.Explain(ctx, tokenry.ExplainParams{Credential: issued.Secret}))(t)
	if explained.Code != "valid" {
		t.Error(explained.Code)
	}
	if err := tk.Keys.Delete(ctx, tokenry.KeysDeleteParams{ID: issued.Key.ID}); err != nil {
		t.Error(err)
	}
}

func TestErrorsSayWhatTheServerSaid(t *testing.T) {
	tk := operator(t)
	_, err := tk.Keys.Get(ctx, tokenry.KeysGetParams{ID: "key_none"})
	has(err, tokenry.ErrNotFound, t)
	_, err = tk.Keys.Issue(ctx, tokenry.KeysIssueParams{})
	var found *tokenry.Error
	if !errors.As(err, &found) || len(found.Fields) != 2 || found.RequestID == "" || found.Code == "" {
		t.Fatalf("%#v", err)
	}
	has(err, tokenry.ErrInvalid, t)
	_, err = client(t, tokenry.Options{Key: "nonsense"}).Keys.List(ctx, tokenry.KeysListParams{})
	has(err, tokenry.ErrCallerRefused, t)
	_, err = client(t, tokenry.Options{Server: "http://127.0.0.1:1", Retries: -1}).Keys.List(ctx, tokenry.KeysListParams{})
	has(err, tokenry.ErrUnavailable, t)
}

func TestACredentialIsNeverAPartOfAURL(t *testing.T) {
	tk := operator(t)
	secret := issue(t, tk, tokenry.KeysIssueParams{}).Secret
	for _, id := range []string{secret, "", ".", ".."} {
		_, err := tk.Keys.Get(ctx, tokenry.KeysGetParams{ID: id})
		has(err, tokenry.ErrInvalid, t)
	}
	_, err := tk.Keys.List(ctx, tokenry.KeysListParams{Text: tokenry.Set("key " + secret)})
	has(err, tokenry.ErrInvalid, t)
}

func TestTheGuardLetsAGoodKeyInAndAnswersEveryOtherRequest(t *testing.T) {
	tk := operator(t)
	handler := tk.Guard(tokenry.GuardOptions{Ask: tokenry.Ask{Scopes: tokenry.Scopes("read:projects")}})(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			verdict, _ := tokenry.VerdictOf(r.Context())
			fmt.Fprint(w, verdict.Key.ID)
		}))
	server := httptest.NewServer(handler)
	defer server.Close()
	ask := func(pairs ...string) (int, http.Header, string) {
		asked := must(http.NewRequest(http.MethodGet, server.URL, nil))(t)
		for place := 0; place < len(pairs); place += 2 {
			asked.Header.Add(pairs[place], pairs[place+1])
		}
		got := must(http.DefaultClient.Do(asked))(t)
		defer got.Body.Close()
		return got.StatusCode, got.Header, string(must(io.ReadAll(got.Body))(t))
	}
	limits := []tokenry.LimitBody{{Name: "minute", Limit: 3, WindowSeconds: 60}}
	issued := issue(t, tk, tokenry.KeysIssueParams{
		Scopes: []string{"read:projects"}, Limits: limits, AllowedIPs: []string{"127.0.0.1"},
	})
	if status, header, body := ask("X-API-Key", issued.Secret); status != 200 || body != issued.Key.ID ||
		!strings.HasPrefix(header.Get("RateLimit"), `"minute";r=2;t=`) || header.Get("RateLimit-Policy") != `"minute";q=3;w=60` {
		t.Error(status, header, body)
	}
	if status, header, body := ask(); status != 401 || header.Get("WWW-Authenticate") != "Bearer" ||
		header.Get("Content-Type") != "application/problem+json" || !strings.Contains(body, `"credential_missing"`) {
		t.Error(status, header, body)
	}
	if status, _, _ := ask("Authorization", "Basic eDp5"); status != 401 {
		t.Error(status)
	}
	for _, pairs := range [][]string{
		{"Authorization", "Bearer " + issued.Secret, "X-API-Key", "another"},
		{"Authorization", "Bearer a", "Authorization", "Bearer b"}, {"X-API-Key", "a", "X-API-Token", "b"},
	} {
		if status, _, body := ask(pairs...); status != 400 || !strings.Contains(body, `"credential_ambiguous"`) {
			t.Error(pairs, status)
		}
	}
	if status, _, _ := ask("Authorization", "token  "+issued.Secret, "X-API-Token", issued.Secret); status != 200 {
		t.Error(status)
	}
	if status, header, body := ask("Authorization", "Bearer nonsense"); status != 401 ||
		header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` || !strings.Contains(body, `"malformed"`) {
		t.Error(status, header, body)
	}
	narrow := issue(t, tk, tokenry.KeysIssueParams{Scopes: []string{"read:other"}})
	if status, header, _ := ask("X-API-Key", narrow.Secret); status != 403 ||
		header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="read:projects"` {
		t.Error(status, header)
	}
	elsewhere := issue(t, tk, tokenry.KeysIssueParams{AllowedIPs: []string{"203.0.113.7"}})
	if status, _, body := ask("X-API-Key", elsewhere.Secret); status != 403 || !strings.Contains(body, `"ip_not_allowed"`) {
		t.Error(status, body)
	}
	ask("X-API-Key", issued.Secret)
	if status, header, _ := ask("X-API-Key", issued.Secret); status != 429 || header.Get("Retry-After") == "" ||
		header.Get("WWW-Authenticate") != "" {
		t.Error(status, header)
	}
}

func TestADerivedTokenIsCheckedWithThePublicKeysOfItsTenant(t *testing.T) {
	tk := operator(t)
	secret := issue(t, tk, tokenry.KeysIssueParams{Scopes: []string{"read:projects"}}).Secret
	token := must(tk.Exchange(ctx, secret, tokenry.ExchangeAsk{ExpiresIn: time.Minute, Scopes: []string{"read:projects"}}))(t)
	server := os.Getenv("TOKENRY_SERVER")
	verifier := must(tokenry.NewTokenVerifier(tokenry.TokenOptions{Server: server}))(t)
	var group sync.WaitGroup
	for place := 0; place < 20; place++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if verdict, err := verifier.Verify(ctx, token.AccessToken); err != nil || !verdict.Valid || verdict.Scopes[0] != "read:projects" {
				t.Error(verdict, err)
			}
		}()
	}
	group.Wait()
	if code := must(verifier.Verify(ctx, secret))(t).Code; code != "malformed" {
		t.Error(code)
	}
	audience := "https://api.example.com"
	elsewhere := must(tokenry.NewTokenVerifier(tokenry.TokenOptions{Server: server, Audience: audience}))(t)
	if code := must(elsewhere.Verify(ctx, token.AccessToken))(t).Code; code != "not_found" {
		t.Error(code)
	}
	theirs := must(tk.Exchange(ctx, secret, tokenry.ExchangeAsk{Audience: []string{audience}}))(t)
	if !must(elsewhere.Verify(ctx, theirs.AccessToken))(t).Valid {
		t.Error("not valid for its audience")
	}
}
