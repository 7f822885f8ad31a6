package verify_test

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/verify"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// asked is a request with headers given as name, value, and so on.
func asked(body string, headers ...string) verify.Request {
	set := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		set.Set(headers[i], headers[i+1])
	}
	return verify.Request{Header: set.Get, Body: []byte(body), Now: now}
}

func basicOf(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestSecretsInHeaders(t *testing.T) {
	t.Parallel()
	header, bearer := verify.Header("X-Hash", "the-secret"), verify.Bearer("the-secret")
	basic := verify.Basic("pbx", "pass:word")
	for name, tc := range map[string]struct {
		by   verify.Verifier
		sent []string
		ok   bool
	}{
		"header":                        {by: header, sent: []string{"X-Hash", "the-secret"}, ok: true},
		"header, case of its name":      {by: header, sent: []string{"x-HASH", "the-secret"}, ok: true},
		"header, case of the secret":    {by: header, sent: []string{"X-Hash", "The-Secret"}},
		"header, the beginning":         {by: header, sent: []string{"X-Hash", "the-secre"}},
		"header, more":                  {by: header, sent: []string{"X-Hash", "the-secret "}},
		"header, another one":           {by: header, sent: []string{"X-Other", "the-secret"}},
		"header, none":                  {by: header},
		"header, an empty secret":       {by: verify.Header("X-Hash", "")},
		"bearer":                        {by: bearer, sent: []string{"Authorization", "Bearer the-secret"}, ok: true},
		"bearer, case of the scheme":    {by: bearer, sent: []string{"Authorization", "bearer the-secret"}, ok: true},
		"bearer, without the scheme":    {by: bearer, sent: []string{"Authorization", "the-secret"}},
		"bearer, another scheme":        {by: bearer, sent: []string{"Authorization", "ApiKey the-secret"}},
		"bearer, wrong":                 {by: bearer, sent: []string{"Authorization", "Bearer the-other"}},
		"bearer, an empty secret":       {by: verify.Bearer(""), sent: []string{"Authorization", "Bearer "}},
		"basic":                         {by: basic, sent: []string{"Authorization", basicOf("pbx:pass:word")}, ok: true},
		"basic, wrong password":         {by: basic, sent: []string{"Authorization", basicOf("pbx:pass")}},
		"basic, wrong user":             {by: basic, sent: []string{"Authorization", basicOf("pb:pass:word")}},
		"basic, not encoded":            {by: basic, sent: []string{"Authorization", "Basic pbx:pass:word"}},
		"basic, more behind it":         {by: basic, sent: []string{"Authorization", basicOf("pbx:pass:word") + "!"}},
		"basic, an empty password":      {by: verify.Basic("pbx", ""), sent: []string{"Authorization", basicOf("pbx:")}},
		"basic, its text as a bearer's": {by: basic, sent: []string{"Authorization", "Bearer pbx:pass:word"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.ok, tc.by.Verify(asked("{}", tc.sent...)))
			assert.Equal(t, tc.ok, tc.by.Plausible(asked("", tc.sent...)), "the body does not matter")
		})
	}
}

// The example of the specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime      = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestSignatureOfTheSpecification(t *testing.T) {
	t.Parallel()
	by, err := verify.Signature(exampleSecret)
	require.NoError(t, err)
	r := asked(exampleBody, "webhook-id", exampleID, "webhook-timestamp", strconv.Itoa(exampleTime), "webhook-signature", exampleSignature)
	for off, ok := range map[time.Duration]bool{
		0: true, 5 * time.Minute: true, -5 * time.Minute: true, 5*time.Minute + time.Second: false, -5*time.Minute - time.Second: false,
	} {
		r.Now = time.Unix(exampleTime, 0).Add(off)
		assert.Equal(t, ok, by.Verify(r), off)
		assert.Equal(t, ok, by.Plausible(r), off)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	const secret, other = exampleSecret, "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
	by, err := verify.Signature(secret)
	require.NoError(t, err)
	sign := func(secret, id, body string) string {
		webhook, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)
		signed, err := webhook.Sign(id, now, []byte(body))
		require.NoError(t, err)
		return signed
	}
	at := strconv.FormatInt(now.Unix(), 10)
	right := sign(secret, "m1", "{}")
	for name, tc := range map[string]struct {
		id, at, signature, body string
		ok, plausible           bool
	}{
		"right":                {"m1", at, right, "{}", true, true},
		"one of several":       {"m1", at, "v1a,AAAA " + sign(other, "m1", "{}") + " " + right, "{}", true, true},
		"of another secret":    {"m1", at, sign(other, "m1", "{}"), "{}", false, true},
		"of another body":      {"m1", at, right, "{ }", false, true},
		"of another id":        {"m2", at, right, "{}", false, true},
		"of another time":      {"m1", strconv.FormatInt(now.Unix()+1, 10), right, "{}", false, true},
		"no id":                {"", at, right, "{}", false, false},
		"no time":              {"m1", "", right, "{}", false, false},
		"a time that is none":  {"m1", "now", right, "{}", false, false},
		"no signature":         {"m1", at, "", "{}", false, false},
		"of another version":   {"m1", at, "v2" + right[2:], "{}", false, false},
		"without its version":  {"m1", at, right[3:], "{}", false, false},
		"the largest of times": {"m1", "9223372036854775807", right, "{}", false, false},
		"the least of times":   {"m1", "-9223372036854775808", right, "{}", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := asked(tc.body, "webhook-id", tc.id, "webhook-timestamp", tc.at, "webhook-signature", tc.signature)
			assert.Equal(t, tc.ok, by.Verify(r))
			assert.Equal(t, tc.plausible, by.Plausible(r))
		})
	}
}

func TestSecretsThatSignNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "whsec_", "whsec_c2hvcnQ=", exampleSecret[6:], "whsec_" + "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"} {
		_, err := verify.Signature(text)
		require.EqualError(t, err, "is no secret of Standard Webhooks: whsec_ and at least 24 bytes in base64", text)
	}
}

func TestAnyOneIsEnough(t *testing.T) {
	t.Parallel()
	by := []verify.Verifier{verify.Bearer("the-old"), verify.Bearer("the-new"), verify.Header("X-Hash", "the-hash")}
	for _, sent := range [][]string{{"Authorization", "Bearer the-old"}, {"Authorization", "Bearer the-new"}, {"X-Hash", "the-hash"}} {
		assert.True(t, verify.Any(by, asked("", sent...)))
		assert.True(t, verify.AnyPlausible(by, asked("", sent...)))
	}
	assert.False(t, verify.Any(by, asked("", "Authorization", "Bearer the-hash")))
	assert.False(t, verify.Any(nil, asked("")), "nothing proves nothing")
	assert.False(t, verify.AnyPlausible(nil, asked("")))
}
