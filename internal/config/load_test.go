package config_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/config"
)

func TestNothingSetGivesTheDefaults(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{Environ: []string{"PATH=/bin"}})
	require.NoError(t, err)
	require.Equal(t, config.Default(), cfg)
	require.Equal(t, "127.0.0.1:8080", cfg.Listen)
	require.Equal(t, "./data", cfg.DataDir)
	require.True(t, cfg.DatabaseURL.Empty())
	require.Equal(t, 2*time.Second, cfg.CommitTimeout)
	require.Empty(t, cfg.SpoolDir)
	require.EqualValues(t, 1<<30, cfg.SpoolLimit)
	require.True(t, cfg.NATSURL.Empty())
	require.Equal(t, "127.0.0.1:4222", cfg.NATSListen)
	require.Equal(t, 1, cfg.NATSReplicas)
	require.Equal(t, "X-Webhook-Secret", cfg.WebhookHeader)
	require.Empty(t, cfg.WebhookSecrets)
	require.Equal(t, slog.LevelInfo, cfg.LogLevel)
	require.Equal(t, config.LogText, cfg.LogFormat)
	require.Equal(t, "PL", cfg.DefaultRegion)
	require.Equal(t, 10*time.Second, cfg.SettleDelay)
	require.Equal(t, 10*time.Minute, cfg.RingLimit)
	require.Equal(t, 4*time.Hour, cfg.CallLimit)
	require.Equal(t, 1<<20, cfg.BodyLimit)
	require.Equal(t, 20*time.Second, cfg.StopTimeout)
	require.Empty(t, cfg.CloseCauses)
	require.Equal(t, time.UTC, cfg.TimeZone)
	require.Equal(t, 20*time.Second, cfg.AnswerWithin)
	require.Equal(t, 5*time.Second, cfg.AbandonAfter)
	require.Empty(t, cfg.HandlersFile)
	require.Equal(t, 20, cfg.HandlerFailures)
	require.Empty(t, cfg.APIKeys)
	require.Empty(t, cfg.ReadTokens)
	require.Empty(t, cfg.Flows)
	require.Empty(t, cfg.Resthooks)
	require.Equal(t, 15*time.Second, cfg.CalloutTimeout)
	require.Empty(t, cfg.CalloutAllowPrivate)
	require.False(t, cfg.CalloutAllowAll)
	require.Equal(t, "default", cfg.Origin("listen"))
	require.Empty(t, cfg.Origin("no_such_key"))
}

func TestFlagsGoOverEnvironmentOverFileOverDefaults(t *testing.T) {
	t.Parallel()
	file := write(t, "log_level: debug\nring_limit: 1m\ndata_dir: /file\nwebhook_secret: [file-1, file-2]\n")
	cfg, err := config.Load(config.Sources{
		Environ: []string{"WEBHOOKD_DATA_DIR=/env", "WEBHOOKD_RING_LIMIT=2m", "WEBHOOKD_WEBHOOK_SECRET=env-1, env-2\nenv-3"},
		Flags:   map[string][]string{"ring_limit": {"3m", "4m"}},
		File:    file,
	})
	require.NoError(t, err)
	require.Equal(t, slog.LevelDebug, cfg.LogLevel)
	require.Equal(t, "/env", cfg.DataDir)
	require.Equal(t, 4*time.Minute, cfg.RingLimit)
	require.Equal(t, []string{"env-1", "env-2", "env-3"}, reveal(cfg))
	require.Equal(t, "file "+file+":1", cfg.Origin("log_level"))
	require.Equal(t, "WEBHOOKD_DATA_DIR", cfg.Origin("data_dir"))
	require.Equal(t, "--ring-limit", cfg.Origin("ring_limit"))
	require.Equal(t, "default", cfg.Origin("call_limit"))

	cfg, err = config.Load(config.Sources{
		Environ: []string{"WEBHOOKD_WEBHOOK_SECRET=env-1"},
		Flags:   map[string][]string{"webhook_secret": {"flag, with a comma", "flag-2"}},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"flag, with a comma", "flag-2"}, reveal(cfg))
}

