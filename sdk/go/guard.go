package tokenry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// GuardOptions say what a handler asks of a credential.
type GuardOptions struct {
	// Ask is what the credential has to fulfil; its IP is set for each request.
	Ask Ask
	// ClientIP returns the address of the client. By default it is that of the connection, which behind a proxy
	// is the address of the proxy.
	ClientIP func(*http.Request) string
	// WithoutVerdict answers a request whose credential could not be checked. By default nobody gets in: 503 when the
	// server cannot be reached, else 500 and a line in the log. Call next to let such requests in: they have no verdict.
	WithoutVerdict func(w http.ResponseWriter, r *http.Request, next http.Handler, err error)
}

type contextKey struct{}

// VerdictOf returns the verdict of a request that a guard let in; false for any other request.
func VerdictOf(ctx context.Context) (*Verdict, bool) {
	verdict, ok := ctx.Value(contextKey{}).(*Verdict)
	return verdict, ok
}

// Guard returns middleware that lets a request in when its credential is valid, and answers every other one with
// 400, 401, 403, 429 or 503 as application/problem+json. The handler finds the verdict with VerdictOf.
func (c *Client) Guard(options GuardOptions) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			credential, problem := presented(r.Header)
			if problem != nil {
				problem.write(w)
				return
			}
			ask := options.Ask
			ask.IP = clientIP(r, options.ClientIP)
			verdict, err := c.Verify(r.Context(), credential, ask)
			switch {
			case err != nil && options.WithoutVerdict != nil:
				options.WithoutVerdict(w, r, next, err)
			case err != nil:
				withoutVerdict(w, err)
			case !verdict.Valid:
				refused(verdict, ask.Scopes.Names()).write(w)
			default:
				tellLimits(w.Header(), verdict)
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, verdict)))
			}
		})
	}
}

func withoutVerdict(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		found := newRefusal(http.StatusServiceUnavailable, "store_unavailable",
			"The credential cannot be checked now: try again after a moment.")
		found.header.Set("Retry-After", "1")
		found.write(w)
		return
	}
	// The guard itself is set up wrongly: its key may not verify, for instance.
	log.Printf("a credential cannot be checked: %v", err)
	newRefusal(http.StatusInternalServerError, "internal", "The credential cannot be checked.").write(w)
}

var scheme = regexp.MustCompile(`(?is)^(?:bearer|token)(?: +|$)(.*)$`)

// presented returns the credential in the header of a request, or the answer to a request without one.
func presented(header http.Header) (string, *refusal) {
	found := map[string]bool{}
	for _, value := range header.Values("Authorization") {
		if parts := scheme.FindStringSubmatch(strings.TrimSpace(value)); parts != nil {
			found[strings.TrimSpace(parts[1])] = true
		}
	}
	for _, name := range []string{"X-Api-Key", "X-Api-Token"} {
		for _, value := range header.Values(name) {
			found[strings.TrimSpace(value)] = true
		}
	}
	if len(found) > 1 {
		return "", newRefusal(http.StatusBadRequest, "credential_ambiguous", "Send one credential, in one header.")
	}
	for text := range found {
		return text, nil
	}
	missing := newRefusal(http.StatusUnauthorized, "credential_missing",
		"Send `Authorization: Bearer …` or `X-API-Key: …`.")
	missing.header.Set("WWW-Authenticate", "Bearer")
	return "", missing
}

func clientIP(r *http.Request, told func(*http.Request) string) string {
	if told != nil {
		return told(r)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	host, _, _ = strings.Cut(host, "%")
	return host
}

// refusal is an answer in place of the one of the handler.
type refusal struct {
	status       int
	code, detail string
	header       http.Header
}

func newRefusal(status int, code, detail string) *refusal {
	return &refusal{status, code, detail, http.Header{}}
}

func (r *refusal) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(r.status), "status": r.status, "detail": r.detail, "code": r.code,
	})
}

func refused(verdict *Verdict, scopes []string) *refusal {
	found := newRefusal(http.StatusUnauthorized, verdict.Code, "The credential is refused: "+verdict.Code+".")
	challenge := `Bearer error="invalid_token"`
	switch verdict.Code {
	case "quota_exceeded", "rate_limited", "throttled":
		found.status, challenge = http.StatusTooManyRequests, ""
	case "ip_not_allowed":
		found.status = http.StatusForbidden
	case "insufficient_scope":
		found.status, challenge = http.StatusForbidden, `Bearer error="insufficient_scope"`
		if names := strings.Join(scopes, " "); names != "" {
			challenge += fmt.Sprintf(", scope=%q", names)
			found.detail = "This needs the scope " + names + "."
		}
	}
	tellLimits(found.header, verdict)
	if challenge != "" {
		found.header.Set("WWW-Authenticate", challenge)
	}
	if verdict.RetryAfter != nil {
		found.header.Set("Retry-After", strconv.FormatInt(*verdict.RetryAfter, 10))
	}
	return found
}

// tellLimits sets the fields that tell a caller how limits and credits stand.
func tellLimits(header http.Header, verdict *Verdict) {
	var policies, states []string
	for _, one := range verdict.Limits {
		name := one.Name
		if one.Of != "key" {
			name = one.Of + "/" + name
		}
		policies = append(policies, fmt.Sprintf("%q;q=%d;w=%d", name, one.Limit, one.WindowSeconds))
		states = append(states, fmt.Sprintf("%q;r=%d;t=%d", name, one.Remaining, secondsUntil(one.ResetAt)))
	}
	if len(states) > 0 {
		header.Set("RateLimit-Policy", strings.Join(policies, ", "))
		header.Set("RateLimit", strings.Join(states, ", "))
	}
	if credits := verdict.Credits; credits != nil {
		header.Set("Credits-Remaining", strconv.FormatInt(credits.Remaining, 10))
		if credits.ResetAt != nil {
			header.Set("Credits-Reset", strconv.Itoa(secondsUntil(*credits.ResetAt)))
		}
	}
}

func secondsUntil(moment time.Time) int {
	return int(math.Max(0, math.Ceil(time.Until(moment).Seconds())))
}
