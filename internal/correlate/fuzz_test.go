package correlate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"webhookd/internal/correlate"
)

// FuzzDecodeLeg feeds the reader of stored evidence with anything.
func FuzzDecodeLeg(f *testing.F) {
	for _, e := range readEvidence(f, "outbound_answered") {
		f.Add(e.Encode())
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		leg, err := correlate.DecodeLeg(data)
		if err != nil {
			require.ErrorIs(t, err, correlate.ErrEvidence)
			return
		}
		leg.Encode()
	})
}

// FuzzWebhookSets lets the fuzzer choose the webhooks of the properties: any order gives the same records, Merge is a
// semilattice, and every intermediate record keeps its promises.
func FuzzWebhookSets(f *testing.F) {
	f.Add([]byte("webhooks"))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		anyOrder(t)
		mergeLaws(t)
		stepsAndStates(t)
	}))
}
