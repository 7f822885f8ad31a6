package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// A secret comes from the file, from a variable or from a file of its own, and is shown nowhere.
func TestSecretsOfAccountsComeFromWhereTheyAre(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2-from-a-file-of-its-own\n"), 0o600))
	cfg, err := config.Load(config.Sources{
		Environ: []string{"CRM_SECRET=hunter2-of-before", "CRM_SECRET=hunter2-from-the-environment", "OTHER=x"},
		File: write(t, "accounts:\n  crm:\n    webhook_auth:\n"+
			"      - {type: bearer, secret_env: CRM_SECRET}\n      - {type: header, secret_file: "+secret+"}\n"),
	})
	require.NoError(t, err)
	auth := cfg.Accounts["crm"].WebhookAuth
	require.Len(t, auth, 2)
	require.Equal(t, "hunter2-from-the-environment", auth[0].Secret.Reveal())
	require.Equal(t, "hunter2-from-a-file-of-its-own", auth[1].Secret.Reveal())
	require.Empty(t, cfg.Warnings())
	require.NotContains(t, cfg.YAML(), "hunter2")
	require.Contains(t, cfg.YAML(), "webhook_auth: [{type: bearer, secret_env: CRM_SECRET}, {type: header, secret_file: "+secret+"}]")
	again, err := config.Load(config.Sources{Environ: []string{"CRM_SECRET=hunter2-from-the-environment"}, File: write(t, cfg.YAML())})
	require.NoError(t, err, cfg.YAML())
	require.Equal(t, cfg.Accounts, again.Accounts)
}

func TestShortSecretsOfAccountsAreWarnedAbout(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{File: write(t, "accounts: {crm: {webhook_auth: [{type: bearer, secret: hunter2}]}}\n")})
	require.NoError(t, err)
	require.Equal(t, []string{"accounts: crm: webhook_auth: number 1 has fewer than 16 characters and can be guessed"}, cfg.Warnings())
}

// Where the PBX is asked is read with its key, printed without it, and warned about where the key could be read.
func TestWhereThePBXIsAskedIsReadAndShownWithoutItsKey(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{
		Environ: []string{"PBX_KEY=hunter2-of-the-pbx"},
		File: write(t, "accounts:\n  crm:\n    pbx_api: {url: 'https://pbx.example/api/v1.3/', secret_env: PBX_KEY, rate: 5}\n"+
			"  shop:\n    pbx_api: {url: 'http://pbx.example', secret: hunter2-in-the-file}\n"+
			"  home:\n    pbx_api: {url: 'http://127.0.0.1:1', secret: hunter2-in-the-file}\n"),
	})
	require.NoError(t, err)
	api := cfg.Accounts["crm"].PBXAPI
	require.Equal(t, "https://pbx.example/api/v1.3", api.URL.Reveal())
	require.Equal(t, "hunter2-of-the-pbx", api.Key.Reveal())
	require.Equal(t, 5, api.Rate)
	require.Equal(t, 1, cfg.Accounts["shop"].PBXAPI.Rate)
	require.Equal(t, []string{
		"accounts: shop: pbx_api: the url begins with http://, so the key can be read on its way",
	}, cfg.Warnings())
	require.NotContains(t, cfg.YAML(), "hunter2")
	require.Contains(t, cfg.YAML(), "crm: {pbx_api: {url: 'https://pbx.example/api/v1.3', secret_env: PBX_KEY, rate: 5}}")
	again, err := config.Load(config.Sources{Environ: []string{"PBX_KEY=hunter2-of-the-pbx"}, File: write(t, cfg.YAML())})
	require.NoError(t, err, cfg.YAML())
	require.Equal(t, cfg.Accounts["crm"], again.Accounts["crm"])
}
