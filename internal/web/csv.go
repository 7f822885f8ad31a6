package web

import (
	"strconv"
	"strings"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/spreadsheet"
)

// CSVHeader names the columns of [CSVRow]. They are a contract, the same in every language.
func CSVHeader() []string {
	return []string{
		"call_uuid", "account", "started_at", "ended_at", "utc_offset", "direction", "state", "disposition", "missed",
		"transferred", "number", "number_e164", "name", "consultants", "project_id", "project", "hangup_by", "hangup_basis",
		"ring_s", "wait_s", "talk_s", "hold_s", "total_s",
	}
}

// CSVRow gives a call as a row of a table. Times are in zone, utc_offset is that of started_at; durations are seconds.
func CSVRow(call correlate.Call, zone *time.Location) []string {
	if zone == nil {
		zone = time.UTC
	}
	offset := ""
	if !call.StartedAt.IsZero() {
		offset = call.StartedAt.Time().In(zone).Format("-07:00")
	}
	row := []string{
		call.CallUUID, call.Account, csvTime(call.StartedAt, zone), csvTime(call.EndedAt, zone), offset, call.Direction,
		call.State, string(call.Disposition), strconv.FormatBool(call.Missed), strconv.FormatBool(len(call.Transfers) > 0),
		string(call.External.Number), string(call.External.NumberE164), string(call.External.Name),
		strings.Join(consultantNames(call), "; "), call.Project.ID.Text(), string(call.Project.Name), string(call.HangupBy),
		string(call.HangupBasis), csvSeconds(call.RingMS), csvSeconds(call.WaitMS), csvSeconds(call.TalkMS),
		csvSeconds(call.HoldMS), csvSeconds(call.TotalMS),
	}
	for i := range row {
		row[i] = spreadsheet.Cell(row[i])
	}
	return row
}

func csvTime(at dialog.Time, zone *time.Location) string {
	if at.IsZero() {
		return ""
	}
	return at.Time().In(zone).Format(shownTime)
}

func csvSeconds(ms *int64) string {
	if ms == nil {
		return ""
	}
	return strconv.FormatInt(*ms/1000, 10)
}
