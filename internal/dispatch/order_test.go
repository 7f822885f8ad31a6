package dispatch_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
	"webhookd/internal/trigger"
)

// A delayed missed-call handler fires, or is called off, the same way for every order of the webhooks that keeps real
// time. In these tests that an order keeps real time means:
//
//  1. No webhook arrives before it happened (its event_time), and none more than slack after that. How those that
//     happened within slack of each other arrive, is chance; so is which of them come twice, and what is in one batch.
//  2. The clock stands at the arrival while a webhook is taken, and whatever was due before then was done before.
//  3. What matters is further apart than slack: the answer that calls the trigger off happens more than slack after the
//     call was missed (otherwise the question is which was first, see TestWhatHappenedLaterCallsOffThoughItArrivedEarlier)
//     and more than slack before the trigger's time (otherwise it may have fired before anybody could know better).
const slack = 25 * time.Second

const fixtures = "../../fixtures"

// More orders, and others, are tried with -args -orders 20 -seed 7.
var (
	perPair = flag.Int("orders", 1, "how many orders of each pair of calls are tried")
	seed    = flag.Uint64("seed", 0, "chooses other orders")
)

// scenario is a recorded call of fixtures/, moved in time, and with a number of its own in place of the masked one.
type scenario struct {
	name   string
	bodies [][]byte
	times  []time.Time // when each happened
}

var eventTime = regexp.MustCompile(`"event_time": ?"([^"]*)"`)

func recorded(t testing.TB, name, number string, begins time.Time) scenario {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, name, "webhooks.ndjson"))
	require.NoError(t, err)
	data = bytes.TrimSpace(data)
	data = bytes.ReplaceAll(data, []byte(recordedNumber(t, name)), []byte(number))
	s := scenario{name: name, bodies: bytes.Split(data, []byte("\n"))}
	var first time.Time
	for i, body := range s.bodies {
		found := eventTime.FindSubmatch(body)
		require.NotNil(t, found, "%s", body)
		at, err := time.Parse(time.DateTime, string(found[1]))
		require.NoError(t, err)
		if first.IsZero() || at.Before(first) {
			first = at
		}
		s.times = append(s.times, at)
		s.bodies[i] = body
	}
	for i := range s.bodies {
		s.times[i] = begins.Add(s.times[i].Sub(first))
		s.bodies[i] = eventTime.ReplaceAll(s.bodies[i], []byte(`"event_time":"`+s.times[i].Format(time.DateTime)+`"`))
	}
	return s
}

var externalNumber = regexp.MustCompile(`"external": \{"number": "([^"]+)"`)

// recordedNumber is the number of the customer of a scenario.
func recordedNumber(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, name, "call.json"))
	require.NoError(t, err)
	found := externalNumber.FindSubmatch(data)
	require.NotNil(t, found, name)
	return string(found[1])
}

// The recorded calls that were missed, and what may follow: whether it calls the trigger off.
var (
	missedCalls = []string{
		"inbound_abandoned_in_queue", "inbound_abandoned_while_ringing", "inbound_no_answer",
		"inbound_rejected_then_abandoned", "inbound_ring_all_caller_left", "bot_then_abandoned",
	}
	whatFollows = map[string]bool{
		"":                             false,
		"outbound_answered":            true, // the consultant calls back
		"outbound_consultant_hangs_up": true,
		"outbound_no_answer":           false,
		"outbound_busy":                false,
		"outbound_rejected":            false,
		"inbound_answered":             true, // the customer calls again, and gets through
		"inbound_lost_create":          true,
		"inbound_abandoned_in_queue":   false, // or does not
	}
)

// play is one way in which the webhooks of a missed call, and of what follows, arrive. It has an account of its own, so
// that many can be played at once.
type play struct {
	account   string
	missed    scenario
	follows   *scenario
	calledOff bool
}

// arrivals gives the webhooks with the times at which they come, whole seconds.
func (p *play) arrivals(random *rand.Rand, delay func() time.Duration) []arrival {
	var list []arrival
	add := func(s *scenario) {
		for i, body := range s.bodies {
			for first := true; first || random.IntN(6) == 0; first = false {
				list = append(list, arrival{account: p.account, body: body, at: s.times[i].Add(delay())})
			}
		}
	}
	add(&p.missed)
	if p.follows != nil {
		add(p.follows)
	}
	return list
}

