package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// fixture reads a recorded call and its webhooks as arrows.
func fixture(t *testing.T, name string) (*correlate.Call, []LadderWebhook) {
	t.Helper()
	record, err := os.ReadFile("../../fixtures/" + name + "/call.json")
	require.NoError(t, err)
	var call correlate.Call
	require.NoError(t, json.Unmarshal(record, &call))
	file, err := os.ReadFile("../../fixtures/" + name + "/webhooks.ndjson")
	require.NoError(t, err)
	var arrows []LadderWebhook
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var told struct {
			EventName  string `json:"event_name"`
			EventTime  string `json:"event_time"`
			DialogUUID string `json:"dialog_uuid"`
		}
		if json.Unmarshal(lines.Bytes(), &told) != nil {
			continue // some recordings have webhooks of wrong types
		}
		at, err := dialog.ParseTime(told.EventTime)
		if err != nil {
			continue
		}
		label := Webhook{EventName: told.EventName, Body: bytes.Clone(lines.Bytes())}.Label()
		arrows = append(arrows, LadderWebhook{at, strings.ToLower(told.DialogUUID), label, false})
	}
	return &call, arrows
}

// ys gives the places of a drawing's arrows, and xs the lanes they go to.
func ys(d drawing) (places, lanes []int) {
	for _, arrow := range d.arrows {
		places, lanes = append(places, arrow.y), append(lanes, arrow.lane)
	}
	return places, lanes
}

// The documented call, worked out by hand. Its seconds are 16:24:41, :47, 16:25:01 and :09, with 1, 2, 3 and 2 webhooks;
// the pauses are 6, 14 and 8 s, of 3, 4 and 4 binary digits.
//
//	:41  64          row 76          ends 88
//	:47  88+24=112   rows 124, 148   ends 160
//	:01  160+32=192  rows 204, …252  ends 264
//	:09  264+32=296  rows 308, 332   ends 344
func TestLadderOfTheDocumentedCall(t *testing.T) {
	t.Parallel()
	call, arrows := fixture(t, "outbound_answered")
	d := layOut(call, arrows)
	require.Equal(t, 310+2*176, d.width)
	require.Equal(t, 344+20, d.height)
	began := call.StartedAt
	require.Equal(t, []tick{{began, 76, 0}, {began + 6, 124, 6}, {began + 20, 204, 14}, {began + 28, 308, 8}}, d.ticks)
	places, lanes := ys(d)
	require.Equal(t, []int{76, 124, 148, 204, 228, 252, 308, 332}, places)
	require.Equal(t, []int{0, 1, 1, 1, 1, 0, 1, 0}, lanes)
	require.Equal(t, "create ringing", d.arrows[0].Name)
	require.Equal(t, "close DIALOG_LEFT", d.arrows[7].Name)

	consultant, customer := d.lanes[0], d.lanes[1]
	require.Equal(t, 310, consultant.x)
	require.Equal(t, []bar{{"ringing", 76, 204, 20, false}, {"talking", 204, 308, 8, false}}, consultant.bars)
	require.Equal(t, []int{76, 308}, []int{consultant.from, consultant.to})
	require.Equal(t, 486, customer.x)
	// It was ringing, and answered before it talked, for less than a second: no bars.
	require.Equal(t, []bar{{"alerting", 124, 204, 14, false}, {"talking", 204, 308, 8, false}}, customer.bars)
	require.False(t, customer.open)
	require.Empty(t, d.crossings)
	require.Equal(t, &mark{1, 308}, d.hangup, "the customer hung up")
}

// A blind transfer: seconds :00 :01 :03 :08 1:30 1:31 1:40 4:00 4:01 with 1 1 1 3 1 1 3 1 1 webhooks; pauses of 1, 2, 5, 82,
// 1, 9, 140 and 1 s have 1, 2, 3, 7, 1, 4, 8 and 1 digits.
//
//	:00 64 → 88; :01 96 → 120; :03 136 → 160; :08 184 → 256; 1:30 312 → 336; 1:31 344 → 368; 1:40 400 → 472; 4:00 536 → 560;
//	4:01 568 → 592
func TestLadderOfATransfer(t *testing.T) {
	t.Parallel()
	call, arrows := fixture(t, "blind_transfer_consultant")
	d := layOut(call, arrows)
	var rows []int
	for _, tick := range d.ticks {
		rows = append(rows, tick.y)
	}
	require.Equal(t, []int{76, 108, 148, 196, 324, 356, 412, 548, 580}, rows)
	require.Equal(t, 592+20, d.height)
	require.Equal(t, []crossing{{1, 2, 324, "blind"}}, d.crossings)
	require.Equal(t, []bar{{"ringing", 76, 108, 1, false}, {"answered", 108, 196, 7, false}, {"talking", 196, 548, 232, false}}, d.lanes[0].bars)
	require.Equal(t, []bar{{"alerting", 148, 196, 5, false}, {"talking", 196, 324, 82, false}}, d.lanes[1].bars)
	require.Equal(t, []bar{{"alerting", 356, 412, 9, false}, {"talking", 412, 580, 141, false}}, d.lanes[2].bars)
	require.Equal(t, &mark{0, 548}, d.hangup)
}

