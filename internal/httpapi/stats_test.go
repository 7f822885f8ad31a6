package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/httpapi"
	"webhookd/internal/stats"
	"webhookd/internal/statsapi"
	"webhookd/internal/store"
)

// countedCall is an ended call of project 7 that began at a moment, with these facts.
func countedCall(t *testing.T, n int, began string, facts ...stats.Fact) store.Call {
	t.Helper()
	at, err := dialog.ParseTime(began)
	require.NoError(t, err)
	return callOf(n, func(c *store.Call) {
		c.Index.State, c.Index.StartedAt, c.Index.EndedAt, c.Index.Facts = "ended", at, at+500, facts
		project := "null"
		for _, fact := range facts {
			if fact.Consultant == "" && fact.Project != "" {
				project = fmt.Sprintf(`{"id":%s,"name":"=Project %s"}`, fact.Project, fact.Project)
				c.Index.Keys = append(c.Index.Keys, store.ProjectKey(fact.Project))
			}
			if fact.Consultant != "" {
				c.Index.Keys = append(c.Index.Keys, store.ConsultantKey(fact.Consultant))
			}
		}
		c.Index.Keys = append(c.Index.Keys, store.ConsultantKey("akowalska"))
		c.Record = fmt.Appendf(nil, `{"project":%s,"consultants":[{"dialog_uuid":"x","id":11,"username":"AKowalska","name":"Anna %d"},
{"dialog_uuid":"y","id":null,"username":"bob","name":null}]}`, project, n)
	})
}

const noTime = stats.Unknown

// setupStats has calls of 25 October 2026, on which the clock in Warsaw is put back.
func setupStats(t *testing.T) *bundle {
	t.Helper()
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.Reader = db
		cfg.Now = func() time.Time { return time.Date(2026, 10, 25, 22, 59, 59, 1, time.UTC) }
		cfg.Statistics = statsapi.Defaults{
			Zone: warsaw(t), Thresholds: stats.Thresholds{AnswerWithin: 30 * time.Second, AbandonAfter: 4 * time.Second},
		}
	})
	own := func(project string, class stats.Class, wait, talk int64) stats.Fact {
		return stats.Fact{Project: project, Class: class, Wait: wait, Talk: talk, Hold: min(talk, 10)}
	}
	part := func(consultant, project string, class stats.Class, wait, talk int64) stats.Fact {
		fact := own(project, class, wait, talk)
		fact.Consultant = consultant
		return fact
	}
	putCalls(t, db,
		countedCall(t, 1, "2026-10-24T22:00:00Z", own("7", 1112, 10, 60), part("11", "7", 1112, 3, 60)),           // 00:00+02:00
		countedCall(t, 2, "2026-10-25T00:30:00Z", own("7", 1112, 25, 120), part("bob", "7", 1112, 9, 120)),        // 02:30+02:00
		countedCall(t, 3, "2026-10-25T01:30:00Z", own("", 1312, 4, noTime), part("11", "", 1312, 4, noTime)),      // 02:30+01:00
		countedCall(t, 4, "2026-10-25T22:59:59Z", own("10", 2121, 15, 30), part("11", "10", 2121, 15, 30)),        // 23:59:59+01:00
		countedCall(t, 5, "2026-10-25T23:00:00Z", own("7", 1112, 1, 1), part("11", "7", 1112, 1, 1)),              // the next day
		countedCall(t, 6, "2026-10-24T21:59:59Z", own("7", 1312, 99, noTime), part("bob", "7", 1912, 99, noTime)), // the day before
		callOf(7, nil), // goes on
	)
	return b
}

func warsaw(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	return zone
}

func getReport(t *testing.T, b *bundle, query string) stats.Report {
	t.Helper()
	got := b.get(t, "/v1/stats?"+query)
	require.Equal(t, 200, got.status, "%s", got.body)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	var report stats.Report
	require.NoError(t, json.Unmarshal(got.body, &report), "%s", got.body)
	return report
}

