//go:build unix

package chaos

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/flow"
	"webhookd/internal/replay/simulate"
)

// installation is one that works, in memory: what a sender sent, and what should have been written for it.
type installation struct {
	sent    *sent
	facts   *facts
	set     *correlate.Set
	ledgers map[string]*flow.Ledger
	into    map[string]string
}

const someAccount = "sim01"

func newInstallation(t *testing.T) *installation {
	t.Helper()
	n := &installation{
		sent: &sent{taken: map[bodyKey]simulate.Logged{}}, facts: &facts{bucket: map[string][]byte{}},
		set:     correlate.NewSet(correlate.Rules{Causes: correlate.DefaultCauses(), DefaultRegion: "PL"}, someAccount),
		ledgers: map[string]*flow.Ledger{}, into: map[string]string{},
	}
	mix, err := simulate.ParseMix("inbound=3,outbound=3,campaign=2,transfer=1,other=1")
	require.NoError(t, err)
	generator := simulate.NewGenerator(simulate.Plan{Seed: 5, Mix: mix, Account: someAccount})
	for number := range 40 {
		var call simulate.Call
		generator.Call(&call, number)
		call.Began = time.Date(2026, 5, 4, 10, 0, number, 0, time.UTC)
		for i := range call.Len() {
			if number%3 == 0 && i > 0 && call.Event(i) == "dialog_create" {
				continue // a create that was lost: its call is merged later
			}
			n.take(t, call.AppendBody(nil, i), call.Event(i))
		}
	}
	ids := map[string]bool{}
	for _, leg := range n.facts.legs {
		ids[leg.callUUID] = true
	}
	for id := range ids {
		if call := n.set.Call(id); call.State == correlate.StateEnded {
			n.write(t, id, []correlate.Step{{Kind: correlate.CallSettled, CallUUID: id, At: call.EndedAt}})
		}
	}
	for id := range n.ledgers {
		row := callRow{account: someAccount, callUUID: id, seq: n.ledgers[id].Seq}
		row.revision = n.ledgers[id].Count(correlate.CallSettled, "")
		if call := n.set.Call(id); call != nil {
			row.state, row.record = call.State, flow.EncodeRecord(call, row.seq, row.revision, time.Now())
			if row.revision == 0 {
				n.facts.bucket[someAccount+"."+id] = row.record
			}
		} else {
			row.mergedInto = n.into[id]
		}
		n.facts.calls = append(n.facts.calls, row)
	}
	return n
}

func (n *installation) take(t *testing.T, body []byte, event string) {
	t.Helper()
	webhook, err := dialog.Decode(body)
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	n.sent.taken[bodyKey{someAccount, sum}] = simulate.Logged{Account: someAccount, SHA256: sum, Status: 200, Event: event}
	n.facts.journal = append(n.facts.journal, entry{
		id: int64(len(n.facts.journal) + 1), account: someAccount, origin: originPBX, dialogUUID: webhook.DialogUUID,
		ignored: webhook.Kind == dialog.Other, sha256: sum[:], body: body,
	})
	if webhook.Kind == dialog.Other {
		return
	}
	evidence := correlate.NewLeg(&webhook)
	for missing := n.set.Missing(evidence); len(missing) > 0; missing = n.set.Missing(evidence) {
		n.set.Load(missing, nil)
	}
	applied := n.set.Apply(evidence)
	for _, effect := range applied.Effects {
		if effect.After == nil {
			n.into[effect.CallUUID] = effect.Into
			continue
		}
		n.write(t, effect.CallUUID, effect.Steps)
	}
	for _, id := range applied.Legs {
		_, link := n.set.Leg(id)
		n.facts.legs = slices.DeleteFunc(n.facts.legs, func(l legRow) bool { return l.dialogUUID == id })
		n.facts.legs = append(n.facts.legs, legRow{someAccount, id, link.Call})
	}
}

