package simulate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is a kind of call.
type Kind string

// The kinds. Each comes in the variants that a call centre knows: answered, abandoned, busy, and so on.
const (
	Inbound  Kind = "inbound"  // a customer calls; a queue, one consultant after another, or several at once
	Outbound Kind = "outbound" // a consultant dials
	Campaign Kind = "campaign" // the system dials for a campaign, progressive or predictive
	Transfer Kind = "transfer" // an inbound call that is passed on, blindly or after a consultation
	Internal Kind = "internal" // a consultant calls a colleague
	Bot      Kind = "bot"      // a voice bot takes the call, and may hand it over
	Meeting  Kind = "meeting"  // an inbound call that goes on in a meeting room
	Other    Kind = "other"    // no call at all: a webhook of another family
)

// variants are how the kinds of calls go, and what makes each.
var kinds = map[Kind]func(*Call){
	Inbound: (*Call).inbound, Outbound: (*Call).outbound, Campaign: (*Call).campaign, Transfer: (*Call).transfer,
	Internal: (*Call).internal, Bot: (*Call).bot, Meeting: (*Call).meeting, Other: (*Call).other,
}

// DefaultMix is the traffic of an ordinary call centre.
const DefaultMix = "inbound=40,outbound=27,campaign=20,transfer=5,internal=3,bot=3,meeting=1,other=1"

// Mix says how often each kind comes.
type Mix struct {
	kinds []Kind
	upTo  []int // cumulated weights
}

// ParseMix reads "inbound=40,outbound=30,…": whole weights, which need not add up to anything. A kind that is not named
// does not come.
func ParseMix(text string) (Mix, error) {
	var m Mix
	total := 0
	for part := range strings.SplitSeq(text, ",") {
		name, digits, found := strings.Cut(strings.TrimSpace(part), "=")
		kind := Kind(name)
		if _, known := kinds[kind]; !found || !known {
			return Mix{}, fmt.Errorf("%q is no kind with a weight; kinds are %s", part, kindNames())
		}
		const heaviest = 1_000_000
		weight, err := strconv.Atoi(digits)
		if err != nil || weight < 0 || weight > heaviest {
			return Mix{}, fmt.Errorf("%q is no weight from 0 to %d", digits, heaviest)
		}
		if slices.Contains(m.kinds, kind) {
			return Mix{}, fmt.Errorf("%s is named twice", kind)
		}
		if weight > 0 {
			total += weight
			m.kinds, m.upTo = append(m.kinds, kind), append(m.upTo, total)
		}
	}
	if total == 0 {
		return Mix{}, fmt.Errorf("%q has no kind with a weight above 0", text)
	}
	return m, nil
}

func kindNames() string {
	names := make([]string, 0, len(kinds))
	for kind := range kinds {
		names = append(names, string(kind))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// pick throws for a kind.
func (m *Mix) pick(d *dice) Kind {
	throw := d.below(m.upTo[len(m.upTo)-1])
	at := 0
	for m.upTo[at] <= throw {
		at++
	}
	return m.kinds[at]
}
