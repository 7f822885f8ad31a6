package simulate

import (
	"strconv"
	"time"
)

// AppendBody appends the JSON of webhook i as the PBX writes it. Everything made up here is ready to stand in JSON:
// names hold letters only.
func (c *Call) AppendBody(dst []byte, i int) []byte {
	s := &c.steps[i]
	l := &c.legs[s.leg]
	at := c.Began.Add(c.At(i))
	switch s.what {
	case creates:
		return c.appendCreate(dst, l, s, at)
	case closes:
		return c.appendClose(dst, l, s, at)
	case updates:
		dst = appendHead(dst, "dialog_state_update", at)
		dst = appendPair(dst, "dialog_uuid", string(l.id[:]))
		dst = appendPair(dst, "state", s.word)
	case holds, resumes:
		dst = appendHead(dst, c.Event(i), at)
		dst = appendPair(dst, "dialog_uuid", string(l.id[:]))
	case enters:
		dst = appendHead(dst, "dialog_meeting_entered", at)
		dst = appendPair(dst, "dialog_uuid", string(l.id[:]))
		dst = appendPair(dst, "dialog_type", string(l.kind))
		dst = appendPair(dst, "meeting_uuid", string(c.room[:]))
	case otherFamily:
		return c.appendOther(dst, l, s, at)
	}
	return append(dst, '}')
}

func appendHead(dst []byte, event string, at time.Time) []byte {
	dst = append(dst, `{"event_type":"user_dialog","event_name":"`...)
	dst = append(dst, event...)
	dst = append(dst, `","event_time":"`...)
	dst = appendTime(dst, at)
	return append(dst, '"')
}

// appendTime writes YYYY-MM-DD HH:mm:ss.
func appendTime(dst []byte, at time.Time) []byte {
	year, month, day := at.Date()
	hour, minute, second := at.Clock()
	dst = strconv.AppendInt(dst, int64(year), 10)
	for _, part := range [...]struct {
		before byte
		value  int
	}{{'-', int(month)}, {'-', day}, {' ', hour}, {':', minute}, {':', second}} {
		const digits = "0123456789"
		dst = append(dst, part.before, digits[part.value/10], digits[part.value%10])
	}
	return dst
}

func appendPair(dst []byte, key, value string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, key...)
	dst = append(dst, `":`...)
	if value == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = append(dst, value...)
	return append(dst, '"')
}

func (c *Call) direction(l *leg) string {
	if l.outbound {
		return outbound
	}
	return inbound
}

// peer is the party at the other end of a leg.
func (c *Call) peer(l *leg) (target, name, kind string, user *consultant) {
	if l.kind == external {
		for i := range c.legs {
			if c.legs[i].user != nil && c.legs[i].outbound {
				user = c.legs[i].user
				return user.outboundNumber, user.display, string(employee), user
			}
		}
		return c.project.number, "", "", nil
	}
	if l.user != nil && l.user.username == l.from { // the one who dials
		return c.customer, "", "", nil
	}
	return c.customer, c.display(), string(external), nil
}

// display is the customer's name, or number.
func (c *Call) display() string {
	if c.name != "" {
		return c.name
	}
	return c.customer
}

