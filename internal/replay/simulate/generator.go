package simulate

import (
	"fmt"
	"strconv"
	"time"
)

// Plan says which calls to make up.
type Plan struct {
	// Seed decides everything but the ids; Run, with it, decides those.
	Seed, Run uint64
	Mix       Mix
	// Accounts is how many accounts the calls belong to, at least 1. A single one is Account; several are Account
	// followed by 01, 02, …, or sim01, sim02, … where that is "".
	Accounts int
	Account  string
}

// Generator makes up calls. It may be used by several goroutines.
type Generator struct {
	plan     Plan
	accounts []string
}

// NewGenerator makes a Generator.
func NewGenerator(plan Plan) *Generator {
	g := &Generator{plan: plan}
	if plan.Accounts <= 1 {
		g.accounts = []string{plan.Account}
		return g
	}
	prefix := plan.Account
	if prefix == "" {
		prefix = "sim"
	}
	for i := range plan.Accounts {
		g.accounts = append(g.accounts, fmt.Sprintf("%s%02d", prefix, i+1))
	}
	return g
}

// Accounts are the names of the accounts; "" is the service's default.
func (g *Generator) Accounts() []string { return g.accounts }

// Call fills c with call number i of the run. Its event_times begin at 0 until [Call.Began] is set.
func (g *Generator) Call(c *Call, i int) {
	if c.legs == nil {
		c.legs, c.steps = make([]leg, 0, maxLegs), make([]step, 0, maxSteps)
	}
	*c = Call{Number: i, Began: time.Unix(0, 0).UTC(), legs: c.legs[:0], steps: c.steps[:0]}
	c.dice.seed(g.plan.Seed, i)
	c.Kind = g.plan.Mix.pick(&c.dice)
	c.Account = g.accounts[c.dice.below(len(g.accounts))]
	c.project = &mandates[c.dice.below(len(mandates))]
	c.customer = g.number(&c.dice)
	if c.dice.chance(0.4) {
		c.name = staff[c.dice.below(len(staff))].firstName + " " + staff[c.dice.below(len(staff))].surname
	}
	kinds[c.Kind](c)
	// The ids are thrown last, by dice of their own, so that the run does not change how calls go.
	c.dice.seed(mix(g.plan.Seed, g.plan.Run), i)
	for l := range c.legs {
		c.legs[l].id.set(c.dice.pcg.Uint64(), c.dice.pcg.Uint64())
	}
	c.room.set(c.dice.pcg.Uint64(), c.dice.pcg.Uint64())
	if c.Kind == Campaign {
		c.caseID = 1 + int(c.dice.pcg.Uint64()>>14) // 50 bits: a JSON number that everybody reads, and no two alike
	}
}

// number makes up a customer's number.
func (g *Generator) number(d *dice) string {
	digits := make([]byte, 0, 11)
	digits = append(digits, "48"...)
	digits = append(digits, mobilePrefixes[d.below(len(mobilePrefixes))]...)
	return string(strconv.AppendInt(digits, int64(d.from(100_000, 999_999)), 10))
}

// Mean tells of the calls of the plan how many webhooks they have and how long they take, on average over the first
// thousand.
func (g *Generator) Mean() (webhooks float64, duration time.Duration) {
	const sample = 1000
	var c Call
	for i := range sample {
		g.Call(&c, i)
		webhooks += float64(c.Len()) / sample
		duration += c.Duration() / sample
	}
	return webhooks, duration
}
