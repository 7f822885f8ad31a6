package callout

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A signed request carries the headers of Standard Webhooks (https://www.standardwebhooks.com), which public libraries
// verify: an id that stays the same for every attempt, the time of this attempt in Unix seconds, and the HMAC-SHA256 of
// id, time and body, joined by full stops.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// secretPrefix begins a secret whose key is what the rest says in base64. Any other secret is the key as it stands.
const secretPrefix = "whsec_"

var errSecret = errors.New("the secret begins with whsec_, and what follows is no base64")

// sign adds a call's id, and its signature if it has a secret. A call's own headers of these names give way.
func sign(header http.Header, call Call, at time.Time) error {
	if call.Secret == "" {
		if call.MessageID != "" && saneID(call.MessageID) {
			header.Set(headerID, call.MessageID)
		}
		return nil
	}
	if !saneID(call.MessageID) {
		return errMessage
	}
	key, err := signingKey(call.Secret)
	if err != nil {
		return err
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set(headerID, call.MessageID)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, signature(key, call.MessageID, timestamp, call.Body))
	return nil
}

func signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func signingKey(secret string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return []byte(secret), nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) == 0 {
		return nil, errSecret // without the library's error, which tells where in the secret
	}
	return key, nil
}

// saneID says whether an id can be signed: a full stop would let parts of the body pass as parts of the id.
func saneID(id string) bool {
	return id != "" && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) < 0
}
