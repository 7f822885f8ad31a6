package simulate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/replay"
	"webhookd/internal/replay/simulate"
)

// door is a server that keeps what it got and answers as it is told; the default is "accepted".
type door struct {
	*httptest.Server

	mu       sync.Mutex
	requests []request
	answer   func(n int, w http.ResponseWriter, r request)
}

type request struct {
	path, body, event, dialog string
	header                    http.Header
}

func newDoor(t *testing.T, answer func(n int, w http.ResponseWriter, r request)) *door {
	t.Helper()
	d := &door{answer: answer}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var told struct {
			Event  string `json:"event_name"`
			Dialog string `json:"dialog_uuid"`
		}
		_ = json.Unmarshal(body, &told)
		got := request{r.URL.Path, string(body), told.Event, told.Dialog, r.Header.Clone()}
		d.mu.Lock()
		d.requests = append(d.requests, got)
		n := len(d.requests)
		d.mu.Unlock()
		if d.answer != nil {
			d.answer(n, w, got)
			return
		}
		_, _ = io.WriteString(w, `{"status":"accepted"}`)
	}))
	t.Cleanup(d.Close)
	return d
}

// options are what every test sends; seconds of the PBX pass in fractions of a millisecond.
func options(t *testing.T, d *door) simulate.Options {
	t.Helper()
	return simulate.Options{
		Generator: generator(t, simulate.DefaultMix, 1, 1), URLs: []string{d.URL}, Calls: 300, Speed: replay.Max,
		Connections: 4, Open: 20, Timeout: 20 * time.Second, Retry: simulate.Retry{First: 100 * time.Millisecond},
	}
}

func run(t *testing.T, o simulate.Options) simulate.Result {
	t.Helper()
	s, err := simulate.New(t.Context(), o)
	require.NoError(t, err)
	result, err := s.Run(t.Context())
	require.NoError(t, err)
	return result
}

func TestWithoutFaultsEveryWebhookArrivesOnceAndInOrder(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	o := options(t, d)
	o.Header, o.Secret = "X-Hook", "s3cret"
	result := run(t, o)
	want := map[string][]string{} // by dialog
	total := 0
	for i := range o.Calls {
		var call simulate.Call
		o.Generator.Call(&call, i)
		for n := range call.Len() {
			var told struct {
				Dialog string `json:"dialog_uuid"`
			}
			require.NoError(t, json.Unmarshal(call.AppendBody(nil, n), &told))
			want[told.Dialog] = append(want[told.Dialog], call.Event(n))
			total++
		}
	}
	got := map[string][]string{}
	for _, r := range d.requests {
		got[r.dialog] = append(got[r.dialog], r.event)
		require.Equal(t, "/v1/webhooks", r.path)
		require.Equal(t, "s3cret", r.header.Get("X-Hook"))
		require.Equal(t, "application/json", r.header.Get("Content-Type"))
	}
	for _, events := range [2]map[string][]string{want, got} {
		events[""] = nil // other families, of which several connections send
	}
	assert.Equal(t, want, got)
	assert.EqualValues(t, total, result.Requests)
	assert.EqualValues(t, total, result.Accepted)
	assert.EqualValues(t, total, result.Answers)
	assert.EqualValues(t, o.Calls, result.Finished)
	assert.Zero(t, result.GivenUp)
}

func TestFaultsComeAboutAsOftenAsAsked(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	o := options(t, d)
	o.Calls, o.Faults = 800, simulate.Faults{Loss: 0.05, Duplicates: 0.04, Reorder: 0.06}
	o.Retry.First = time.Millisecond
	result := run(t, o)
	events := float64(result.Happened)
	assert.InEpsilon(t, 0.05*events, result.Lost, 0.2)
	assert.InEpsilon(t, 0.06*(events-float64(o.Calls)), result.Late, 0.2, "nothing can overtake the last webhook of a call")
	counts, creates := map[string]int{}, 0
	for _, r := range d.requests {
		counts[r.body]++
		if r.event == "dialog_create" {
			creates++
			require.Equal(t, 1, counts[r.body], "dialog_create is never sent again")
		}
	}
	assert.InEpsilon(t, 0.04*float64(len(d.requests)-creates), result.Unheard, 0.25)
	assert.EqualValues(t, result.Happened, len(counts)+int(result.Forgotten), "what was not forgotten arrived")
	assert.Zero(t, result.GivenUp)

	again := run(t, o)
	assert.Equal(t, [4]int64{result.Lost, result.Late, result.Forgotten, result.Unheard},
		[4]int64{again.Lost, again.Late, again.Forgotten, again.Unheard}, "the seed decides the faults too")
}

