package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/ingest"
	"webhookd/internal/rebuild"
	"webhookd/internal/store"
)

// Not all of the outbox comes out of the journal: what handlers published, and what an erasure wrote. A rebuild leaves it,
// and finds nothing to tell of it.
func TestARebuildLeavesWhatHandlersPublished(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		in.handlers(t, `
  - {name: at-once, on: call_missed, do: [{type: send_msg, text: "We are sorry."}]}
  - {name: later, on: call_missed, after: 1s, do: [{type: send_msg, text: "We call back."}]}
`)
		missed := call{1, customer, noon}
		in.take(t, missed.missed(9*time.Second)...)
		in.pass(t, 2*time.Second) // it is not settled yet
		require.Len(t, in.actions(t), 2)
		var erased ingest.Erased
		require.NoError(t, in.st.Write(t.Context(), func(tx store.Tx) (err error) {
			erased, err = in.engine.Erase(t.Context(), tx, []store.Key{{Account: account, UUID: missed.id()}},
				func(text string) (string, bool) { return "erased-1", strings.Contains(text, customer) })
			return err
		}))
		require.Equal(t, 1, erased.Open)
		for _, check := range []bool{true, false, true} {
			var differences []string
			result, err := rebuild.Run(t.Context(), rebuild.Config{
				Store: in.st, Check: check, Publish: true,
				Engine: &ingest.Engine{
					Rules: correlate.DefaultRules(), SettleDelay: 10 * time.Second, RingLimit: 10 * time.Minute, CallLimit: 4 * time.Hour,
				},
				Report: func(d rebuild.Difference) { differences = append(differences, d.String()) },
			})
			require.NoError(t, err)
			require.Empty(t, differences)
			require.Zero(t, result.Published)
			require.Equal(t, 1, int(result.Calls))
			require.Len(t, in.actions(t), 2)
		}
	})
}
