package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// A secret that opens two accounts is allowed, and not wise; an account may have the same one in two forms.
func TestASecretOfTwoAccountsIsWarnedAbout(t *testing.T) {
	t.Parallel()
	const file = `
webhook_secret: [the-secret-of-everybody]
accounts:
  acme: {webhook_auth: [{type: header, secret: the-secret-of-acme-now}, {type: bearer, secret: the-secret-of-acme-now}]}
  crm: {webhook_auth: [{type: bearer, secret: another-secret-of-crm}, {type: bearer, secret: the-secret-of-acme-now}]}
  shop: {webhook_auth: [{type: bearer, secret: the-secret-of-everybody}]}
`
	cfg, err := config.Load(config.Sources{File: write(t, file)})
	require.NoError(t, err)
	require.Equal(t, []string{
		"accounts: number 2 of webhook_auth of account crm is also number 1 of webhook_auth of account acme: " +
			"who knows it for one can hand in webhooks for the other",
		"accounts: number 1 of webhook_auth of account shop is also number 1 of webhook_secret: " +
			"who knows it for one can hand in webhooks for the other",
	}, cfg.Warnings())
}
