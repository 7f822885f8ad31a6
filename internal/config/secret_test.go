package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"webhookd/internal/config"
)

func TestSecretsAreHiddenHoweverTheyAreShown(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.WebhookSecrets = []config.Secret{config.NewSecret("hunter2"), config.NewSecret("hunter2, the second")}
	cfg.DatabaseURL = config.NewURL("postgres://user:hunter2@db/webhookd?password=hunter2&sslpassword=hunter2")
	cfg.APIKeys = []config.APIKey{{Account: "crm", Key: config.NewSecret("hunter2, of the API")}}
	cfg.ReadTokens = []config.ReadToken{{Account: "crm", Token: config.NewSecret("hunter2, to read")}}
	cfg.Resthooks = map[string][]config.URL{"a": {config.NewURL("https://hunter2@example.com/?api_key=hunter2&Token=hunter2")}}
	cfg.NATSURL = config.NewURL("nats://hunter2@n1:4222,nats://user:hunter2@n2:4222")

	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
		fmt.Fprintf(&shown, verb+"\n", cfg)
		fmt.Fprintf(&shown, verb+"\n", cfg.WebhookSecrets[0])
		fmt.Fprintf(&shown, verb+"\n", &cfg.WebhookSecrets[1])
		fmt.Fprintf(&shown, verb+"\n", cfg.APIKeys[0])
		fmt.Fprintf(&shown, verb+"\n", &cfg.APIKeys[0])
		fmt.Fprintf(&shown, verb+"\n", cfg.ReadTokens[0])
		fmt.Fprintf(&shown, verb+"\n", cfg.DatabaseURL)
		fmt.Fprintf(&shown, verb+"\n", struct{ inner config.Secret }{cfg.WebhookSecrets[0]})
		fmt.Fprintf(&shown, verb+"\n", struct{ inner config.URL }{cfg.NATSURL})
	}
	asJSON, err := json.Marshal(map[string]any{"config": cfg})
	require.NoError(t, err)
	shown.Write(asJSON)
	asYAML, err := yaml.Marshal(cfg)
	require.NoError(t, err)
	shown.Write(asYAML)
	for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(handler).Info("set up", "config", cfg, "secret", cfg.WebhookSecrets[0], "url", cfg.NATSURL)
	}
	shown.WriteString(cfg.YAML())
	require.NotContains(t, shown.String(), "hunter2")
	require.NotContains(t, shown.String(), fmt.Sprintf("%x", "hunter2"))
	require.Contains(t, shown.String(), "REDACTED")
	require.Equal(t, "hunter2", cfg.WebhookSecrets[0].Reveal())
}

func TestURLsKeepEverythingButTheirCredentials(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "",
		"postgres://user@db:5432/w":     "postgres://user@db:5432/w",
		"postgres://user:pw@db:5432/w":  "postgres://user:REDACTED@db:5432/w",
		"postgres://db/w?password=pw":   "postgres://db/w?password=REDACTED",
		"nats://token@n1, tls://n2:1":   "nats://REDACTED@n1,tls://n2:1",
		"postgres://user:p#w@db:5432/w": "REDACTED",
		"postgres://db/w?sslkey=/k.pem": "postgres://db/w?sslkey=%2Fk.pem",
		"https://h/a?key=1&b=2&sig=3":   "https://h/a?b=2&key=REDACTED&sig=REDACTED",
		"https://h/a?access_token=1":    "https://h/a?access_token=REDACTED",
		"not a URL, and no list":        "REDACTED,REDACTED",
	} {
		require.Equal(t, want, config.NewURL(text).String(), text)
	}
	require.Empty(t, config.URL{}.String())
	require.Empty(t, config.Secret{}.String())
	require.Empty(t, config.Secret{}.Reveal())
}