// write puts events of a call into the outbox and onto the stream.
func (n *installation) write(t *testing.T, id string, steps []correlate.Step) {
	t.Helper()
	if n.ledgers[id] == nil {
		n.ledgers[id] = &flow.Ledger{}
	}
	events := n.ledgers[id].Enter(someAccount, steps)
	record := flow.EncodeRecord(n.set.Call(id), n.ledgers[id].Seq, 0, time.Now())
	row := change{id: int64(len(n.facts.outbox) + 1), account: someAccount, callUUID: id, record: record}
	for _, e := range events {
		row.events = append(row.events, event{e.UUID, e.Type, e.Seq, e.DialogUUID})
		n.facts.stream = append(n.facts.stream, message{
			sequence: uint64(len(n.facts.stream) + 1), id: e.UUID, bodyUUID: e.UUID, account: someAccount,
			subject: "flow.trigger." + someAccount + "." + e.Type, callUUID: id, seq: e.Seq, record: record,
		})
	}
	n.facts.outbox = append(n.facts.outbox, row)
}

// missed gives the checks that found something.
func missed(checks []Check) []string {
	var names []string
	for _, c := range checks {
		if c.Misses > 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

func TestNothingIsMissedWhereNothingIsWrong(t *testing.T) {
	t.Parallel()
	n := newInstallation(t)
	require.NotEmpty(t, n.into, "a call was merged")
	checks := examine(n.sent, n.facts)
	for _, c := range checks {
		assert.Empty(t, c.Examples, c.Name)
		assert.Positive(t, c.Count, c.Name)
	}
	assert.Zero(t, Report{Checks: checks, Quiet: true}.Misses())
}

// Every check finds what it is there for. Where one thing is wrong, others may be, too.
func TestWhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	ended := func(f *facts) *callRow {
		for i := range f.calls {
			if f.calls[i].revision > 0 {
				return &f.calls[i]
			}
		}
		return nil
	}
	mergedAway := func(f *facts) *callRow {
		for i := range f.calls {
			if f.calls[i].mergedInto != "" {
				return &f.calls[i]
			}
		}
		return nil
	}
	for name, tt := range map[string]struct {
		spoil func(n *installation)
		want  string
	}{
		"a webhook that was lost": {
			func(n *installation) { n.facts.journal = n.facts.journal[1:] }, "webhooks that were answered 2xx are in the journal",
		},
		"a body that changed": {
			func(n *installation) { n.facts.journal[3].body = []byte(`{}`) }, "journal entries are what their SHA-256 says",
		},
		"a body that is there twice": {
			func(n *installation) { n.facts.journal = append(n.facts.journal, n.facts.journal[0]) }, "journal entries are what their SHA-256 says",
		},
		"a webhook in another account": {
			func(n *installation) { n.facts.journal[0].account = "sim02" }, "webhooks that were answered 2xx are in the journal",
		},
		"a webhook in quarantine": {
			func(n *installation) { n.facts.quarantine = 1 }, "no webhook was refused",
		},
		"an outbox row that is held": {
			func(n *installation) { n.facts.held = 1 }, "no webhook was refused",
		},
		"a leg that was closed for the PBX": {
			func(n *installation) { n.facts.journal[0].origin = "timeout" }, "the journal holds webhooks and settlings only",
		},
		"a record that is wrong": {
			func(n *installation) {
				row := ended(n.facts)
				row.record = []byte(strings.Replace(string(row.record), `"state":"ended"`, `"state":"talking"`, 1))
			}, "calls are the pure function",
		},
		"a record with a field too many": {
			func(n *installation) {
				row := ended(n.facts)
				row.record = []byte(strings.Replace(string(row.record), `{`, `{"more":1,`, 1))
			}, "calls are the pure function",
		},
		"a call that is lost": {
			func(n *installation) {
				lost := ended(n.facts).callUUID
				n.facts.calls = slices.DeleteFunc(n.facts.calls, func(c callRow) bool { return c.callUUID == lost })
			}, "calls are the pure function",
		},
		"a merged call that is lost": {
			func(n *installation) {
				n.facts.calls = slices.DeleteFunc(n.facts.calls, func(c callRow) bool { return c.mergedInto != "" })
			}, "calls know their last event",
		},
		"a call without webhooks": {
			func(n *installation) {
				n.facts.calls = append(n.facts.calls, callRow{account: someAccount, callUUID: "x"})
			}, "calls are the pure function",
		},
		"a merged call that leads nowhere": {
			func(n *installation) { mergedAway(n.facts).mergedInto = "x" }, "merged calls lead to a call",
		},
		"a merged call that leads to itself": {
			func(n *installation) { row := mergedAway(n.facts); row.mergedInto = row.callUUID }, "merged calls lead to a call",
		},
		"a leg in the wrong call": {
			func(n *installation) { n.facts.legs[0].callUUID = "x" }, "legs belong to the call",
		},
		"a leg too many": {
			func(n *installation) { n.facts.legs = append(n.facts.legs, legRow{someAccount, "x", "x"}) }, "legs belong to the call",
		},
		"a call that was never settled": {
			func(n *installation) { ended(n.facts).revision = 0 }, "ended calls are settled",
		},
		"an event that is in no order": {
			func(n *installation) { n.facts.outbox[0].events[0].Seq = 7 }, "events of a call are numbered",
		},
		"an event whose id is made up": {
			func(n *installation) { n.facts.outbox[0].events[0].UUID = "x" }, "events of a call are numbered",
		},
		"an event that is written twice": {
			func(n *installation) { n.facts.outbox = append(n.facts.outbox, n.facts.outbox[0]) }, "events of a call are numbered",
		},
		"a seq that was lost": {
			func(n *installation) { n.facts.calls[0].seq-- }, "calls know their last event",
		},
		"an event that was never published": {
			func(n *installation) { n.facts.stream = n.facts.stream[1:] }, "events of the outbox are on the stream once",
		},
		"an event that was published twice": {
			func(n *installation) { n.facts.stream = append(n.facts.stream, n.facts.stream[0]) }, "events of the outbox are on the stream once",
		},
		"an event that was published otherwise": {
			func(n *installation) { n.facts.stream[0].record = []byte(`{}`) }, "events of the outbox are on the stream once",
		},
		"events in the wrong order": {
			func(n *installation) {
				first := n.facts.stream[0].callUUID
				for i := 1; i < len(n.facts.stream); i++ {
					if n.facts.stream[i].callUUID == first {
						n.facts.stream[0], n.facts.stream[i] = n.facts.stream[i], n.facts.stream[0]
						return
					}
				}
			}, "events of a call stand in order",
		},
		"a message that nobody wrote": {
			func(n *installation) { n.facts.stream = append(n.facts.stream, message{id: "x"}) }, "messages of the stream are events",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newInstallation(t)
			tt.spoil(n)
			checks := examine(n.sent, n.facts)
			names := missed(checks)
			assert.True(t, slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, tt.want) }), "%v", names)
			report := Report{Checks: checks, Quiet: true}
			assert.Positive(t, report.Misses())
			assert.Contains(t, report.String(), "MISSES")
		})
	}
}

func TestTheBucketIsLookedAtButNotCounted(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *facts){
		"a call that is over": func(f *facts) { f.bucket[someAccount+"."+f.calls[0].callUUID] = []byte("{}") },
		"a call of nobody":    func(f *facts) { f.bucket["x"] = nil },
	} {
		n := newInstallation(t)
		spoil(n.facts)
		checks := examine(n.sent, n.facts)
		assert.Equal(t, []string{"calls that are not settled, and only those, are in the bucket as they are"}, missed(checks), name)
		report := Report{Checks: checks, Quiet: true}
		assert.Zero(t, report.Misses(), name)
		assert.Contains(t, report.String(), "1 not (which is not promised)")
	}
}

func TestARunThatDoesNotComeToRestIsAMiss(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1, Report{}.Misses())
	assert.Contains(t, Report{}.String(), "it did not come to rest")
	assert.Contains(t, Report{Quiet: true}.String(), "no miss")
}
