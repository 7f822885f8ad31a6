package dialog_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

const uuid = "c2b19c63-f17b-4726-b3a1-5b5046e887ef"

func TestDecodeReadsADialogWebhook(t *testing.T) {
	t.Parallel()
	body := `{"event_type":"user_dialog","event_name":"dialog_create","event_time":"2020-08-25 16:24:41",
	 "direction":"outbound","business_direction":"Outbound","state":"RINGING","dialog_type":"consultant",
	 "dialog_uuid":" C2B19C63-F17B-4726-B3A1-5B5046E887EF ","media":["audio"],"self_target":null,
	 "self_name":"Konsultant Pawe\u0142","peer_target":"48xxxxxxxxx","caller_contact_address":"pkowalski",
	 "initial_application_info":{"type":"WEB_USER_CALL","side":"USER","data":{"id":"a-7","contact_try":2,
	  "caller_dialog_uuid":"BCFDAF62-87B7-4CD8-BD2E-B3D25A974B6D","tenant_user":{"id":9}}},
	 "tenant_user":{"id":1,"username":"pkowalski","firstname":"Paweł","unknown":{"deep":[1,{"a":"}"}]}},
	 "project":{"id":1.50,"name":"Projekt \"P\""},"anonymous":{"display_name":""}}`
	w, err := dialog.Decode([]byte(body))
	require.NoError(t, err)
	require.Equal(t, dialog.Create, w.Kind)
	require.Equal(t, uuid, w.DialogUUID)
	require.Equal(t, "2020-08-25T16:24:41Z", w.EventTime.String())
	require.Equal(t, "ringing", w.State)
	require.Equal(t, sha256.Sum256([]byte(body)), w.SHA256)
	require.Empty(t, w.Unusable)
	for field, want := range map[dialog.Field]string{
		dialog.Direction:            "OUTBOUND",
		dialog.BusinessDirection:    "OUTBOUND",
		dialog.DialogType:           "CONSULTANT",
		dialog.SelfTarget:           "",
		dialog.SelfName:             "Konsultant Paweł",
		dialog.PeerTarget:           "48xxxxxxxxx",
		dialog.CallerContactAddress: "pkowalski",
		dialog.ApplicationType:      "WEB_USER_CALL",
		dialog.ApplicationSide:      "USER",
		dialog.CaseID:               `"a-7"`,
		dialog.ContactTry:           "2",
		dialog.CallerDialogUUID:     "bcfdaf62-87b7-4cd8-bd2e-b3d25a974b6d",
		dialog.UserID:               "1",
		dialog.UserUsername:         "pkowalski",
		dialog.UserFirstName:        "Paweł",
		dialog.UserSurname:          "",
		dialog.ProjectID:            "1.50",
		dialog.ProjectName:          `Projekt "P"`,
		dialog.AnonymousName:        "",
	} {
		require.Equal(t, want, w.Told[field], field.String())
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000)
	for name, c := range map[string]struct{ body, code string }{
		"nothing":                  {"", dialog.CodeEmptyBody},
		"white space":              {" \r\n\t", dialog.CodeEmptyBody},
		"broken JSON":              {`{"event_name":`, dialog.CodeMalformedJSON},
		"two objects":              {`{}{}`, dialog.CodeMalformedJSON},
		"a NUL byte in a text":     {"{\"event_name\":\"dialog\x00_create\"}", dialog.CodeMalformedJSON},
		"NUL bytes":                {"\x00\x00", dialog.CodeMalformedJSON},
		"a byte order mark":        {"\ufeff{}", dialog.CodeMalformedJSON},
		"bad UTF-8 outside a text": {"{\xff}", dialog.CodeMalformedJSON},
		"a form":                   {"event_name=dialog_create&dialog_uuid=1", dialog.CodeMalformedJSON},
		"nested too deep":          {deep, dialog.CodeMalformedJSON},
		"an array":                 {`[{"event_name":"dialog_create"}]`, dialog.CodeNotAnObject},
		"a text":                   {`"dialog_create"`, dialog.CodeNotAnObject},
		"null":                     {`null`, dialog.CodeNotAnObject},
		"no dialog_uuid": {
			`{"event_name":"dialog_close","event_time":"2020-08-25 16:24:41"}`, dialog.CodeMissingDialogUUID,
		},
		"dialog_uuid null": {
			`{"event_name":"dialog_close","event_time":"2020-08-25 16:24:41","dialog_uuid":null}`,
			dialog.CodeMissingDialogUUID,
		},
		"dialog_uuid that is none": {
			`{"event_name":"dialog_close","event_time":"2020-08-25 16:24:41","dialog_uuid":"c2b19c63f17b4726b3a15b5046e887ef"}`,
			dialog.CodeInvalidDialogUUID,
		},
		"dialog_uuid of another type": {
			`{"event_name":"dialog_close","event_time":"2020-08-25 16:24:41","dialog_uuid":12}`,
			dialog.CodeInvalidDialogUUID,
		},
		"no event_time": {
			`{"event_name":"dialog_close","dialog_uuid":"` + uuid + `"}`, dialog.CodeMissingEventTime,
		},
		"a day that does not exist": {
			`{"event_name":"dialog_close","dialog_uuid":"` + uuid + `","event_time":"2021-02-29 10:00:00"}`,
			dialog.CodeInvalidEventTime,
		},
		"a second that does not exist": {
			`{"event_name":"dialog_close","dialog_uuid":"` + uuid + `","event_time":"2021-02-28 10:00:60"}`,
			dialog.CodeInvalidEventTime,
		},
		"a number as time": {
			`{"event_name":"dialog_close","dialog_uuid":"` + uuid + `","event_time":1598372681}`,
			dialog.CodeInvalidEventTime,
		},
		"before 1970": {
			`{"event_name":"dialog_close","dialog_uuid":"` + uuid + `","event_time":"0001-01-01 00:00:00"}`,
			dialog.CodeInvalidEventTime,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := dialog.Decode([]byte(c.body))
			var refused *dialog.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.code, refused.Code)
			require.NotEmpty(t, refused.Reason)
			require.NotContains(t, refused.Reason, "\x00")
		})
	}
}