func TestAWebhookThatIsOvertakenComesAfterTheNextOne(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	o := options(t, d)
	o.Calls, o.Connections, o.Open, o.Faults.Reorder = 1, 1, 1, 1
	run(t, o)
	var call simulate.Call
	o.Generator.Call(&call, 0)
	require.Greater(t, call.Len(), 2)
	require.Len(t, d.requests, call.Len())
	assert.Equal(t, call.Event(1), d.requests[0].event)
	assert.Equal(t, call.Event(0), d.requests[1].event)
}

func TestWhatWasNotTakenIsSentAgainButNotForEver(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(_ int, w http.ResponseWriter, _ request) { w.WriteHeader(http.StatusServiceUnavailable) })
	o := options(t, d)
	o.Calls, o.Retry.First = 20, 10*time.Millisecond
	result := run(t, o)
	tries := map[string]int{}
	for _, r := range d.requests {
		tries[r.body]++
	}
	for _, r := range d.requests {
		want := 3
		if r.event == "dialog_create" {
			want = 1
		}
		require.Equal(t, want, tries[r.body], r.event)
	}
	assert.Equal(t, result.Happened, result.GivenUp)
	assert.Equal(t, map[string]int64{"503": int64(len(d.requests))}, result.Statuses)
}

func TestWhatOneInstanceDoesNotTakeGoesToTheNext(t *testing.T) {
	t.Parallel()
	bad := newDoor(t, func(_ int, w http.ResponseWriter, _ request) { w.WriteHeader(http.StatusServiceUnavailable) })
	good := newDoor(t, nil)
	o := options(t, bad)
	o.URLs, o.Retry.Create, o.Retry.First = append(o.URLs, good.URL), true, time.Millisecond
	result := run(t, o)
	assert.Zero(t, result.GivenUp)
	assert.Equal(t, result.Happened, result.Accepted)
	assert.NotEmpty(t, bad.requests)
	assert.Len(t, good.requests, int(result.Happened))
}

