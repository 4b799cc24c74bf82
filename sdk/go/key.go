package tokenry

import (
	"hash/crc32"
	"regexp"
	"strings"
)

const (
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	prefixMax = 24
	tail      = 74
	kidLength = 16
	checksum  = 6
)

var (
	form  = regexp.MustCompile(`^[a-z][a-z0-9]*(?:_[a-z0-9]+)*_1[0-9A-Za-z]{73}$`)
	words = regexp.MustCompile(`[0-9A-Za-z]{74,}`)
	token = regexp.MustCompile(`(?:^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}`)
)

// ParsedKey holds the public parts of a key.
type ParsedKey struct {
	// Kind is "key", "operator key" or "refresh token".
	Kind        string
	Prefix      string
	Environment string
	// Kid names the secret: lists and logs show it.
	Kid string
}

// ParseKey returns the public parts of a key with a right checksum; false for any other text.
//
// A key that was copied in part, or mistyped, is found without a request. Only the server knows whether a key is valid.
func ParseKey(text string) (ParsedKey, bool) {
	// In Go `$` is the end of the text, never the place before a line break at the end.
	if len(text) > prefixMax+1+tail || !form.MatchString(text) {
		return ParsedKey{}, false
	}
	prefix := text[:len(text)-tail-1]
	body, sum := text[:len(text)-checksum], text[len(text)-checksum:]
	if len(prefix) > prefixMax || sum != base62(crc32.ChecksumIEEE([]byte(body))) {
		return ParsedKey{}, false
	}
	environment := prefix[strings.LastIndexByte(prefix, '_')+1:]
	kind := "key"
	switch environment {
	case "op":
		kind = "operator key"
	case "rt":
		kind = "refresh token"
	}
	start := len(text) - tail + 1
	return ParsedKey{kind, prefix, environment, text[start : start+kidLength]}, true
}

// holdsCredential tells whether a text holds a whole key or an access token, which no URL and no log may hold.
func holdsCredential(text string) bool {
	for _, found := range words.FindAllString(text, -1) {
		if len(found) == tail && found[0] == '1' && found != strings.ToLower(found) {
			return true
		}
	}
	return token.MatchString(text)
}

func base62(number uint32) string {
	var text [checksum]byte
	for place := checksum - 1; place >= 0; place-- {
		text[place] = alphabet[number%62]
		number /= 62
	}
	return string(text[:])
}
