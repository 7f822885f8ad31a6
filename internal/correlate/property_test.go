package correlate_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// drawWebhook draws a webhook of one of a few dialogs, within a few seconds, so that everything collides: states in
// any order, parents that are seen, unseen and circular, campaign cases, fields told differently.
func drawWebhook(t *rapid.T) *dialog.Webhook {
	ids := rapid.IntRange(1, 4)
	w := &dialog.Webhook{
		DialogUUID: legID(ids.Draw(t, "dialog")),
		EventTime:  dialog.Time(1_700_000_000 + rapid.Int64Range(0, 12).Draw(t, "time")),
		Kind: rapid.SampledFrom([]dialog.Kind{
			dialog.Create, dialog.StateUpdate, dialog.StateUpdate, dialog.Close, dialog.Hold, dialog.Resume,
			dialog.MeetingEntered,
		}).Draw(t, "kind"),
	}
	copy(w.SHA256[:], rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "hash"))
	if w.Kind == dialog.StateUpdate || w.Kind == dialog.Create {
		w.State = rapid.SampledFrom([]string{"ringing", "alerting", "answered", "talking", "closed", "parked", ""}).
			Draw(t, "state")
	}
	if w.Kind == dialog.Close {
		w.CloseCause = rapid.SampledFrom([]string{"", "HANGUP", "DIALOG_LEFT", "USER_BUSY", "CANCEL", "ODD", "REJECTED"}).
			Draw(t, "cause")
	}
	if w.Kind == dialog.MeetingEntered {
		w.MeetingUUID = legID(rapid.IntRange(7, 8).Draw(t, "meeting"))
	}
	if w.Kind == dialog.Create || w.Kind == dialog.Close {
		drawTold(t, w)
	}
	return w
}

func drawTold(t *rapid.T, w *dialog.Webhook) {
	pick := func(field dialog.Field, values ...string) {
		w.Told[field] = rapid.SampledFrom(append([]string{""}, values...)).Draw(t, field.String())
	}
	pick(dialog.Direction, "INBOUND", "OUTBOUND")
	pick(dialog.BusinessDirection, "INBOUND", "OUTBOUND")
	pick(dialog.DialogType, "EXTERNAL", "CONSULTANT", "CONSULTANT", "BOT", "SYSTEM", "SCREENSHARE_DIALOG")
	pick(dialog.SelfTarget, "501502503", "48xxx")
	pick(dialog.CaseID, "", "", "1", `"1"`)
	pick(dialog.ContactTry, "0", "1", "2")
	pick(dialog.ProjectID, "1", "2")
	pick(dialog.UserID, "5")
	if w.Told[dialog.CaseID] != "" {
		w.Told[dialog.ApplicationType] = "VOICE_CAMPAIGN"
	}
	if rapid.Bool().Draw(t, "called") {
		parent := legID(rapid.IntRange(1, 6).Draw(t, "parent"))
		if parent != w.DialogUUID {
			w.Told[dialog.CallerDialogUUID] = parent
		}
	}
}

func legID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func drawEvidence(t *rapid.T, most int) []*correlate.Leg {
	evidence := make([]*correlate.Leg, rapid.IntRange(1, most).Draw(t, "webhooks"))
	for i := range evidence {
		if rapid.IntRange(0, 5).Draw(t, "recorded") == 0 {
			evidence[i] = correlate.NewRecordedLeg(drawRecord(t))
		} else {
			evidence[i] = correlate.NewLeg(drawWebhook(t))
		}
	}
	return evidence
}

