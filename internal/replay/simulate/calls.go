package simulate

// The kinds of calls, as the PBX runs them (docs/pbx.md, "How calls run"). Times are seconds since the call began.

// queue is the beginning of an inbound call: the system picks the customer up.
func (c *Call) queue() (customer, at int) {
	c.business = inbound
	customer = c.add(leg{
		kind: external, parent: 0, outbound: true, target: c.customer, from: c.customer, direct: "CONTACT_EXTERNAL_LINK",
		app: "EXTERNAL_INBOUND_CALL", side: contactSide, aim: "QUEUE",
	})
	c.create(0, customer, "ringing")
	at = c.dice.below(2)
	c.update(at, customer, answered)
	return customer, at + c.dice.from(1, 4)
}

// ring lets the phone of a consultant ring for a leg.
func (c *Call) ring(at, caller int) int { return c.ringOne(at, caller, c.someone()) }

func (c *Call) ringOne(at, caller int, user *consultant) int {
	called := c.add(leg{
		kind: employee, parent: caller, user: user, target: user.username, from: c.legs[caller].target,
		app: "USER_CALL", side: userSide, aim: "QUEUE",
	})
	c.create(at, called, "alerting")
	return called
}

// found rings consultants until one takes the call, and gives that one's leg.
func (c *Call) found(customer, at int) (taker, talking int) {
	if c.dice.chance(0.1) { // several phones at once
		taker = c.ring(at, customer)
		second, third := c.ring(at, customer), c.ring(at, customer)
		at += c.dice.from(2, 12)
		c.update(at, taker, answered, "talking")
		c.close(at, second, "DIALOG_LEFT")
		c.close(at, third, "DIALOG_LEFT")
	} else {
		for c.dice.chance(0.15) && len(c.legs) < maxLegs-3 {
			tried := c.ring(at, customer)
			if c.dice.chance(0.2) {
				at += c.dice.from(2, 8)
				c.close(at, tried, "HANGUP")
			} else {
				at += 15
				c.close(at, tried, "DIALOG_LEFT")
			}
			at += c.dice.below(2)
		}
		taker = c.ring(at, customer)
		at += c.dice.from(2, 14)
		c.update(at, taker, answered, "talking")
	}
	at += c.dice.below(2)
	c.update(at, customer, "talking")
	return taker, at
}

func (c *Call) hangUp(at, customer, consultant int) {
	if c.dice.chance(0.6) {
		c.end(at, customer, consultant)
	} else {
		c.end(at, consultant, customer)
	}
}

func (c *Call) inbound() {
	customer, at := c.queue()
	switch throw := c.dice.below(100); {
	case throw < 72:
		c.Variant, c.Disposition = answered, answered
		consultant, at := c.found(customer, at)
		c.hangUp(c.talk(at, consultant), customer, consultant)
	case throw < 82:
		c.Variant, c.Disposition = "abandoned in the queue", abandoned
		c.close(at+c.dice.from(5, 90), customer, "HANGUP")
	case throw < 92:
		c.Variant, c.Disposition = "abandoned while it rang", abandoned
		consultant := c.ring(at, customer)
		c.end(at+c.dice.from(3, 20), customer, consultant)
	default:
		c.Variant, c.Disposition = notAnswered, noAnswer
		consultant := c.ring(at, customer)
		at += 30
		c.close(at, consultant, "DIALOG_LEFT")
		c.close(at+c.dice.below(2), customer, "DIALOG_LEFT")
	}
}

// dial is the beginning of an outbound call.
func (c *Call) dial() (consultant, customer, at int) {
	c.business = outbound
	user := c.someone()
	consultant = c.add(leg{
		kind: employee, parent: none, outbound: true, user: user, target: user.username, from: user.username, direct: "WEB",
		app: "WEB_USER_CALL", side: userSide, aim: "EXTERNAL_CALL",
	})
	c.create(0, consultant, "ringing")
	at = c.dice.from(5, 6)
	customer = c.add(leg{
		kind: external, parent: consultant, target: c.customer, from: user.username,
		app: "EXTERNAL_OUTBOUND_CALL", side: contactSide, aim: "EXTERNAL_CALL",
	})
	c.create(at, customer, "ringing")
	return consultant, customer, at + c.dice.from(1, 2)
}

