package tokenry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tokenry.example/tokenry"
)

type answered struct {
	status     int
	retryAfter string
	body       string
}

// answering serves answers, the next one to each request; afterwards 200. It counts the requests.
func answering(t *testing.T, answers ...answered) (*tokenry.Client, *int32) {
	t.Helper()
	var count int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := answered{status: http.StatusOK}
		if place := atomic.AddInt32(&count, 1); int(place) <= len(answers) {
			one = answers[place-1]
		}
		if one.retryAfter != "" {
			w.Header().Set("Retry-After", one.retryAfter)
		}
		if one.status == http.StatusFound {
			w.Header().Set("Location", "http://127.0.0.1:1/")
		}
		w.WriteHeader(one.status)
		if one.body == "" {
			one.body = "{}"
		}
		_, _ = w.Write([]byte(one.body))
	}))
	t.Cleanup(server.Close)
	return client(t, tokenry.Options{Server: server.URL, Key: "k"}), &count
}

func client(t *testing.T, options tokenry.Options) *tokenry.Client {
	t.Helper()
	tk, err := tokenry.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func times(busy answered, count int) []answered {
	found := make([]answered, count)
	for place := range found {
		found[place] = busy
	}
	return found
}

func TestOnlyWhatDoesTheSameTwiceIsSentAgain(t *testing.T) {
	busy := answered{status: http.StatusServiceUnavailable, retryAfter: "0"}
	list := func(tk *tokenry.Client) error {
		_, err := tk.Keys.List(context.Background(), tokenry.KeysListParams{})
		return err
	}
	disable := func(tk *tokenry.Client) error {
		_, err := tk.Owners.Disable(context.Background(), tokenry.OwnersDisableParams{ExternalID: "ada"})
		return err
	}
	issue := func(tk *tokenry.Client) error {
		params := tokenry.KeysIssueParams{Owner: "ada", Name: "CI", IdempotencyKey: tokenry.Set("a")}
		_, err := tk.Keys.Issue(context.Background(), params)
		return err
	}
	verify := func(tk *tokenry.Client) error {
		_, err := tk.Verify(context.Background(), "k", tokenry.Ask{})
		return err
	}
	for _, one := range []struct {
		why     string
		call    func(*tokenry.Client) error
		answers []answered
		count   int32
		kind    error
	}{
		{"a read", list, []answered{busy, {status: http.StatusTooManyRequests, retryAfter: "0"}}, 3, nil},
		{"a change", disable, []answered{busy}, 1, tokenry.ErrUnavailable},
		{"a change with an idempotency key", issue, []answered{busy}, 2, nil},
		{"a verification", verify, []answered{busy}, 1, tokenry.ErrUnavailable},
		{"longer than a caller waits", list, times(answered{503, "60", ""}, 1), 1, tokenry.ErrUnavailable},
		{"again and again", list, times(busy, 9), 3, tokenry.ErrUnavailable},
		{"a redirect, which would carry the key elsewhere", list, times(answered{status: 302}, 3), 1, tokenry.ErrUnavailable},
		{"no JSON", list, times(answered{200, "", "<html>"}, 1), 1, tokenry.ErrUnavailable},
		{"no verdict", verify, nil, 1, tokenry.ErrUnavailable},
	} {
		tk, count := answering(t, one.answers...)
		if err := one.call(tk); !errors.Is(err, one.kind) {
			t.Errorf("%s: %v", one.why, err)
		}
		if got := atomic.LoadInt32(count); got != one.count {
			t.Errorf("%s: sent %d times, not %d", one.why, got, one.count)
		}
	}
}

func TestACallThatIsEndedIsNotSentAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var count int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		atomic.AddInt32(&count, 1)
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		cancel()
	}))
	defer server.Close()
	_, err := client(t, tokenry.Options{Server: server.URL}).Keys.List(ctx, tokenry.KeysListParams{})
	if !errors.Is(err, context.Canceled) || atomic.LoadInt32(&count) != 1 {
		t.Fatal(err, count)
	}
}

func TestTheProblemOfAnAnswerIsKept(t *testing.T) {
	body := `{"code":"invalid","detail":"name: is too long","errors":[{"field":"name","code":"too_long","message":"m"}],
		"details":{"max":100}}`
	tk, _ := answering(t, answered{http.StatusUnprocessableEntity, "", body})
	_, err := tk.Roles.Put(context.Background(), tokenry.RolesPutParams{Name: "x", Scopes: []string{}})
	var found *tokenry.Error
	if !errors.As(err, &found) || !errors.Is(err, tokenry.ErrInvalid) || found.Status != 422 || found.Code != "invalid" {
		t.Fatalf("%#v", err)
	}
	if found.Fields[0].Field != "name" || found.Details["max"] != 100.0 || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%+v", found)
	}
}