// run lets webhooks of many plays arrive in the order of their times, by way of any instance, in batches of any size.
func (in *installation) run(t *testing.T, random *rand.Rand, list []arrival) {
	t.Helper()
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	slices.SortStableFunc(list, func(a, b arrival) int { return a.at.Compare(b.at) })
	for len(list) > 0 {
		size := 1
		for most := 1 + random.IntN(16); size < most && size < len(list) && list[size].at.Equal(list[0].at); {
			size++
		}
		in.until(t, list[0].at)
		instance := in.instances[random.IntN(len(in.instances))]
		require.NoError(t, instance.batch(t.Context(), in.Now(), list[:size]...))
		list = list[size:]
	}
}

// requireOutcome holds what a play came to against what it must come to.
func (in *installation) requireOutcome(t *testing.T, p *play, actions []told) {
	t.Helper()
	follows := "nothing"
	if p.follows != nil {
		follows = p.follows.name
	}
	about := fmt.Sprintf("%s: %s, then %s", p.account, p.missed.name, follows)
	var types []string
	for _, event := range actions {
		if event.Account != p.account {
			continue
		}
		types = append(types, event.Type)
		ended := slices.MaxFunc(p.missed.times, time.Time.Compare)
		require.Equal(t, []string{"tel:+" + customer}, append(event.URNs, event.Msg.URN)[:1], about)
		require.WithinRange(t, event.CreatedOn, ended.Add(5*time.Minute-slack), ended.Add(5*time.Minute+slack+time.Second), about)
	}
	if p.calledOff {
		require.Empty(t, types, about)
	} else {
		require.Equal(t, []string{"msg_created", "session_triggered"}, types, about)
	}
}

// perform plays plays, and requires of each what it must come to.
func (in *installation) perform(t *testing.T, random *rand.Rand, plays []*play, delay func() time.Duration) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, "handlers", "missed-call.yaml"))
	require.NoError(t, err)
	compiled, err := trigger.LoadFile(data, in.env)
	require.NoError(t, err)
	require.NoError(t, in.service.LoadFile(t.Context(), compiled))
	if in.database.Shared {
		in.open(t)
	}
	var list []arrival
	for _, p := range plays {
		list = append(list, p.arrivals(random, delay)...)
	}
	in.run(t, random, list)
	in.pass(t, 10*time.Minute)
	actions := in.actions(t)
	for _, p := range plays {
		in.requireOutcome(t, p, actions)
	}
	require.Zero(t, in.left(t, store.DueTrigger))
}

func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		random := rand.New(rand.NewPCG(5, *seed))
		var plays []*play
		for _, missed := range missedCalls {
			for _, follows := range slices.Sorted(maps.Keys(whatFollows)) {
				if follows == missed {
					continue // its webhooks would be the same
				}
				for range *perPair {
					p := &play{
						account: fmt.Sprintf("account-%d", len(plays)), calledOff: whatFollows[follows],
						missed: recorded(t, missed, customer, noon.Add(time.Minute)),
					}
					if follows != "" {
						s := recorded(t, follows, customer, noon.Add(4*time.Minute))
						p.follows = &s
					}
					plays = append(plays, p)
				}
			}
		}
		in.perform(t, random, plays, func() time.Duration { return time.Duration(random.IntN(int(slack/time.Second))) * time.Second })
	})
}

// Every order of the five webhooks of a missed call.
func TestEveryOrderOfAMissedCall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, in *installation) {
		random := rand.New(rand.NewPCG(5, 1))
		missed := recorded(t, "inbound_abandoned_while_ringing", customer, noon.Add(time.Minute))
		require.Len(t, missed.bodies, 5)
		last := slices.MaxFunc(missed.times, time.Time.Compare)
		var plays []*play
		orders(5, func(order []int) {
			p := &play{
				account: fmt.Sprintf("account-%d", len(plays)), missed: scenario{name: fmt.Sprintf("%s %v", missed.name, order)},
				calledOff: len(plays)%2 == 0,
			}
			for place, i := range order { // all of them arrive after the last one has happened
				p.missed.bodies = append(p.missed.bodies, missed.bodies[i])
				p.missed.times = append(p.missed.times, last.Add(time.Duration(place)*time.Second))
			}
			follows := recorded(t, "outbound_no_answer", customer, noon.Add(4*time.Minute))
			if p.calledOff {
				follows = recorded(t, "outbound_answered", customer, noon.Add(4*time.Minute))
			}
			p.follows = &follows
			plays = append(plays, p)
		})
		require.Len(t, plays, 120)
		in.perform(t, random, plays, func() time.Duration { return 0 })
	})
}

// orders calls visit with every order of 0 … n-1.
func orders(n int, visit func(order []int)) {
	order := make([]int, 0, n)
	var next func()
	next = func() {
		if len(order) == n {
			visit(slices.Clone(order))
			return
		}
		for i := range n {
			if !slices.Contains(order, i) {
				order = append(order, i)
				next()
				order = order[:len(order)-1]
			}
		}
	}
	next()
}
