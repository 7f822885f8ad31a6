package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
)

func TestCSVRow(t *testing.T) {
	t.Parallel()
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	began := dialog.TimeOf(time.Date(2020, 8, 25, 16, 24, 41, 0, time.UTC))
	call := correlate.Call{
		Account: "default", CallUUID: "c2b19c63-f17b-4726-b3a1-5b5046e887ef", Direction: "outbound", State: "ended",
		Disposition: "answered", HangupBy: "external", HangupBasis: "reported", StartedAt: began, EndedAt: began + 28,
		RingMS: new(int64(14000)), WaitMS: new(int64(20000)), TalkMS: new(int64(8000)), HoldMS: new(int64(0)), TotalMS: new(int64(28000)),
		External:    correlate.External{Number: "501 502 503", NumberE164: "+48501502503", Name: "@SUM(1)"},
		Consultants: []correlate.Consultant{{Name: "Konsultant Paweł"}, {Username: "ann"}, {ID: "7"}, {Username: "ann"}},
		Project:     correlate.Project{ID: `"p-1"`, Name: "-1+1"},
	}
	require.Len(t, CSVHeader(), len(CSVRow(call, nil)))
	require.Equal(t, []string{
		"c2b19c63-f17b-4726-b3a1-5b5046e887ef", "default", "2020-08-25 18:24:41", "2020-08-25 18:25:09", "+02:00", "outbound",
		"ended", "answered", "false", "false", "501 502 503", "+48501502503", "'@SUM(1)", "Konsultant Paweł; ann; 7", "p-1", "'-1+1",
		"external", "reported", "14", "20", "8", "0", "28",
	}, CSVRow(call, warsaw))
	require.Empty(t, CSVRow(correlate.Call{}, nil)[2])
}