// drawRecord draws a record of the PBX of one of the same dialogs in the same seconds, now and then at odds with itself.
func drawRecord(t *rapid.T) *dialog.Record {
	w := drawWebhook(t)
	at := func(name string) dialog.Time {
		if rapid.Bool().Draw(t, name+"?") {
			return 0
		}
		return dialog.Time(1_700_000_000 + rapid.Int64Range(0, 12).Draw(t, name))
	}
	return &dialog.Record{
		DialogUUID: w.DialogUUID, Start: w.EventTime, Ring: at("ring"), Alert: at("alert"), Answer: at("answer"),
		Serve: at("serve"), Hangup: at("hangup"), Told: w.Told, SHA256: w.SHA256,
		EndCause: rapid.SampledFrom([]string{"", "HANGUP", "DIALOG_LEFT", "ODD"}).Draw(t, "end"),
	}
}

// drawLeg draws what several webhooks of one dialog told, and now and then a made-up close.
func drawLeg(t *rapid.T) *correlate.Leg {
	leg := correlate.NewLeg(drawWebhook(t))
	leg.UUID = legID(1)
	for range rapid.IntRange(0, 4).Draw(t, "more") {
		more := correlate.NewLeg(drawWebhook(t))
		more.UUID = leg.UUID
		leg = correlate.Merge(leg, more)
	}
	for range rapid.IntRange(0, 2).Draw(t, "records") {
		record := drawRecord(t)
		record.DialogUUID = leg.UUID
		leg = correlate.Merge(leg, correlate.NewRecordedLeg(record))
	}
	if rapid.IntRange(0, 3).Draw(t, "made") == 0 {
		at := dialog.Time(1_700_000_000 + rapid.Int64Range(0, 12).Draw(t, "madeAt"))
		basis := rapid.SampledFrom([]correlate.Word{correlate.BasisTimeout, correlate.BasisManual}).Draw(t, "basis")
		leg = correlate.Merge(leg, correlate.NewMadeClose(leg.UUID, at, basis, "TIMEOUT"))
	}
	return leg
}

func TestMergeIsCommutativeAssociativeIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, mergeLaws)
}

func mergeLaws(t *rapid.T) {
	a, b, c := drawLeg(t), drawLeg(t), drawLeg(t)
	before := [][]byte{a.Encode(), b.Encode(), c.Encode()}
	require.Equal(t, correlate.Merge(a, b), correlate.Merge(b, a), "commutative")
	require.Equal(t, correlate.Merge(a, correlate.Merge(b, c)), correlate.Merge(correlate.Merge(a, b), c), "associative")
	require.Equal(t, a, correlate.Merge(a, a), "idempotent")
	require.Equal(t, correlate.Merge(a, b), correlate.Merge(correlate.Merge(a, b), b), "idempotent")
	after := [][]byte{a.Encode(), b.Encode(), c.Encode()}
	require.Equal(t, before, after, "nothing changed")
}

func TestEvidenceSurvivesTheStore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		leg := drawLeg(t)
		data := leg.Encode()
		back, err := correlate.DecodeLeg(data)
		require.NoError(t, err)
		require.Equal(t, leg, back)
		require.Equal(t, data, back.Encode())
	})
}

func TestAnyOrderGivesTheSameRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, anyOrder)
}

func anyOrder(t *rapid.T) {
	evidence := drawEvidence(t, 14)
	want := play(evidence).records
	again := slices.Concat(evidence, rapid.SliceOf(rapid.SampledFrom(evidence)).Draw(t, "doubled"))
	order := rapid.Permutation(again).Draw(t, "order")
	require.Equal(t, want, play(order).records)
}

// TestStepsAndStates walks through a random sequence and holds every intermediate result against the design's promises.
func TestStepsAndStates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, stepsAndStates)
}

func stepsAndStates(t *rapid.T) {
	set := correlate.NewSet(correlate.DefaultRules(), account)
	ranks := map[string]fsm.State{}
	alive := map[string]bool{}
	for _, e := range drawEvidence(t, 14) {
		for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
			set.Load(missing, nil)
		}
		for _, effect := range set.Apply(e).Effects {
			checkEffect(t, effect, alive)
			if effect.After == nil {
				continue
			}
			checkRecord(t, effect.After)
			for _, leg := range effect.After.Legs {
				rank, known := fsm.Parse(leg.State)
				require.True(t, known)
				require.GreaterOrEqual(t, rank, ranks[leg.DialogUUID], "a state never moves back")
				ranks[leg.DialogUUID] = rank
			}
		}
	}
}

