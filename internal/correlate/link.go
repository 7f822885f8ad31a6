package correlate

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"webhookd/internal/dialog"
)

// Link says to which call a leg belongs, and why (design §4).
type Link struct {
	Call   string // the call's uuid
	Parent string // the parent in force, "" on a root, on a campaign leg and where a cycle was broken
	Basis  string // LinkRoot, LinkCaller, LinkCampaign
	Cycle  bool   // its way up ends in a cycle, which was broken at its smallest uuid
}

const voiceCampaign = "VOICE_CAMPAIGN"

// findLink follows the parents of a leg. find gives a seen leg, or nil for one that is not seen.
func findLink(account string, leg *Leg, find func(string) *Leg) Link {
	link := Link{Parent: leg.Told(dialog.CallerDialogUUID), Basis: LinkCaller}
	if link.Parent == "" {
		link.Basis = LinkRoot
	}
	root, top := leg.UUID, leg
	visited := map[string]bool{}
	for top != nil && top.Told(dialog.CallerDialogUUID) != "" {
		if visited[root] {
			root = smallestOfCycle(root, find)
			link.Cycle = true
			break
		}
		visited[root] = true
		root = top.Told(dialog.CallerDialogUUID)
		top = find(root)
	}
	link.Call = root
	if link.Cycle {
		if root == leg.UUID {
			link.Parent, link.Basis = "", LinkRoot
		}
		return link
	}
	if id := CampaignCall(account, top); id != "" {
		link.Call = id
		if top == leg {
			link.Basis = LinkCampaign
		}
	}
	return link
}

func smallestOfCycle(start string, find func(string) *Leg) string {
	smallest := start
	for at := find(start).Told(dialog.CallerDialogUUID); at != start; at = find(at).Told(dialog.CallerDialogUUID) {
		smallest = min(smallest, at)
	}
	return smallest
}

// CampaignCall gives the id of the campaign call that a leg without a parent belongs to: the version-5 UUID, namespace
// URL, of webhookd:campaign:<account>:<data.id>:<contact_try> (design §4). It is "" for every other leg.
func CampaignCall(account string, leg *Leg) string {
	if leg == nil || leg.Told(dialog.ApplicationType) != voiceCampaign || leg.Told(dialog.CallerDialogUUID) != "" {
		return ""
	}
	caseID := plainNumber(ID(leg.Told(dialog.CaseID)))
	if caseID == "" {
		return ""
	}
	try := plainNumber(ID(leg.Told(dialog.ContactTry)))
	if try == "" || try == "0" {
		try = "1"
	}
	name := "webhookd:campaign:" + account + ":" + caseID + ":" + try
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}

// plainNumber is an id as a text, whole numbers in their plain notation: 1, 1.0 and "1" are all 1.
func plainNumber(id ID) string {
	text := strings.TrimSpace(id.Text())
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	if strings.HasPrefix(string(id), `"`) {
		return text
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == float64(int64(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	return text
}
