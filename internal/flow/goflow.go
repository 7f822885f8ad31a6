package flow

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"webhookd/internal/correlate"
)

// appendGoflow appends the keys that goflow's own event types carry beside uuid, type and created_on.
func appendGoflow(buf []byte, v *view, event *Event, options Options) ([]byte, error) {
	kind := correlate.Kind(event.Type)
	switch kind {
	case correlate.CallReceived, correlate.CallCreated, correlate.CallMissed, correlate.DialEnded:
		call, err := v.call()
		if err != nil {
			return nil, err
		}
		return appendGoflowCall(buf, kind, call, event), nil
	case correlate.DialWait:
		return appendDialWait(buf, event, options), nil
	default:
		return buf, nil // no keys of its own
	}
}

func appendDialWait(buf []byte, event *Event, options Options) []byte {
	buf = append(buf, `,"urn":`...)
	buf = correlate.AppendText(buf, URN(string(event.Number), string(event.NumberE164)))
	buf = append(buf, `,"dial_limit_seconds":`...)
	buf = strconv.AppendInt(buf, int64(options.RingLimit/time.Second), 10)
	buf = append(buf, `,"call_limit_seconds":`...)
	buf = strconv.AppendInt(buf, int64(options.CallLimit/time.Second), 10)
	buf = append(buf, `,"expires_on":"`...)
	buf = event.CreatedOn.Time().Add(options.RingLimit).AppendFormat(buf, time.RFC3339)
	return append(buf, '"')
}

// appendGoflowCall is for the types that tell of the call's parties.
func appendGoflowCall(buf []byte, kind correlate.Kind, call *correlate.Call, event *Event) []byte {
	switch kind {
	case correlate.CallReceived, correlate.CallCreated:
		buf = append(buf, `,"call":{"uuid":`...)
		buf = correlate.AppendText(buf, call.CallUUID)
		buf = append(buf, `,"urn":`...)
		buf = correlate.AppendText(buf, URN(string(call.External.Number), string(call.External.NumberE164)))
		buf = appendChannel(buf, call)
		buf = append(buf, '}')
	case correlate.CallMissed:
		buf = appendChannel(buf, call)
	case correlate.DialEnded:
		status, seconds := dial(call, event.DialogUUID)
		buf = append(buf, `,"dial":{"status":`...)
		buf = correlate.AppendText(buf, status)
		buf = append(buf, `,"duration":`...)
		buf = strconv.AppendInt(buf, seconds, 10)
		buf = append(buf, '}')
	}
	return buf
}

// ChannelUUID stands for a PBX project where goflow wants a channel: the version-5 UUID, namespace URL, of
// webhookd:channel:<account>:<project id>, the id empty if there is none.
func ChannelUUID(account, projectID string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("webhookd:channel:"+account+":"+projectID)).String()
}

// appendChannel appends goflow's reference to the channel: the PBX project, with its name.
func appendChannel(buf []byte, call *correlate.Call) []byte {
	buf = append(buf, `,"channel":{"uuid":`...)
	buf = correlate.AppendText(buf, ChannelUUID(call.Account, call.Project.ID.Text()))
	buf = append(buf, `,"name":`...)
	buf = correlate.AppendText(buf, string(call.Project.Name))
	return append(buf, '}')
}

// dial gives goflow's status of a dialled leg and how long it talked, in whole seconds (design §7, dial_ended).
func dial(call *correlate.Call, dialogUUID string) (status string, seconds int64) {
	status = "failed"
	for _, attempt := range call.Attempts {
		if attempt.DialogUUID != dialogUUID {
			continue
		}
		switch attempt.Outcome {
		case correlate.OutcomeAnswered, correlate.OutcomeBusy:
			status = string(attempt.Outcome)
		case correlate.OutcomeNoAnswer, correlate.OutcomeRejected, correlate.OutcomeAnsweredElsewhere:
			status = "no_answer"
		}
	}
	if leg := call.Leg(dialogUUID); leg != nil && !leg.ClosedAt.IsZero() {
		from := leg.TalkingAt
		if from.IsZero() {
			from = leg.AnsweredAt
		}
		if !from.IsZero() && leg.ClosedAt > from {
			seconds = int64(leg.ClosedAt - from)
		}
	}
	return status, seconds
}

// URN is a phone number or a user name in the form that goflow reads: tel:+48501502503 for a valid number,
// tel:48xxxxxxxxx for another that is made of digits (masked ones have an x, and then no plus), ext:pkowalski for anything
// else, and ext:unknown where nothing is known.
func URN(number, e164 string) string {
	if e164 != "" {
		return "tel:" + e164
	}
	if number == "" {
		return "ext:unknown"
	}
	if dialled := plainDigits(number); dialled != "" {
		return "tel:" + dialled
	}
	return ExternalURN(number)
}

// ExternalURN is a name that is no telephone number in the form that goflow reads: ext:pkowalski.
func ExternalURN(name string) string { return "ext:" + escapePath(name) }

// plainDigits is a number without the marks that people put into it, "" if it is not made of digits (and the x that
// masks some). goflow takes a plus only before 7 to 15 digits, and no capital letters.
func plainDigits(number string) string {
	plain := marks.Replace(number)
	digits := strings.ToLower(strings.TrimPrefix(plain, "+"))
	if strings.Trim(digits, "0123456789x") != "" || !strings.ContainsAny(digits, "0123456789") || len(digits) > maxDigits {
		return ""
	}
	if len(digits) != len(plain) && len(digits) >= 7 && len(digits) <= 15 && !strings.Contains(digits, "x") {
		return plain
	}
	return digits
}

// marks are what people put into numbers.
var marks = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "")

// maxDigits is how long goflow takes what is dialled without a plus.
const maxDigits = 64

// escapePath percent-encodes what has a meaning in a URN.
func escapePath(text string) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~@+:", c) >= 0 {
			out.WriteByte(c)
			continue
		}
		out.WriteByte('%')
		out.WriteByte(hex[c>>4])
		out.WriteByte(hex[c&15])
	}
	return out.String()
}