func (c *Call) outbound() {
	consultant, customer, at := c.dial()
	throw := c.dice.below(100)
	if throw >= 85 { // the phone never rang
		if throw < 96 {
			c.Variant, c.Disposition = busy, busy
			c.close(at, customer, "USER_BUSY")
			c.close(at+c.dice.below(2), consultant, "DIALOG_LEFT")
			return
		}
		c.Variant, c.Disposition = "failed", "failed"
		c.close(at, customer, "CONGESTION")
		c.close(at, consultant, "CONGESTION")
		return
	}
	c.update(at, customer, "alerting")
	switch {
	case throw < 55:
		c.Variant, c.Disposition = answered, answered
		at += c.dice.from(3, 20)
		c.update(at, customer, answered, "talking")
		c.update(at, consultant, "talking")
		c.hangUp(c.talk(at, consultant), customer, consultant)
	case throw < 72:
		c.Variant, c.Disposition = notAnswered, noAnswer
		at += 30
		c.close(at, customer, "NO_ANSWER")
		c.close(at, consultant, "DIALOG_LEFT")
	case throw < 79:
		c.Variant, c.Disposition = "rejected", "rejected"
		c.end(at+c.dice.from(2, 10), customer, consultant)
	default:
		c.Variant, c.Disposition = "cancelled", "cancelled"
		c.end(at+c.dice.from(4, 25), consultant, customer)
	}
}

// campaignLeg is a party that the system calls.
func (c *Call) campaignLeg(user *consultant) int {
	l := leg{kind: external, parent: none, target: c.customer, side: contactSide}
	if user != nil {
		l = leg{kind: employee, parent: none, user: user, target: user.username, side: userSide}
	}
	l.from, l.app, l.aim = c.project.number, voiceCampaign, voiceCampaign
	return c.add(l)
}

func (c *Call) campaign() {
	c.business = outbound
	if c.dice.chance(0.4) {
		c.predictive()
		return
	}
	c.mode = "progressive"
	consultant := c.campaignLeg(c.someone())
	c.create(0, consultant, "ringing")
	c.update(1, consultant, "alerting")
	at := c.dice.from(2, 6)
	c.update(at, consultant, answered)
	customer := c.campaignLeg(nil)
	at++
	c.create(at, customer, "ringing")
	at += c.dice.from(1, 3)
	switch throw := c.dice.below(100); {
	case throw < 50:
		c.Variant, c.Disposition = "progressive, answered", answered
		c.update(at, customer, "alerting")
		at += c.dice.from(3, 18)
		c.update(at, customer, answered, "talking")
		c.update(at, consultant, "talking")
		c.hangUp(c.talk(at, consultant), customer, consultant)
	case throw < 85:
		c.Variant, c.Disposition = "progressive, not answered", noAnswer
		c.update(at, customer, "alerting")
		at += 30
		c.close(at, customer, "NO_ANSWER")
		c.close(at, consultant, "DIALOG_LEFT")
	default:
		c.Variant, c.Disposition = "progressive, busy", busy
		c.close(at, customer, "BUSY")
		c.close(at, consultant, "DIALOG_LEFT")
	}
}

func (c *Call) predictive() {
	c.mode = "predictive"
	customer := c.campaignLeg(nil)
	c.create(0, customer, "ringing")
	at := c.dice.from(1, 3)
	c.update(at, customer, "alerting")
	if c.dice.chance(0.35) {
		c.Variant, c.Disposition = "predictive, not answered", noAnswer
		c.close(at+30, customer, "NO_ANSWER")
		return
	}
	at += c.dice.from(3, 18)
	c.update(at, customer, answered)
	if c.dice.chance(0.1) {
		c.Variant, c.Disposition = "predictive, no consultant free", abandoned
		c.close(at+c.dice.from(4, 15), customer, "HANGUP")
		return
	}
	c.Variant, c.Disposition = "predictive, answered", answered
	consultant := c.campaignLeg(c.someone())
	c.create(at, consultant, "alerting")
	at += c.dice.from(1, 4)
	c.update(at, consultant, answered, "talking")
	c.update(at, customer, "talking")
	c.hangUp(c.talk(at, consultant), customer, consultant)
}