func (c *Call) appendCreate(dst []byte, l *leg, s *step, at time.Time) []byte {
	peerTarget, peerName, peerType, peerUser := c.peer(l)
	var selfTarget, selfName, fromName, fromTarget, toName, toTarget string
	switch {
	case l.kind == external:
		selfTarget, selfName = c.customer, c.display()
	case l.user != nil:
		selfName = l.user.display
	default:
		selfName = l.target
	}
	if !l.outbound {
		fromName, fromTarget, toName, toTarget = c.display(), c.customer, selfName, l.target
		if l.kind == external {
			fromName, fromTarget = peerName, peerTarget
		}
	}
	dst = appendHead(dst, "dialog_create", at)
	dst = appendPair(dst, "direction", c.direction(l))
	dst = appendPair(dst, "business_direction", c.business)
	dst = appendPair(dst, "state", s.word)
	dst = appendPair(dst, "dialog_type", string(l.kind))
	dst = appendPair(dst, "dialog_uuid", string(l.id[:]))
	dst = append(dst, `,"media":["audio"]`...)
	dst = appendPair(dst, "self_target", selfTarget)
	dst = appendPair(dst, "self_name", selfName)
	dst = appendPair(dst, "peer_target", peerTarget)
	dst = appendPair(dst, "peer_name", peerName)
	dst = appendPair(dst, "peer_type", peerType)
	if peerUser != nil {
		dst = appendPair(dst, "peer_project_name", c.project.name)
		dst = appendPair(dst, "peer_username", peerUser.username)
		dst = appendPair(dst, "peer_firstname", peerUser.firstName)
		dst = appendPair(dst, "peer_surname", peerUser.surname)
	} else {
		dst = append(dst, `,"peer_project_name":null,"peer_username":null,"peer_firstname":null,"peer_surname":null`...)
	}
	dst = appendPair(dst, "from_display_name", fromName)
	dst = appendPair(dst, "from_display_target", fromTarget)
	dst = appendPair(dst, "to_display_name", toName)
	dst = appendPair(dst, "to_display_target", toTarget)
	caller, callee := c.addresses(l)
	dst = appendPair(dst, "caller_contact_address", caller)
	dst = appendPair(dst, "callee_contact_address", callee)
	dst = appendPair(dst, "initial_link_type", l.direct)
	dst = append(dst, `,"initial_application_info":`...)
	dst = c.appendApplication(dst, l)
	if l.user != nil {
		dst = appendUser(dst, l.user)
		dst = appendPair(dst, "display_name", l.user.display)
		dst = append(dst, '}')
		dst = c.appendProject(dst)
		dst = append(dst, `,"anonymous":null`...)
	} else {
		dst = append(dst, `,"tenant_user":null,"project":null,"anonymous":{"display_name":"`...)
		dst = append(dst, c.customer...)
		dst = append(dst, `"}`...)
	}
	return append(c.appendVariables(dst, l), '}')
}

func (c *Call) appendClose(dst []byte, l *leg, s *step, at time.Time) []byte {
	from, to := c.addresses(l)
	dst = appendHead(dst, "dialog_close", at)
	dst = appendPair(dst, "direction", c.direction(l))
	dst = appendPair(dst, "business_direction", c.business)
	dst = appendPair(dst, "from_display_name", from)
	dst = appendPair(dst, "from_display_target", from)
	dst = appendPair(dst, "to_display_name", to)
	dst = appendPair(dst, "to_display_target", to)
	dst = append(dst, `,"caller_contact_address":null,"callee_contact_address":null,"initial_application_target_id":null,`+
		`"initial_application_target_name":null,"initial_application_selection_id":null,`+
		`"initial_application_selection_name":null`...)
	dst = appendPair(dst, "initial_target_type", l.aim)
	dst = c.appendVariables(dst, l)
	dst = appendPair(dst, "close_cause", s.word)
	dst = appendPair(dst, "dialog_uuid", string(l.id[:]))
	dst = append(dst, `,"initial_application_info":`...)
	dst = c.appendApplication(dst, l)
	if l.user != nil {
		dst = appendUser(dst, l.user)
		dst = appendPair(dst, "outbound_name", l.user.outboundName)
		dst = appendPair(dst, "outbound_number", l.user.outboundNumber)
		dst = append(dst, '}')
		dst = c.appendProject(dst)
	} else {
		dst = append(dst, `,"anonymous":{"display_name":"`...)
		dst = append(dst, c.customer...)
		dst = append(dst, `","presentation_number":"`...)
		dst = append(dst, c.customer...)
		dst = append(dst, `"}`...)
	}
	return append(dst, '}')
}

