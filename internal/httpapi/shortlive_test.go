package httpapi_test

import (
	"context"

	"webhookd/internal/live"
	"webhookd/internal/natsbus"
)

// shortLive is what happens now, for streams that end: of each account one event and one call that goes on. What is the account
// default's says MARKER, and any other's names it.
type shortLive struct{}

func (shortLive) Look(account string) *live.Viewer {
	shown := make(chan struct{})
	board := live.New(shortSource{shown})
	viewer := board.Look(account)
	go func() {
		<-shown
		board.Stop() // who looks is cut off behind what was shown
	}()
	return viewer
}

func (shortLive) Follow(_ context.Context, trail live.Trail, reader live.Reader) error {
	return reader.Event(1, []byte(`{"of":"`+ofAccount(trail.Account)+`"}`))
}

func ofAccount(account string) string {
	if account == "default" {
		return "MARKER"
	}
	return "OF-" + account
}

// shortSource shows one call, and then says so.
type shortSource struct{ shown chan struct{} }

func (s shortSource) WatchCalls(_ context.Context, account string, watcher natsbus.CallWatcher) {
	watcher.Begin()
	watcher.Change(natsbus.CallChange{CallUUID: uuidOf(1), Revision: 1, Record: []byte(`{"of":"` + ofAccount(account) + `"}`)})
	watcher.Ready()
	close(s.shown)
}

func (shortSource) Follow(context.Context, natsbus.Following, natsbus.Follower) error { return nil }