// checkEffect: a call begins once, ends only when open and reopens only when ended; what is merged away says where to.
func checkEffect(t *rapid.T, effect correlate.Effect, alive map[string]bool) {
	count := map[correlate.Kind]int{}
	last := 0
	for _, step := range effect.Steps {
		require.Equal(t, effect.CallUUID, step.CallUUID)
		require.NotZero(t, step.At, step.Kind)
		count[step.Kind]++
		place := slices.Index(stepOrder, step.Kind) + 1
		require.True(t, place > 0 || slices.Contains(dialogSteps, step.Kind), "unknown step %s", step.Kind)
		require.GreaterOrEqual(t, place, last, "order of the steps of one webhook: %s", step.Kind)
		last = place
	}
	require.Equal(t, effect.Before == nil, count[correlate.CallStarted] == 1)
	require.Equal(t, effect.Before != nil, alive[effect.CallUUID])
	if effect.After == nil {
		require.NotEmpty(t, effect.Into)
		require.NotEqual(t, effect.CallUUID, effect.Into)
		require.Empty(t, effect.Steps)
		delete(alive, effect.CallUUID)
		return
	}
	alive[effect.CallUUID] = true
	wasEnded := effect.Before != nil && effect.Before.State == correlate.StateEnded
	isEnded := effect.After.State == correlate.StateEnded
	require.Equal(t, isEnded && !wasEnded, count[correlate.CallEnded] == 1)
	require.Equal(t, wasEnded && !isEnded, count[correlate.CallReopened] == 1)
}

// dialogSteps come first; stepOrder is the order of design §7 for the rest.
var (
	dialogSteps = []correlate.Kind{
		correlate.DialogRinging, correlate.DialogAlerting, correlate.DialogAnswered, correlate.DialogTalking,
		correlate.DialogClosed, correlate.DialogHeld, correlate.DialogResumed, correlate.DialogMeetingEntered,
	}
	stepOrder = []correlate.Kind{
		correlate.CallStarted, correlate.CallReceived, correlate.CallCreated, correlate.DialWait, correlate.CallAlerting,
		correlate.CallAnswered, correlate.CallTalking, correlate.CallTransferred, correlate.CallMerged,
		correlate.DialEnded, correlate.CallReopened, correlate.CallEnded, correlate.CallMissed,
	}
)

func checkRecord(t *rapid.T, c *correlate.Call) {
	for _, ms := range []*int64{c.RingMS, c.WaitMS, c.TalkMS, c.HoldMS, c.TotalMS} {
		if ms != nil {
			require.GreaterOrEqual(t, *ms, int64(0))
		}
	}
	require.Equal(t, c.Connected, c.ConnectedBasis != "")
	ended := c.State == correlate.StateEnded
	for _, word := range []correlate.Word{c.Disposition, c.HangupBy, c.HangupBasis, c.EndBasis} {
		require.Equal(t, ended, word != "")
	}
	require.Equal(t, ended, !c.EndedAt.IsZero())
	require.Equal(t, ended, c.TotalMS != nil)
	if ended && c.HoldMS != nil && c.TalkMS != nil {
		require.LessOrEqual(t, *c.HoldMS, *c.TalkMS)
	}
	if ended {
		require.Equal(t, c.Connected, c.Disposition == correlate.DispositionAnswered)
		checkHangup(t, c)
	}
	require.False(t, c.Missed && c.Direction != correlate.DirectionInbound)
}

