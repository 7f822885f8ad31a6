package web

import (
	"cmp"
	"math/bits"
	"slices"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// Measures of the ladder, in pixels. Time runs down; each second that something happened in has a row for each webhook of
// it, and what lies between two such seconds is shortened: a pause of d seconds is pauseUnit for each binary digit of d.
const (
	ladderHead  = 64  // above the first row
	rowHeight   = 24  // one webhook
	pauseUnit   = 8   // see above
	firstLane   = 310 // the middle of the first lane
	laneWidth   = 176 // from the middle of one lane to that of the next
	barWidth    = 18
	ladderFoot  = 20
	arrowsBegin = 84 // where the arrows of webhooks begin
	stripLanes  = 4  // lanes that fit on paper and can still be read
)

// LadderWebhook is a webhook as an arrow of the ladder. Own says that webhookd wrote it itself.
type LadderWebhook struct {
	At         dialog.Time
	DialogUUID string
	Name       string
	Own        bool
}

// drawing is where everything of a ladder is. It is worked out from the record and its webhooks alone.
type drawing struct {
	width, height int
	ticks         []tick
	lanes         []lane
	arrows        []arrow
	crossings     []crossing
	leavings      []leaving // only of strips
	hangup        *mark     // nil where no leg of the call hung up
}

type (
	// tick is a second in which something happened.
	tick struct {
		at    dialog.Time
		y     int
		pause int64 // seconds since the one before
	}
	// lane is a leg.
	lane struct {
		leg   *correlate.LegRecord
		x     int
		bars  []bar
		holds []bar
		// from and to are where its line begins and ends; open says that it goes on.
		from, to int
		open     bool
		// tail is where the last arrow that leads to it ends: several webhooks of its last second may end below to.
		tail int
	}
	// bar is a time that a leg spent in a state, or on hold.
	bar struct {
		state       string
		top, bottom int
		seconds     int64
		open        bool // it goes on, and seconds is not known
	}
	// arrow is a webhook on its way to a leg's lane.
	arrow struct {
		LadderWebhook
		lane, y int
	}
	// crossing is a transfer from one lane to another.
	crossing struct {
		from, to, y int // lanes
		kind        string
	}
	// leaving is a transfer to a lane that is on another strip.
	leaving struct {
		from, y int // lane
		kind    string
		to      *correlate.LegRecord
	}
	// reached is a state of a leg, and when it got there.
	reached struct {
		name string
		at   dialog.Time
	}
	// mark is a place on a lane.
	mark struct{ lane, y int }
)

// layOut says where everything of a call's ladder is.
func layOut(call *correlate.Call, webhooks []LadderWebhook) drawing {
	lanes := map[string]int{}
	for i := range call.Legs {
		lanes[call.Legs[i].DialogUUID] = i
	}
	webhooks = slices.DeleteFunc(slices.Clone(webhooks), func(w LadderWebhook) bool {
		_, known := lanes[w.DialogUUID]
		return !known || w.At.IsZero()
	})
	slices.SortStableFunc(webhooks, func(a, b LadderWebhook) int { return cmp.Compare(a.At, b.At) })

	var d drawing
	place, bottom := d.rule(moments(call, webhooks), webhooks)
	d.width = firstLane + laneWidth*max(1, len(call.Legs))
	d.height = bottom + ladderFoot
	for i := range call.Legs {
		d.lanes = append(d.lanes, laneOf(&call.Legs[i], i, place, bottom))
	}
	row, last := 0, dialog.Time(0)
	for _, webhook := range webhooks {
		if webhook.At != last {
			row, last = 0, webhook.At
		}
		at := arrow{webhook, lanes[webhook.DialogUUID], place[webhook.At] + row*rowHeight}
		d.arrows = append(d.arrows, at)
		d.lanes[at.lane].tail = max(d.lanes[at.lane].tail, at.y)
		row++
	}
	for _, transfer := range call.Transfers {
		from, known := lanes[transfer.From]
		to, alsoKnown := lanes[transfer.To]
		if known && alsoKnown {
			d.crossings = append(d.crossings, crossing{from, to, place[transfer.At], transfer.Kind})
		}
	}
	if leg := call.Leg(string(call.HangupDialogUUID)); leg != nil && !leg.ClosedAt.IsZero() {
		d.hangup = &mark{lanes[leg.DialogUUID], place[leg.ClosedAt]}
	}
	return d
}

// strips gives a drawing that is too wide for paper in parts of a few lanes each, with the same seconds at the same places;
// none where it fits.
func (d *drawing) strips() []drawing {
	if len(d.lanes) <= stripLanes {
		return nil
	}
	var parts []drawing
	for first := 0; first < len(d.lanes); first += stripLanes {
		part := drawing{height: d.height, ticks: d.ticks, lanes: slices.Clone(d.lanes[first:min(first+stripLanes, len(d.lanes))])}
		part.width = firstLane + laneWidth*len(part.lanes)
		for i := range part.lanes {
			part.lanes[i].x = firstLane + i*laneWidth
		}
		within := func(lane int) bool { return lane >= first && lane < first+len(part.lanes) }
		for _, arrow := range d.arrows {
			if within(arrow.lane) {
				arrow.lane -= first
				part.arrows = append(part.arrows, arrow)
			}
		}
		for _, c := range d.crossings {
			switch {
			case within(c.from) && within(c.to):
				part.crossings = append(part.crossings, crossing{c.from - first, c.to - first, c.y, c.kind})
			case within(c.from):
				part.leavings = append(part.leavings, leaving{c.from - first, c.y, c.kind, d.lanes[c.to].leg})
			}
		}
		if d.hangup != nil && within(d.hangup.lane) {
			part.hangup = &mark{d.hangup.lane - first, d.hangup.y}
		}
		parts = append(parts, part)
	}
	return parts
}

// moments gives every second in which something happened, in order.
func moments(call *correlate.Call, webhooks []LadderWebhook) []dialog.Time {
	var all []dialog.Time
	for _, webhook := range webhooks {
		all = append(all, webhook.At)
	}
	for i := range call.Legs {
		leg := &call.Legs[i]
		all = append(all, leg.CreatedAt, leg.RingingAt, leg.AlertingAt, leg.AnsweredAt, leg.TalkingAt, leg.ClosedAt)
		for _, hold := range leg.Holds {
			all = append(all, hold.From, hold.To)
		}
	}
	for _, transfer := range call.Transfers {
		all = append(all, transfer.At)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), dialog.Time.IsZero)
}

