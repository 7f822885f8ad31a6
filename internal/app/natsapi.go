package app

import (
	"context"

	"webhookd/internal/natsapi"
)

// answerOnNATS answers requests on NATS until ctx is done.
func (a *App) answerOnNATS(ctx context.Context) error {
	api := natsapi.New(natsapi.Config{Reader: a.store, Room: a.bus.Room, Version: a.version})
	return a.bus.Serve(ctx, api.Service())
}