func TestDecodeTakesOtherFamilies(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`,
		`{"event_name":"voice_campaign_deleted","event_time":"2026-01-15 10:00:00","data":{"project_id":1}}`,
		`{"event_name":"contact_created","dialog_uuid":"no uuid","event_time":"whenever"}`,
		`{"event_name":"DIALOG_CREATE"}`,
		`{"event_name":17}`,
		`{"Event_Name":"dialog_create"}`,
	} {
		w, err := dialog.Decode([]byte(body))
		require.NoError(t, err, body)
		require.Equal(t, dialog.Other, w.Kind, body)
		require.Empty(t, w.DialogUUID, body)
		require.Equal(t, [dialog.FieldCount]string{}, w.Told, body)
	}
}

func TestDecodeKnowsEveryDialogWebhook(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]dialog.Kind{
		"dialog_create": dialog.Create, "dialog_state_update": dialog.StateUpdate, "dialog_close": dialog.Close,
		"dialog_hold": dialog.Hold, "dialog_unhold": dialog.Resume, "dialog_resume": dialog.Resume,
		"dialog_meeting_entered": dialog.MeetingEntered,
	} {
		w, err := dialog.Decode([]byte(`{"event_name":"` + name + `","event_time":"2026-01-15 10:00:00","dialog_uuid":"` +
			uuid + `","close_cause":"HANGUP","meeting_uuid":"B9FDC531-F70F-5C41-9C59-C718FB8E4DD5"}`))
		require.NoError(t, err)
		require.Equal(t, kind, w.Kind)
		require.Equal(t, kind == dialog.Close, w.CloseCause == "HANGUP", name)
		require.Equal(t, kind == dialog.MeetingEntered, w.MeetingUUID == "b9fdc531-f70f-5c41-9c59-c718fb8e4dd5", name)
	}
}

