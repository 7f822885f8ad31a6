package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/replay/simulate"
)

// readFigures are those of one kind of question.
type readFigures struct {
	Kind     string      `json:"kind"`
	Stored   int         `json:"stored_calls"`
	Requests int64       `json:"requests"`
	Answer   percentiles `json:"answer_ms"`
	Found    float64     `json:"calls_in_answer"` // on average
	Failed   string      `json:"failed,omitempty"`
}

// known are what questions can be asked about: a sample of what is stored.
type known struct {
	numbers, consultants, projects, calls []string
	first, last                           time.Time
}

// question makes the path of a request.
type question struct {
	kind  string
	path  func(k *known, dice *rand.Rand) string
	pages int // further pages to ask for; then only those count
}

func one(list []string, dice *rand.Rand) string { return list[dice.IntN(len(list))] }

// some is a filter with a value that is drawn.
func some(parameter string, list func(*known) []string, further string) func(*known, *rand.Rand) string {
	return func(k *known, dice *rand.Rand) string {
		return "/v1/calls?" + parameter + "=" + url.QueryEscape(one(list(k), dice)) + further
	}
}

func fixed(path string) func(*known, *rand.Rand) string {
	return func(*known, *rand.Rand) string { return path }
}

// between asks for the calls of a stretch of time, which begins anywhere.
func between(length time.Duration, further string) func(*known, *rand.Rand) string {
	return func(k *known, dice *rand.Rand) string {
		from := k.first.Add(time.Duration(dice.Int64N(max(1, int64(k.last.Sub(k.first)-length)))))
		return "/v1/calls?from=" + url.QueryEscape(from.UTC().Format(time.RFC3339)) +
			"&to=" + url.QueryEscape(from.Add(length).UTC().Format(time.RFC3339)) + further
	}
}

func numbersOf(k *known) []string     { return k.numbers }
func consultantsOf(k *known) []string { return k.consultants }
func projectsOf(k *known) []string    { return k.projects }

var questions = []question{
	{kind: oneCall, path: func(k *known, dice *rand.Rand) string { return "/v1/calls/" + one(k.calls, dice) }},
	{kind: "newest", path: fixed("/v1/calls")},
	{kind: "newest, pages 2 to 11", path: fixed("/v1/calls"), pages: 10},
	{kind: "number", path: some("number", numbersOf, "")},
	{kind: "consultant", path: some("consultant", consultantsOf, "")},
	{kind: "consultant, pages 2 to 6", path: some("consultant", consultantsOf, ""), pages: 5},
	{kind: "project", path: some("project", projectsOf, "")},
	{kind: "project, pages 2 to 11", path: some("project", projectsOf, ""), pages: 10},
	{kind: "missed", path: fixed("/v1/calls?missed=true")},
	{kind: "state=open", path: fixed("/v1/calls?state=open")},
	{kind: "state=talking", path: fixed("/v1/calls?state=talking")},
	{kind: "state=ended", path: fixed("/v1/calls?state=ended")},
	{kind: "an hour", path: between(time.Hour, "")},
	{kind: "a day", path: between(day, "")},
	{kind: "a day, pages 2 to 11", path: between(day, ""), pages: 10},
	{kind: "project, missed", path: some("project", projectsOf, "&missed=true")},
	{kind: "consultant, a day", path: func(k *known, dice *rand.Rand) string {
		return between(day, "&consultant="+url.QueryEscape(one(k.consultants, dice)))(k, dice)
	}},
	{kind: "disposition=busy", path: fixed("/v1/calls?disposition=busy")},
}

const (
	day     = 24 * time.Hour
	oneCall = "one call"
)

// read asks webhookd for calls, at rest otherwise.
func (b *bench) read(ctx context.Context, into *result, schema string, stored int) (err error) {
	s, err := b.openPostgres(ctx, schema)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	k, err := sample(ctx, s.books)
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: startPatience, Transport: &http.Transport{MaxIdleConnsPerHost: b.plan.readers, DisableCompression: true},
	}
	defer client.CloseIdleConnections()
	asking := &asker{client: client, base: s.service.url, known: k, times: b.plan.readsOfKind, readers: b.plan.readers}
	for _, q := range questions {
		f, err := asking.figures(ctx, q)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.Kind, f.Stored = q.kind, stored
		if err != nil {
			f.Failed = err.Error()
			into.fail(fmt.Errorf("read %s: %w", q.kind, err))
		}
		b.log.Info("read", "kind", f.Kind, "requests", f.Requests, "found", f.Found, "p50_ms", f.Answer.P50,
			"p99_ms", f.Answer.P99)
		into.Reads = append(into.Reads, f)
	}
	return nil
}