// checkHangup: the votes of the legs allow what is said of who hung up.
func checkHangup(t *rapid.T, c *correlate.Call) {
	votes := func(leg *correlate.LegRecord) (self, other bool) {
		cause := string(leg.CloseCause)
		onCaller := leg.DialogUUID == c.CallUUID
		return cause == "HANGUP" || cause == "REJECTED" || cause == "CANCEL" && onCaller,
			cause == "DIALOG_LEFT" || cause == "CANCEL" && !onCaller
	}
	selves, others := 0, 0
	for i := range c.Legs {
		self, other := votes(&c.Legs[i])
		selves += btoi(self)
		others += btoi(other)
	}
	switch c.HangupBasis {
	case correlate.BasisReported:
		self, _ := votes(c.Leg(string(c.HangupDialogUUID)))
		require.True(t, self, "reported by the leg itself")
	case correlate.BasisInferred:
		require.Positive(t, selves+others)
		if leg := c.Leg(string(c.HangupDialogUUID)); leg != nil {
			self, _ := votes(leg)
			require.False(t, self, "would be reported")
		}
	case correlate.BasisConflict:
		require.GreaterOrEqual(t, selves, 2)
	default:
		require.Equal(t, correlate.BasisNone, c.HangupBasis)
		require.Equal(t, correlate.HangupUnknown, c.HangupBy)
	}
	if c.HangupBy == correlate.HangupUnknown && c.HangupDialogUUID == "" || c.HangupBasis == correlate.BasisNone {
		require.Empty(t, c.HangupSide)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Loading a set piece by piece, as one batch after another does from the store, gives what one set gives.
func TestSetsLoadedFromAStoreAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		evidence := drawEvidence(t, 14)
		want := play(evidence)
		stored := map[string]storedLeg{}
		got := outcome{records: map[string]string{}, steps: map[string][]string{}}
		for len(evidence) > 0 {
			n := rapid.IntRange(1, len(evidence)).Draw(t, "batch")
			for _, steps := range playBatch(t, stored, evidence[:n]) {
				got.steps[steps.CallUUID] = append(got.steps[steps.CallUUID], stepLine(steps))
			}
			evidence = evidence[n:]
		}
		set := correlate.NewSet(correlate.DefaultRules(), account)
		var all []*correlate.Leg
		for _, leg := range stored {
			all = append(all, leg.leg)
		}
		set.Load(slices.Collect(maps.Keys(stored)), all)
		for _, leg := range stored {
			call := set.Call(leg.call)
			require.NotNil(t, call, "the stored call id is the one that the legs give")
			if got.records[leg.call] == "" && call.State == correlate.StateEnded {
				got.steps[leg.call] = append(got.steps[leg.call], string(correlate.CallSettled))
			}
			got.records[leg.call] = string(append(call.AppendJSON(nil), '}'))
		}
		require.Equal(t, want, got)
	})
}

type storedLeg struct {
	leg  *correlate.Leg
	call string
}

// playBatch applies a batch to a fresh set that loads from stored, as package ingest does, and stores what changed.
func playBatch(t *rapid.T, stored map[string]storedLeg, evidence []*correlate.Leg) []correlate.Step {
	set := correlate.NewSet(correlate.DefaultRules(), account)
	var steps []correlate.Step
	touched := map[string]bool{}
	for _, e := range evidence {
		for missing := set.Missing(e); len(missing) > 0; missing = set.Missing(e) {
			var legs []*correlate.Leg
			for _, id := range missing {
				call := id
				if known, ok := stored[id]; ok {
					call = known.call
				}
				for _, leg := range stored {
					if leg.call == call || leg.call == id {
						legs = append(legs, leg.leg)
					}
				}
			}
			set.Load(missing, legs)
		}
		applied := set.Apply(e)
		for _, effect := range applied.Effects {
			steps = append(steps, effect.Steps...)
		}
		for _, leg := range applied.Legs {
			touched[leg] = true
		}
	}
	for id := range touched {
		leg, link := set.Leg(id)
		back, err := correlate.DecodeLeg(leg.Encode())
		require.NoError(t, err)
		stored[id] = storedLeg{back, link.Call}
	}
	return steps
}