func TestTheLogTellsEveryRequest(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(n int, w http.ResponseWriter, _ request) {
		if n%5 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"status":"accepted"}`)
	})
	o := options(t, d)
	mix, err := simulate.ParseMix("inbound=1,other=1")
	require.NoError(t, err)
	o.Generator = simulate.NewGenerator(simulate.Plan{Mix: mix, Accounts: 3})
	assert.Equal(t, []string{"sim01", "sim02", "sim03"}, o.Generator.Accounts())
	var log bytes.Buffer
	o.Log = &log
	begun := time.Now().Add(-time.Second)
	run(t, o)
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	require.Equal(t, simulate.LogHeader, lines[0])
	require.Len(t, lines[1:], len(d.requests))
	type sent struct {
		account string
		sum     [32]byte
		event   string
	}
	want, got := map[sent]int{}, map[sent]int{}
	for _, r := range d.requests {
		want[sent{strings.TrimPrefix(r.path, "/v1/webhooks/"), sha256.Sum256([]byte(r.body)), r.event}]++
	}
	refused := 0
	for _, line := range lines[1:] {
		l, err := simulate.ParseLogged(line)
		require.NoError(t, err)
		got[sent{l.Account, l.SHA256, l.Event}]++
		require.False(t, l.Sent.Before(begun) || l.Answered.Before(l.Sent))
		if l.Status == http.StatusServiceUnavailable {
			refused++
		} else {
			require.Equal(t, http.StatusOK, l.Status)
		}
	}
	assert.Equal(t, want, got)
	assert.Equal(t, len(d.requests)/5, refused)
	for _, line := range []string{"", "-\tx\t200\t1\t1\t1\te", "-\t" + strings.Repeat("00", 32) + "\tx\t1\t1\t1\te"} {
		_, err := simulate.ParseLogged(line)
		require.Error(t, err)
	}
}

func TestARateIsHeld(t *testing.T) {
	t.Parallel()
	for name, speed := range map[string]replay.Speed{"calls without waits": replay.Max, "calls that take their time": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, nil)
			o := options(t, d)
			o.Calls, o.Duration, o.Rate, o.Speed = 0, 2*time.Second, 200, speed
			result := run(t, o)
			assert.Equal(t, result.Calls, result.Finished)
			assert.Equal(t, 2*time.Second, result.Window)
			// A machine that is busy sends less; more than was asked is never sent.
			assert.Less(t, result.Throughput, 250.0)
			assert.Greater(t, result.Throughput, 20.0)
			require.NotNil(t, result.Behind)
		})
	}
}

func TestNothingIsDatedInTheFuture(t *testing.T) {
	t.Parallel()
	for _, speed := range []replay.Speed{replay.Max, 1000} {
		d := newDoor(t, nil)
		o := options(t, d)
		o.Calls, o.Speed, o.Rate = 30, speed, 500
		run(t, o)
		for _, r := range d.requests {
			var told struct {
				At string `json:"event_time"`
			}
			require.NoError(t, json.Unmarshal([]byte(r.body), &told))
			at, err := time.Parse(time.DateTime, told.At)
			require.NoError(t, err)
			require.False(t, at.After(time.Now()), "%s", at)
			require.Less(t, time.Since(at), time.Hour)
		}
	}
}

func TestAnEndThatIsAskedForComesAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d := newDoor(t, func(n int, w http.ResponseWriter, _ request) {
		if n == 50 {
			cancel()
		}
		_, _ = io.WriteString(w, `{"status":"accepted"}`)
	})
	o := options(t, d)
	o.Calls = 1_000_000
	s, err := simulate.New(ctx, o)
	require.NoError(t, err)
	result, err := s.Run(ctx)
	require.NoError(t, err)
	assert.Positive(t, result.Left)
	assert.Less(t, result.Requests, int64(10_000))
}

func TestCallsThatGoOnTooLongAreCutOff(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	o := options(t, d)
	o.Calls, o.Duration, o.Finish, o.Speed, o.Rate = 0, 200*time.Millisecond, 100*time.Millisecond, 1, 1000
	result := run(t, o)
	assert.Positive(t, result.Left)
	assert.Less(t, result.Took, 10*time.Second)
}

func TestAConnectionThatTheServiceClosedIsMadeAnew(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(n int, w http.ResponseWriter, _ request) {
		if n%7 == 0 {
			w.Header().Set("Connection", "close")
		}
		_, _ = io.WriteString(w, `{"status":"accepted"}`)
	})
	result := run(t, options(t, d))
	assert.Equal(t, result.Happened, result.Accepted)
	assert.Len(t, result.Statuses, 1)
}

func TestStrangersAreLeftAlone(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for _, url := range []string{"http://192.0.2.1:8080", "https://[2001:db8::1]", "http://8.8.8.8"} {
		o := options(t, d)
		o.URLs = []string{url}
		_, err := simulate.New(t.Context(), o)
		require.ErrorIs(t, err, simulate.ErrStranger, url)
		o.Strangers = true
		_, err = simulate.New(t.Context(), o)
		require.NoError(t, err, url)
	}
	for _, url := range []string{"http://localhost:1", "http://10.1.2.3", "http://[::1]:1", "http://192.168.0.4", "https://[fd00::1]"} {
		o := options(t, d)
		o.URLs = []string{url}
		_, err := simulate.New(t.Context(), o)
		require.NoError(t, err, url)
	}
}

func TestARunThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	for problem, spoil := range map[string]func(*simulate.Options){
		"one of them must be said": func(o *simulate.Options) { o.Calls = 0 },
		"need a rate":              func(o *simulate.Options) { o.Speed = 10 },
		"no URL":                   func(o *simulate.Options) { o.URLs = nil },
		"is no URL":                func(o *simulate.Options) { o.URLs = []string{"ftp://x"} },
		"no line breaks":           func(o *simulate.Options) { o.Header, o.Secret = "X-A", "a\r\nX-B: c" },
	} {
		o := options(t, d)
		spoil(&o)
		_, err := simulate.New(t.Context(), o)
		require.ErrorContains(t, err, problem)
	}
}

func TestNobodyThereAndNotLetInEndTheRun(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	locked := newDoor(t, func(_ int, w http.ResponseWriter, _ request) { w.WriteHeader(http.StatusUnauthorized) })
	for url, want := range map[string]error{"http://" + ln.Addr().String(): replay.ErrUnreachable, locked.URL: replay.ErrNotAllowed} {
		o := options(t, locked)
		o.URLs = []string{url}
		s, err := simulate.New(t.Context(), o)
		require.NoError(t, err)
		_, err = s.Run(t.Context())
		require.ErrorIs(t, err, want)
	}
}

func TestFiguresAreShownToPeopleAndPrograms(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	o := options(t, d)
	o.Faults = simulate.Faults{Loss: 0.1, Duplicates: 0.1, Reorder: 0.1}
	result := run(t, o)
	text := result.String()
	for _, want := range []string{"calls       300 begun, 300 finished\n", "200: ", "lost on the way", "answers/s over", "p99.9", "--seed 1 --run 1"} {
		assert.Contains(t, text, want)
	}
	assert.Contains(t, result.Line(simulate.Result{}), "300 calls begun")
	data, err := json.Marshal(result)
	require.NoError(t, err)
	var back simulate.Result
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, result, back)
}
