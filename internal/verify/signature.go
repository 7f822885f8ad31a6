package verify

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Tolerance is how far the time of a signature may be from ours, before or after: what Standard Webhooks recommends. A
// request that was overheard can be sent again for that long; it is a duplicate then and changes nothing (design §8).
const Tolerance = 5 * time.Minute

const (
	// minSecret is the least length of a secret to sign with, in bytes: Standard Webhooks asks for 24.
	minSecret    = 24
	secretPrefix = "whsec_"
)

var errSecret = errors.New("is no secret of Standard Webhooks: whsec_ and at least 24 bytes in base64")

type signature struct{ webhook *standardwebhooks.Webhook }

// Signature is proved by the headers webhook-id, webhook-timestamp and webhook-signature, whose HMAC-SHA256 (v1) is made
// with the secret over the id, the time and the body. The secret is whsec_ and base64. Its errors do not quote it.
func Signature(text string) (Verifier, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok || len(encoded) < (minSecret*4+2)/3 {
		return nil, errSecret
	}
	webhook, err := standardwebhooks.NewWebhook(text)
	if err != nil {
		return nil, errSecret
	}
	return signature{webhook}, nil
}

func (s signature) Verify(r Request) bool {
	headers := http.Header{}
	for _, name := range []string{
		standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature,
	} {
		headers.Set(name, r.Header(name))
	}
	return s.Plausible(r) && s.webhook.VerifyIgnoringTimestamp(r.Body, headers) == nil
}

// Plausible says whether there is a signature of this time.
func (signature) Plausible(r Request) bool {
	seconds, err := strconv.ParseInt(r.Header(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil || r.Header(standardwebhooks.HeaderWebhookID) == "" {
		return false
	}
	off := r.Now.Sub(time.Unix(seconds, 0)).Abs()
	return off <= Tolerance && strings.Contains(r.Header(standardwebhooks.HeaderWebhookSignature), "v1,")
}

func (signature) Challenge() string {
	return fmt.Sprintf(`Signature realm="webhookd", header=%q`, standardwebhooks.HeaderWebhookSignature)
}
