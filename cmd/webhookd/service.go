package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/config"
	"webhookd/internal/local"
)

// askTimeout bounds the one request of a command.
const askTimeout = 30 * time.Second

// serviceFlags say which running webhookd a command asks, and as whom.
type serviceFlags struct {
	url, account, header, secret, apiKey, readToken string

	trust *tls.Config // how the service's certificate is checked; nil: as any
}

func addServiceFlags(command *cobra.Command, account string) *serviceFlags {
	f := &serviceFlags{}
	command.Flags().StringVar(&f.url, "url", "", "`URL` of the service (default: where it is set up to listen)")
	command.Flags().StringVar(&f.account, "account", "", account)
	command.Flags().StringVar(&f.header, "header", "", "`name` of the header for the secret (default: webhook_header)")
	command.Flags().StringVar(&f.secret, "secret", "", "shared `secret` to send")
	return f
}

// addKeyFlag is for commands that speak to the trigger API.
func (f *serviceFlags) addKeyFlag(command *cobra.Command) {
	command.Flags().StringVar(&f.apiKey, "api-key", "", "API `key` to send")
}

// fill takes from the set-up what was not given. This machine's secrets go to this machine's service only.
func (f *serviceFlags) fill(cfg config.Config) (err error) {
	if f.header == "" {
		f.header = cfg.WebhookHeader
	}
	if f.url != "" {
		return nil
	}
	f.url = local.URL(cfg)
	if f.secret == "" {
		f.secret = firstSecret(cfg)
	}
	if f.trust, err = local.Trust(cfg); err != nil {
		return cannotBegin(err)
	}
	return nil
}

// fillKey is fill for what asks for an API key, or a token with one of some scopes: the first that is the account's, or the
// first of all where none was named.
func (f *serviceFlags) fillKey(cfg config.Config, scopes ...string) error {
	own := f.url == ""
	if err := f.fill(cfg); err != nil {
		return err
	}
	if !own || f.apiKey != "" {
		return nil
	}
	first := ""
	for _, key := range keysOf(cfg, scopes) {
		if orDefaultAccount(key.Account) == orDefaultAccount(f.account) {
			f.apiKey = key.Key.Reveal()
			return nil
		}
		if first == "" && f.account == "" {
			first = key.Key.Reveal()
		}
	}
	f.apiKey = first
	return nil
}

// keysOf gives what may be sent as an API key and has one of some scopes.
func keysOf(cfg config.Config, scopes []string) []config.APIKey {
	keys := slices.Clone(cfg.APIKeys) // each has every scope but read
	for _, token := range cfg.Tokens {
		if slices.ContainsFunc(scopes, token.Has) {
			keys = append(keys, config.APIKey{Account: token.Account, Key: token.Secret})
		}
	}
	return keys
}

// fillReader is fill for what shows something that belongs to triggers: a token that reads the account, or all; else a key.
func (f *serviceFlags) fillReader(cfg config.Config) error {
	own := f.url == ""
	if err := f.fillKey(cfg, config.ScopeTriggers, config.ScopeAdmin); err != nil || !own {
		return err
	}
	readers := slices.Clone(cfg.ReadTokens)
	for _, token := range cfg.Tokens {
		if token.Has(config.ScopeRead) {
			readers = append(readers, config.ReadToken{Account: token.Account, Token: token.Secret})
		}
	}
	for _, reader := range readers {
		if reader.Account == "" || reader.Account == f.account {
			f.readToken = reader.Token.Reveal()
			return nil
		}
	}
	return nil
}

func orDefaultAccount(name string) string {
	if name == "" {
		return defaultAccount
	}
	return name
}

// ask makes a request and gives the body of the answer. body is sent as JSON; nil: there is none. Any answer but 200 is
// an error that names the doing.
func (f *serviceFlags) ask(ctx context.Context, doing, method string, body any, path ...string) ([]byte, error) {
	request, err := f.request(method, body, path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	response, err := f.client().Do(request.WithContext(ctx))
	if err != nil {
		return nil, &beginError{fmt.Errorf("ask the service: %w", err)}
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var problem struct {
			Detail string `json:"detail"`
		}
		_ = json.Unmarshal(answer, &problem) // an answer of something else has no detail
		return nil, fmt.Errorf("%s: the service answered %s: %s", doing, response.Status, problem.Detail)
	}
	return answer, nil
}

// client is for one request.
func (f *serviceFlags) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: f.trust, DisableKeepAlives: true,
	}}
}

func (f *serviceFlags) request(method string, body any, path []string) (*http.Request, error) {
	target, err := url.Parse(f.url)
	if err != nil || target.Host == "" {
		return nil, &usageError{"--url: it is no URL"}
	}
	target = target.JoinPath(path...)
	if f.account != "" {
		target.RawQuery = url.Values{"account": {f.account}}.Encode()
	}
	var sent io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		sent = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, target.String(), sent)
	if err != nil {
		return nil, &usageError{"--url: it is no URL"}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if f.secret != "" {
		request.Header.Set(f.header, f.secret)
	}
	switch {
	case f.readToken != "":
		request.Header.Set("Authorization", "Bearer "+f.readToken)
	case f.apiKey != "":
		request.Header.Set("Authorization", "ApiKey "+f.apiKey)
	}
	return request, nil
}
