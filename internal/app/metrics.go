package app

import (
	"maps"
	"slices"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/httpapi"
	"webhookd/internal/metrics"
	"webhookd/internal/reconcile"
)

// sources are the parts that metrics asks. The HTTP server is made after it is asked for.
func (a *App) sources(now func() time.Time) metrics.Sources {
	return metrics.Sources{
		Ingest: a.ingest.Stats, Due: a.due.Stats, Relay: a.relay.Stats, Dispatch: a.handlers.dispatcher.Stats,
		Repairs: a.repairs,
		Streams: func() int { return a.whole().Streams() }, Connected: a.bus.Connected, Stored: a.store,
		SpoolLimit: a.cfg.SpoolLimit, StreamsLimit: httpapi.DefaultMaxStreams, Now: now,
	}
}

// repairs counts what PBXs were asked; nothing where there is none to ask.
func (a *App) repairs() map[string]reconcile.Stats {
	if a.reconciler == nil {
		return nil
	}
	return a.reconciler.Stats()
}

// accountNames are the accounts that the configuration names, which are all that metrics have series of.
func accountNames(cfg config.Config) []string {
	names := map[string]bool{httpapi.DefaultAccount: true}
	for name := range cfg.AccountsWithTokens() {
		names[name] = true
	}
	for _, key := range cfg.APIKeys {
		names[key.Account] = true
	}
	for _, token := range cfg.ReadTokens {
		names[token.Account] = true
	}
	for _, token := range cfg.Tokens {
		names[token.Account] = true
	}
	delete(names, "") // every account, or the default one
	return slices.Sorted(maps.Keys(names))
}
