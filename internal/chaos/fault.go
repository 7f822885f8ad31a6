//go:build unix

package chaos

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// faultKind is a way in which things break.
type faultKind string

// The faults.
const (
	killWebhookd  faultKind = "webhookd killed"
	crashPostgres faultKind = "postgres stopped at once"
	killNATS      faultKind = "nats node killed"
	killQuorum    faultKind = "two nats nodes killed"
	killCluster   faultKind = "nats cluster killed"
	stallNetwork  faultKind = "database network stalled"
)

// faultKinds are the faults and how often each is chosen.
var faultKinds = []struct {
	kind   faultKind
	weight int
	// for how long a thing stays broken, at least and at most
	least, most time.Duration
}{
	{killWebhookd, 30, 200 * time.Millisecond, 4 * time.Second},
	{crashPostgres, 16, 300 * time.Millisecond, 5 * time.Second},
	{killNATS, 20, 300 * time.Millisecond, 6 * time.Second},
	{stallNetwork, 22, 500 * time.Millisecond, 8 * time.Second},
	{killQuorum, 7, 500 * time.Millisecond, 5 * time.Second},
	{killCluster, 5, 500 * time.Millisecond, 4 * time.Second},
}

// fault is one thing that is to break.
type fault struct {
	at    time.Duration // since the load began
	kind  faultKind
	which int // of the instances, nodes or networks; for stallNetwork, one more means all of them
	last  time.Duration
}

func (f fault) String() string {
	which := ""
	switch f.kind {
	case killWebhookd, killNATS:
		which = fmt.Sprintf(" (%d)", f.which+1)
	case stallNetwork:
		which = fmt.Sprintf(" (of %d)", f.which+1)
		if f.which == instances {
			which = " (of both)"
		}
	case killQuorum:
		which = fmt.Sprintf(" (all but %d)", f.which+1)
	case crashPostgres, killCluster:
	}
	return fmt.Sprintf("%s%s for %s", f.kind, which, f.last.Round(10*time.Millisecond))
}

// How things are set up.
const (
	instances = 2
	nodes     = 3
)

// quietEnds is how long nothing breaks at the beginning and at the end of the load.
const quietEnds = 2 * time.Second

// plan throws for the faults of a run of this length. Every kind comes once before any comes twice, as far as there is
// time. Faults of different things overlap.
func plan(seed uint64, length time.Duration) []fault {
	random := rand.New(rand.NewPCG(seed, 0xc4a05)) //nolint:gosec // a plan that can be repeated is wanted
	order := random.Perm(len(faultKinds))
	const soonest, latest = time.Second, 5 * time.Second
	var faults []fault
	for at := quietEnds; at < length-quietEnds; at += between(random, soonest, latest) {
		choice := weighted(random)
		if len(faults) < len(order) {
			choice = order[len(faults)]
		}
		kind := faultKinds[choice]
		f := fault{at: at, kind: kind.kind, last: between(random, kind.least, kind.most)}
		switch f.kind {
		case killWebhookd:
			f.which = random.IntN(instances)
		case killNATS, killQuorum:
			f.which = random.IntN(nodes)
		case stallNetwork:
			f.which = random.IntN(instances + 1)
		case crashPostgres, killCluster:
		}
		faults = append(faults, f)
	}
	return faults
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

func weighted(random *rand.Rand) int {
	total := 0
	for _, kind := range faultKinds {
		total += kind.weight
	}
	throw := random.IntN(total)
	for i, kind := range faultKinds {
		if throw -= kind.weight; throw < 0 {
			return i
		}
	}
	return 0
}