// Two holds, :60–:90 and :120–:135, and the talk goes on below them. Seconds 0 6 8 20 60 90 120 135 180 with 1 1 1 3 1 1 1 1 2
// webhooks; pauses 6 2 12 40 30 30 15 45 have 3 2 4 6 5 5 4 6 digits.
//
//	0: 64 → 88; 6: 112 → 136; 8: 152 → 176; 20: 208 → 280; 60: 328 → 352; 90: 392 → 416; 120: 456 → 480; 135: 512 → 536;
//	180: 584 → 632
func TestLadderOfHolds(t *testing.T) {
	t.Parallel()
	call, arrows := fixture(t, "hold_simple")
	d := layOut(call, arrows)
	require.Equal(t, []bar{{"ringing", 76, 220, 20, false}, {"talking", 220, 596, 160, false}}, d.lanes[0].bars)
	require.Equal(t, []bar{{"hold", 340, 404, 30, false}, {"hold", 468, 524, 15, false}}, d.lanes[0].holds)
	require.Equal(t, 632+20, d.height)
}

// A leg that goes on goes on to the bottom, and what is on hold stays so.
func TestLadderOfACallThatGoesOn(t *testing.T) {
	t.Parallel()
	call := &correlate.Call{State: "talking", Legs: []correlate.LegRecord{{
		DialogUUID: "a", State: "talking", CreatedAt: 100, RingingAt: 100, TalkingAt: 101,
		Holds: []correlate.HoldRecord{{From: 102}},
	}}}
	d := layOut(call, nil)
	// 64 → 88; 96 → 120; 128 → 152
	require.Equal(t, []bar{{"ringing", 76, 108, 1, false}, {"talking", 108, 152, 0, true}}, d.lanes[0].bars)
	require.Equal(t, []bar{{"hold", 140, 152, 0, true}}, d.lanes[0].holds)
	require.True(t, d.lanes[0].open)
	require.Equal(t, 152, d.lanes[0].to)
	require.Nil(t, d.hangup)
}

// What webhookd wrote itself is an arrow, too; what is about no leg, or has no time, is none.
func TestArrowsOfALadder(t *testing.T) {
	t.Parallel()
	call := &correlate.Call{Legs: []correlate.LegRecord{{DialogUUID: "a", ClosedAt: 200}}}
	d := layOut(call, []LadderWebhook{
		{At: 200, DialogUUID: "a", Name: "late"},
		{At: 0, DialogUUID: "a"},
		{At: 150, DialogUUID: "other"},
		{At: 0},
		{At: 100, DialogUUID: "a", Name: "early", Own: true},
	})
	require.Len(t, d.arrows, 2)
	require.Equal(t, "early", d.arrows[0].Name)
	require.Equal(t, "late", d.arrows[1].Name)
	svg := string(English.Ladder(nil, call, []LadderWebhook{{At: 100, DialogUUID: "a", Name: "close", Own: true}}))
	require.Contains(t, svg, `class="webhook own"`)
	require.NotPanics(t, func() { English.Ladder(nil, &correlate.Call{}, nil) })
}

// Where several webhooks of one second close several legs, each arrow still ends at its leg: a thin line goes on that far.
func TestNoArrowOfALadderEndsBesideItsLane(t *testing.T) {
	t.Parallel()
	call := &correlate.Call{Legs: []correlate.LegRecord{
		{DialogUUID: "a", CreatedAt: 100, ClosedAt: 101}, {DialogUUID: "b", CreatedAt: 100, ClosedAt: 101},
	}}
	webhooks := []LadderWebhook{{100, "a", "", false}, {100, "b", "", false}, {101, "b", "", false}, {101, "a", "", false}}
	d := layOut(call, webhooks)
	// 64 → 112; 120 → 168
	require.Equal(t, []int{132, 132}, []int{d.lanes[0].to, d.lanes[1].to}, "both closed in the same second")
	require.Equal(t, []int{156, 132}, []int{d.lanes[0].tail, d.lanes[1].tail}, "the second arrow of that second is the first leg's")
	require.Contains(t, string(English.Ladder(nil, call, webhooks)), `<path class="line" d="M310 132V156"/>`)
}

