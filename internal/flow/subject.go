package flow

import (
	"encoding/base64"
	"strings"
)

// Names on NATS (design §7). They are a contract with every reader.
const (
	// StreamName is the JetStream stream that holds the events.
	StreamName = "FLOW_TRIGGERS"
	// StreamSubjects is what the stream takes.
	StreamSubjects = subjectPrefix + ">"
	// BucketName is the KV bucket that shows the calls that are not settled yet.
	BucketName = "calls"

	subjectPrefix = "flow.trigger."
	// encodedPrefix begins a token that had to be encoded.
	encodedPrefix = "b64-"
)

// Subject is where an event goes: flow.trigger.<account>.<type>, each part a [Token].
func Subject(account, eventType string) string {
	return subjectPrefix + Token(account) + "." + Token(eventType)
}

// AccountSubjects matches the subjects of all events of an account.
func AccountSubjects(account string) string { return subjectPrefix + Token(account) + ".*" }

// BucketKey is the key of a call in the KV bucket: <account>.<call_uuid>, each part a [Token].
func BucketKey(account, callUUID string) string {
	return Token(account) + "." + Token(callUUID)
}

// Token makes a text safe as one token of a NATS subject or KV key. A text of letters, digits, "_" and "-" stays as it
// is; any other, the empty one, and one that looks encoded already becomes "b64-" and its bytes in unpadded base64url,
// so that two texts never share a token.
func Token(text string) string {
	if plainToken(text) {
		return text
	}
	return encodedPrefix + base64.RawURLEncoding.EncodeToString([]byte(text))
}

// Text gives the text that a token was made of; ok is false for what is no token.
func Text(token string) (text string, ok bool) {
	encoded, found := strings.CutPrefix(token, encodedPrefix)
	if !found {
		return token, plainToken(token)
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || Token(string(decoded)) != token { // each text has one token
		return "", false
	}
	return string(decoded), true
}

func plainToken(text string) bool {
	if text == "" || strings.HasPrefix(text, encodedPrefix) {
		return false
	}
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
