package tokenry

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrBadSignature says that a request is not from your installation, was changed, or is too old. Answer it with 400.
var ErrBadSignature = errors.New("bad signature")

const signaturesMax = 16

// WebhookVerifier checks that requests come from your installation, by the Standard Webhooks specification.
type WebhookVerifier struct {
	// Secrets are one or several: "whsec_…" as shown when the endpoint was created or its secret was rotated, or its
	// public key "whpk_…". During a rotation either secret verifies.
	Secrets []string
	// Tolerance is how far the timestamp may be from the clock; 5 minutes by default.
	Tolerance time.Duration
	// Now returns the time; time.Now by default.
	Now func() time.Time
}

// WebhookEvent is what a request tells. Repeats of an event have the same ID: ignore those that you have seen.
type WebhookEvent struct {
	ID        string      `json:"-"`
	Type      string      `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      WebhookData `json:"data"`
}

// WebhookData says what an event is about.
type WebhookData struct {
	ID      string `json:"id"`
	Tenant  string `json:"tenant"`
	Subject string `json:"subject"`
	Actor   string `json:"actor"`
	Owner   string `json:"owner"`
	// Object holds the recorded values, for an endpoint with include="object".
	Object map[string]any `json:"object"`
}

// Verify returns the event of a request, or an ErrBadSignature. The body is the one that arrived, unparsed.
func (v WebhookVerifier) Verify(header http.Header, body []byte) (*WebhookEvent, error) {
	id, timestamp := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	signatures := strings.Fields(header.Get("Webhook-Signature"))
	if id == "" || timestamp == "" || len(signatures) == 0 {
		return nil, badSignature("webhook-id, webhook-timestamp or webhook-signature is missing")
	}
	if len(signatures) > signaturesMax {
		signatures = signatures[:signaturesMax]
	}
	seconds, err := strconv.ParseUint(timestamp, 10, 50)
	if err != nil {
		return nil, badSignature("webhook-timestamp is not a number of seconds")
	}
	if !v.isNear(time.Unix(int64(seconds), 0)) {
		return nil, badSignature("webhook-timestamp is too far from this machine's clock: a repeat, or one clock is wrong")
	}
	signed := append([]byte(id+"."+timestamp+"."), body...)
	if !v.isSigned(signed, signatures) {
		return nil, badSignature("no signature was made with one of these secrets")
	}
	event := &WebhookEvent{ID: id}
	if err := json.Unmarshal(body, event); err != nil {
		return nil, badSignature("the body is not the JSON of an event")
	}
	return event, nil
}

func (v WebhookVerifier) isNear(moment time.Time) bool {
	now, tolerance := time.Now, v.Tolerance
	if v.Now != nil {
		now = v.Now
	}
	if tolerance == 0 {
		tolerance = 5 * time.Minute
	}
	apart := now().Sub(moment)
	return -tolerance <= apart && apart <= tolerance
}

func (v WebhookVerifier) isSigned(signed []byte, signatures []string) bool {
	for _, secret := range v.Secrets {
		for _, one := range signatures {
			version, text, _ := strings.Cut(one, ",")
			given, err := base64.StdEncoding.DecodeString(text)
			if err == nil && matches(secret, signed, version, given) {
				return true
			}
		}
	}
	return false
}

func matches(secret string, signed []byte, version string, given []byte) bool {
	public := strings.TrimPrefix(secret, "whpk_")
	isPublic := public != secret
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whsec_"))
	switch {
	case err != nil || len(key) == 0:
		return false
	case version == "v1" && !isPublic:
		made := hmac.New(sha256.New, key)
		made.Write(signed)
		return hmac.Equal(given, made.Sum(nil))
	case version == "v1a" && isPublic && len(key) == ed25519.PublicKeySize:
		return ed25519.Verify(key, signed, given)
	}
	return false
}

func badSignature(why string) error {
	return fmt.Errorf("%w: %s", ErrBadSignature, why)
}
