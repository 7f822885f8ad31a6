package erase_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/callout"
	"webhookd/internal/dispatch"
	"webhookd/internal/due"
	"webhookd/internal/erase"
	"webhookd/internal/flow"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
	"webhookd/internal/trigger"
	"webhookd/internal/triggerapi"
)

// noted notes whom a trigger is for after a minute, and that it did a minute later. A message's address would be no URN any
// more with a pseudonym, which everystore does not let pass.
const noted = `handlers:
  - name: later
    on: call_missed
    after: 1m
    do: [{type: set_run_result, name: whom, value: "${contact.number}"}]
  - name: chained
    on: run_result_changed
    after: 1m
    do: [{type: set_contact_language, language: pol}]
`

// handled is a bundle whose engine has handlers. So many triggers wait for a person, of whom there is a call, too.
func handled(t *testing.T, database everystore.Database, number string, triggers int) (*bundle, *dispatch.Dispatcher) {
	t.Helper()
	b := setup(t, database)
	log := slog.New(slog.DiscardHandler)
	d := &dispatch.Dispatcher{Book: dispatch.NewBook(b.Store, trigger.Environment{}, log), Failures: 20, Logger: log}
	b.Engine.Dispatcher = d
	handlers, err := trigger.LoadFile([]byte(noted), trigger.Environment{})
	require.NoError(t, err)
	service := &dispatch.Service{
		Dispatcher: d, Store: b.Store, Now: time.Now, Options: flow.Options{RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour},
	}
	require.NoError(t, service.LoadFile(t.Context(), handlers))
	const leg = "00000000-c39f-4ba6-9aed-f8693fa4f3f7"
	b.take(t, "acme", outside(leg, number, "Jan Próbny", ""), []byte(`{"event_type":"user_dialog","event_name":"dialog_close",`+
		`"event_time":"2026-02-02 09:00:09","dialog_uuid":"`+leg+`","close_cause":"HANGUP"}`))
	for n := range triggers {
		_, _, err := service.Trigger(t.Context(), "acme", []triggerapi.Request{{
			Name: "later", TransactionID: strconv.Itoa(n), Payload: json.RawMessage("{}"),
			To: []triggerapi.Recipient{{Subscriber: store.Subscriber{ID: "jan", Phone: "+" + number, FirstName: "Jan Próbny"}}},
		}}, nil)
		require.NoError(t, err)
	}
	return b, d
}

// firing is a store of an erasure, during which a trigger fires each time when rows have just been read.
type firing struct {
	store.Store
	t *testing.T
	d *dispatch.Dispatcher

	number string
	at     time.Time
	fired  int // rows of the outbox
	named  int // of these, those with the number
	armed  int // triggers with the number that came of it
}

func (f *firing) PersonRows(
	ctx context.Context, account string, table store.PersonTable, after string, limit int,
) ([]store.PersonRow, error) {
	rows, err := f.Store.PersonRows(ctx, account, table, after, limit)
	f.fire(ctx)
	return rows, err
}

// fire does the next trigger that waits, whenever its time is.
func (f *firing) fire(ctx context.Context) {
	f.at = f.at.Add(time.Hour)
	require.NoError(f.t, f.Write(ctx, func(tx store.Tx) error {
		rows, err := tx.Due(ctx, f.at, 1000)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Kind != store.DueTrigger {
				continue
			}
			result, err := f.d.Fire(ctx, tx, f.at, []string{row.CallUUID})
			if err != nil {
				return err
			}
			for _, made := range result.Outbox {
				events, err := json.Marshal(made.Events)
				require.NoError(f.t, err)
				f.fired++
				if bytes.Contains(events, []byte(f.number)) || bytes.Contains(made.Record, []byte(f.number)) {
					f.named++
				}
			}
			for _, due := range result.PutDue {
				armed, err := tx.TriggersByID(ctx, []string{due.CallUUID})
				require.NoError(f.t, err)
				for i := range armed {
					if bytes.Contains(armed[i].Occasion, []byte(f.number)) {
						f.armed++
					}
				}
			}
			result.DropDue = append(result.DropDue, row)
			return dispatch.Keep(ctx, tx, result)
		}
		return nil
	}))
}

// What a trigger makes that fires in the middle of an erasure is erased, too, whatever was gone through by then.
func TestATriggerThatFiresMeanwhileLeavesNobodyBehind(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, triggers = "48501200101", 12
		b, d := handled(t, database, number, triggers)
		before, waiting := b.naming(t, "outbox", number), b.naming(t, "triggers", number)
		meanwhile := &firing{Store: b.Store, t: t, d: d, number: number, at: time.Now()}
		service := *b.Service
		service.Store = meanwhile
		certificate, err := service.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Greater(t, meanwhile.fired, 1, "triggers have fired")
		all := b.everything(t, "acme")
		for _, text := range []string{number, "Jan Próbny"} {
			requireGone(t, all, text, "fired meanwhile")
		}
		require.Equal(t, erase.TableCount{Rewritten: waiting + meanwhile.armed}, certificate.Tables["triggers"])
		require.Equal(t, erase.TableCount{Rewritten: before + meanwhile.named}, certificate.Tables["outbox"])
		require.NotZero(t, meanwhile.named, "what has fired named the number")
		again, err := b.Erase(t.Context(), "acme", number, false)
		require.NoError(t, err)
		require.Empty(t, again.Tables)
		b.requireRebuilt(t)
	})
}

// naming counts the rows of a table that have a text in them.
func (b *bundle) naming(t *testing.T, table, text string) (count int) {
	t.Helper()
	for line := range strings.Lines(b.everything(t, "acme")) {
		if strings.HasPrefix(line, table+" ") && strings.Contains(line, text) {
			count++
		}
	}
	return count
}

// The same with triggers that fire by themselves, all at once, while the erasure goes on.
func TestTriggersFireWhileAPersonIsErased(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		const number, triggers = "48501200101", 100
		b, d := handled(t, database, number, triggers)
		client := callout.New(callout.Config{Now: time.Now})
		t.Cleanup(client.Close)
		ahead := func() time.Time { return time.Now().Add(time.Hour) } // so that everything is due
		runner := due.New(due.Config{
			Store: b.Store, Engine: b.Engine, Dispatcher: d, Client: client, Logger: slog.New(slog.DiscardHandler), Now: ahead,
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- runner.Run(ctx) }()
		_, err := b.Erase(t.Context(), "acme", number, false)
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, err)
		for _, text := range []string{number, "Jan Próbny"} {
			requireGone(t, b.everything(t, "acme"), text, "fired meanwhile")
		}
		b.requireRebuilt(t)
	})
}
