package config_test

import (
	"bufio"
	"bytes"
	"log/slog"
	"net/netip"
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
	require.Equal(t, "127.0.0.1:9091", cfg.InternalListen)
	require.Equal(t, []string{"/etc/webhookd/tls.crt", "/etc/webhookd/tls.key"}, []string{cfg.TLSCertFile, cfg.TLSKeyFile})
	require.Equal(t, []int{10_000, 200}, []int{cfg.MaxConnections, cfg.MaxConnectionsAddress})
	require.Equal(t, []string{
		"/etc/webhookd/nats.creds", "/etc/webhookd/nats-ca.pem", "/etc/webhookd/nats.crt", "/etc/webhookd/nats.key",
		"/etc/webhookd/nats-server.crt", "/etc/webhookd/nats-server.key",
	}, []string{
		cfg.NATSCredentials, cfg.NATSCAFile, cfg.NATSCertFile, cfg.NATSKeyFile, cfg.NATSListenCertFile, cfg.NATSListenKeyFile,
	})
	require.Len(t, cfg.NATSUsers, 2)
	require.Equal(t, []string{"dashboard", "", "a-password-of-the-dashboard", ""}, []string{
		cfg.NATSUsers[0].Name, cfg.NATSUsers[0].Account, cfg.NATSUsers[0].Secret.Reveal(), cfg.NATSUsers[0].Nkey,
	})
	require.Equal(t, []string{"crm", "crm", "", "UAH42UG6PV552P5SWLWTBP3H3S5BHAVCO2IEKEXUANJXR75J63RQ5WM6"}, []string{
		cfg.NATSUsers[1].Name, cfg.NATSUsers[1].Account, cfg.NATSUsers[1].Secret.Reveal(), cfg.NATSUsers[1].Nkey,
	})
	require.Equal(t, "[::1]:0", cfg.NATSListen)
	require.Equal(t, "localhost:9222", cfg.NATSWebSocketListen)
	require.Equal(t, []string{"https://board.example.com", "http://127.0.0.1:8000"}, cfg.NATSWebSocketOrigins)
	require.Equal(t, 3, cfg.NATSReplicas)
	require.Equal(t, "127.0.0.1:6060", cfg.PprofListen)
	require.Equal(t, "appHash", cfg.WebhookHeader)
	require.Equal(t, []string{"first-secret-of-the-test", "second, with a comma in it"}, reveal(cfg))
	crm := cfg.Accounts["crm"]
	require.Len(t, cfg.Accounts, 2)
	ways := make([][4]string, 0, len(crm.WebhookAuth))
	for _, auth := range crm.WebhookAuth {
		ways = append(ways, [4]string{auth.Type, auth.Header, auth.Username, auth.Secret.Reveal()})
	}
	require.Equal(t, [][4]string{
		{config.AuthSignature, "", "", "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="},
		{config.AuthHeader, "appHash", "", "the-secret-of-crm-and-no-other"},
		{config.AuthBasic, "", "pbx", "a password: of the test"},
		{config.AuthBearer, "", "", "a-bearer-token-of-the-test"},
	}, ways)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}, crm.WebhookSources)
	require.Equal(t, config.Account{
		WebhookSources: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")},
		Retention:      map[string]time.Duration{"retention_calls": 0, "retention_quarantine": 36 * time.Hour},
	}, cfg.Accounts["sales"])
	require.Equal(t, config.Retention{
		Calls: 90 * 24 * time.Hour, Journal: 36 * time.Hour, Outbox: 30 * 24 * time.Hour, Quarantine: 24 * time.Hour,
	}, cfg.Retention)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, cfg.WebhookSources)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, cfg.TrustedProxies)
	require.Equal(t, 100, cfg.RateLimitAddress)
	require.Equal(t, 2000, cfg.RateLimitAccount)
	for _, secret := range []string{"whsec_Q", "the-secret-of-crm", "password: of", "a-bearer-token"} {
		require.NotContains(t, cfg.YAML(), secret)
	}
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
	require.Equal(t, "Europe/Warsaw", cfg.TimeZone.String())
	require.Equal(t, 30*time.Second, cfg.AnswerWithin)
	require.Zero(t, cfg.AbandonAfter)
	require.Equal(t, "/etc/webhookd/handlers.yaml", cfg.HandlersFile)
	require.Equal(t, 5, cfg.HandlerFailures)
	require.Len(t, cfg.APIKeys, 2)
	require.Equal(t, "crm", cfg.APIKeys[0].Account)
	require.Equal(t, "first-key-of-the-test", cfg.APIKeys[0].Key.Reveal())
	require.Empty(t, cfg.APIKeys[1].Account)
	require.Equal(t, "second-key-of-the-test", cfg.APIKeys[1].Key.Reveal())
	require.Len(t, cfg.Tokens, 2)
	require.Equal(t, "wallboard", cfg.Tokens[0].Name)
	require.Empty(t, cfg.Tokens[0].Account)
	require.Equal(t, []string{config.ScopeRead}, cfg.Tokens[0].Scopes)
	require.Equal(t, "a-token-of-the-wallboard", cfg.Tokens[0].Secret.Reveal())
	require.Equal(t, "crm", cfg.Tokens[1].Account)
	require.Equal(t, []string{config.ScopeWebhooks, config.ScopeRead, config.ScopeTriggers, config.ScopeAdmin}, cfg.Tokens[1].Scopes)
	require.Len(t, cfg.Accounts["crm"].WebhookAuth, 4)
	opened := cfg.AccountsWithTokens()["crm"].WebhookAuth
	require.Len(t, opened, 5, "the token hands in webhooks, too")
	require.Equal(t, config.AuthBearer, opened[4].Type)
	require.Equal(t, "a-token-of-crm-for-all", opened[4].Secret.Reveal())
	require.NotContains(t, cfg.YAML(), "a-token-of")
	require.Equal(t, map[string]string{
		"missed-call": "7d5a7fd4-7b21-4b44-ac45-d4a4a0f4bd0f", "a=b": "50c3706e-fedb-42c0-8eab-dda3335714b7",
	}, cfg.Flows)
	require.Equal(t, map[string][]config.URL{
		"missed-call": {
			config.NewURL("https://crm.example.com/hooks/1?token=of-the-test"), config.NewURL("http://10.20.0.7:8080/hook"),
		},
		"new.lead": {config.NewURL("https://crm.example.com/hooks/2")},
		"quiet":    {},
	}, cfg.Resthooks)
	require.Equal(t, map[string][]string{
		"missed-call": {"https://crm.example.com/hooks/1?token=of-the-test", "http://10.20.0.7:8080/hook"},
		"new.lead":    {"https://crm.example.com/hooks/2"},
		"quiet":       {},
	}, cfg.ResthookURLs())
	require.Equal(t, 4*time.Second, cfg.CalloutTimeout)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("192.168.1.7/32"), netip.MustParsePrefix("fd00::/8"),
	}, cfg.CalloutAllowPrivate)
	require.True(t, cfg.CalloutAllowAll)
	for line := range strings.Lines(cfg.YAML()) {
		if strings.HasPrefix(line, "nats_nkey:") {
			continue // it rules nats_credentials out: see nats_nkey.yaml
		}
		require.Contains(t, line, "# file "+path, "the file leaves this one out")
	}
}
