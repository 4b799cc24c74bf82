package tokenry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	pauseMax = 5 * time.Second
	// An answer that is longer comes from no Tokenry server.
	answerMax = 64 << 20
)

// sender sends requests, and sends them again where that is safe.
type sender struct {
	server, key, tenant string
	timeout             time.Duration
	retries             int
	http                *http.Client
}

type request struct {
	method, path string
	query        url.Values
	body         any
	form         url.Values
	header       map[string]string
	// credential is presented instead of the key of the client; anonymous presents nothing.
	credential string
	anonymous  bool
	// patience is added to the timeout: the server waits that long before it answers.
	patience time.Duration
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func call[T any](ctx context.Context, s *sender, route string, params any) (*T, error) {
	sent, err := requestOf(route, params, s.tenant)
	if err != nil {
		return nil, err
	}
	return answer[T](ctx, s, sent)
}

func callNothing(ctx context.Context, s *sender, route string, params any) error {
	_, err := callText(ctx, s, route, params)
	return err
}

func callText(ctx context.Context, s *sender, route string, params any) (string, error) {
	sent, err := requestOf(route, params, s.tenant)
	if err != nil {
		return "", err
	}
	got, err := s.send(ctx, sent)
	if err != nil {
		return "", err
	}
	return string(got.body), nil
}

func answer[T any](ctx context.Context, s *sender, sent *request) (*T, error) {
	got, err := s.send(ctx, sent)
	if err != nil {
		return nil, err
	}
	found := new(T)
	if err := json.Unmarshal(got.body, found); err != nil {
		return nil, notUnderstood(sent.path, err)
	}
	return found, nil
}

// send returns an answer that is a success, or the error that the answer tells of.
func (s *sender) send(ctx context.Context, sent *request) (*reply, error) {
	got, err := s.reply(ctx, sent)
	if err != nil {
		return nil, err
	}
	if got.status < 200 || got.status > 299 {
		return nil, errorOf(got)
	}
	return got, nil
}

// reply returns the answer, whatever its status is.
func (s *sender) reply(ctx context.Context, sent *request) (*reply, error) {
	body, kind, err := bodyOf(sent)
	if err != nil {
		return nil, err
	}
	// Only a read, or what carries an idempotency key, does the same when it is sent twice.
	repeatable := sent.method == http.MethodGet || sent.header["Idempotency-Key"] != ""
	for attempt := 0; ; attempt++ {
		got, failure := s.once(ctx, sent, body, kind)
		if err := ctx.Err(); err != nil && failure != nil {
			return nil, err
		}
		var pause time.Duration
		again := repeatable && attempt < s.retries && (failure != nil || isBusy(got.status))
		if again {
			pause, again = pauseOf(attempt, got)
		}
		switch {
		case again:
			if err := wait(ctx, pause); err != nil {
				return nil, err
			}
		case failure != nil:
			var known *Error
			if errors.As(failure, &known) {
				return nil, known
			}
			return nil, unavailable(failure)
		default:
			return got, nil
		}
	}
}

func (s *sender) once(ctx context.Context, sent *request, body []byte, kind string) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout+sent.patience)
	defer cancel()
	target := s.server + sent.path
	if len(sent.query) > 0 {
		target += "?" + sent.query.Encode()
	}
	asked, err := http.NewRequestWithContext(ctx, sent.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, invalid("the request cannot be built: %v", err)
	}
	asked.Header.Set("Accept", "application/json")
	if kind != "" {
		asked.Header.Set("Content-Type", kind)
	}
	for name, value := range sent.header {
		asked.Header.Set(name, value)
	}
	if credential := firstOf(sent.credential, s.key); credential != "" && !sent.anonymous {
		asked.Header.Set("Authorization", "Bearer "+credential)
	}
	got, err := s.http.Do(asked)
	if err != nil {
		var named *url.Error
		if errors.As(err, &named) {
			// Without the URL, which says nothing new.
			return nil, named.Err
		}
		return nil, err
	}
	defer got.Body.Close()
	read, err := io.ReadAll(io.LimitReader(got.Body, answerMax+1))
	if err != nil {
		return nil, err
	}
	if len(read) > answerMax {
		return nil, notUnderstood(sent.path, fmt.Errorf("it has more than %d bytes", answerMax))
	}
	return &reply{got.StatusCode, got.Header, read}, nil
}

