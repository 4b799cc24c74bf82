package tokenry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// The kinds of errors, for errors.Is. They are those of the Python library.
var (
	// ErrInvalid: values cannot be accepted; Fields of the Error names them.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: there is no such record, or the caller may not see it.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the state of the record does not allow the change.
	ErrConflict = errors.New("conflict")
	// ErrVersionConflict: another caller changed the record; read it again. It is an ErrConflict, too.
	ErrVersionConflict = fmt.Errorf("version %w", ErrConflict)
	// ErrNotAllowed: the caller may not do this.
	ErrNotAllowed = errors.New("not allowed")
	// ErrCallerRefused: the server refuses the key of the client itself.
	ErrCallerRefused = errors.New("caller refused")
	// ErrUnavailable: the server cannot be reached, or cannot answer now. A change may have happened.
	ErrUnavailable = errors.New("unavailable")
	// ErrDenied: a credential was refused. Require returns it as a *Denied.
	ErrDenied = errors.New("denied")
)

// Error is an answer that is no success, or the lack of an answer. Its kind is one of the Err values.
type Error struct {
	// Message says what happened and what to do next.
	Message string
	// Code is the code of the problem, such as "not_found"; see the reference of problems.
	Code string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// RequestID names the request in the log of the server.
	RequestID string
	// Fields names what is wrong with which argument.
	Fields []FieldProblem
	// Details are further facts about the problem.
	Details map[string]any
	// RetryAfter is how long the server asks to wait; 0 when it does not say.
	RetryAfter time.Duration

	kind  error
	cause error
}

func (e *Error) Error() string { return "tokenry: " + e.Message }

// Is tells whether the error is of a kind.
func (e *Error) Is(kind error) bool { return errors.Is(e.kind, kind) }

// Unwrap returns what kept the client from getting an answer, such as the error of the network.
func (e *Error) Unwrap() error { return e.cause }

// Denied is the error of a credential that was refused; Verdict says why.
type Denied struct{ Verdict *Verdict }

func (d *Denied) Error() string { return "tokenry: the credential was refused: " + d.Verdict.Code }

// Is tells whether the error is ErrDenied.
func (d *Denied) Is(kind error) bool { return kind == ErrDenied }

var kindByCode = map[string]error{
	"not_found":            ErrNotFound,
	"conflict":             ErrConflict,
	"idempotency_mismatch": ErrConflict,
	"version_mismatch":     ErrVersionConflict,
	"not_allowed":          ErrNotAllowed,
	"insufficient_scope":   ErrNotAllowed,
	"store_unavailable":    ErrUnavailable,
}

// For the codes of a newer server, or of a proxy.
var kindByStatus = map[int]error{
	http.StatusForbidden:          ErrNotAllowed,
	http.StatusNotFound:           ErrNotFound,
	http.StatusConflict:           ErrConflict,
	http.StatusPreconditionFailed: ErrVersionConflict,
}

// errorOf returns the error of an answer that is no success (RFC 9457).
func errorOf(got *reply) *Error {
	var problem struct {
		Code    string         `json:"code"`
		Title   string         `json:"title"`
		Detail  string         `json:"detail"`
		Errors  []FieldProblem `json:"errors"`
		Details map[string]any `json:"details"`
	}
	// A proxy on the way may answer with anything: then the status says what there is to say.
	_ = json.Unmarshal(got.body, &problem)
	found := &Error{
		Message:   firstOf(problem.Detail, problem.Title, "HTTP status "+strconv.Itoa(got.status)),
		Code:      problem.Code,
		Status:    got.status,
		RequestID: got.header.Get("X-Request-Id"),
		Fields:    problem.Errors,
		Details:   problem.Details,
	}
	if seconds, ok := retryAfter(got.header); ok {
		found.RetryAfter = time.Duration(seconds) * time.Second
	}
	switch {
	case got.status == http.StatusUnauthorized, got.status == http.StatusTooManyRequests, found.Code == "ip_not_allowed":
		found.kind = ErrCallerRefused
		found.Message = "the server refused the key of the caller: " + found.Message
	case got.status < 400:
		found.kind = ErrUnavailable
		found.Message = fmt.Sprintf("the server answered %d, which is not followed: is its address right?", got.status)
	case kindByCode[found.Code] != nil:
		found.kind = kindByCode[found.Code]
	case kindByStatus[got.status] != nil:
		found.kind = kindByStatus[got.status]
	case got.status >= 500:
		found.kind = ErrUnavailable
	default:
		found.kind = ErrInvalid
	}
	return found
}

func invalid(format string, values ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, values...), kind: ErrInvalid}
}

func unavailable(cause error) *Error {
	message := fmt.Sprintf("the server cannot be reached (%v): does it run, and is its address right?", cause)
	return &Error{Message: message, Code: "store_unavailable", kind: ErrUnavailable, cause: cause}
}

func notUnderstood(path string, cause error) *Error {
	return &Error{
		Message: fmt.Sprintf("the answer to %s is not one that this client understands (%v): "+
			"is that a Tokenry server, of a version that fits?", path, cause),
		kind:  ErrUnavailable,
		cause: cause,
	}
}

// retryAfter returns the seconds of Retry-After; false for a date, and for a number that no server means.
func retryAfter(header http.Header) (int, bool) {
	asked := header.Get("Retry-After")
	if asked == "" || len(asked) > 9 {
		return 0, false
	}
	for _, digit := range asked {
		if digit < '0' || digit > '9' {
			return 0, false
		}
	}
	seconds, err := strconv.Atoi(asked)
	return seconds, err == nil
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