// A picture of many legs is too wide for paper: it is printed in strips, each with the clock, with a lane for each leg once.
func TestALadderOfManyLegsIsPrintedInStrips(t *testing.T) {
	t.Parallel()
	call := &correlate.Call{Transfers: []correlate.Transfer{
		{From: "0", To: "1", At: 200, Kind: "blind"}, {From: "0", To: "8", At: 201, Kind: "blind"},
	}}
	var webhooks []LadderWebhook
	for i := range 9 {
		id := strconv.Itoa(i)
		call.Legs = append(call.Legs, correlate.LegRecord{
			DialogUUID: id, DialogType: "CONSULTANT", CreatedAt: 100, RingingAt: 100, ClosedAt: 300,
			Holds: []correlate.HoldRecord{{From: 150, To: 160}},
		})
		call.Consultants = append(call.Consultants, correlate.Consultant{DialogUUID: id, Name: correlate.Word("Person " + id)})
		webhooks = append(webhooks, LadderWebhook{100, id, "create " + id, false})
	}
	whole, strips, found := strings.Cut(string(English.Ladder(nil, call, webhooks)), `<div class="strips" aria-hidden="true">`)
	require.True(t, found)
	require.Equal(t, 9, strings.Count(whole, `class="head"`))
	require.Equal(t, 3, strings.Count(strips, `<svg class="ladder"`), "4 + 4 + 1")
	require.Equal(t, 2, strings.Count(strips, `viewBox="0 0 1014 `), "310 + 4 * 176")
	require.Equal(t, 3, strings.Count(strips, `>00:01:40</text>`), "the clock is on each")
	for i := range 9 {
		require.Equal(t, 1, strings.Count(strips, fmt.Sprintf(`<text class="label" x="88" y="%d">create %d</text>`, 70+24*i, i)),
			"each webhook once, where its time is")
	}
	require.Equal(t, 1, strings.Count(strips, `class="transfer"`), "the one within a strip")
	require.Equal(t, 1, strings.Count(strips, `blind transfer → Person 8`), "the one to another strip says where")
	seen := map[string]bool{}
	for _, id := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(whole+strips, -1) {
		require.False(t, seen[id[1]], "%s is there twice", id[1])
		seen[id[1]] = true
	}
	for _, used := range regexp.MustCompile(`url\(#([^)]+)\)`).FindAllStringSubmatch(whole+strips, -1) {
		require.True(t, seen[used[1]], used[1])
	}
	few, arrows := fixture(t, "blind_transfer_consultant")
	require.NotContains(t, string(English.Ladder(nil, few, arrows)), "strips", "a picture that fits is printed as it is")
}

// The picture of every recorded call is well-formed, holds nothing unescaped, nothing inline, and everything inside its frame.
func TestEveryRecordedCallCanBeDrawn(t *testing.T) {
	t.Parallel()
	drawn := 0
	records, err := filepath.Glob("../../fixtures/*/call.json")
	require.NoError(t, err)
	for _, record := range records {
		name := filepath.Base(filepath.Dir(record))
		call, arrows := fixture(t, name)
		d := layOut(call, arrows)
		last := 0
		for _, arrow := range d.arrows {
			require.GreaterOrEqual(t, arrow.y, last, name)
			last = arrow.y
		}
		for _, lane := range d.lanes {
			require.LessOrEqual(t, lane.from, lane.to, name)
			for _, bar := range append(lane.bars, lane.holds...) {
				require.Less(t, bar.top, bar.bottom, "%s: %+v", name, bar)
				require.LessOrEqual(t, bar.bottom, d.height, name)
				require.GreaterOrEqual(t, bar.top, ladderHead, name)
			}
		}
		for _, language := range Languages() {
			svg := string(language.Ladder(time.UTC, call, arrows))
			require.NotRegexp(t, inline, svg)
			decoder := xml.NewDecoder(strings.NewReader(svg))
			for {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, name)
			}
		}
		drawn++
	}
	require.Greater(t, drawn, 50)
}

func TestTextsInALadderAreEscaped(t *testing.T) {
	t.Parallel()
	call := &correlate.Call{
		External: correlate.External{Number: `"><script>`}, Direction: "inbound",
		Legs: []correlate.LegRecord{{DialogUUID: "a", DialogType: "EXTERNAL", CreatedAt: 100, ClosedAt: 200}},
	}
	svg := string(English.Ladder(nil, call, []LadderWebhook{{100, "a", "<b>&", false}}))
	require.NotContains(t, svg, "<script>")
	require.NotContains(t, svg, "<b>")
	require.Contains(t, svg, "&lt;b&gt;&amp;")
}

// The whole picture of the documented call, as the pages have it.
func TestLadderIsDrawn(t *testing.T) {
	t.Parallel()
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	call, arrows := fixture(t, "outbound_answered")
	svg := string(Polish.Ladder(warsaw, call, arrows))
	for _, part := range []string{
		`viewBox="0 0 662 364"`, `role="img"`, `<title id="ladder-title">Rozmowa jako drabinka</title>`,
		`<text class="clock" x="4" y="80">18:24:41</text>`,
		`<text class="pause" x="12" y="188">+14 s</text>`,
		`<path class="webhook" marker-end="url(#tip)" d="M84 124H476"/>`,
		`<rect class="bar talking" x="477" y="204" width="18" height="104" rx="2"/>`,
		`<text class="label" x="501" y="222">rozmowa 8 s</text>`,
		`<circle class="hangup" cx="486" cy="308" r="8"/>`,
		`<text class="label hungup" x="501" y="312">rozłączenie (zgłoszone)</text>`,
		`<text class="name" x="300" y="25">Konsultant Paweł</text>`, `<text class="kind" x="476" y="41">klient</text>`,
	} {
		require.Contains(t, svg, part)
	}
}