// A value of the wrong type is absent, is named, and takes nothing else with it.
func TestDecodeNamesUnusableFields(t *testing.T) {
	t.Parallel()
	w, err := dialog.Decode([]byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` +
		uuid + `","self_name":17,"state":["ringing"],"direction":{},"tenant_user":"pkowalski","project":{"id":true,` +
		`"name":"P"},"initial_application_info":{"type":1,"data":{"id":[],"caller_dialog_uuid":"no uuid"}},` +
		`"peer_name":"Anna"}`))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"self_name", "state", "direction", "tenant_user", "project.id", "initial_application_info.type",
		"initial_application_info.data.id", "initial_application_info.data.caller_dialog_uuid",
	}, w.Unusable)
	require.Empty(t, w.State)
	require.Equal(t, "P", w.Told[dialog.ProjectName])
	require.Equal(t, "Anna", w.Told[dialog.PeerName])
}

func TestDecodeDropsItsOwnUUIDAsCaller(t *testing.T) {
	t.Parallel()
	w, err := dialog.Decode([]byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` +
		uuid + `","initial_application_info":{"data":{"caller_dialog_uuid":"` + strings.ToUpper(uuid) + `"}}}`))
	require.NoError(t, err)
	require.Empty(t, w.Told[dialog.CallerDialogUUID])
	require.Empty(t, w.Unusable)
}

// Bytes that are no UTF-8, lone surrogates and NUL characters become U+FFFD; the rest of the text stays.
func TestDecodeCleansTexts(t *testing.T) {
	t.Parallel()
	w, err := dialog.Decode([]byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` +
		uuid + `","self_name":"Pawe` + "\xb3" + ` K","peer_name":"A\u0000B\ud800C","project":{"id":"x\u0000"}}`))
	require.NoError(t, err)
	require.Equal(t, "Pawe\uFFFD K", w.Told[dialog.SelfName])
	require.Equal(t, "A\uFFFDB\uFFFDC", w.Told[dialog.PeerName])
	require.Equal(t, "\"x\uFFFD\"", w.Told[dialog.ProjectID])
}

// Of a key that stands twice the last one counts, as in most JSON readers.
func TestDecodeTakesTheLastOfARepeatedKey(t *testing.T) {
	t.Parallel()
	w, err := dialog.Decode([]byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` +
		uuid + `","self_name":"A","self_name":"B","state":"talking","state":"ringing"}`))
	require.NoError(t, err)
	require.Equal(t, "B", w.Told[dialog.SelfName])
	require.Equal(t, "ringing", w.State)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"event_name":"dialog_create","event_time":"2026-01-15 10:00:00","dialog_uuid":"` + uuid + `"}`))
	f.Add([]byte(`{"event_name":"dialog_close","event_time":"2026-01-15T10:00:00+02:00","dialog_uuid":"` + uuid +
		`","tenant_user":{"id":1e3,"username":"\ud83d\ude00"},"project":{},"project":null}`))
	f.Add([]byte(` [1,2,{"a":"\\\"}"}] `))
	f.Add([]byte(`{"a":{"b":[{"c":"]"},null,true,-1.5e+7]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := dialog.Decode(body)
		if err != nil {
			var refused *dialog.Error
			require.ErrorAs(t, err, &refused)
			return
		}
		require.Equal(t, sha256.Sum256(body), w.SHA256)
		if w.Kind == dialog.Other {
			return
		}
		id, ok := dialog.ParseUUID(w.DialogUUID)
		require.True(t, ok)
		require.Equal(t, id, w.DialogUUID)
		require.False(t, w.EventTime.IsZero())
		for _, told := range w.Told {
			require.NotContains(t, told, "\x00")
			require.Equal(t, strings.ToValidUTF8(told, ""), told)
		}
	})
}
