package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func handler(name, source, definition string) store.Handler {
	return store.Handler{
		Name: name, Account: acme, Source: source, Definition: []byte(definition), Enabled: true, UpdatedAt: now,
	}
}

// revision gives the handlers' revision.
func (b *bundle) revision(t *testing.T) int64 {
	t.Helper()
	revision, err := b.HandlersRevision(b.ctx)
	require.NoError(t, err)
	return revision
}

// handler gives one handler.
func (b *bundle) handler(t *testing.T, name string) store.Handler {
	t.Helper()
	kept, err := b.Handler(b.ctx, name)
	require.NoError(t, err)
	return kept
}

var handlerTests = []test{
	{"gives handlers back as they were written, by name, with a revision", func(t *testing.T, b *bundle) {
		none, first, err := b.AllHandlers(b.ctx)
		require.NoError(t, err)
		require.Empty(t, none)

		off := handler("b-off", store.HandlerFromFile, "{\"b\": 1,  \"a\":\"\\u0000ł\"}\n")
		off.Enabled, off.Account = false, ""
		on := handler("a-on", store.HandlerFromAPI, `{}`)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{off, on}))
			inside, err := tx.Handlers(b.ctx)
			require.NoError(t, err)
			require.Equal(t, []store.Handler{on, off}, inside)
		})
		all, revision, err := b.AllHandlers(b.ctx)
		require.NoError(t, err)
		require.Equal(t, []store.Handler{on, off}, all)
		require.Equal(t, first+1, revision)
		require.Equal(t, revision, b.revision(t))
		require.Equal(t, off, b.handler(t, "b-off"))
		_, err = b.Handler(b.ctx, "c")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},

	{"raises the revision with every change of handlers, and only then", func(t *testing.T, b *bundle) {
		h := handler("h", store.HandlerFromAPI, `{"v":1}`)
		edited := handler("h", store.HandlerFromAPI, `{"v":2}`)
		moved := edited
		moved.Account = other
		off := moved
		off.Enabled = false
		for _, step := range []struct {
			name string
			do   func(tx store.Tx) error
			want bool
		}{
			{"new", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, []store.Handler{h}) }, true},
			{"the same", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, []store.Handler{h}) }, false},
			{"edited", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, []store.Handler{edited}) }, true},
			{"moved", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, []store.Handler{moved}) }, true},
			{"switched off", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, []store.Handler{off}) }, true},
			{"nothing", func(tx store.Tx) error { return tx.PutHandlers(b.ctx, nil) }, false},
			{"counted", func(tx store.Tx) error {
				return tx.CountHandlers(b.ctx, []store.HandlerCount{{Name: "h", Fired: 1, Failed: 1, LastError: "x", At: now}})
			}, false},
			{"dropped another one", func(tx store.Tx) error { return tx.DropHandlers(b.ctx, []string{"x"}) }, false},
			{"dropped", func(tx store.Tx) error { return tx.DropHandlers(b.ctx, []string{"x", "h", "h"}) }, true},
		} {
			before := b.revision(t)
			b.write(t, func(tx store.Tx) { require.NoError(t, step.do(tx), step.name) })
			if step.want {
				require.Greater(t, b.revision(t), before, step.name)
			} else {
				require.Equal(t, before, b.revision(t), step.name)
			}
		}
		_, err := b.Handler(b.ctx, "h")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},

	{"takes a revision back with its transaction", func(t *testing.T, b *bundle) {
		before := b.revision(t)
		require.Error(t, b.Write(b.ctx, func(tx store.Tx) error {
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{handler("h", store.HandlerFromAPI, `{}`)}))
			return store.ErrRefused
		}))
		require.Equal(t, before, b.revision(t))
	}},

	{"adds counts up, and failures in a row begin again after a success", func(t *testing.T, b *bundle) {
		h := handler("h", store.HandlerFromAPI, `{}`)
		h.Failures, h.Fired, h.LastError, h.FiredAt = 7, 7, "not this", now // a new one has none
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h})) })
		require.Equal(t, handler("h", store.HandlerFromAPI, `{}`), b.handler(t, "h"))

		count := func(counts ...store.HandlerCount) store.Handler {
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.CountHandlers(b.ctx, counts)) })
			return b.handler(t, "h")
		}
		got := count(store.HandlerCount{Name: "h", Fired: 2, Failed: 3, LastError: "one", At: now})
		require.Equal(t, []any{int64(2), 3, "one", now}, []any{got.Fired, got.Failures, got.LastError, got.FiredAt})

		got = count( // as if they came one after the other
			store.HandlerCount{Name: "h", Fired: 1, Failed: 1, At: now.Add(2 * time.Second)},
			store.HandlerCount{Name: "unknown", Fired: 1, At: now},
			store.HandlerCount{Name: "h", Failed: 2, LastError: "two\x00\xff", At: now.Add(time.Hour)},
			store.HandlerCount{Name: "h", Fired: 1, At: now.Add(time.Second)},
		)
		require.Equal(t, []any{int64(4), 6, now.Add(2 * time.Second)}, []any{got.Fired, got.Failures, got.FiredAt})
		require.Contains(t, got.LastError, "two")

		got = count(store.HandlerCount{Name: "h", Failed: 5, LastError: "three"},
			store.HandlerCount{Name: "h", Fired: 1, Failed: 4, Succeeded: true, At: now.Add(3 * time.Second)},
			store.HandlerCount{Name: "h", Failed: 1, LastError: "four"})
		require.Equal(t, []any{int64(5), 1, "four", now.Add(3 * time.Second)},
			[]any{got.Fired, got.Failures, got.LastError, got.FiredAt})

		got = count(store.HandlerCount{Name: "h", Succeeded: true})
		require.Equal(t, []any{int64(5), 0, "four"}, []any{got.Fired, got.Failures, got.LastError})
		require.Equal(t, now, got.UpdatedAt, "counting is no change")
	}},

	{"keeps counters when a definition is edited, and forgives a handler that is switched on", func(t *testing.T, b *bundle) {
		h := handler("h", store.HandlerFromAPI, `{"v":1}`)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h}))
			require.NoError(t, tx.CountHandlers(b.ctx, []store.HandlerCount{{Name: "h", Fired: 4, Failed: 4, LastError: "no", At: now}}))
			h.Definition, h.UpdatedAt = []byte(`{"v":2}`), now.Add(time.Hour)
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h}))
		})
		want := h
		want.Failures, want.Fired, want.FiredAt, want.LastError = 4, 4, now, "no"
		require.Equal(t, want, b.handler(t, "h"))

		h.Enabled = false
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h})) })
		require.Equal(t, 4, b.handler(t, "h").Failures)
		h.Enabled = true
		b.write(t, func(tx store.Tx) { require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h})) })
		got := b.handler(t, "h")
		require.Equal(t, []any{0, "no", true}, []any{got.Failures, got.LastError, got.Enabled})
	}},

	{"switches a handler off and on, once each", func(t *testing.T, b *bundle) {
		h := handler("h", store.HandlerFromFile, `{}`)
		h.UpdatedAt = now.AddDate(-1, 0, 0)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{h}))
			require.NoError(t, tx.CountHandlers(b.ctx, []store.HandlerCount{{Name: "h", Failed: 20}}))
		})
		before := b.revision(t)
		b.write(t, func(tx store.Tx) {
			for i, name := range []string{"h", "h", "unknown"} {
				switched, err := tx.SwitchOff(b.ctx, name, "20 failures\x00 in a row")
				require.NoError(t, err)
				require.Equal(t, i == 0, switched)
			}
		})
		require.Equal(t, before+1, b.revision(t))
		got := b.handler(t, "h")
		require.Equal(t, []any{false, 20}, []any{got.Enabled, got.Failures})
		require.Contains(t, got.LastError, "20 failures")
		require.True(t, got.UpdatedAt.After(h.UpdatedAt))

		b.write(t, func(tx store.Tx) {
			for i, name := range []string{"h", "h", "unknown"} {
				switched, err := tx.SwitchOn(b.ctx, name)
				require.NoError(t, err)
				require.Equal(t, i == 0, switched)
			}
		})
		require.Equal(t, before+2, b.revision(t))
		got = b.handler(t, "h")
		require.Equal(t, []any{true, 0}, []any{got.Enabled, got.Failures})
	}},

	{"makes a file's handlers the ones from the file, and leaves the others", func(t *testing.T, b *bundle) {
		file := func(handlers ...store.Handler) {
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.ReplaceFileHandlers(b.ctx, handlers)) })
		}
		names := func() map[string]string {
			all, _, err := b.AllHandlers(b.ctx)
			require.NoError(t, err)
			sources := map[string]string{}
			for _, h := range all {
				sources[h.Name] = h.Source
			}
			return sources
		}
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.PutHandlers(b.ctx, []store.Handler{
				handler("api", store.HandlerFromAPI, `{}`), handler("taken", store.HandlerFromAPI, `{"v":1}`),
			}))
			require.NoError(t, tx.CountHandlers(b.ctx, []store.HandlerCount{{Name: "taken", Fired: 3, At: now}}))
		})
		file(handler("one", "", `{}`), handler("two", store.HandlerFromAPI, `{}`), handler("taken", "", `{"v":2}`))
		require.Equal(t, map[string]string{"api": "api", "one": "file", "two": "file", "taken": "file"}, names())
		require.EqualValues(t, 3, b.handler(t, "taken").Fired)

		before := b.revision(t)
		again := handler("one", "", `{}`)
		again.UpdatedAt = now.Add(time.Hour)
		file(handler("taken", "", `{"v":0}`), handler("two", "", `{}`), again, handler("taken", "", `{"v":2}`))
		require.Equal(t, before, b.revision(t), "nothing has changed")
		require.Equal(t, now, b.handler(t, "one").UpdatedAt)

		file(handler("one", "", `{}`))
		require.Greater(t, b.revision(t), before)
		require.Equal(t, map[string]string{"api": "api", "one": "file"}, names())
		file()
		require.Equal(t, map[string]string{"api": "api"}, names())
	}},

	{"leaves a file's handler on or off as it is until its definition changes", func(t *testing.T, b *bundle) {
		file := func(h store.Handler) store.Handler {
			b.write(t, func(tx store.Tx) { require.NoError(t, tx.ReplaceFileHandlers(b.ctx, []store.Handler{h})) })
			return b.handler(t, "h")
		}
		h := handler("h", store.HandlerFromFile, `{"v":1}`)
		require.True(t, file(h).Enabled)
		b.write(t, func(tx store.Tx) {
			require.NoError(t, tx.CountHandlers(b.ctx, []store.HandlerCount{{Name: "h", Failed: 20}}))
			_, err := tx.SwitchOff(b.ctx, "h", "20 failures")
			require.NoError(t, err)
		})
		got := file(h)
		require.Equal(t, []any{false, 20}, []any{got.Enabled, got.Failures}, "read again, the same file changes nothing")
		h.Definition = []byte(`{"v":2}`)
		got = file(h)
		require.Equal(t, []any{true, 0}, []any{got.Enabled, got.Failures}, "it was mended")

		h.Definition, h.Enabled = []byte(`{"v":2,"enabled":false}`), false
		require.False(t, file(h).Enabled)
		b.write(t, func(tx store.Tx) {
			_, err := tx.SwitchOn(b.ctx, "h")
			require.NoError(t, err)
		})
		require.True(t, file(h).Enabled)
		h.Account = other
		require.False(t, file(h).Enabled)
	}},
}
