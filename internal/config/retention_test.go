package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// Nothing is removed unless somebody says so, and an account's own word counts key by key.
func TestRetentionIsOfTheInstallationUnlessAnAccountHasItsOwn(t *testing.T) {
	t.Parallel()
	require.Zero(t, config.Default().RetentionOf("default"))
	const day = 24 * time.Hour
	cfg, err := config.Load(config.Sources{
		Environ: []string{"WEBHOOKD_RETENTION_OUTBOX=30d", "WEBHOOKD_RETENTION_QUARANTINE="},
		File: write(t, "retention_calls: 90d\nretention_journal: 36h\nretention_quarantine: 7d\n"+
			"accounts:\n  crm: {retention_calls: 0, retention_quarantine: 25h}\n  sales: {retention_journal: 10d}\n"),
	})
	require.NoError(t, err)
	require.Equal(t, config.Retention{Calls: 90 * day, Journal: 36 * time.Hour, Outbox: 30 * day}, cfg.RetentionOf("other"))
	require.Equal(t, config.Retention{Journal: 36 * time.Hour, Outbox: 30 * day, Quarantine: 25 * time.Hour}, cfg.RetentionOf("crm"))
	require.Equal(t, config.Retention{Calls: 90 * day, Journal: 10 * day, Outbox: 30 * day}, cfg.RetentionOf("sales"))
	require.Contains(t, cfg.YAML(), "retention_calls: 90d")
	require.Contains(t, cfg.YAML(), "crm: {retention_calls: 0, retention_quarantine: 25h}")
	again, err := config.Load(config.Sources{File: write(t, cfg.YAML())})
	require.NoError(t, err, cfg.YAML())
	require.Equal(t, cfg.Accounts, again.Accounts)
	require.Equal(t, cfg.Retention, again.Retention)
}
