package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// What is printed is a file that can be used, except for what is secret.
func TestWhatIsPrintedCanBeReadAgain(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{
		Environ: []string{"WEBHOOKD_DATA_DIR=/a: b #c", "WEBHOOKD_BODY_LIMIT=100kB", "WEBHOOKD_CALL_LIMIT=1h0m1s"},
		File: write(t, "close_causes: {\"odd: one\": {class: busy, vote: other}, \"a, b]\": {}}\nring_limit: 2h\n"+
			"flows: {\"odd: one, [2}\\n\": 7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f, b: 50c3706e-fedb-42c0-8eab-dda3335714b7}\n"+
			"resthooks: {a: \"https://example.com/a?b=1#c\", b: []}\ncallout_allow_private: [all, 10.0.0.0/8, \"fd00::/8\"]\n"),
	})
	require.NoError(t, err)
	again, err := config.Load(config.Sources{File: write(t, cfg.YAML())})
	require.NoError(t, err, cfg.YAML())
	require.Equal(t, "/a: b #c", again.DataDir)
	require.Equal(t, 100_000, again.BodyLimit)
	require.Equal(t, cfg.CallLimit, again.CallLimit)
	require.Equal(t, cfg.RingLimit, again.RingLimit)
	require.Equal(t, cfg.CloseCauses, again.CloseCauses)
	require.Equal(t, cfg.Flows, again.Flows)
	require.Len(t, again.Flows, 2)
	require.Equal(t, cfg.Resthooks, again.Resthooks)
	require.Equal(t, cfg.CalloutAllowPrivate, again.CalloutAllowPrivate)
	require.True(t, again.CalloutAllowAll)
	require.Contains(t, cfg.YAML(), "ring_limit: 2h # file ")
	require.Contains(t, cfg.YAML(), "stop_timeout: 20s # default\n")
	require.Contains(t, cfg.YAML(), "body_limit: 100000 # WEBHOOKD_BODY_LIMIT\n")
}
