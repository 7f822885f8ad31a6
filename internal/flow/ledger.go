package flow

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"webhookd/internal/correlate"
)

// Ledger counts what was published about one call: the seq of its last event, and how many events of each type it had
// for each dialog. It is kept with the call, so that no event id is given twice and none is left out, also for a call
// that was merged away and comes back.
type Ledger struct {
	Seq int64
	// Once holds, by dialog ("-" for the call itself), a bit for every type of singles that was published once.
	Once map[string]uint64
	// More holds the counts of everything else, by "<type>:<dialog or ->".
	More map[string]int
}

// singles are the types that nearly always come once, by their bit in Ledger.Once. The order is persistent: new types
// go to the end.
var singles = []correlate.Kind{
	correlate.DialogRinging, correlate.DialogAlerting, correlate.DialogAnswered, correlate.DialogTalking,
	correlate.DialogClosed, correlate.CallStarted, correlate.CallReceived, correlate.CallCreated, correlate.DialWait,
	correlate.CallAlerting, correlate.CallAnswered, correlate.CallTalking, correlate.CallTransferred,
	correlate.DialEnded, correlate.CallEnded, correlate.CallMissed, correlate.CallSettled, correlate.CallMerged,
	correlate.CallReopened, correlate.DialogHeld, correlate.DialogResumed, correlate.DialogMeetingEntered,
}

const noDialog = "-"

// ParseLedger reads what Encode writes; nothing gives an empty Ledger.
func ParseLedger(data []byte) (Ledger, error) {
	var ledger Ledger
	for n, part := range strings.Split(string(data), ";") {
		if n == 0 {
			if part == "" && len(data) == 0 {
				break
			}
			seq, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				return Ledger{}, fmt.Errorf("read ledger: %w", err)
			}
			ledger.Seq = seq
			continue
		}
		if err := ledger.read(part); err != nil {
			return Ledger{}, fmt.Errorf("read ledger: %w", err)
		}
	}
	return ledger, nil
}

// read takes one count: <dialog>=<bits, hexadecimal>, or <type>:<dialog>=<count>.
func (l *Ledger) read(part string) error {
	name, value, _ := strings.Cut(part, "=")
	if strings.Contains(name, ":") {
		count, err := strconv.Atoi(value)
		if err != nil {
			return err //nolint:wrapcheck // the caller says what was being read
		}
		if l.More == nil {
			l.More = make(map[string]int)
		}
		l.More[name] = count
		return nil
	}
	bits, err := strconv.ParseUint(value, 16, 64)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what was being read
	}
	if l.Once == nil {
		l.Once = make(map[string]uint64)
	}
	l.Once[name] = bits
	return nil
}

// Encode gives the ledger as a text: the seq, then each count behind a semicolon, in order. It is written at every
// webhook. The same ledger always gives the same bytes.
func (l *Ledger) Encode() []byte {
	buf := strconv.AppendInt(make([]byte, 0, 16+48*(len(l.Once)+len(l.More))), l.Seq, 10)
	for _, name := range slices.Sorted(maps.Keys(l.Once)) {
		buf = append(append(append(buf, ';'), name...), '=')
		buf = strconv.AppendUint(buf, l.Once[name], 16)
	}
	for _, name := range slices.Sorted(maps.Keys(l.More)) {
		buf = append(append(append(buf, ';'), name...), '=')
		buf = strconv.AppendInt(buf, int64(l.More[name]), 10)
	}
	return buf
}

// Count says how many events of a type were published for a dialog of the call, or for the call itself ("").
func (l *Ledger) Count(kind correlate.Kind, dialogUUID string) int {
	if dialogUUID == "" {
		dialogUUID = noDialog
	}
	if n := l.More[string(kind)+":"+dialogUUID]; n > 0 {
		return n
	}
	if bit := slices.Index(singles, kind); bit >= 0 && l.Once[dialogUUID]&(1<<bit) != 0 {
		return 1
	}
	return 0
}

// Enter gives steps of one call their seq and their uuid, in order, and counts them.
func (l *Ledger) Enter(account string, steps []correlate.Step) []Event {
	events := make([]Event, 0, len(steps))
	for _, step := range steps {
		l.Seq++
		n := l.Count(step.Kind, step.DialogUUID) + 1
		l.set(step.Kind, step.DialogUUID, n)
		events = append(events, Event{
			UUID:       EventUUID(account, step.CallUUID, string(step.Kind), step.DialogUUID, n),
			Type:       string(step.Kind),
			Seq:        l.Seq,
			CreatedOn:  step.At,
			Late:       step.Late,
			DialogUUID: step.DialogUUID,
			From:       step.From,
			Transfer:   step.Transfer,
			Number:     step.Number,
			NumberE164: step.NumberE164,
		})
	}
	return events
}

func (l *Ledger) set(kind correlate.Kind, dialogUUID string, n int) {
	if dialogUUID == "" {
		dialogUUID = noDialog
	}
	if bit := slices.Index(singles, kind); bit >= 0 && n == 1 {
		if l.Once == nil {
			l.Once = make(map[string]uint64)
		}
		l.Once[dialogUUID] |= 1 << bit
		return
	}
	if l.More == nil {
		l.More = make(map[string]int)
	}
	l.More[string(kind)+":"+dialogUUID] = n
}

// EventUUID is the id of an event: the version-5 UUID, namespace URL, of
// webhookd:event:<account>:<call_uuid>:<type>:<dialog_uuid or ->:<n>, n counting the events of that name (design §7).
func EventUUID(account, callUUID, eventType, dialogUUID string, n int) string {
	if dialogUUID == "" {
		dialogUUID = noDialog
	}
	name := "webhookd:event:" + account + ":" + callUUID + ":" + eventType + ":" + dialogUUID + ":" + strconv.Itoa(n)
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(name)).String()
}
