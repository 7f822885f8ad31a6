package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// What call-outs show must hold no secret of the configuration, from whichever key it is.
func TestEverySecretIsKnownToCallOuts(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(file, []byte("webhook_secret: the-webhook-secret\napi_keys: [the-api-key]\n"+
		"read_tokens: [the-read-token]\ntokens: [{name: a, scopes: [read], secret: the-token}]\n"+
		"nats_users: [{name: a, secret: the-password-on-nats}]\n"+
		"accounts: {crm: {webhook_auth: [{type: bearer, secret: the-secret-of-crm}],"+
		" pbx_api: {url: 'https://pbx.example', secret: the-key-of-the-pbx}}}\n"), 0o600))
	cfg, err := config.Load(config.Sources{File: file})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"the-webhook-secret", "the-api-key", "the-read-token", "the-token", "the-secret-of-crm", "the-password-on-nats",
		"the-key-of-the-pbx",
	}, everySecret(cfg))
}
