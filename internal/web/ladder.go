package web

import (
	"fmt"
	"html"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"webhookd/internal/correlate"
)

// Ladder draws a call: a lane for each leg with bars for what it did, an arrow for each webhook, and marks for transfers and
// the hang-up. It is a pure function of the record and the webhooks; colours come from the page's style sheet, and every
// bar says in words what it is, for print and for those who do not tell colours apart.
func (l Language) Ladder(zone *time.Location, call *correlate.Call, webhooks []LadderWebhook) template.HTML {
	if zone == nil {
		zone = time.UTC
	}
	d := layOut(call, webhooks)
	p := &pen{language: l, zone: zone}
	p.picture(call, d, fmt.Sprintf(`role="img" aria-labelledby="ladder-title ladder-story"><title id="ladder-title">%s</title>`+
		`<desc id="ladder-story">%s</desc>`, escape(l.Text("ladder.title")), escape(strings.Join(l.Story(call), " "))))
	if strips := d.strips(); strips != nil {
		p.putf(`<div class="strips" aria-hidden="true">`)
		for i := range strips {
			p.suffix = "-" + strconv.Itoa(i+1)
			p.picture(call, strips[i], ">")
		}
		p.putf(`</div>`)
	}
	return template.HTML(p.out.String()) //nolint:gosec // every text in it was escaped
}

// pen writes SVG.
type pen struct {
	out      strings.Builder
	language Language
	zone     *time.Location
	suffix   string // of the ids in a picture, which a page has once
}

// picture writes a drawing; opening is the rest of its opening tag, and what is to follow it.
func (p *pen) picture(call *correlate.Call, d drawing, opening string) {
	p.putf(`<svg class="ladder" xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" %s`,
		d.width, d.height, d.width, d.height, opening)
	p.putf(`<defs><marker id="tip%s" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">`+
		`<path class="tip" d="M0 0L8 4L0 8z"/></marker>`, p.suffix)
	p.putf(`<marker id="turn%s" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="10" markerHeight="10" `+
		`markerUnits="userSpaceOnUse" orient="auto"><path class="turn" d="M0 0L8 4L0 8z"/></marker>`, p.suffix)
	p.putf(`<pattern id="hatch%s" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`+
		`<rect class="hold" width="6" height="6"/><path class="hatch" d="M0 0V6"/></pattern></defs>`, p.suffix)
	p.ticks(d)
	p.arrows(d)
	for i := range d.lanes {
		p.lane(call, i, &d.lanes[i])
	}
	p.crossings(d)
	p.hangup(call, d)
	p.labels(call, d)
	p.putf(`</svg>`)
}

func (p *pen) putf(format string, values ...any) { fmt.Fprintf(&p.out, format, values...) }

func (p *pen) text(class string, x, y int, text string) {
	p.putf(`<text class="%s" x="%d" y="%d">%s</text>`, class, x, y, escape(text))
}

func escape(text string) string { return html.EscapeString(text) }

// ticks writes the seconds down the left side.
func (p *pen) ticks(d drawing) {
	for i, tick := range d.ticks {
		p.text("clock", 4, tick.y+4, tick.at.Time().In(p.zone).Format(time.TimeOnly))
		p.putf(`<path class="second" d="M%d %dH%d"/>`, arrowsBegin, tick.y, d.width)
		if i > 0 && tick.pause > 1 {
			p.text("pause", 12, tick.y-rowHeight/2-(pauseUnit/2), "+"+p.language.Duration(tick.pause*1000))
		}
	}
}

func (p *pen) arrows(d drawing) {
	for _, arrow := range d.arrows {
		class := "webhook"
		if arrow.Own {
			class = "webhook own"
		}
		p.putf(`<path class="%s" marker-end="url(#tip%s)" d="M%d %dH%d"/>`, class, p.suffix, arrowsBegin, arrow.y,
			d.lanes[arrow.lane].x-barWidth/2-1)
	}
}

