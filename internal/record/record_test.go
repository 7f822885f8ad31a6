package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
	"webhookd/internal/record"
	"webhookd/internal/replay"
	"webhookd/internal/replay/scrub"
	"webhookd/internal/store"
	"webhookd/internal/store/everystore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const fixtures = "../../fixtures"

// take hands bodies in, as the door does.
func take(t *testing.T, st store.Store, account string, bodies ...[]byte) {
	t.Helper()
	in := ingest.New(ingest.Config{
		Store: st, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Engine: &ingest.Engine{
			Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
		},
	})
	ended := make(chan error, 1)
	go func() { ended <- in.Run(t.Context()) }()
	for _, body := range bodies {
		_, err := in.Submit(t.Context(), account, body)
		if refused := (*ingest.RefusedError)(nil); !errors.As(err, &refused) {
			require.NoError(t, err)
		}
	}
	in.Stop()
	require.NoError(t, <-ended)
}

func bodiesOf(t *testing.T, recording []byte) [][]byte {
	t.Helper()
	var bodies [][]byte
	for reader := replay.NewReader(bytes.NewReader(recording), "recording"); ; {
		webhook, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return bodies
		}
		require.NoError(t, err)
		bodies = append(bodies, webhook.Body)
	}
}

// Whatever a body is made of, it is recorded byte for byte.
func TestARecordingHasTheBytesThatCame(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		bodies := [][]byte{
			[]byte(`{"event_name":"other",  "a":"ą&<>\u0105"}`),
			[]byte("{\n  \"event_name\": \"pretty\"\r\n}\n"),
			[]byte(" {\"event_name\":\"spaced\"}\t"),
			[]byte("{\"event_name\":\"no UTF-8: \xff\"}"),
			[]byte("{\"event_name\":\"separators \u2028\"}"),
		}
		take(t, st, "one", bodies...)
		take(t, st, "two", bodies[0])
		var out bytes.Buffer
		result, err := record.Run(t.Context(), &out, record.Config{Store: st, Account: "one"})
		require.NoError(t, err)
		require.Equal(t, record.Result{Webhooks: 5}, result)
		require.Equal(t, bodies, bodiesOf(t, out.Bytes()))
		require.Equal(t, 5, strings.Count(out.String(), "\n"))

		out.Reset()
		result, err = record.Run(t.Context(), &out, record.Config{Store: st, Until: time.Now().Add(-time.Hour)})
		require.NoError(t, err)
		require.Zero(t, result)
		result, err = record.Run(t.Context(), &out, record.Config{Store: st, Since: time.Now().Add(-time.Hour)})
		require.NoError(t, err)
		require.EqualValues(t, 6, result.Webhooks)
		_, err = record.Run(t.Context(), &out, record.Config{
			Store: st, Account: "one", Call: "c2b19c63-f17b-4726-b3a1-5b5046e887ef",
		})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// Every scenario, recorded, scrubbed and sent to a fresh account, gives the same calls up to the pseudonyms, and nothing of
// the persons is left.
func TestAScrubbedRecordingGivesTheSameCalls(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(fixtures, "*", "webhooks.ndjson"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 40)
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		for _, file := range files {
			scenario := filepath.Base(filepath.Dir(file))
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			take(t, st, scenario, bodiesOf(t, data)...)
			var recorded, scrubbed bytes.Buffer
			_, err = record.Run(t.Context(), &recorded, record.Config{Store: st, Account: scenario})
			require.NoError(t, err)
			_, err = scrub.Run(&recorded, scenario, &scrubbed, scrub.Options{Key: []byte("a key"), Region: "PL"})
			require.NoError(t, err)
			requireNothingOf(t, data, scrubbed.String())
			fresh := "scrubbed-" + scenario
			take(t, st, fresh, bodiesOf(t, scrubbed.Bytes())...)
			requireSameCalls(t, st, scenario, fresh, &pairs{there: map[string]string{}, back: map[string]string{}})
		}
	})
}

