// Package verify says whether a webhook comes from somebody who knows a secret of the account that it is for. Four ways
// of proving that are known, those that PBXs and the services before them offer: a secret in a header of its own, Bearer
// (RFC 6750), Basic (RFC 7617), and the signature of Standard Webhooks (https://www.standardwebhooks.com).
//
// It decides and does nothing else: the clock is handed in, and nothing is kept or logged. How long an answer takes
// depends neither on which secret it is nor on how much of one is right.
package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"
)

// Request is what is looked at of a request.
type Request struct {
	// Header gives the first value of a header, "" where there is none. The case of the name does not matter.
	Header func(name string) string
	Body   []byte
	Now    time.Time
}

// Verifier is one way to prove where a webhook comes from, and one secret.
type Verifier interface {
	// Verify says whether a whole request proves it.
	Verify(r Request) bool
	// Plausible says, before there is a body, whether the request may prove it in the end. A Verifier that does not need
	// the body gives the same answer as Verify.
	Plausible(r Request) bool
	// Challenge is what a WWW-Authenticate header says of it.
	Challenge() string
}

// Any says whether at least one proves it. All are asked, so that time does not tell which one did.
func Any(verifiers []Verifier, r Request) bool {
	proved := false
	for _, one := range verifiers {
		proved = one.Verify(r) || proved
	}
	return proved
}

// AnyPlausible is Any before there is a body.
func AnyPlausible(verifiers []Verifier, r Request) bool {
	plausible := false
	for _, one := range verifiers {
		plausible = one.Plausible(r) || plausible
	}
	return plausible
}

// secret is kept as its SHA-256 sum. Sums have one length, so comparing them tells nothing about the length of a secret,
// and nobody finds one in a dump of the memory.
type secret struct {
	sum   [sha256.Size]byte
	empty bool // it is never right: who sends nothing would be let in
}

func newSecret(text string) secret { return secret{sha256.Sum256([]byte(text)), text == ""} }

func (s secret) is(presented string) bool {
	sum := sha256.Sum256([]byte(presented))
	return subtle.ConstantTimeCompare(sum[:], s.sum[:]) == 1 && !s.empty
}

type header struct {
	name   string
	secret secret
}

// Header is proved by a secret that stands in a header of this name, as it is.
func Header(name, text string) Verifier { return header{name, newSecret(text)} }

func (h header) Verify(r Request) bool    { return h.secret.is(r.Header(h.name)) }
func (h header) Plausible(r Request) bool { return h.Verify(r) }
func (h header) Challenge() string {
	return `Secret realm="webhookd", header="` + h.name + `"`
}

type bearer struct{ secret secret }

// Bearer is proved by "Authorization: Bearer" and the secret.
func Bearer(text string) Verifier { return bearer{newSecret(text)} }

func (b bearer) Verify(r Request) bool {
	presented, ok := credentials(r, "Bearer")
	return b.secret.is(presented) && ok
}
func (b bearer) Plausible(r Request) bool { return b.Verify(r) }
func (bearer) Challenge() string          { return `Bearer realm="webhookd"` }

type basic struct{ secret secret }

// Basic is proved by "Authorization: Basic" and this user and password. A user has no colon.
func Basic(user, password string) Verifier {
	b := basic{newSecret(user + ":" + password)}
	b.secret.empty = password == ""
	return b
}

func (b basic) Verify(r Request) bool {
	encoded, ok := credentials(r, "Basic")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	return b.secret.is(string(decoded)) && ok && err == nil
}
func (b basic) Plausible(r Request) bool { return b.Verify(r) }
func (basic) Challenge() string          { return `Basic realm="webhookd", charset="UTF-8"` }

// credentials gives what stands behind a scheme in Authorization; the case of the scheme does not matter.
func credentials(r Request, scheme string) (string, bool) {
	found, rest, _ := strings.Cut(r.Header("Authorization"), " ")
	return strings.TrimSpace(rest), strings.EqualFold(found, scheme)
}
