package dialog_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2020-08-25 16:24:41":                 "2020-08-25T16:24:41Z",
		"2020-08-25T16:24:41Z":                "2020-08-25T16:24:41Z",
		"2020-08-25t16:24:41z":                "2020-08-25T16:24:41Z",
		"2020-08-25T16:24:41.999Z":            "2020-08-25T16:24:41Z",
		"2020-08-25T16:24:41.5+02:00":         "2020-08-25T14:24:41Z",
		"2020-08-25T16:24:41.123456789-09:30": "2020-08-26T01:54:41Z",
		"9999-12-31 23:59:59":                 "9999-12-31T23:59:59Z",
		"1970-01-01 00:00:01":                 "1970-01-01T00:00:01Z",
	} {
		got, err := dialog.ParseTime(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.String(), text)
		require.Equal(t, got, dialog.TimeOf(got.Time()))
	}
	for _, text := range []string{
		"", "now", "2020-08-25", "16:24:41", "2020-08-25 16:24", "2020-08-25 16:24:41Z", "2020-08-25 16:24:41.5",
		"2020-08-25T16:24:41", "2020-13-01 00:00:00", "2021-02-29 00:00:00", "2020-08-25 24:00:00",
		"1970-01-01 00:00:00", "1969-12-31 23:59:59", "9999-12-31T23:59:59-01:00", "10000-01-01 00:00:00",
		"1598372681", "25.08.2020 16:24:41",
	} {
		_, err := dialog.ParseTime(text)
		require.ErrorIs(t, err, dialog.ErrTime, text)
	}
}

func TestTimeJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal([]dialog.Time{0, dialog.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC))})
	require.NoError(t, err)
	require.JSONEq(t, `[null,"2026-01-02T03:04:05Z"]`, string(data))
	var back []dialog.Time
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, []dialog.Time{0, 1767323045}, back)
	require.Error(t, json.Unmarshal([]byte(`"yesterday"`), &back[0]))
	require.Zero(t, dialog.TimeOf(time.Time{}))
	require.True(t, dialog.Time(0).Time().IsZero())
}

func TestParseUUID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"c2b19c63-f17b-4726-b3a1-5b5046e887ef":      "c2b19c63-f17b-4726-b3a1-5b5046e887ef",
		"\tC2B19C63-F17B-4726-B3A1-5B5046E887EF \n": "c2b19c63-f17b-4726-b3a1-5b5046e887ef",
	} {
		got, ok := dialog.ParseUUID(text)
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"", "c2b19c63f17b4726b3a15b5046e887ef", "{c2b19c63-f17b-4726-b3a1-5b5046e887ef}",
		"c2b19c63-f17b-4726-b3a1-5b5046e887eg", "c2b19c63-f17b-4726-b3a1-5b5046e887e", "c2b19c63-f17b-4726-b3a1_5b5046e887ef",
		"urn:uuid:c2b19c63-f17b-4726-b3a1-5b5046e887ef",
	} {
		_, ok := dialog.ParseUUID(text)
		require.False(t, ok, text)
	}
}