func TestStatisticsOfTodayByTheHour(t *testing.T) {
	t.Parallel()
	b := setupStats(t)
	r := getReport(t, b, "")
	require.Equal(t, "default", r.Account)
	require.Equal(t, "2026-10-25T00:00:00+02:00", r.From.Format(time.RFC3339))
	require.Equal(t, "2026-10-26T00:00:00+01:00", r.To.Format(time.RFC3339), "the second that it is, is in it")
	require.Equal(t, "Europe/Warsaw", r.TimeZone)
	require.Equal(t, stats.UnitCall, r.Unit)
	require.Equal(t, stats.ByInterval, r.GroupBy)
	require.Equal(t, stats.Hour, *r.Interval)
	require.True(t, r.Complete)
	require.Equal(t, stats.ReportParameters{AnswerWithinMS: 30000, AbandonAfterMS: 4000}, r.Parameters)
	require.Contains(t, r.Formulas["service_level"], "answered within 30s ÷ (answered + abandoned after 4s)")
	require.Len(t, r.Groups, 25, "a day of 25 hours")
	counts := map[string]int64{}
	for _, g := range r.Groups {
		require.Nil(t, g.Project)
		require.Nil(t, g.Consultant)
		if calls := g.Inbound.Calls + g.Outbound.Calls; calls > 0 {
			counts[g.Interval.From.Format("15:04Z07:00")] += calls
		}
	}
	require.Equal(t, map[string]int64{"00:00+02:00": 1, "02:00+02:00": 1, "02:00+01:00": 1, "23:00+01:00": 1}, counts)

	in := r.Total.Inbound
	require.EqualValues(t, 3, in.Offered)
	require.EqualValues(t, 2, in.Answered)
	require.EqualValues(t, 2, in.AnsweredWithin)
	require.EqualValues(t, 1, in.ShortAbandoned)
	require.EqualValues(t, 17500, *in.AverageAnswerMS)
	require.InDelta(t, 1, *in.ServiceLevel, 0)
	require.InDelta(t, 0, *in.AbandonRate, 0)
	require.EqualValues(t, 1, r.Total.Outbound.Calls)
	require.EqualValues(t, 1, r.Total.Outbound.HungUpBy.Consultant)

	in = getReport(t, b, "answer_within=20&abandon_after=3s").Total.Inbound
	require.EqualValues(t, 1, in.AnsweredWithin)
	require.Zero(t, in.ShortAbandoned)
	require.InDelta(t, 0.3333, *in.ServiceLevel, 0)
	require.InDelta(t, 0.3333, *in.AbandonRate, 0)
}

func TestStatisticsAreChosenAndTimed(t *testing.T) {
	t.Parallel()
	b := setupStats(t)
	for query, want := range map[string][2]int64{ // groups, and calls or parts in all
		"interval=day":                                      {1, 4},
		"interval=day&from=2026-10-24":                      {2, 5},
		"interval=day&to=2026-10-25":                        {1, 1},
		"interval=15min":                                    {100, 4},
		"time_zone=UTC&from=2026-10-25":                     {23, 3},
		"time_zone=UTC":                                     {23, 3},
		"from=2026-10-25T00:00:00Z&to=2026-10-25T02:00:00Z": {2, 2},
		"from=2026-10-25+00:10:00&to=2026-10-25+02:10:00":   {3, 2},
		"direction=inbound":                                 {25, 3},
		"direction=OUTBOUND":                                {25, 1},
		"direction=unknown":                                 {25, 0},
		"project=7":                                         {25, 2},
		"project=-":                                         {25, 1},
		"project=nobody":                                    {25, 0},
		"consultant=11":                                     {25, 3},
		"consultant=akowalska":                              {25, 3},
		"consultant=BOB&interval=day":                       {1, 1},
		"consultant=nobody":                                 {25, 0},
		"consultant=11&project=7":                           {25, 1},
		"group_by=project":                                  {3, 4},
		"group_by=project&consultant=11":                    {3, 3},
		"group_by=consultant":                               {2, 4},
		"group_by=consultant&direction=outbound":            {1, 1},
		"group_by=consultant&project=7":                     {2, 2},
		"account=acme":                                      {25, 0},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			r := getReport(t, b, query)
			require.Len(t, r.Groups, int(want[0]))
			require.Equal(t, want[1], r.Total.Inbound.Calls+r.Total.Outbound.Calls+r.Total.UnknownDirection.Calls)
			var sum int64
			for _, g := range r.Groups {
				sum += g.Inbound.Calls + g.Outbound.Calls + g.UnknownDirection.Calls
			}
			require.Equal(t, want[1], sum)
			parts := strings.Contains(query, "consultant")
			require.Equal(t, map[bool]string{true: stats.UnitPart, false: stats.UnitCall}[parts], r.Unit)
		})
	}
}

func TestStatisticsNameProjectsAndConsultants(t *testing.T) {
	t.Parallel()
	b := setupStats(t)
	r := getReport(t, b, "group_by=project")
	require.Nil(t, r.Interval)
	require.Equal(t, stats.ProjectName{}, *r.Groups[0].Project, "without a project")
	require.Equal(t, stats.ProjectName{ID: new("7"), Name: new("=Project 7")}, *r.Groups[1].Project)
	require.Equal(t, stats.ProjectName{ID: new("10"), Name: new("=Project 10")}, *r.Groups[2].Project, "10 comes after 7")
	require.Nil(t, r.Groups[0].Interval)

	r = getReport(t, b, "group_by=consultant")
	require.Equal(t, stats.ConsultantName{ID: new("11"), Username: new("AKowalska"), Name: new("Anna 5")},
		*r.Groups[0].Consultant, "by the name that was told last, in whatever time")
	require.Equal(t, stats.ConsultantName{Username: new("bob")}, *r.Groups[1].Consultant)
	anna := r.Groups[0].Inbound
	require.EqualValues(t, 2, anna.Offered)
	require.EqualValues(t, 1, anna.Answered)
	require.EqualValues(t, 3000, *anna.AverageAnswerMS, "how fast she picks up")
}