// addresses are caller_contact_address and callee_contact_address.
func (c *Call) addresses(l *leg) (caller, callee string) {
	switch {
	case !l.outbound:
		return l.from, l.target
	case l.kind == external:
		return c.customer, c.project.number
	default:
		return l.from, c.customer
	}
}

// appendUser opens tenant_user.
func appendUser(dst []byte, user *consultant) []byte {
	dst = append(dst, `,"tenant_user":{"id":`...)
	dst = append(dst, user.id...)
	dst = appendPair(dst, "username", user.username)
	dst = appendPair(dst, "firstname", user.firstName)
	return appendPair(dst, "surname", user.surname)
}

func (c *Call) appendProject(dst []byte) []byte {
	dst = append(dst, `,"project":{"id":`...)
	dst = append(dst, c.project.id...)
	dst = appendPair(dst, "name", c.project.name)
	return append(dst, '}')
}

// appendVariables writes what an installation lets its scripts collect.
func (c *Call) appendVariables(dst []byte, l *leg) []byte {
	dst = append(dst, `,"variables":{"system_language":"pl","recording_consent":"true","crm_contact_id":"`...)
	dst = append(dst, c.legs[0].id[:18]...)
	dst = append(dst, `","skill":"`...)
	if l.user != nil {
		dst = append(dst, l.user.queueLabel...)
	} else {
		dst = append(dst, c.project.name...)
	}
	dst = append(dst, `","source_campaign":"`...)
	dst = append(dst, c.project.number...)
	return append(dst, `","last_menu_option":"2","priority":"5"}`...)
}

// appendApplication writes initial_application_info, in which the caller's stands nested.
func (c *Call) appendApplication(dst []byte, l *leg) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, l.app...)
	dst = append(dst, '"')
	dst = appendPair(dst, "side", l.side)
	dst = append(dst, `,"data":{`...)
	if l.app == voiceCampaign {
		dst = append(dst, `"id":`...)
		dst = strconv.AppendInt(dst, int64(c.caseID), 10)
		dst = append(dst, `,"voice_campaign_id":"65f0c2a1b7e94d3a8c1f6`...)
		dst = append(dst, c.project.number[len(c.project.number)-3:]...)
		dst = append(dst, `","mode":"`...)
		dst = append(dst, c.mode...)
		return append(dst, `","consultant_try":1,"contact_try":1}}`...)
	}
	caller, callee := c.addresses(l)
	if l.parent != none {
		dst = append(dst, `"caller_dialog_uuid":"`...)
		dst = append(dst, c.legs[l.parent].id[:]...)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"caller_contact_address":"`...)
	dst = append(dst, caller...)
	dst = append(dst, '"')
	dst = appendPair(dst, "callee_contact_address", callee)
	if l.outbound && l.user != nil {
		dst = appendPair(dst, "caller_number", l.user.outboundNumber)
		dst = append(dst, `,"tenant_user":{"id":`...)
		dst = append(dst, l.user.id...)
		dst = appendPair(dst, "username", l.user.username)
		dst = append(dst, '}')
	}
	if l.parent != none && &c.legs[l.parent] != l {
		dst = append(dst, `,"caller_initial_application_info":`...)
		dst = c.appendApplication(dst, &c.legs[l.parent])
	}
	return append(dst, `}}`...)
}

func (c *Call) appendOther(dst []byte, l *leg, s *step, at time.Time) []byte {
	dst = append(dst, `{"event_type":"other","event_name":"`...)
	dst = append(dst, s.word...)
	dst = append(dst, `","event_time":"`...)
	dst = appendTime(dst, at)
	dst = append(dst, `","data":{"id":"`...)
	dst = append(dst, l.id[:]...)
	dst = append(dst, `","user_id":`...)
	dst = append(dst, l.user.id...)
	dst = appendPair(dst, "phone", c.customer)
	dst = appendPair(dst, "state", "online")
	return append(dst, `}}`...)
}
