package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"webhookd/internal/config"
	"webhookd/internal/ingest"
	"webhookd/internal/pbxapi"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

// pbxClients are the PBXs that can be asked, by account; closing gives their connections back.
func pbxClients(cfg config.Config) (pbxs map[string]reconcile.PBX, closing func()) {
	pbxs = map[string]reconcile.PBX{}
	var clients []*pbxapi.Client
	for name, account := range cfg.Accounts {
		if account.PBXAPI == nil {
			continue
		}
		client := pbxapi.New(pbxapi.Config{
			BaseURL: account.PBXAPI.URL.Reveal(), Key: account.PBXAPI.Key.Reveal(), Rate: account.PBXAPI.Rate,
		})
		pbxs[name] = client
		clients = append(clients, client)
	}
	return pbxs, func() {
		for _, client := range clients {
			client.Close()
		}
	}
}

// newReconciler makes what asks PBXs, and tells the engine of which accounts; nil if there is no PBX to ask.
func (a *App) newReconciler(engine *ingest.Engine) *reconcile.Reconciler {
	pbxs, closing := pbxClients(a.cfg)
	if len(pbxs) == 0 {
		return nil
	}
	a.stack.push("pbx api", func(context.Context) error { closing(); return nil })
	made := reconcile.New(reconcile.Config{
		Store: a.store, Engine: engine, PBXs: pbxs, OpenAfter: a.cfg.ReconcileOpenAfter, Logger: a.log, Now: a.now,
		Committed: func() { a.due.Wake() },
	})
	engine.Reconciles = made.Has
	return made
}

// ErrNoPBX says that no account has a PBX that can be asked.
var ErrNoPBX = errors.New("no account has a pbx_api")

// Reconcile lets work use the configured PBXs and database, opened as far as opening allows, without the service (beside it
// on Postgres).
func Reconcile(
	ctx context.Context, cfg config.Config, log *slog.Logger, opening store.Opening,
	work func(context.Context, *reconcile.Reconciler) error,
) (err error) {
	pbxs, closing := pbxClients(cfg)
	defer closing()
	if len(pbxs) == 0 {
		return ErrNoPBX
	}
	engine, err := newEngine(cfg)
	if err != nil {
		return err
	}
	var opened store.Store
	if opened, err = openStore(ctx, cfg, time.Now, opening); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	made := reconcile.New(reconcile.Config{
		Store: opened, Engine: engine, PBXs: pbxs, OpenAfter: cfg.ReconcileOpenAfter, Logger: log, Now: time.Now,
	})
	engine.Reconciles = made.Has
	return work(ctx, made)
}
