package tokenry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
)

// tokenParts is a well-formed token; it says nothing yet about its signer.
type tokenParts struct {
	alg, kid, typ string
	signed        []byte
	payload       []byte
	signature     []byte
}

// readToken takes a signed token apart: three parts of base64url, and a header of alg, kid and typ alone.
func readToken(text string) (*tokenParts, bool) {
	if len(text) > tokenMax {
		return nil, false
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, false
	}
	var raw [3][]byte
	for place, part := range parts {
		found, ok := unbase64(part)
		if !ok {
			return nil, false
		}
		raw[place] = found
	}
	// Anything else in the header, such as `crit`, asks for something that is not done here.
	var header map[string]string
	if json.Unmarshal(raw[0], &header) != nil {
		return nil, false
	}
	for name := range header {
		if name != "alg" && name != "kid" && name != "typ" {
			return nil, false
		}
	}
	signed := []byte(parts[0] + "." + parts[1])
	return &tokenParts{header["alg"], header["kid"], header["typ"], signed, raw[1], raw[2]}, true
}

// unbase64 reads base64url in its one possible form.
func unbase64(text string) ([]byte, bool) {
	// The decoder of the standard library skips line breaks.
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	found, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return found, err == nil
}

// verifyingKey is a public key for one algorithm.
type verifyingKey interface {
	verifies(parts *tokenParts) bool
}

type jwk struct {
	Kty    string   `json:"kty"`
	Kid    string   `json:"kid"`
	Alg    string   `json:"alg"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Crv    string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`
}

// keysOf returns the usable keys of a set by their kid; none when two keys share one.
func keysOf(set []jwk) map[string]verifyingKey {
	keys, seen := map[string]verifyingKey{}, map[string]bool{}
	for _, one := range set {
		if seen[one.Kid] {
			return nil
		}
		seen[one.Kid] = true
		if key := keyOf(one); key != nil {
			keys[one.Kid] = key
		}
	}
	return keys
}

func keyOf(found jwk) verifyingKey {
	if found.Kid == "" || (found.Use != "" && found.Use != "sig") || !maySign(found.KeyOps) {
		return nil
	}
	switch found.Kty + " " + found.Alg {
	case "EC ES256":
		x, y := number(found.X), number(found.Y)
		if found.Crv != "P-256" || x == nil || y == nil || !elliptic.P256().IsOnCurve(x, y) {
			return nil
		}
		return ecKey{ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}}
	case "RSA RS256":
		n, e := number(found.N), number(found.E)
		if n == nil || n.BitLen() < 2048 || n.BitLen() > 4096 || e == nil || e.Cmp(big.NewInt(65537)) != 0 {
			return nil
		}
		return rsaKey{rsa.PublicKey{N: n, E: 65537}}
	case "OKP EdDSA", "OKP Ed25519":
		raw, ok := unbase64(found.X)
		if found.Crv != "Ed25519" || !ok || len(raw) != ed25519.PublicKeySize {
			return nil
		}
		return edKey{raw}
	}
	return nil
}

func maySign(operations []string) bool {
	for _, one := range operations {
		if one == "verify" || one == "sign" {
			return true
		}
	}
	return len(operations) == 0
}

func number(text string) *big.Int {
	raw, ok := unbase64(text)
	if !ok || len(raw) == 0 {
		return nil
	}
	return new(big.Int).SetBytes(raw)
}

type ecKey struct{ public ecdsa.PublicKey }

func (k ecKey) verifies(parts *tokenParts) bool {
	if parts.alg != "ES256" || len(parts.signature) != 64 {
		return false
	}
	digest := sha256.Sum256(parts.signed)
	r, s := new(big.Int).SetBytes(parts.signature[:32]), new(big.Int).SetBytes(parts.signature[32:])
	return ecdsa.Verify(&k.public, digest[:], r, s)
}

type rsaKey struct{ public rsa.PublicKey }

func (k rsaKey) verifies(parts *tokenParts) bool {
	digest := sha256.Sum256(parts.signed)
	return parts.alg == "RS256" && rsa.VerifyPKCS1v15(&k.public, crypto.SHA256, digest[:], parts.signature) == nil
}

type edKey struct{ public ed25519.PublicKey }

func (k edKey) verifies(parts *tokenParts) bool {
	return (parts.alg == "EdDSA" || parts.alg == "Ed25519") && ed25519.Verify(k.public, parts.signed, parts.signature)
}
