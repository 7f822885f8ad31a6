package httpapi_test

import (
	"encoding/csv"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
	"webhookd/internal/httpapi"
	"webhookd/internal/stats"
	"webhookd/internal/store"
)

// cells gives the texts of a table's rows on a page.
func cells(page string) (rows [][]string) {
	for _, row := range regexp.MustCompile(`(?s)<tr><th scope="row"[^>]*>.*?</tr>`).FindAllString(page, -1) {
		var texts []string
		for _, cell := range regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`).FindAllStringSubmatch(row, -1) {
			texts = append(texts, html.UnescapeString(cell[1]))
		}
		rows = append(rows, texts)
	}
	return rows
}

// Three inbound calls at 00:00:01 to 00:00:03 UTC, which is 01:00 in Warsaw: answered after 10 s with 60 s of talk, 12 of
// them on hold; answered after 40 s, 30 s of talk; abandoned after 30 s. Answered within 20 s is 1 of 3, ASA (10 + 40) / 2,
// AHT (60 + 30) / 2, talk (48 + 30) / 2.
func TestStatisticsAreShown(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.Reader, cfg.Zone, cfg.Now = db, warsaw, func() time.Time { return now }
		cfg.Statistics.Zone, cfg.Statistics.Thresholds = warsaw, stats.DefaultThresholds()
	})
	fact := func(class stats.Class, wait, talk, hold int64) func(*correlate.Call, *store.Index) {
		return func(_ *correlate.Call, i *store.Index) {
			i.EndedAt = i.StartedAt + 100
			i.Facts = []stats.Fact{{Project: "7", Class: class, Wait: wait, Talk: talk, Hold: hold}}
		}
	}
	putCalls(t, db,
		shownCall(1, fact(1112, 10, 60, 12)), // inbound, answered, the external party hung up, who was the caller
		shownCall(2, fact(1121, 40, 30, 0)),  // the consultant did
		shownCall(3, fact(1312, 30, stats.Unknown, stats.Unknown)),
	)
	page := htmlOf(t, b, "/stats?interval=day&from=2026-01-01T00:00&to=2026-01-02T00:00")
	want := []string{
		"3", "2", "1", "0", "1", "33.3 %", "33.3 %", "25 s", "45 s", "39 s", "40 s", "2 / 1 / 0", "0", "0", "–",
	}
	require.Equal(t, [][]string{append([]string{"2026-01-01"}, want...), append([]string{"Together"}, want...)}, cells(page))
	require.Contains(t, page, "Calls that began from 2026-01-01 00:00 to before 2026-01-02 00:00 (Europe/Warsaw).")
	require.Contains(t, html.UnescapeString(page), "answered within 20 s ÷ (answered + abandoned after more than 5 s)")
	require.Equal(t, 3, strings.Count(page, `class="chart"`))
	require.Contains(t, page, "2026-01-01: Answered 2")
	require.Contains(t, page, `name="from" type="datetime-local" value="2026-01-01T00:00"`)

	// The hour is Warsaw's, and UTC's where that is asked for.
	hours := cells(htmlOf(t, b, "/stats?from=2026-01-01T00:00&to=2026-01-01T03:00"))
	require.Equal(t, "2026-01-01 01:00", hours[1][0])
	require.Equal(t, "3", hours[1][1])
	hours = cells(htmlOf(t, b, "/stats?from=2026-01-01T00:00&to=2026-01-01T03:00&time_zone=UTC"))
	require.Equal(t, "2026-01-01 00:00", hours[0][0])
	require.Equal(t, "3", hours[0][1])
	// Other thresholds: two of three were answered within 40 s.
	text := htmlOf(t, b, "/stats?from=2026-01-01T00:00&to=2026-01-02T00:00&answer_within=40&interval=day")
	require.Equal(t, "66.7 %", cells(text)[0][7])
	require.Equal(t, "7", cells(htmlOf(t, b, "/stats?group_by=project&interval=day&from=2026-01-01"))[0][0], "a form sends its interval, too")
	require.Contains(t, htmlOf(t, b, "/stats?group_by=consultant"), "Counted is the part of each consultant")

	// The table of the same address.
	link := html.UnescapeString(regexp.MustCompile(`href="(/v1/stats\?[^"]+)" download`).FindStringSubmatch(page)[1])
	got := b.get(t, link)
	require.Equal(t, 200, got.status, "%s", got.body)
	lines, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 2)
	require.Equal(t, "2026-01-01T00:00:00+01:00", lines[1][0])
}

func TestWhatIsWrongWithAQuestionIsToldOnThePage(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) { cfg.Reader = db })
	for query, field := range map[string]string{
		"from=yesterday": "From", "time_zone=Mars": "Time zone", "answer_within=1.5s": "In time within", "interval=week": "Interval",
		"group_by=colour": "Told apart by", "from=2026-01-01&to=2026-12-31&interval=15min": "Interval",
	} {
		got := b.get(t, "/stats?"+query, "Accept", "text/html")
		require.Equal(t, 400, got.status, query)
		require.Contains(t, string(got.body), "The field “"+field+"” cannot be used", query)
	}
	require.Equal(t, 303, b.get(t, "/stats?project=&interval=day", "Accept", "text/html").status)
	require.Contains(t, htmlOf(t, b, "/stats"), "Together", "nothing is shown as nothing")
}