func TestWhatTriggersNeedCanBeGivenInTheEnvironmentAndByFlags(t *testing.T) {
	t.Parallel()
	const one, two = "7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f", "50c3706e-fedb-42c0-8eab-dda3335714b7"
	environ := []string{
		"WEBHOOKD_HANDLERS_FILE=/env.yaml", "WEBHOOKD_API_KEYS=crm:env-1,env-2", "WEBHOOKD_FLOWS=a=" + one + ", b=" + two,
		"WEBHOOKD_CALLOUT_ALLOW_PRIVATE=10.0.0.0/8,fd00::/8", "WEBHOOKD_READ_TOKENS=crm:token-1,token-2",
	}
	cfg, err := config.Load(config.Sources{Environ: environ})
	require.NoError(t, err)
	require.Equal(t, "/env.yaml", cfg.HandlersFile)
	require.Equal(t, []string{"crm", ""}, []string{cfg.APIKeys[0].Account, cfg.APIKeys[1].Account})
	require.Equal(t, []string{"env-1", "env-2"}, []string{cfg.APIKeys[0].Key.Reveal(), cfg.APIKeys[1].Key.Reveal()})
	require.Equal(t, []string{"crm", ""}, []string{cfg.ReadTokens[0].Account, cfg.ReadTokens[1].Account})
	require.Equal(t, "token-2", cfg.ReadTokens[1].Token.Reveal())
	require.Equal(t, map[string]string{"a": one, "b": two}, cfg.Flows)
	require.Len(t, cfg.CalloutAllowPrivate, 2)

	cfg, err = config.Load(config.Sources{Environ: environ, Flags: map[string][]string{
		"handlers_file": {"/flag.yaml"}, "api_keys": {"flag-1"}, "read_tokens": {"acme:flag-2"}, "flows": {"c=" + one}, "callout_allow_private": {"all"},
	}})
	require.NoError(t, err)
	require.Equal(t, "/flag.yaml", cfg.HandlersFile)
	require.Equal(t, "--handlers", cfg.Origin("handlers_file"))
	require.Len(t, cfg.APIKeys, 1)
	require.Equal(t, "--api-key", cfg.Origin("api_keys"))
	require.Len(t, cfg.ReadTokens, 1)
	require.Equal(t, "acme", cfg.ReadTokens[0].Account)
	require.Equal(t, "--read-token", cfg.Origin("read_tokens"))
	require.Equal(t, map[string]string{"c": one}, cfg.Flows, "a source replaces the whole map")
	require.Empty(t, cfg.CalloutAllowPrivate)
	require.True(t, cfg.CalloutAllowAll)
}

func TestTheFileCanBeNamedInTheEnvironment(t *testing.T) {
	t.Parallel()
	named, given := write(t, "data_dir: /named\n"), write(t, "data_dir: /given\n")
	cfg, err := config.Load(config.Sources{Environ: []string{"WEBHOOKD_CONFIG=" + named}})
	require.NoError(t, err)
	require.Equal(t, "/named", cfg.DataDir)
	cfg, err = config.Load(config.Sources{Environ: []string{"WEBHOOKD_CONFIG=" + named}, File: given})
	require.NoError(t, err)
	require.Equal(t, "/given", cfg.DataDir)

	missing := filepath.Join(t.TempDir(), "missing.yaml")
	_, err = config.Load(config.Sources{Environ: []string{"WEBHOOKD_CONFIG=" + missing}})
	require.EqualError(t, err, "config: cannot read "+missing+": no such file or directory (from WEBHOOKD_CONFIG)")
	_, err = config.Load(config.Sources{File: missing})
	require.EqualError(t, err, "config: cannot read "+missing+": no such file or directory (from --config)")
}