func (c *Call) transfer() {
	c.Disposition = answered
	customer, at := c.queue()
	first, at := c.found(customer, at)
	at = c.talk(at, first)
	if c.dice.chance(0.5) {
		c.Variant = "blind"
		c.close(at, first, "HANGUP")
		at++
		second := c.ring(at, first)
		at += c.dice.from(2, 12)
		c.update(at, second, answered, "talking")
		c.update(at, customer, "talking")
		c.hangUp(c.talk(at, second), customer, second)
		return
	}
	c.Variant = "consultative"
	c.tell(at, first, holds, "")
	at += c.dice.from(2, 5)
	second := c.ring(at, first)
	at += c.dice.from(2, 10)
	c.update(at, second, answered, "talking")
	at += c.dice.from(10, 60)
	c.close(at, first, "HANGUP")
	c.hangUp(c.talk(at, second), customer, second)
}

func (c *Call) internal() {
	c.business = outbound
	user := c.someone()
	caller := c.add(leg{
		kind: employee, parent: none, outbound: true, user: user, target: user.username, from: user.username, direct: "WEB",
		app: "WEB_USER_CALL", side: userSide, aim: "USER",
	})
	colleague := c.someone()
	c.customer, c.name = colleague.username, colleague.display
	c.create(0, caller, "ringing")
	at := 1
	called := c.ringOne(at, caller, colleague)
	c.legs[called].aim = "USER"
	if c.dice.chance(0.6) {
		c.Variant, c.Disposition = answered, answered
		at += c.dice.from(2, 10)
		c.update(at, called, answered, "talking")
		c.update(at, caller, "talking")
		c.hangUp(c.talk(at, caller), called, caller)
		return
	}
	c.Variant, c.Disposition = notAnswered, noAnswer
	at += 30
	c.close(at, called, "TIMEOUT")
	c.close(at, caller, "DIALOG_LEFT")
}

func (c *Call) bot() {
	customer, at := c.queue()
	voice := c.add(leg{
		kind: machine, parent: customer, target: "Voicebot", from: c.customer, app: "BOT_CALL", aim: "BOT",
	})
	c.create(at, voice, "alerting")
	at++
	c.update(at, voice, answered, "talking")
	c.update(at, customer, "talking")
	at += c.dice.from(10, 60)
	if c.dice.chance(0.5) {
		c.Variant, c.Disposition = "self service", "self_service"
		c.end(at, customer, voice)
		return
	}
	c.Variant, c.Disposition = "handed over", answered
	consultant := c.ring(at, customer)
	at++
	c.close(at, voice, "HANGUP")
	at += c.dice.from(2, 10)
	c.update(at, consultant, answered, "talking")
	c.hangUp(c.talk(at, consultant), customer, consultant)
}

func (c *Call) meeting() {
	c.Variant, c.Disposition = answered, answered
	customer, at := c.queue()
	consultant, at := c.found(customer, at)
	at += c.dice.from(10, 40)
	c.tell(at, consultant, enters, "")
	c.tell(at, customer, enters, "")
	at++
	second := c.ring(at, customer)
	at += c.dice.from(2, 8)
	c.update(at, second, answered, "talking")
	c.tell(at, second, enters, "")
	at += c.dice.from(20, 120)
	c.close(at, second, "HANGUP")
	c.hangUp(at+c.dice.from(5, 60), customer, consultant)
}

// otherNames are webhooks that are about no call.
var otherNames = []string{
	"user_system_state", "user_project_state", "contact_created", "contact_updated", "voice_campaign_updated",
}

func (c *Call) other() {
	c.legs = append(c.legs, leg{user: c.someone()})
	c.Variant = otherNames[c.dice.below(len(otherNames))]
	c.tell(0, 0, otherFamily, c.Variant)
}