func TestAVersionConflictIsAConflict(t *testing.T) {
	tk, _ := answering(t, answered{http.StatusPreconditionFailed, "", `{"code":"version_mismatch"}`})
	_, err := tk.Keys.Update(context.Background(), tokenry.KeysUpdateParams{ID: "key_1"})
	if !errors.Is(err, tokenry.ErrVersionConflict) || !errors.Is(err, tokenry.ErrConflict) || errors.Is(err, tokenry.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestAServerThatIsNoAddressAndAKeyThatIsNoKeyAreRefusedAtOnce(t *testing.T) {
	t.Setenv("TOKENRY_SERVER", "")
	for _, options := range []tokenry.Options{
		{}, {Server: "tokenry.example.com"}, {Server: "https://ada:secret@example.com"}, {Server: "https://a/?b"},
		{Server: "https://tokenry.example.com", Key: "ключ"}, {Server: "https://tokenry.example.com", Key: "a b"},
	} {
		if _, err := tokenry.New(options); !errors.Is(err, tokenry.ErrInvalid) {
			t.Errorf("%+v: %v", options, err)
		}
	}
}

func TestWhatIsNotSetIsNotSent(t *testing.T) {
	var bodies, targets []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		bodies, targets = append(bodies, string(body)), append(targets, r.URL.String()+r.Header.Get("If-Match"))
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	tk := client(t, tokenry.Options{Server: server.URL, Tenant: "acme"})
	_, err := tk.Keys.Update(context.Background(), tokenry.KeysUpdateParams{
		ID: "key/1", Name: tokenry.Set("CI"), Scopes: []string{}, ExpiresInSeconds: tokenry.Null[float64](), IfVersion: tokenry.Set[int64](3),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tk.Keys.IssueMany(context.Background(), tokenry.KeysIssueManyParams{
		Tenant: tokenry.Set("other"), Keys: []tokenry.KeysIssueRequest{{Owner: "ada", Name: "CI", Credits: 5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if bodies[0] != `{"expires_in_seconds":null,"name":"CI","scopes":[]}` || targets[0] != `/v1/keys/key%2F1?tenant=acme"3"` {
		t.Error(bodies[0], targets[0])
	}
	if bodies[1] != `{"keys":[{"credits":5,"name":"CI","owner":"ada"}]}` || targets[1] != "/v1/keys/bulk?tenant=other" {
		t.Error(bodies[1], targets[1])
	}
}

func TestTheGuardLetsNobodyInWithoutAVerdictUnlessItIsToldTo(t *testing.T) {
	nobody := client(t, tokenry.Options{Server: "http://127.0.0.1:1", Key: "k"})
	within := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := tokenry.VerdictOf(r.Context()); known {
			t.Error("there is no verdict")
		}
		w.WriteHeader(http.StatusNoContent)
	})
	asked := httptest.NewRequest(http.MethodGet, "/", nil)
	asked.Header.Set("X-API-Key", "anything")

	closed := httptest.NewRecorder()
	nobody.Guard(tokenry.GuardOptions{})(within).ServeHTTP(closed, asked)
	if closed.Code != 503 || closed.Header().Get("Retry-After") != "1" || !strings.Contains(closed.Body.String(), "store_unavailable") {
		t.Error(closed)
	}

	open := httptest.NewRecorder()
	options := tokenry.GuardOptions{WithoutVerdict: func(w http.ResponseWriter, r *http.Request, next http.Handler, err error) {
		if !errors.Is(err, tokenry.ErrUnavailable) {
			t.Error(err)
		}
		next.ServeHTTP(w, r)
	}}
	nobody.Guard(options)(within).ServeHTTP(open, asked)
	if open.Code != http.StatusNoContent {
		t.Error(open)
	}

	misconfigured, _ := answering(t, answered{http.StatusForbidden, "", `{"code":"insufficient_scope"}`})
	failed := httptest.NewRecorder()
	misconfigured.Guard(tokenry.GuardOptions{})(within).ServeHTTP(failed, asked)
	if failed.Code != http.StatusInternalServerError {
		t.Error(failed)
	}
}

func TestManyGoroutinesMayShareAClientAndAVerifier(t *testing.T) {
	tk, count := answering(t, times(answered{200, "", `{"valid":true,"code":"valid"}`}, 100)...)
	var group sync.WaitGroup
	for place := 0; place < 100; place++ {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := tk.Require(context.Background(), "k", tokenry.Ask{}); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if *count != 100 {
		t.Error(*count)
	}
}