func bodyOf(sent *request) ([]byte, string, error) {
	if sent.form != nil {
		return []byte(sent.form.Encode()), "application/x-www-form-urlencoded", nil
	}
	if sent.body == nil {
		return nil, "", nil
	}
	body, err := json.Marshal(sent.body)
	if err != nil {
		return nil, "", invalid("the arguments cannot be written as JSON: %v", err)
	}
	return body, "application/json", nil
}

func isBusy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pauseOf returns how long to wait: what the server asks for, else longer each time; false when that is too long.
func pauseOf(attempt int, got *reply) (time.Duration, bool) {
	if got != nil {
		if seconds, ok := retryAfter(got.header); ok {
			pause := time.Duration(seconds) * time.Second
			return pause, pause <= pauseMax
		}
	}
	pause := time.Duration((50 + 50*rand.Float64()) * float64(time.Millisecond))
	return pause << uint(attempt), true
}

func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// requestOf returns the request of a call; route is a line of the table of operations.
func requestOf(route string, params any, tenant string) (*request, error) {
	method, rest, _ := strings.Cut(route, " ")
	template, mark, _ := strings.Cut(rest, "?")
	fields := fieldsOf(params)
	sent := &request{method: method, header: map[string]string{}, query: url.Values{}}
	path, err := pathOf(template, fields)
	if err != nil {
		return nil, err
	}
	sent.path = path
	if mark != "" {
		if _, given := fields["tenant"]; !given && tenant != "" {
			fields["tenant"] = tenant
		}
		if err := query(sent.query, fields, "tenant"); err != nil {
			return nil, err
		}
	}
	if key, given := fields["idempotency_key"]; given {
		sent.header["Idempotency-Key"] = fmt.Sprint(key)
		delete(fields, "idempotency_key")
	}
	if version, given := fields["if_version"]; given {
		sent.header["If-Match"] = fmt.Sprintf("%q", fmt.Sprint(version))
		delete(fields, "if_version")
	}
	if method != http.MethodGet && method != http.MethodDelete {
		sent.body = fields
		return sent, nil
	}
	if seconds, waits := fields["wait"].(float64); waits {
		sent.patience = time.Duration(seconds * float64(time.Second))
	}
	for name := range fields {
		if err := query(sent.query, fields, name); err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// pathOf fills the names of a path in, and takes them out of the fields.
func pathOf(template string, fields map[string]any) (string, error) {
	parts := strings.Split(template, "/")
	for place, part := range parts {
		if !strings.HasPrefix(part, "{") {
			continue
		}
		name := strings.Trim(part, "{}")
		text, err := inURL(name, fields[name])
		if err != nil {
			return "", err
		}
		if text == "" || text == "." || text == ".." {
			return "", invalid(`%s: an id cannot be empty, "." or ".."`, name)
		}
		delete(fields, name)
		parts[place] = url.PathEscape(text)
	}
	return strings.Join(parts, "/"), nil
}

// query moves a field into a query.
func query(values url.Values, fields map[string]any, name string) error {
	several, ok := fields[name].([]string)
	if !ok {
		if fields[name] == nil {
			delete(fields, name)
			return nil
		}
		text, err := inURL(name, fields[name])
		if err != nil {
			return err
		}
		several = []string{text}
	}
	delete(fields, name)
	for _, text := range several {
		text, err := inURL(name, text)
		if err != nil {
			return err
		}
		values.Add(name, text)
	}
	return nil
}

// inURL returns a value as a part of a URL. A credential is refused: every log on the way would hold it.
func inURL(name string, value any) (string, error) {
	text := fmt.Sprint(value)
	if moment, ok := value.(time.Time); ok {
		text = moment.UTC().Format(time.RFC3339Nano)
	}
	if holdsCredential(text) {
		return "", invalid("%s: a key or a token is never a part of a URL", name)
	}
	return text, nil
}
