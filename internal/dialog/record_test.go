package dialog_test

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

const recordOf = `{"dialog_uuid":" 6D59CB01-EEAC-432A-B0AA-BFA4F26785EC ","start_time":"2018-09-01 00:00:00"`

func TestARecordIsRead(t *testing.T) {
	t.Parallel()
	body := []byte(recordOf + `,"hangup_time":"2018-09-01 00:00:30","serve_time":"2018-09-01T00:00:20Z","alert_time":null,
		"answer_time":"","ring_time":"0000-00-00 00:00:00","business_end_cause":"DIALOG_LEFT","dialog_type":"consultant",
		"business_direction":"OUTBOUND","to_display_target":"48777888999","talking_time":10000,"machine_detected":0,
		"tenant_user":{"id":7,"username":"pkowalski"},
		"initial_application_info":{"data":{"caller_dialog_uuid":"6d59cb01-eeac-432a-b0aa-bfa4f26785ec"}}}`)
	record, err := dialog.DecodeRecord(body)
	require.NoError(t, err)
	require.Equal(t, "6d59cb01-eeac-432a-b0aa-bfa4f26785ec", record.DialogUUID)
	require.Equal(t, "2018-09-01T00:00:00Z", record.Start.String())
	require.Equal(t, "2018-09-01T00:00:20Z", record.Serve.String())
	require.Equal(t, "2018-09-01T00:00:30Z", record.Hangup.String())
	require.Zero(t, record.Alert)
	require.Zero(t, record.Answer)
	require.Zero(t, record.Ring)
	require.Equal(t, "DIALOG_LEFT", record.EndCause)
	require.Equal(t, "CONSULTANT", record.Told[dialog.DialogType])
	require.Equal(t, "48777888999", record.Told[dialog.ToDisplayTarget])
	require.Equal(t, "pkowalski", record.Told[dialog.UserUsername])
	require.Empty(t, record.Told[dialog.CallerDialogUUID], "its own uuid says that it is a root")
	require.Empty(t, record.Unusable)
	require.Equal(t, sha256.Sum256(body), record.SHA256)
}

func TestWhatIsOfTheWrongFormInARecordIsAbsent(t *testing.T) {
	t.Parallel()
	record, err := dialog.DecodeRecord([]byte(recordOf + `,"serve_time":"soon","answer_time":7,"business_end_cause":[]}`))
	require.NoError(t, err)
	require.Zero(t, record.Serve)
	require.Zero(t, record.Answer)
	require.Empty(t, record.EndCause)
	require.Equal(t, []string{"serve_time", "answer_time", "business_end_cause"}, record.Unusable)
}

func TestARecordThatCannotBePlacedIsRefused(t *testing.T) {
	t.Parallel()
	for body, code := range map[string]string{
		``:                                     dialog.CodeEmptyBody,
		`{`:                                    dialog.CodeMalformedJSON,
		`[]`:                                   dialog.CodeNotAnObject,
		`{"start_time":"2018-09-01 00:00:00"}`: dialog.CodeMissingDialogUUID,
		`{"start_time":"2018-09-01 00:00:00","dialog_uuid":"6d59cb01"}`: dialog.CodeInvalidDialogUUID,
		`{"dialog_uuid":"6d59cb01-eeac-432a-b0aa-bfa4f26785ec"}`:        dialog.CodeMissingStartTime,
		recordOf + `,"start_time":"never"}`:                             dialog.CodeMissingStartTime,
		recordOf + `,"hangup_time":"2018-08-31 23:59:59"}`:              dialog.CodeHangupBefore,
	} {
		_, err := dialog.DecodeRecord([]byte(body))
		var told *dialog.Error
		require.ErrorAs(t, err, &told, body)
		require.Equal(t, code, told.Code, body)
		require.NotEmpty(t, told.Reason)
	}
}
