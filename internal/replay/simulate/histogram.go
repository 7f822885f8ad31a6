package simulate

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations in buckets that are less than one per cent wide, in the way of HdrHistogram: each power of
// two of nanoseconds is cut into 128. It may be used by several goroutines, and costs one addition for each duration.
type Histogram struct {
	buckets [subBuckets * (maxPower - subBits + 1)]atomic.Uint64
	count   atomic.Uint64
	sum     atomic.Int64
	most    atomic.Int64
}

const (
	subBits    = 7
	subBuckets = 1 << subBits
	maxPower   = 40 // 2^40 ns are 18 minutes; what takes longer is counted there
)

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.buckets[bucketOf(uint64(d))].Add(1)
	h.count.Add(1)
	h.sum.Add(int64(d))
	for {
		if most := h.most.Load(); int64(d) <= most || h.most.CompareAndSwap(most, int64(d)) {
			return
		}
	}
}

func bucketOf(ns uint64) int {
	ns = min(ns, 1<<maxPower-1)
	shift := max(bits.Len64(ns)-subBits-1, 0)
	return shift<<subBits + int(ns>>shift) //nolint:gosec // at most 2^subBits+1
}

// ceiling is the longest duration that is counted in a bucket.
func ceiling(bucket int) time.Duration {
	shift := max(bucket>>subBits-1, 0)
	return time.Duration(bucket-shift<<subBits+1)<<shift - 1
}

// Count is how many durations were counted.
func (h *Histogram) Count() uint64 { return h.count.Load() }

// Percentiles summarises what was counted.
func (h *Histogram) Percentiles() Percentiles {
	p := Percentiles{Max: time.Duration(h.most.Load())}
	total := h.count.Load()
	if total == 0 {
		return p
	}
	p.Mean = time.Duration(h.sum.Load() / int64(total)) //nolint:gosec // nobody counts to 2^63
	wanted := []struct {
		part float64
		into *time.Duration
	}{{0.5, &p.P50}, {0.9, &p.P90}, {0.99, &p.P99}, {0.999, &p.P999}}
	seen, next := uint64(0), 0
	for bucket := range h.buckets {
		seen += h.buckets[bucket].Load()
		for next < len(wanted) && float64(seen) >= wanted[next].part*float64(total) {
			*wanted[next].into = min(ceiling(bucket), p.Max)
			next++
		}
	}
	return p
}

// Percentiles are what half, nine tenths, … of the durations did not go above.
type Percentiles struct {
	Mean time.Duration `json:"mean_ns"`
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p999_ns"`
	Max  time.Duration `json:"max_ns"`
}
