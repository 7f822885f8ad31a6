package correlate

import (
	"cmp"
	"slices"
	"strings"

	"webhookd/internal/dialog"
)

// external says who the call was with (design §5, "parties").
func (v *view) external() External {
	if v.contact != nil && v.contact.kind == typeExternal {
		number := v.contact.ownNumber()
		return External{
			Number:     Word(number),
			NumberE164: Word(E164(number, v.rules.DefaultRegion)),
			Name:       Word(cmp.Or(v.contact.Told(dialog.SelfName), v.contact.Told(dialog.AnonymousName))),
		}
	}
	for _, m := range v.legs {
		if m.kind == typeExternal {
			continue
		}
		if number := m.peerNumber(); number != "" {
			return External{
				Number:     Word(number),
				NumberE164: Word(E164(number, v.rules.DefaultRegion)),
				Name:       Word(m.Told(dialog.PeerName)),
			}
		}
	}
	return External{}
}

// ownNumber is the number of the party on the leg, "" if none is told.
func (l *Leg) ownNumber() string {
	if number := l.Told(dialog.SelfTarget); number != "" {
		return number
	}
	switch l.Told(dialog.Direction) {
	case wireOutbound:
		return cmp.Or(l.Told(dialog.CallerContactAddress), l.Told(dialog.FromDisplayTarget))
	case wireInbound:
		return cmp.Or(l.Told(dialog.CalleeContactAddress), l.Told(dialog.ToDisplayTarget))
	}
	return ""
}

// peerNumber is the number of the party that the leg speaks with, "" if none is told.
func (l *Leg) peerNumber() string {
	if number := l.Told(dialog.PeerTarget); number != "" {
		return number
	}
	switch l.Told(dialog.Direction) {
	case wireOutbound:
		return l.Told(dialog.CalleeContactAddress)
	case wireInbound:
		return l.Told(dialog.CallerContactAddress)
	}
	return ""
}

// consultants lists who of the house was on the call, in leg order. It is never nil.
func (v *view) consultants() []Consultant {
	consultants := []Consultant{}
	for _, m := range v.legs {
		if m.staff() {
			consultants = append(consultants, Consultant{
				DialogUUID: m.UUID,
				ID:         ID(m.Told(dialog.UserID)),
				Username:   Word(m.Told(dialog.UserUsername)),
				Name:       Word(m.userName()),
			})
		}
	}
	return consultants
}

func (l *Leg) userName() string {
	full := strings.TrimSpace(l.Told(dialog.UserFirstName) + " " + l.Told(dialog.UserSurname))
	return cmp.Or(l.Told(dialog.UserDisplayName), l.Told(dialog.UserOutboundName), full, l.Told(dialog.SelfName))
}

// project is the first in leg order.
func (v *view) project() Project {
	for _, m := range v.legs {
		project := Project{ID(m.Told(dialog.ProjectID)), Word(m.Told(dialog.ProjectName))}
		if project != (Project{}) {
			return project
		}
	}
	return Project{}
}

// meetings lists the rooms that legs of the call entered, by time of entering, then uuid. It is never nil.
func (v *view) meetings() []string {
	var all []Meeting
	for _, m := range v.legs {
		all = mergeMeetings(all, m.Meetings)
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b Meeting) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.UUID, b.UUID))
	})
	uuids := make([]string, 0, len(all))
	for _, m := range all {
		uuids = append(uuids, m.UUID)
	}
	return uuids
}
