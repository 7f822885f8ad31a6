package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/dispatch"
	"webhookd/internal/ingest"
	"webhookd/internal/store"
	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/sqlite"
	"webhookd/internal/trigger"
)

// fiftyHandlers are handlers as an installation may have them: most look at the end of a call, some at every event. Their
// conditions are evaluated and do not hold; what firing costs depends on what is done.
func fiftyHandlers(tb testing.TB) []*trigger.Compiled {
	tb.Helper()
	var text bytes.Buffer
	text.WriteString("handlers:\n")
	for n := range 50 {
		on, when := "[call_ended, call_missed]", `call.disposition == "busy" and call.project.name == "none"`
		switch n % 10 {
		case 0:
			on, when = "[call_received, call_created]", fmt.Sprintf(`contact.number in ["+4850000%04d", "+4850001%04d"]`, n, n)
		case 1:
			on, when = "[call_answered, call_talking]", fmt.Sprintf(`(call.wait_ms ?? 0) > %d`, 600000+n)
		case 2:
			on, when = "[dialog_talking, dialog_closed]", fmt.Sprintf(`dialog.dialog_type == "BOT" and dialog.close_cause == "c%d"`, n)
		case 3:
			on, when = `"*"`, `event.late and call.direction == "none"`
			if n > 9 { // one at every event
				on = "[call_settled]"
			}
		}
		fmt.Fprintf(&text, "  - name: h%d\n    on: %s\n    when: '%s'\n    after: 5m\n    cancel_on: [call_reopened]\n"+
			"    do: [{type: send_msg, text: \"${contact.number}\"}]\n", n, on, when)
	}
	compiled, err := trigger.LoadFile(text.Bytes(), trigger.Environment{})
	require.NoError(tb, err)
	require.Len(tb, compiled, 50)
	return compiled
}

// BenchmarkHandlers compares intake with fifty handlers, and with none, in turns of one run: "slower-%" is by how much
// the same webhooks take longer with them, "cpu-%" how much more processor time this process takes. An op is a webhook
// of either.
func BenchmarkHandlers(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) store.Store{
		"sqlite": func(b *testing.B) store.Store {
			b.Helper()
			opened, err := sqlite.Open(b.Context(), sqlite.Config{
				Path: filepath.Join(b.TempDir(), "webhookd.db"), Now: time.Now,
			})
			require.NoError(b, err)
			return opened
		},
		"postgres": func(b *testing.B) store.Store {
			b.Helper()
			url := pgtest.Migrated(b)
			opened, err := postgres.Open(b.Context(), postgres.Config{URL: url, Now: time.Now})
			require.NoError(b, err)
			return opened
		},
	} {
		b.Run(name, func(b *testing.B) {
			var instances [2]*ingest.Ingest
			for n := range instances {
				st := open(b)
				b.Cleanup(func() { require.NoError(b, st.Close()) })
				engine := newEngine()
				if n == 1 {
					book := dispatch.NewBook(st, trigger.Environment{}, slog.New(slog.DiscardHandler))
					engine.Dispatcher = &dispatch.Dispatcher{Book: book, Failures: 20, Logger: slog.New(slog.DiscardHandler)}
					service := &dispatch.Service{Dispatcher: engine.Dispatcher, Store: st, Now: time.Now}
					require.NoError(b, service.LoadFile(b.Context(), fiftyHandlers(b)))
				}
				instances[n] = startEngine(b, st, engine)
			}
			const turn = 2000
			var took, worked [2]time.Duration
			b.ResetTimer()
			for done := 0; done < b.N; done += 2 * turn {
				for n := range instances {
					began, before := time.Now(), processorTime(b)
					submitMany(b, instances[n], min(turn, max(1, (b.N-done)/2)), 64)
					took[n] += time.Since(began)
					worked[n] += processorTime(b) - before
				}
			}
			b.StopTimer()
			b.ReportMetric(100*(took[1].Seconds()/took[0].Seconds()-1), "slower-%")
			b.ReportMetric(100*(worked[1].Seconds()/worked[0].Seconds()-1), "cpu-%")
		})
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// submitMany takes in so many webhooks of documented calls, from many senders.
func submitMany(b *testing.B, in *ingest.Ingest, count, senders int) {
	b.Helper()
	bodies := webhooks(b, "outbound_answered")
	const callee = "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d"
	var left atomic.Int64
	left.Store(int64(count))
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for {
				a, c := []byte(uuid.NewString()), []byte(uuid.NewString())
				for _, body := range bodies {
					if left.Add(-1) < 0 {
						return
					}
					body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(callUUID), a), []byte(callee), c)
					if _, err := in.Submit(context.Background(), account, body); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
}