// lane draws a leg's head, its line and its bars.
func (p *pen) lane(call *correlate.Call, n int, l *lane) {
	name, kind := p.language.legName(call, l.leg)
	p.putf(`<rect class="head" x="%d" y="8" width="%d" height="40" rx="6"/>`, l.x-barWidth, laneWidth-12)
	// Letters are of different widths: what is too long although it was shortened is cut off at the box.
	p.putf(`<clipPath id="head-%d%s"><rect x="%d" y="8" width="%d" height="40"/></clipPath>`, n, p.suffix, l.x-barWidth,
		laneWidth-16)
	p.putf(`<g clip-path="url(#head-%d%s)"><title>%s</title>`, n, p.suffix, escape(name))
	p.text("name", l.x-barWidth+8, 25, shorten(name, 20))
	p.text("kind", l.x-barWidth+8, 41, shorten(kind, 24))
	p.putf(`</g>`)
	p.putf(`<path class="line" d="M%d 48V%d"/>`, l.x, l.from)
	p.putf(`<path class="life" d="M%d %dV%d"/>`, l.x, l.from, l.to)
	if l.tail > l.to {
		p.putf(`<path class="line" d="M%d %dV%d"/>`, l.x, l.to, l.tail)
	}
	for _, bar := range l.bars {
		p.putf(`<rect class="bar %s" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, bar.state, l.x-barWidth/2, bar.top,
			barWidth, bar.bottom-bar.top)
	}
	for _, hold := range l.holds {
		p.putf(`<rect class="bar held" fill="url(#hatch%s)" x="%d" y="%d" width="%d" height="%d" rx="2"/>`, p.suffix,
			l.x-barWidth/2, hold.top, barWidth, hold.bottom-hold.top)
	}
	if !l.open {
		p.putf(`<path class="end" d="M%d %dH%d"/>`, l.x-barWidth/2-3, l.to, l.x+barWidth/2+3)
	}
}

func (p *pen) crossings(d drawing) {
	for _, c := range d.crossings {
		from, to := d.lanes[c.from].x, d.lanes[c.to].x
		edge := barWidth / 2
		if to < from {
			edge = -edge
		}
		p.putf(`<path class="transfer" marker-end="url(#turn%s)" d="M%d %dH%d"/>`, p.suffix, from+edge, c.y, to-edge)
	}
}

// hangup marks the leg that hung up.
func (p *pen) hangup(call *correlate.Call, d drawing) {
	if d.hangup == nil {
		return
	}
	x, y := d.lanes[d.hangup.lane].x, d.hangup.y
	p.putf(`<circle class="hangup" cx="%d" cy="%d" r="8"/><path class="cross" d="M%d %dl6 6m0 -6l-6 6"/>`, x, y, x-3, y-3)
	p.text("label hungup", x+barWidth/2+6, y+4, p.language.Text("ladder.hangup",
		p.language.Word("basis", string(call.HangupBasis))))
}

// labels says in words what everything is; they come last, so that nothing lies on them.
func (p *pen) labels(call *correlate.Call, d drawing) {
	for _, arrow := range d.arrows {
		p.text("label", arrowsBegin+4, arrow.y-6, shorten(arrow.Name, 28))
	}
	for i := range d.lanes {
		l := &d.lanes[i]
		for _, bars := range [][]bar{l.bars, l.holds} {
			for _, bar := range bars {
				p.barLabel(l.x+barWidth/2+6, bar)
			}
		}
	}
	for _, c := range d.crossings {
		p.text("label moved", (d.lanes[c.from].x+d.lanes[c.to].x)/2-laneWidth/4, c.y-6, p.language.Word("transfer", c.kind))
	}
	for _, l := range d.leavings {
		to, _ := p.language.legName(call, l.to)
		p.text("label moved", d.lanes[l.from].x+barWidth/2+6, l.y-6, p.language.Word("transfer", l.kind)+" → "+shorten(to, 20))
	}
}

// barLabel names a bar; one that is too low for a line of text does without.
func (p *pen) barLabel(x int, b bar) {
	if b.bottom-b.top < rowHeight {
		return
	}
	text := p.language.Word("bar", b.state)
	if !b.open {
		text += " " + p.language.Duration(b.seconds*1000)
	}
	y := (b.top+b.bottom)/2 + 4
	if b.state == "hold" {
		p.text("label onhold", x, y, text)
		return
	}
	p.text("label", x, min(y, b.top+rowHeight/2+6), text)
}

// legName gives what a leg is called: who it is, and what kind of leg.
func (l Language) legName(call *correlate.Call, leg *correlate.LegRecord) (name, kind string) {
	kind = l.Text("party.unknown")
	if leg.DialogType != "" {
		kind = l.Word("party", strings.ToLower(string(leg.DialogType)))
	}
	for _, consultant := range call.Consultants {
		if consultant.DialogUUID == leg.DialogUUID {
			name = nameOf(consultant)
		}
	}
	if leg.DialogType == "EXTERNAL" {
		name = numberOf(*call)
	}
	if name == "" {
		name = leg.DialogUUID[:min(8, len(leg.DialogUUID))]
	}
	return name, kind
}

// shorten cuts a text to so many characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
