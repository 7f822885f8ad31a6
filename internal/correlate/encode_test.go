package correlate_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

// AppendJSON must say what encoding/json and the struct's tags say, field for field and in the same order.
func TestRecordJSONIsWhatItsTagsSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		call := drawCall(t)
		want, err := json.Marshal(call)
		require.NoError(t, err)
		got := append(call.AppendJSON(nil), '}')
		require.Equal(t, string(want), string(got))

		var back correlate.Call
		require.NoError(t, json.Unmarshal(got, &back))
		require.Equal(t, *call, back)
	})
}

func TestLegJSONIsWhatItsTagsSay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		leg := drawLegRecord(t)
		want, err := json.Marshal(leg)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, leg.AppendJSON(nil)), "want %s", want)
	})
}

func drawWord(t *rapid.T) correlate.Word { return correlate.Word(drawText(t)) }

func drawText(t *rapid.T) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "answered", `a"b\c<d>&`, "Paweł\u2028", "\u007f\n"}), rapid.String(),
	).Draw(t, "text")
}

func drawID(t *rapid.T) correlate.ID {
	return correlate.ID(rapid.SampledFrom([]string{"", "1", `"a-1"`, "1.50"}).Draw(t, "id"))
}

func drawTime(t *rapid.T) dialog.Time {
	return dialog.Time(rapid.Int64Range(0, 253402300799).Draw(t, "time"))
}

func drawMS(t *rapid.T) *int64 {
	if rapid.Bool().Draw(t, "null") {
		return nil
	}
	ms := rapid.Int64Range(0, 1<<50).Draw(t, "ms")
	return &ms
}

func drawList[T any](t *rapid.T, draw func(*rapid.T) T) []T {
	list := make([]T, rapid.IntRange(0, 3).Draw(t, "length"))
	for i := range list {
		list[i] = draw(t)
	}
	return list
}

func drawLegRecord(t *rapid.T) correlate.LegRecord {
	return correlate.LegRecord{
		DialogUUID: drawText(t), DialogType: drawWord(t), Direction: drawWord(t), CallerDialogUUID: drawWord(t),
		LinkBasis: drawText(t), State: drawText(t), CloseCause: drawWord(t), CreatedAt: drawTime(t),
		RingingAt: drawTime(t), AlertingAt: drawTime(t), AnsweredAt: drawTime(t), TalkingAt: drawTime(t),
		ClosedAt: drawTime(t), Holds: drawList(t, func(t *rapid.T) correlate.HoldRecord {
			return correlate.HoldRecord{From: drawTime(t), To: drawTime(t)}
		}),
	}
}

func drawCall(t *rapid.T) *correlate.Call {
	return &correlate.Call{
		Account: drawText(t), CallUUID: drawText(t), Direction: drawText(t), State: drawText(t),
		Connected: rapid.Bool().Draw(t, "connected"), ConnectedBasis: drawWord(t), Disposition: drawWord(t),
		Missed: rapid.Bool().Draw(t, "missed"), HangupBy: drawWord(t), HangupSide: drawWord(t),
		HangupDialogUUID: drawWord(t), HangupBasis: drawWord(t), EndBasis: drawWord(t), StartedAt: drawTime(t),
		SystemAnsweredAt: drawTime(t), AlertingAt: drawTime(t), AnsweredAt: drawTime(t), TalkingAt: drawTime(t),
		EndedAt: drawTime(t), RingMS: drawMS(t), WaitMS: drawMS(t), TalkMS: drawMS(t), HoldMS: drawMS(t),
		TotalMS:  drawMS(t),
		External: correlate.External{Number: drawWord(t), NumberE164: drawWord(t), Name: drawWord(t)},
		Consultants: drawList(t, func(t *rapid.T) correlate.Consultant {
			return correlate.Consultant{DialogUUID: drawText(t), ID: drawID(t), Username: drawWord(t), Name: drawWord(t)}
		}),
		Project:      correlate.Project{ID: drawID(t), Name: drawWord(t)},
		MeetingUUIDs: drawList(t, drawText),
		Attempts: drawList(t, func(t *rapid.T) correlate.Attempt {
			return correlate.Attempt{DialogUUID: drawText(t), DialogType: drawWord(t), Outcome: drawWord(t)}
		}),
		Transfers: drawList(t, func(t *rapid.T) correlate.Transfer {
			return correlate.Transfer{From: drawText(t), To: drawText(t), At: drawTime(t), Kind: drawText(t)}
		}),
		Legs: drawList(t, drawLegRecord),
	}
}