func TestStatisticsAsCSV(t *testing.T) {
	t.Parallel()
	b := setupStats(t)
	got := b.get(t, "/v1/stats?group_by=project&format=csv")
	require.Equal(t, 200, got.status)
	require.Equal(t, "text/csv; charset=utf-8; header=present", got.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="webhookd-statistics-2026-10-25T0000.csv"`, got.header.Get("Content-Disposition"))
	rows, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 4)
	cell := func(row int, name string) string {
		for i, column := range rows[0] {
			if column == name {
				return rows[row][i]
			}
		}
		require.Fail(t, "no column", name)
		return ""
	}
	require.Empty(t, cell(1, "project_id"))
	require.Equal(t, "7", cell(2, "project_id"))
	require.Equal(t, "'=Project 7", cell(2, "project_name"), "no formula")
	require.Equal(t, "2", cell(2, "inbound_offered"))
	require.Equal(t, "1", cell(2, "inbound_service_level"))
	require.Equal(t, "0", cell(2, "outbound_calls"))
	require.Empty(t, cell(2, "outbound_answer_rate"))
	require.Equal(t, "1", cell(3, "outbound_hangup_by_consultant"))
	require.Empty(t, cell(3, "from"))

	rows, err = csv.NewReader(strings.NewReader(string(b.get(t, "/v1/stats?format=csv").body))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 26)
	require.Equal(t, "2026-10-25T02:00:00+02:00", cell(3, "from"))
	require.Equal(t, "2026-10-25T02:00:00+01:00", cell(3, "to"))
	// Every figure of the JSON has its column.
	text, err := json.Marshal(stats.Figures{})
	require.NoError(t, err)
	var figures map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &figures))
	for direction, of := range figures {
		for name, value := range of {
			if inner, nested := value.(map[string]any); nested {
				for key := range inner {
					require.Contains(t, rows[0], direction+"_"+name+"_"+key)
				}
				continue
			}
			require.Contains(t, rows[0], direction+"_"+name)
		}
	}
}

func TestQuestionsAboutStatisticsThatAreNotClear(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for query, parameter := range map[string]string{
		"interval=minute":                            "interval",
		"interval=day&group_by=project":              "interval",
		"from=2020-01-01&interval=15min":             "interval",
		"from=1970-01-03&to=9999-12-31&interval=day": "interval",
		"group_by=number":                            "group_by",
		"direction=in":                               "direction",
		"time_zone=Warsaw":                           "time_zone",
		"time_zone=Local":                            "time_zone",
		"time_zone=../../etc/passwd":                 "time_zone",

		"time_zone=Africa/Monrovia&from=1971-01-01&to=1971-01-02": "time_zone",

		"answer_within=-1":                  "answer_within",
		"answer_within=1500ms":              "answer_within",
		"answer_within=90000":               "answer_within",
		"answer_within=9999999999999999999": "answer_within",
		"abandon_after=soon":                "abandon_after",
		"from=yesterday":                    "from",
		"to=2026-02-30":                     "to",
		"from=1970-01-01":                   "from",
		"from=2026-01-02&to=2026-01-01":     "from",
		"from=9999-01-01":                   "from",
		"format=xml":                        "format",
		"account=a.b":                       "account",
		"limit=5":                           "limit",
		"project=":                          "project",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			got := b.get(t, "/v1/stats?"+query)
			var p problem
			require.NoError(t, json.Unmarshal(got.body, &p))
			require.Equal(t, 400, got.status)
			require.Equal(t, parameter, p.Parameter)
			requireProblem(t, got, 400, p.Code)
		})
	}
}

func TestStatisticsAreGuardedLikeOtherReads(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	b := setup(t, func(cfg *httpapi.Config) {
		cfg.Reader, cfg.WebhookSecrets, cfg.GuardReads = db, []string{"the-secret"}, true
	})
	requireProblem(t, b.get(t, "/v1/stats"), 401, "unauthorized")
	require.Equal(t, http.StatusOK, b.get(t, "/v1/stats", "X-Webhook-Secret", "the-secret").status)
	require.Equal(t, http.StatusOK, b.do(t, http.MethodHead, "/v1/stats", nil, "X-Webhook-Secret", "the-secret").status)
}