// One call alone is recorded whole, also by the id that it had before it was merged.
func TestOneCallIsRecordedWhole(t *testing.T) {
	t.Parallel()
	everystore.Each(t, nil, func(t *testing.T, database everystore.Database) {
		st := database.Open(t)
		var want [][]byte
		for _, scenario := range []string{"chain_child_first", "inbound_answered"} {
			data, err := os.ReadFile(filepath.Join(fixtures, scenario, "webhooks.ndjson"))
			require.NoError(t, err)
			take(t, st, "default", bodiesOf(t, data)...)
			if want == nil {
				want = bodiesOf(t, data)
			}
		}
		ids := map[string]bool{}
		for _, body := range want {
			webhook, err := dialog.Decode(body)
			require.NoError(t, err)
			key := store.Key{Account: "default", UUID: webhook.DialogUUID}
			leg, err := st.Dialog(t.Context(), key)
			require.NoError(t, err)
			ids[leg.CallUUID] = true
			if _, err := st.Call(t.Context(), key); err == nil {
				ids[key.UUID] = true // one that was merged into another
			}
		}
		require.Greater(t, len(ids), 1)
		for id := range ids {
			var out bytes.Buffer
			_, err := record.Run(t.Context(), &out, record.Config{Store: st, Account: "default", Call: id})
			require.NoError(t, err)
			require.Equal(t, want, bodiesOf(t, out.Bytes()))
		}
	})
}

// pairs says what stands for what: one for one.
type pairs struct{ there, back map[string]string }

func (p *pairs) require(t *testing.T, original, pseudonym string) {
	t.Helper()
	if known, ok := p.there[original]; ok {
		require.Equal(t, known, pseudonym, "what stands for %q", original)
	}
	if known, ok := p.back[pseudonym]; ok {
		require.Equal(t, known, original, "what %q stands for", pseudonym)
	}
	p.there[original], p.back[pseudonym] = pseudonym, original
}

func requireSameCalls(t *testing.T, st store.Store, original, scrubbed string, names *pairs) {
	t.Helper()
	want, err := st.Calls(t.Context(), store.CallFilter{Account: original, Limit: 100})
	require.NoError(t, err)
	got, err := st.Calls(t.Context(), store.CallFilter{Account: scrubbed, Limit: 100})
	require.NoError(t, err)
	require.Len(t, got, len(want), original)
	for i := range want {
		var a, b map[string]any
		require.NoError(t, json.Unmarshal(want[i].Record, &a))
		require.NoError(t, json.Unmarshal(got[i].Record, &b))
		for _, name := range []string{"account", "updated_at"} {
			delete(a, name)
			delete(b, name)
		}
		requireSame(t, original, "", a, b, names)
	}
}

// pseudonymous are the members of a record that hold something of a person, or an id.
var pseudonymous = regexp.MustCompile(`(uuid|uuids|number|number_e164|name|username|id)$`)

func requireSame(t *testing.T, path, key string, a, b any, names *pairs) {
	t.Helper()
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		require.True(t, ok, path)
		require.Len(t, other, len(a), path)
		for name := range a {
			require.Contains(t, other, name, path)
			requireSame(t, path+"."+name, name, a[name], other[name], names)
		}
	case []any:
		other, ok := b.([]any)
		require.True(t, ok, path)
		require.Len(t, other, len(a), path)
		for i := range a {
			requireSame(t, path+"[]", key, a[i], other[i], names)
		}
	default:
		text, isText := a.(string)
		_, isUUID := dialog.ParseUUID(text)
		switch {
		case isText && (isUUID || pseudonymous.MatchString(key)):
			other, ok := b.(string)
			require.True(t, ok, path)
			if key != "name" && key != "id" { // a name may be written in two places, an id be of two things
				names.require(t, text, other)
			}
		case key == "id" && a != nil:
			require.IsType(t, a, b, path)
		default:
			require.Equal(t, a, b, path)
		}
	}
}

var (
	digits   = regexp.MustCompile(`^[+0-9 ()-]{5,}$`)
	namelike = regexp.MustCompile(`(^|_)(name|username|firstname|surname)$`)
	masked   = regexp.MustCompile(`^\d*x+\d*$`)
)

// requireNothingOf looks for every UUID, number and name of the original.
func requireNothingOf(t *testing.T, original []byte, scrubbed string) {
	t.Helper()
	scrubbed = strings.ToLower(scrubbed)
	found := 0
	var walk func(key string, value any)
	walk = func(key string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, inner := range value {
				walk(name, inner)
			}
		case []any:
			for _, inner := range value {
				walk(key, inner)
			}
		case string:
			_, isUUID := dialog.ParseUUID(value)
			if isUUID || digits.MatchString(value) ||
				len(value) > 2 && key != "event_name" && namelike.MatchString(key) && !masked.MatchString(value) {
				found++
				require.NotContains(t, scrubbed, strings.ToLower(strings.TrimSpace(value)), key)
			}
		}
	}
	for _, body := range bodiesOf(t, original) {
		var value any
		require.NoError(t, json.Unmarshal(body, &value))
		walk("", value)
	}
	require.NotZero(t, found)
}