// rule makes the ticks, and gives where each second is, and where the last one's rows end.
func (d *drawing) rule(seconds []dialog.Time, webhooks []LadderWebhook) (place map[dialog.Time]int, bottom int) {
	rows := map[dialog.Time]int{}
	for _, webhook := range webhooks {
		rows[webhook.At]++
	}
	place, bottom = map[dialog.Time]int{}, ladderHead
	for i, at := range seconds {
		var pause int64
		if i > 0 {
			pause = int64(at - seconds[i-1])
			bottom += pauseUnit * bits.Len64(uint64(pause)) //nolint:gosec // seconds are in order
		}
		place[at] = bottom + rowHeight/2
		d.ticks = append(d.ticks, tick{at, place[at], pause})
		bottom += rowHeight * max(1, rows[at])
	}
	return place, bottom
}

// laneOf draws one leg.
func laneOf(leg *correlate.LegRecord, n int, place map[dialog.Time]int, bottom int) lane {
	l := lane{leg: leg, x: firstLane + n*laneWidth, from: bottom, to: bottom, open: leg.ClosedAt.IsZero()}
	states := slices.DeleteFunc([]reached{
		{"ringing", leg.RingingAt},
		{"alerting", leg.AlertingAt},
		{"answered", leg.AnsweredAt},
		{"talking", leg.TalkingAt},
		{"closed", leg.ClosedAt},
	}, func(s reached) bool { return s.at.IsZero() })
	for _, at := range []dialog.Time{leg.CreatedAt, leg.RingingAt, leg.AlertingAt, leg.AnsweredAt, leg.TalkingAt, leg.ClosedAt} {
		if !at.IsZero() {
			l.from = min(l.from, place[at])
		}
	}
	if !l.open {
		l.to = place[leg.ClosedAt]
	}
	l.tail = l.to
	for i, state := range states {
		switch {
		case state.name == "closed":
		case i+1 < len(states):
			l.bars = appendBar(l.bars, state.name, state.at, states[i+1].at, place, bottom)
		default:
			l.bars = appendBar(l.bars, state.name, state.at, 0, place, bottom)
		}
	}
	for _, hold := range leg.Holds {
		to := hold.To
		if to.IsZero() {
			to = leg.ClosedAt
		}
		l.holds = appendBar(l.holds, "hold", hold.From, to, place, bottom)
	}
	return l
}

// appendBar adds a bar, unless it would have no length; one without an end goes on to the bottom.
func appendBar(bars []bar, state string, from, to dialog.Time, place map[dialog.Time]int, bottom int) []bar {
	switch {
	case to.IsZero():
		return append(bars, bar{state, place[from], bottom, 0, true})
	case to > from:
		return append(bars, bar{state, place[from], place[to], int64(to - from), false})
	}
	return bars
}