// sample draws what can be asked about.
func sample(ctx context.Context, kept *books) (*known, error) {
	k := &known{}
	for _, list := range []struct {
		into  *[]string
		query string
	}{
		{&k.calls, `select call_uuid from calls tablesample bernoulli (1) where merged_into is null limit 2000`},
		{&k.numbers, `select distinct substr(key, 8) from call_keys tablesample bernoulli (1)
where key like 'number:48%' limit 2000`},
		{&k.consultants, `select distinct substr(key, 12) from call_keys tablesample bernoulli (1)
where key like 'consultant:%'`},
		{&k.projects, `select distinct substr(key, 9) from call_keys tablesample bernoulli (1) where key like 'project:%'`},
	} {
		rows, err := kept.db.QueryContext(ctx, list.query)
		if err != nil {
			return nil, fmt.Errorf("sample calls: %w", err)
		}
		if *list.into, err = column(rows); err != nil {
			return nil, fmt.Errorf("sample calls: %w", err)
		}
		if len(*list.into) == 0 {
			return nil, errors.New("sample calls: there are none")
		}
	}
	err := kept.db.QueryRowContext(ctx, `select min(started_at), max(started_at) from calls`).Scan(&k.first, &k.last)
	if err != nil {
		return nil, fmt.Errorf("sample calls: %w", err)
	}
	return k, nil
}

// asker asks questions over and over.
type asker struct {
	client         *http.Client
	base           string
	known          *known
	times, readers int
}

// figures asks one kind of question as often as is asked for, a few at a time, after a few that do not count.
func (a *asker) figures(ctx context.Context, q question) (readFigures, error) {
	const warm = 5
	var (
		took  simulate.Histogram
		found = make([]int64, a.readers)
	)
	group, ctx := errgroup.WithContext(ctx)
	for reader := range a.readers {
		group.Go(func() error {
			dice := rand.New(rand.NewPCG(1, uint64(reader))) //nolint:gosec // nothing here is secret
			for n := -warm; n*a.readers < a.times; {
				answers, err := a.walk(ctx, q, dice)
				if err != nil {
					return err
				}
				for _, answer := range answers {
					if n >= 0 {
						took.Add(answer.took)
						found[reader] += int64(answer.calls)
					}
					n++
				}
				if len(answers) == 0 { // there is no later page: the calls of this one are few
					n++
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return readFigures{}, err
	}
	f := readFigures{Requests: int64(took.Count()), Answer: inMS(took.Percentiles())} //nolint:gosec // no such large number
	for _, n := range found {
		f.Found += float64(n) / float64(max(1, f.Requests))
	}
	return f, nil
}

// answer is what came of one request.
type answer struct {
	took  time.Duration
	calls int
	next  string
}

// walk asks a question and gives what counts of it: the one answer, or those of the later pages.
func (a *asker) walk(ctx context.Context, q question, dice *rand.Rand) ([]answer, error) {
	path := q.path(a.known, dice)
	first, err := a.get(ctx, path)
	if err != nil || q.pages == 0 {
		return []answer{first}, err
	}
	var later []answer
	for next := first.next; next != "" && len(later) < q.pages; {
		page, err := a.get(ctx, path+separator(path)+"cursor="+url.QueryEscape(next))
		if err != nil {
			return nil, err
		}
		later = append(later, page)
		next = page.next
	}
	return later, nil
}

func separator(path string) string {
	if parsed, err := url.Parse(path); err == nil && parsed.RawQuery == "" {
		return "?"
	}
	return "&"
}

// get makes one request. The clock stops when the whole answer is there.
func (a *asker) get(ctx context.Context, path string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	start := time.Now()
	response, err := a.client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("get: %w", err)
	}
	body, err := io.ReadAll(response.Body)
	got := answer{took: time.Since(start), calls: 1}
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, fmt.Errorf("get: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("get %s: %s: %.200s", path, response.Status, body)
	}
	var page struct {
		Calls []json.RawMessage `json:"calls"`
		Next  string            `json:"next_cursor"`
		UUID  string            `json:"call_uuid"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return answer{}, fmt.Errorf("read answer of %s: %w", path, err)
	}
	if page.UUID == "" {
		got.calls, got.next = len(page.Calls), page.Next
	}
	return got, nil
}
