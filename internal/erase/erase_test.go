package erase_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/erase"
	"webhookd/internal/ingest"
	"webhookd/internal/person"
	"webhookd/internal/rebuild"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fixtures = "../../fixtures"

func newEngine() *ingest.Engine {
	return &ingest.Engine{
		Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
	}
}

// bundle is a store that is taken in to and erased from by the same engine, as in a service.
type bundle struct {
	store.Store
	*erase.Service
	in *ingest.Ingest
}

func setup(t *testing.T, database everystore.Database) *bundle {
	t.Helper()
	st, engine := database.Open(t), newEngine()
	in := ingest.New(ingest.Config{Store: st, Engine: engine, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	ended := make(chan error, 1)
	go func() { ended <- in.Run(t.Context()) }()
	t.Cleanup(func() {
		in.Stop()
		require.NoError(t, <-ended)
	})
	return &bundle{st, &erase.Service{Store: st, Engine: engine, Region: "PL", Now: time.Now}, in}
}

// take hands bodies in and says how many of them were new.
func (b *bundle) take(t *testing.T, account string, bodies ...[]byte) (fresh int) {
	t.Helper()
	for _, body := range bodies {
		answer, err := b.in.Submit(t.Context(), account, body)
		require.NoError(t, err)
		if answer.Result != ingest.Duplicate {
			fresh++
		}
	}
	return fresh
}

func webhooks(t *testing.T, scenario string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
	require.NoError(t, err)
	return bytes.Split(bytes.TrimSpace(data), []byte("\n"))
}

func (b *bundle) calls(t *testing.T, account string) []store.Call {
	t.Helper()
	calls, err := b.Calls(t.Context(), store.CallFilter{Account: account, Limit: 100})
	require.NoError(t, err)
	return calls
}

// everything gives all that is stored of an account, as one text.
func (b *bundle) everything(t *testing.T, account string) string {
	t.Helper()
	var all strings.Builder
	entries, err := b.Journal(t.Context(), 0, 100_000)
	require.NoError(t, err)
	for _, entry := range entries {
		if entry.Account != account {
			continue
		}
		fmt.Fprintln(&all, "journal", string(entry.Body))
		if entry.DialogUUID != "" {
			leg, err := b.Dialog(t.Context(), store.Key{Account: account, UUID: entry.DialogUUID})
			require.NoError(t, err)
			fmt.Fprintln(&all, "leg", string(leg.Evidence))
		}
	}
	for _, call := range b.calls(t, account) {
		fmt.Fprintln(&all, "call", string(call.Record), call.Index.Keys)
	}
	for _, table := range store.PersonTables {
		rows, err := b.PersonRows(t.Context(), account, table, "", 100_000)
		require.NoError(t, err)
		for _, row := range rows {
			fmt.Fprintln(&all, table, string(bytes.Join(row.Values, []byte(" "))))
		}
	}
	return all.String()
}

func (b *bundle) requireRebuilt(t *testing.T) {
	t.Helper()
	var differences []string
	_, err := rebuild.Run(t.Context(), rebuild.Config{
		Store: b.Store, Engine: newEngine(), Check: true,
		Report: func(d rebuild.Difference) { differences = append(differences, d.String()) },
	})
	require.NoError(t, err)
	require.Empty(t, differences)
}

// figures are a record without what tells of persons.
func figures(t *testing.T, record json.RawMessage) string {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(record, &all))
	delete(all, "external")
	delete(all, "consultants")
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

// requireGone looks for a text, and shows only where it is.
func requireGone(t *testing.T, all, text, about string) {
	t.Helper()
	if at := strings.Index(all, text); text != "" && at >= 0 {
		line := strings.Count(all[:at], "\n")
		require.Fail(t, "a person is left", "%s: %q in %.1500s", about, text, strings.Split(all, "\n")[line])
	}
}

// Of every scenario, whoever the call was with is taken out: nothing of the number is left anywhere, the figures stay, the
// journal gives the same calls again, and what is sent once more is the same webhook.
func TestAPersonIsTakenOutOfEveryScenario(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(fixtures, "*", "webhooks.ndjson"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		b := setup(t, database)
		erased := 0
		for _, file := range files {
			scenario := filepath.Base(filepath.Dir(file))
			bodies := webhooks(t, scenario)
			b.take(t, scenario, bodies...)
			before := b.calls(t, scenario)
			for _, call := range before {
				var record correlate.Call
				require.NoError(t, json.Unmarshal(call.Record, &record))
				number := string(record.External.Number)
				id, ok := person.Canonical(number, "PL")
				if !ok || !strings.Contains(b.everything(t, scenario), number) {
					continue // masked, a user's name, or erased with another call
				}
				erased++
				certificate, err := b.Erase(t.Context(), scenario, number, false)
				require.NoError(t, err)
				require.NotZero(t, certificate.Calls, scenario)
				require.NotZero(t, certificate.Tables["journal"].Rewritten)
				require.NotZero(t, certificate.Tables["outbox"].Rewritten)
				left := b.everything(t, scenario)
				for _, text := range []string{number, strings.TrimPrefix(id, "+"), string(record.External.Name)} {
					requireGone(t, left, text, scenario)
				}
				require.True(t, strings.Contains(left, certificate.Pseudonym), scenario)
			}
			after := b.calls(t, scenario)
			require.Len(t, after, len(before))
			for i := range before {
				require.Equal(t, figures(t, before[i].Record), figures(t, after[i].Record), scenario)
				require.Equal(t, before[i].Seq, after[i].Seq)
			}
			left := b.everything(t, scenario)
			require.Zero(t, b.take(t, scenario, bodies...), "%s: sent again", scenario)
			require.True(t, left == b.everything(t, scenario), "%s: something changed", scenario)
		}
		require.Greater(t, erased, 40)
		b.requireRebuilt(t)
	})
}
