package config_test

import (
	"bufio"
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

// Every bad file says in its first line what is to be said about it; F stands for its path.
func TestBadFilesAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	for _, name := range names(t, "bad") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata", "bad", name+".yaml")
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			first, err := bufio.NewReader(bytes.NewReader(data)).ReadString('\n')
			require.NoError(t, err)
			want, ok := strings.CutPrefix(strings.TrimSuffix(first, "\n"), "# want: ")
			require.True(t, ok, "the first line says what is wanted")
			_, err = config.Load(config.Sources{File: path})
			require.Error(t, err)
			require.Contains(t, err.Error(), strings.ReplaceAll(want, "file F", "file "+path))
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "hunter2", "a secret is shown")
		})
	}
}

func TestGoodFilesAreTaken(t *testing.T) {
	t.Parallel()
	for _, name := range names(t, "good") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Sources{File: filepath.Join("testdata", "good", name+".yaml")})
			require.NoError(t, err)
		})
	}
}

func TestEveryKeyIsReadFromTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "good", "every_key.yaml")
	cfg, err := config.Load(config.Sources{File: path})
	require.NoError(t, err)
	require.Equal(t, "[::]:9090", cfg.Listen)
	require.Equal(t, "/var/lib/webhookd", cfg.DataDir)
	require.Equal(t, "postgres://user:p%40ss@db.example.com:5432/webhookd?sslmode=require", cfg.DatabaseURL.Reveal())
	require.Equal(t, 3*time.Second, cfg.CommitTimeout)
	require.Equal(t, "/var/spool/webhookd", cfg.SpoolDir)
	require.EqualValues(t, 64<<30, cfg.SpoolLimit)
	require.Equal(t, "nats://n1.example.com:4222,tls://n2.example.com:4222", cfg.NATSURL.Reveal())
	require.Equal(t, "[::1]:0", cfg.NATSListen)
	require.Equal(t, 3, cfg.NATSReplicas)
	require.Equal(t, "127.0.0.1:6060", cfg.PprofListen)
	require.Equal(t, "appHash", cfg.WebhookHeader)
	require.Equal(t, []string{"first-secret-of-the-test", "second, with a comma in it"}, reveal(cfg))
	require.Equal(t, slog.LevelWarn, cfg.LogLevel)
	require.Equal(t, config.LogJSON, cfg.LogFormat)
	require.Equal(t, "DE", cfg.DefaultRegion)
	require.Zero(t, cfg.SettleDelay)
	require.Equal(t, 90*time.Second, cfg.RingLimit)
	require.Equal(t, 150*time.Minute, cfg.CallLimit)
	require.Equal(t, 512<<10, cfg.BodyLimit)
	require.Equal(t, 5*time.Second, cfg.StopTimeout)
	require.Equal(t, map[string]config.CloseCause{
		"LINE_BUSY":       {Class: "busy", Vote: "none"},
		"OPERATOR_HANGUP": {Class: "none", Vote: "self"},
		"ODD":             {Class: "none", Vote: "none"},
	}, cfg.CloseCauses)
	for line := range strings.Lines(cfg.YAML()) {
		require.Contains(t, line, "# file "+path, "the file leaves this one out")
	}
}
