package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/correlate"
	"webhookd/internal/httpapi"
	"webhookd/internal/ingest/spool"
	"webhookd/internal/natsbus"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/sqlite"
)

// Where the embedded parts live under the data directory. Operators back these up: the names are a contract.
const (
	sqliteFile = "webhookd.db"
	natsDir    = "nats"
	spoolDir   = "spool"
)

func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for http: %w", err)
	}
	return listener, nil
}

// loopback says whether only this machine can reach an address.
func loopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// closeListener closes a listener that the server may have closed already.
func closeListener(listener net.Listener) error {
	if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener: %w", err)
	}
	return nil
}

// DatabasePath is the file of the embedded database.
func DatabasePath(cfg config.Config) string { return filepath.Join(cfg.DataDir, sqliteFile) }

// DatabaseName says which database is configured, without secrets.
func DatabaseName(cfg config.Config) string {
	if !cfg.DatabaseURL.Empty() {
		return cfg.DatabaseURL.String()
	}
	if path, err := filepath.Abs(DatabasePath(cfg)); err == nil {
		return path
	}
	return DatabasePath(cfg)
}

// openStore opens the configured database, as far as opening allows. Where that does not do, it returns
// [store.ErrNoDatabase] or a [store.SchemaError], and has made nothing.
func openStore(ctx context.Context, cfg config.Config, now func() time.Time, opening store.Opening) (store.Store, error) {
	if cfg.DatabaseURL.Empty() {
		opened, err := sqlite.Open(ctx, sqlite.Config{Path: DatabasePath(cfg), Now: now, Opening: opening})
		if err != nil {
			return nil, fmt.Errorf("open embedded database: %w", err)
		}
		return opened, nil
	}
	url := cfg.DatabaseURL.Reveal()
	if opening != store.Make {
		found, err := postgres.Schema(ctx, url)
		if err == nil {
			err = opening.Takes(found)
		}
		if err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
	}
	if opening == store.Make || opening == store.Existing {
		if err := postgres.Migrate(ctx, url); err != nil {
			return nil, fmt.Errorf("bring database up to date: %w", err)
		}
	}
	opened, err := postgres.Open(ctx, postgres.Config{URL: url, Now: now})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return opened, nil
}

// SpoolPath is the directory of the spool.
func SpoolPath(cfg config.Config) string {
	if cfg.SpoolDir != "" {
		return cfg.SpoolDir
	}
	return filepath.Join(cfg.DataDir, spoolDir)
}

func openSpool(cfg config.Config, log *slog.Logger) (*spool.Spool, error) {
	opened, err := spool.Open(spool.Config{Dir: SpoolPath(cfg), Limit: cfg.SpoolLimit, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	return opened, nil
}

func openBus(ctx context.Context, cfg config.Config, log *slog.Logger, now func() time.Time) (*natsbus.Bus, error) {
	encrypted, err := encryption(cfg.NATSListenCertFile, cfg.NATSListenKeyFile, log, now)
	if err != nil {
		return nil, err
	}
	bus, err := natsbus.Open(ctx, natsbus.Config{
		Credentials: cfg.NATSCredentials, Nkey: cfg.NATSNkey, RootCA: cfg.NATSCAFile, ClientCert: cfg.NATSCertFile,
		ClientKey: cfg.NATSKeyFile, Users: natsUsers(cfg), TLS: encrypted,
		URL: cfg.NATSURL.Reveal(), StoreDir: filepath.Join(cfg.DataDir, natsDir), Listen: cfg.NATSListen,
		WebSocketListen: cfg.NATSWebSocketListen, WebSocketOrigins: cfg.NATSWebSocketOrigins,
		Replicas: cfg.NATSReplicas, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("open nats: %w", err)
	}
	return bus, nil
}

// rules is what is configured about the meaning of calls.
func rules(cfg config.Config) (correlate.Rules, error) {
	rows := correlate.Causes{}
	for cause, row := range cfg.CloseCauses {
		parsed, err := correlate.ParseCause(row.Class, row.Vote)
		if err != nil {
			return correlate.Rules{}, fmt.Errorf("read close cause %s: %w", cause, err)
		}
		rows[cause] = parsed
	}
	return correlate.Rules{Causes: correlate.DefaultCauses().With(rows), DefaultRegion: cfg.DefaultRegion}, nil
}

func apiKeys(cfg config.Config) []httpapi.APIKey {
	keys := make([]httpapi.APIKey, 0, len(cfg.APIKeys))
	for _, key := range cfg.APIKeys {
		keys = append(keys, httpapi.APIKey{Account: key.Account, Key: key.Key.Reveal()})
	}
	return keys
}

func readTokens(cfg config.Config) []httpapi.ReadToken {
	tokens := make([]httpapi.ReadToken, 0, len(cfg.ReadTokens))
	for _, token := range cfg.ReadTokens {
		tokens = append(tokens, httpapi.ReadToken{Account: token.Account, Token: token.Token.Reveal()})
	}
	return tokens
}

func tokens(cfg config.Config) []httpapi.Token {
	scopes := map[string]httpapi.Scope{
		config.ScopeRead: httpapi.ScopeRead, config.ScopeTriggers: httpapi.ScopeTriggers, config.ScopeAdmin: httpapi.ScopeAdmin,
	}
	all := make([]httpapi.Token, 0, len(cfg.Tokens))
	for _, token := range cfg.Tokens {
		made := httpapi.Token{Account: token.Account, Token: token.Secret.Reveal()}
		for _, scope := range token.Scopes {
			made.Scopes |= scopes[scope] // webhooks is none: it is a way in of an account
		}
		if made.Scopes != 0 {
			all = append(all, made)
		}
	}
	return all
}

func natsUsers(cfg config.Config) []natsbus.User {
	users := make([]natsbus.User, 0, len(cfg.NATSUsers))
	for _, user := range cfg.NATSUsers {
		users = append(users, natsbus.User{Name: user.Name, Account: user.Account, Password: user.Secret.Reveal(), Nkey: user.Nkey})
	}
	return users
}

func secrets(cfg config.Config) []string {
	revealed := make([]string, 0, len(cfg.WebhookSecrets))
	for _, secret := range cfg.WebhookSecrets {
		revealed = append(revealed, secret.Reveal())
	}
	return revealed
}

func webhookAccounts(cfg config.Config) (map[string]httpapi.WebhookAccount, error) {
	accounts := make(map[string]httpapi.WebhookAccount, len(cfg.AccountsWithTokens()))
	for name, account := range cfg.AccountsWithTokens() {
		made := httpapi.WebhookAccount{Sources: account.WebhookSources}
		for _, auth := range account.WebhookAuth {
			verifier, err := auth.Verifier(cfg.WebhookHeader)
			if err != nil {
				return nil, fmt.Errorf("set up webhooks of account %s: a way in %w", name, err)
			}
			made.Verifiers = append(made.Verifiers, verifier)
		}
		accounts[name] = made
	}
	return accounts, nil
}