func TestEnvironmentAndFlagsAreStrict(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		environ []string
		flags   map[string][]string
		want    string
	}{
		"a bad value": {
			environ: []string{"WEBHOOKD_LISTEN=8080"},
			want: `listen: "8080" is no address; write host:port, as 127.0.0.1:8080 or [::1]:8080 ` +
				`(from WEBHOOKD_LISTEN)`,
		},
		"a bad flag": {
			flags: map[string][]string{"ring_limit": {"soon"}},
			want:  `ring_limit: "soon" is no duration; write a number and a unit, as 10s, 5m or 4h (from --ring-limit)`,
		},
		"an unknown variable": {
			environ: []string{"WEBHOOKD_LISTEM=127.0.0.1:8080"},
			want:    "WEBHOOKD_LISTEM is no variable of webhookd, did you mean WEBHOOKD_LISTEN? (from the environment)",
		},
		"a variable in lower case": {
			environ: []string{"WEBHOOKD_listen=127.0.0.1:8080"},
			want:    "WEBHOOKD_listen is no variable of webhookd, did you mean WEBHOOKD_LISTEN? (from the environment)",
		},
		"a port that is not one of Kubernetes": {
			environ: []string{"WEBHOOKD_PORT=9000"},
			want:    "WEBHOOKD_PORT is no variable of webhookd (from the environment)",
		},
		"a variable for what is in the file only": {
			environ: []string{"WEBHOOKD_CLOSE_CAUSES=BUSY"},
			want:    "close_causes: can be set in the file only (from WEBHOOKD_CLOSE_CAUSES)",
		},
		"resthooks in a variable": {
			environ: []string{"WEBHOOKD_RESTHOOKS=a"},
			want:    "resthooks: can be set in the file only (from WEBHOOKD_RESTHOOKS)",
		},
		"keys that are set and empty": {
			environ: []string{"WEBHOOKD_API_KEYS="},
			want:    "api_keys: a key is empty (from WEBHOOKD_API_KEYS)",
		},
		"a flow in a flag": {
			flags: map[string][]string{"flows": {"missed-call"}},
			want:  `flows: "missed-call" is no flow; write name=uuid (from --flows)`,
		},
		"secrets that are set and empty": {
			environ: []string{"WEBHOOKD_WEBHOOK_SECRET= ,\n"},
			want:    "webhook_secret: a secret is empty (from WEBHOOKD_WEBHOOK_SECRET)",
		},
		"a public address without a secret": {
			flags: map[string][]string{"listen": {":8080"}},
			want: "listen: :8080 can be reached from other machines, and neither webhook_secret nor an account's webhook_auth is set: " +
				"set one, or listen on 127.0.0.1 (from --listen)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(config.Sources{Environ: tt.environ, Flags: tt.flags})
			require.EqualError(t, err, tt.want)
			var target *config.Error
			require.ErrorAs(t, err, &target)
		})
	}
}

func TestVariablesThatAreNotOursAreLeftAlone(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Sources{Environ: []string{
		"WEBHOOKD_TEST_DATABASE_URL=postgres://localhost/test",
		"WEBHOOKD_SERVICE_HOST=10.0.0.1",
		"WEBHOOKD_SERVICE_PORT=8080",
		"WEBHOOKD_SERVICE_PORT_HTTP=8080",
		"WEBHOOKD_PORT=tcp://10.0.0.1:8080",
		"WEBHOOKD_PORT_8080_TCP=tcp://10.0.0.1:8080",
		"WEBHOOKD_PORT_8080_TCP_ADDR=10.0.0.1",
		"MY_WEBHOOKD_LISTEN=nonsense",
	}})
	require.NoError(t, err)
	require.Equal(t, config.Default(), cfg)
}

func TestAShortSecretIsWarnedAboutAndNotShown(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	require.Empty(t, cfg.Warnings())
	cfg.WebhookSecrets = []config.Secret{config.NewSecret("0123456789abcdef"), config.NewSecret("abc")}
	cfg.APIKeys = []config.APIKey{{Account: "crm", Key: config.NewSecret("abc")}}
	cfg.ReadTokens = []config.ReadToken{{Token: config.NewSecret("abc")}}
	require.Equal(t, []string{
		"webhook_secret: number 2 has fewer than 16 characters and can be guessed",
		"api_keys: number 1 has fewer than 16 characters and can be guessed",
		"read_tokens: number 1 has fewer than 16 characters and can be guessed",
	}, cfg.Warnings())
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func reveal(cfg config.Config) []string {
	var texts []string
	for _, secret := range cfg.WebhookSecrets {
		texts = append(texts, secret.Reveal())
	}
	return texts
}

// names gives the YAML files of a folder of testdata; an empty folder fails.
func names(t *testing.T, folder string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return files
}
