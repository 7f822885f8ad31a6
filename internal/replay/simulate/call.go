package simulate

import "time"

// Call is one made-up call: who takes part, and the webhooks that tell of it in order of delivery. It is filled by
// [Generator.Call] and can be filled again, which costs no memory.
type Call struct {
	Number  int // which call of the run it is, from 0
	Kind    Kind
	Variant string
	// Disposition is what must come out if every webhook arrives; "" where there is no call.
	Disposition string
	Account     string
	Began       time.Time // the first webhook's event_time; UTC, whole seconds

	dice     dice
	legs     []leg
	steps    []step
	business string // business_direction
	customer string // number
	name     string // the customer's, "" if the PBX does not know it
	project  *project
	caseID   int // of a campaign
	mode     string
	room     identity // of a meeting
}

// leg is one party's side.
type leg struct {
	id        identity
	kind      legKind
	parent    int  // its caller's place among the legs; its own for an inbound root, none for other roots
	outbound  bool // direction: it placed the call
	user      *consultant
	target    string // whom the leg stands for: a number or a user name
	from      string // who called it
	direct    string // initial_link_type, "" for null
	app, side string // of initial_application_info
	aim       string // initial_target_type of its close
}

const none = -1

// legKind is a dialog_type.
type legKind string

const (
	external legKind = "EXTERNAL"
	employee legKind = "CONSULTANT"
	machine  legKind = "BOT"
)

// Words of the PBX and of the service that come up again and again.
const (
	inbound       = "INBOUND"
	outbound      = "OUTBOUND"
	contactSide   = "CONTACT"
	userSide      = "USER"
	voiceCampaign = "VOICE_CAMPAIGN"

	answered  = "answered"
	abandoned = "abandoned"
	noAnswer  = "no_answer"
	busy      = "busy"

	notAnswered = "not answered" // a variant
)

// Room for nearly every call; one that needs more gets it.
const (
	maxLegs  = 8
	maxSteps = 48
)

// what says what a webhook tells.
type what uint8

const (
	creates what = iota
	updates
	closes
	holds
	resumes
	enters // a meeting
	otherFamily
)

// step is one webhook.
type step struct {
	at   int // seconds since the call began
	leg  int
	what what
	word string // the state, the close cause, or the event's name
}

// Len is how many webhooks the call has.
func (c *Call) Len() int { return len(c.steps) }

// At gives when webhook i happened, counted from the beginning of the call.
func (c *Call) At(i int) time.Duration { return time.Duration(c.steps[i].at) * time.Second }

// Duration is the time from the first webhook to the last.
func (c *Call) Duration() time.Duration { return c.At(len(c.steps) - 1) }

// Event is the event_name of webhook i.
func (c *Call) Event(i int) string {
	switch s := &c.steps[i]; s.what {
	case creates:
		return "dialog_create"
	case updates:
		return "dialog_state_update"
	case closes:
		return "dialog_close"
	case holds:
		return "dialog_hold"
	case resumes:
		return "dialog_unhold"
	case enters:
		return "dialog_meeting_entered"
	case otherFamily:
		return s.word
	}
	return ""
}

// The functions below are the language in which the kinds of calls are written down.

func (c *Call) add(l leg) int {
	c.legs = append(c.legs, l)
	return len(c.legs) - 1
}

func (c *Call) tell(at, leg int, what what, word string) {
	c.steps = append(c.steps, step{at, leg, what, word})
}

func (c *Call) create(at, leg int, state string) { c.tell(at, leg, creates, state) }
func (c *Call) close(at, leg int, cause string)  { c.tell(at, leg, closes, cause) }
func (c *Call) update(at, leg int, states ...string) {
	for _, state := range states {
		c.tell(at, leg, updates, state)
	}
}

// end closes two legs, the first of which hung up.
func (c *Call) end(at, hungUp, left int) {
	c.close(at, hungUp, "HANGUP")
	c.close(at+c.dice.below(2), left, "DIALOG_LEFT")
}

// talk lets two parties talk from at on, sometimes with a hold by one of them, and gives when it ends.
func (c *Call) talk(at, holder int) int {
	long := 15 + int(c.dice.spread(100, 900))
	if c.dice.chance(0.12) && long > 40 {
		from := at + c.dice.from(10, long/2)
		to := from + c.dice.from(3, long/3)
		c.tell(from, holder, holds, "")
		c.tell(to, holder, resumes, "")
	}
	return at + long
}

// someone gives a consultant who is not in the call yet.
func (c *Call) someone() *consultant {
	for {
		user := &staff[c.dice.below(len(staff))]
		taken := false
		for i := range c.legs {
			taken = taken || c.legs[i].user == user
		}
		if !taken {
			return user
		}
	}
}
