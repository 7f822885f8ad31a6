package simulate_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"webhookd/internal/replay/simulate"
)

func TestPercentilesAreRightToOnePerCent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var h simulate.Histogram
	var all []time.Duration
	for range 50_000 {
		d := time.Duration(random.ExpFloat64() * float64(3*time.Millisecond))
		all = append(all, d)
		h.Add(d)
	}
	slices.Sort(all)
	p := h.Percentiles()
	for _, row := range []struct {
		part float64
		got  time.Duration
	}{{0.5, p.P50}, {0.9, p.P90}, {0.99, p.P99}, {0.999, p.P999}} {
		assert.InEpsilon(t, all[int(row.part*float64(len(all)))], row.got, 0.01)
	}
	assert.Equal(t, all[len(all)-1], p.Max)
	assert.EqualValues(t, len(all), h.Count())
}

func TestAnExtremeDurationIsCountedToo(t *testing.T) {
	t.Parallel()
	var h simulate.Histogram
	for _, d := range []time.Duration{-1, 0, 1, 24 * time.Hour} {
		h.Add(d)
	}
	p := h.Percentiles()
	assert.Equal(t, time.Duration(0), p.P50)
	assert.Equal(t, 24*time.Hour, p.Max)
	assert.Zero(t, (&simulate.Histogram{}).Percentiles())
}
