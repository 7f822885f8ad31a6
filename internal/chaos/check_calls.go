//go:build unix

package chaos

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// What the journal says of where an entry comes from.
const (
	originPBX    = "pbx"
	originSettle = "settle"
)

// callKey names a call or a dialog.
type callKey struct{ account, uuid string }

// derived is every call as the pure function of its webhooks gives it.
type derived struct {
	sets map[string]*correlate.Set
	legs map[callKey]string // call by dialog
}

// derive works every call out of the bodies in the journal, in the order of their SHA-256, which has nothing to do with
// the order in which they came: the set of webhooks alone decides. An entry that webhookd made is no webhook, and is
// left out; settling changes no record.
func derive(f *facts) (*derived, []string) {
	d := &derived{sets: map[string]*correlate.Set{}, legs: map[callKey]string{}}
	var odd []string
	entries := slices.Clone(f.journal)
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.account, b.account), bytes.Compare(a.sha256, b.sha256))
	})
	for _, n := range entries {
		if n.origin != originPBX {
			if n.origin != originSettle {
				odd = append(odd, n.origin+" of account "+n.account+", dialog "+n.dialogUUID)
			}
			continue
		}
		webhook, err := dialog.Decode(n.body)
		if err != nil {
			odd = append(odd, err.Error())
			continue
		}
		if webhook.Kind == dialog.Other {
			continue
		}
		set := d.sets[n.account]
		if set == nil {
			rules := correlate.Rules{Causes: correlate.DefaultCauses(), DefaultRegion: "PL"}
			set = correlate.NewSet(rules, n.account)
			d.sets[n.account] = set
		}
		evidence := correlate.NewLeg(&webhook)
		for missing := set.Missing(evidence); len(missing) > 0; missing = set.Missing(evidence) {
			set.Load(missing, nil) // there is nothing but this set
		}
		set.Apply(evidence)
		d.legs[callKey{n.account, webhook.DialogUUID}] = ""
	}
	for key := range d.legs {
		_, link := d.sets[key.account].Leg(key.uuid)
		d.legs[key] = link.Call
	}
	return d, odd
}

func (d *derived) call(key callKey) *correlate.Call {
	set := d.sets[key.account]
	if set == nil {
		return nil
	}
	return set.Call(key.uuid)
}

// checkCalls: every call's record is the pure function of its webhooks.
func checkCalls(f *facts) []Check {
	origins := Check{Name: "the journal holds webhooks and settlings only"}
	same := Check{Name: "calls are the pure function of their webhooks"}
	legs := Check{Name: "legs belong to the call that their webhooks say"}
	merged := Check{Name: "merged calls lead to a call"}
	settled := Check{Name: "ended calls are settled"}
	d, odd := derive(f)
	origins.thatf(len(odd) == 0, "%v", odd)

	rows := map[callKey]callRow{}
	for _, row := range f.calls {
		rows[callKey{row.account, row.callUUID}] = row
	}
	wanted := map[callKey]bool{}
	for key, call := range d.legs {
		wanted[callKey{key.account, call}] = true
	}
	for key := range wanted {
		row, there := rows[key]
		call := d.call(key)
		difference := "it is not there"
		if there {
			difference = differs(row.record, call.AppendJSON(nil))
		}
		same.thatf(there && row.mergedInto == "" && difference == "", "call %s of account %s: %s", key.uuid, key.account,
			difference)
		if call.State == correlate.StateEnded {
			settled.thatf(row.revision > 0, "call %s of account %s", key.uuid, key.account)
		}
	}
	for key, row := range rows {
		if wanted[key] {
			continue
		}
		same.thatf(row.mergedInto != "", "call %s of account %s has no webhooks", key.uuid, key.account)
		at := row
		for hops := 0; at.mergedInto != "" && hops <= len(rows); hops++ {
			at = rows[callKey{key.account, at.mergedInto}]
		}
		merged.thatf(wanted[callKey{at.account, at.callUUID}], "call %s of account %s leads to %q", key.uuid, key.account,
			row.mergedInto)
	}
	stored := map[callKey]string{}
	for _, leg := range f.legs {
		stored[callKey{leg.account, leg.dialogUUID}] = leg.callUUID
	}
	for key, call := range d.legs {
		legs.thatf(stored[key] == call, "dialog %s of account %s is in call %q, not %s", key.uuid, key.account, stored[key], call)
	}
	legs.thatf(len(stored) == len(d.legs), "%d legs are stored, %d have webhooks", len(stored), len(d.legs))
	return []Check{origins, same, legs, merged, settled}
}

// differs says in which field a stored record is not what it should be; want lacks its closing brace.
func differs(stored, want []byte) string {
	got, should := map[string]any{}, map[string]any{}
	if err := decode(stored, &got); err != nil {
		return err.Error()
	}
	if err := decode(append(want, '}'), &should); err != nil {
		return err.Error()
	}
	for _, added := range []string{"seq", "revision", "updated_at"} {
		delete(got, added)
	}
	for field, value := range should {
		if !reflect.DeepEqual(got[field], value) {
			return fmt.Sprintf("%s is %v, not %v", field, got[field], value)
		}
		delete(got, field)
	}
	for field := range got {
		return field + " should not be there"
	}
	return ""
}

func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into) //nolint:wrapcheck // the caller tells it as it is
}
