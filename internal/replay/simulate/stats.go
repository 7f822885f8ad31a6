package simulate

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What webhookd says of a webhook that it took.
const (
	saidAccepted  = "accepted"
	saidDuplicate = "duplicate"
	saidIgnored   = "ignored"
)

// stats counts what happens in a run. Throughput and latency are those of the window between the warm-up and the end of
// the duration; everything else is of the whole run.
type stats struct {
	from, to time.Duration // the window, since the start; to is 0 if it ends with the run
	start    time.Time
	took     atomic.Int64 // nanoseconds, set at the end

	latency, lag Histogram
	inWindow     atomic.Int64 // answers that count
	lastInWindow atomic.Int64 // when the last one came, nanoseconds since the start

	statuses [600]atomic.Int64 // by status; 0 is no answer
	accepted, spooled, duplicate, ignored,
	begun, happened, late, lost, forgotten, unheard, givenUp, finished, left, pending atomic.Int64

	mu     sync.Mutex
	others map[string]int64 // other words that the service said
}

func (s *stats) begin(start time.Time, warmup, duration time.Duration) {
	s.start, s.from, s.to = start, warmup, duration
}

func (s *stats) end() { s.took.Store(int64(time.Since(s.start))) }

func (s *stats) counts(at time.Duration) bool { return at >= s.from && (s.to == 0 || at < s.to) }

// behind counts how much later than planned a webhook was sent.
func (s *stats) behind(at, lag time.Duration) {
	if s.counts(at) {
		s.lag.Add(lag)
	}
}

// answer counts an answer that came at a time since the start.
func (s *stats) answer(at, took time.Duration, got answer) {
	status := got.status
	if status < 0 || status >= len(s.statuses) {
		status = len(s.statuses) - 1
	}
	s.statuses[status].Add(1)
	if status == 0 {
		return
	}
	if status >= http.StatusOK && status < http.StatusMultipleChoices {
		switch got.said {
		case saidAccepted:
			s.accepted.Add(1)
			if got.spooled {
				s.spooled.Add(1)
			}
		case saidDuplicate:
			s.duplicate.Add(1)
		case saidIgnored:
			s.ignored.Add(1)
		default:
			s.mu.Lock()
			if s.others == nil {
				s.others = map[string]int64{}
			}
			s.others[got.said]++
			s.mu.Unlock()
		}
	}
	if s.counts(at) {
		s.latency.Add(took)
		s.inWindow.Add(1)
		s.lastInWindow.Store(int64(at))
	}
}

// Result is what a run has done, so far or in all. Durations are in nanoseconds.
type Result struct {
	Seed uint64 `json:"seed"`
	Run  uint64 `json:"run"`

	Took       time.Duration    `json:"took_ns"`
	Calls      int64            `json:"calls_begun"`
	Finished   int64            `json:"calls_finished"`
	Left       int64            `json:"calls_left"` // begun, and cut off by the end of the run
	Happened   int64            `json:"webhooks"`   // that the PBX would have sent
	Requests   int64            `json:"requests"`   // that were sent
	Statuses   map[string]int64 `json:"statuses"`   // by status of the answer; "0" is no answer
	Accepted   int64            `json:"accepted"`
	Spooled    int64            `json:"spooled"` // of those accepted: while the database was away
	Duplicate  int64            `json:"duplicate"`
	Ignored    int64            `json:"ignored"`
	OtherWords map[string]int64 `json:"other_words,omitempty"`

	Lost      int64 `json:"lost_on_the_way"` // tries that never arrived, by Faults
	Forgotten int64 `json:"lost_for_good"`   // webhooks of which no try arrived, by Faults
	Unheard   int64 `json:"sent_again"`      // taken, and sent again all the same, by Faults
	Late      int64 `json:"overtaken"`       // by Faults
	GivenUp   int64 `json:"given_up"`        // webhooks that the service did not take in any try
	Pending   int64 `json:"not_sent_again"`  // tries that the end of the run cut off

	// Of the window: without the warm-up, and without the time after the duration.
	Answers    int64         `json:"answers"`
	Window     time.Duration `json:"window_ns"`
	Throughput float64       `json:"answers_per_second"`
	Latency    Percentiles   `json:"latency"`
	// Behind is how much later than planned webhooks were sent; large values mean that the rate was not held.
	Behind *Percentiles `json:"behind_schedule,omitempty"`
}

// Result gives the figures; it may be asked while the run goes on.
func (s *Simulator) Result() Result {
	t := &s.stats
	r := Result{
		Seed: s.Generator.plan.Seed, Run: s.Generator.plan.Run, Took: time.Duration(t.took.Load()),
		Calls: t.begun.Load(), Finished: t.finished.Load(), Left: t.left.Load(), Happened: t.happened.Load(),
		Statuses: map[string]int64{}, Accepted: t.accepted.Load(), Spooled: t.spooled.Load(),
		Duplicate: t.duplicate.Load(), Ignored: t.ignored.Load(),
		Lost: t.lost.Load(), Forgotten: t.forgotten.Load(), Unheard: t.unheard.Load(), Late: t.late.Load(),
		GivenUp: t.givenUp.Load(), Pending: t.pending.Load(),
		Answers: t.inWindow.Load(), Latency: t.latency.Percentiles(),
	}
	if r.Took == 0 {
		r.Took = time.Since(s.start)
	}
	for status := range t.statuses {
		if count := t.statuses[status].Load(); count > 0 {
			r.Statuses[strconv.Itoa(status)] = count
			r.Requests += count
		}
	}
	t.mu.Lock()
	if len(t.others) > 0 {
		r.OtherWords = maps.Clone(t.others)
	}
	t.mu.Unlock()
	r.Window = r.Took - t.from
	if t.to > 0 {
		r.Window = min(r.Took, t.to) - t.from
	}
	if r.Window > 0 {
		r.Throughput = float64(r.Answers) / r.Window.Seconds()
	}
	if t.lag.Count() > 0 {
		lag := t.lag.Percentiles()
		r.Behind = &lag
	}
	return r
}
