package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/replay"
)

// Options say what to send, where, and how fast.
type Options struct {
	Generator *Generator
	// URLs are where the service is, each as http://127.0.0.1:8080. With several, connections are spread over them, and
	// a webhook that nobody took goes to the next one when it is sent again.
	URLs []string
	// Strangers allows URLs beyond this machine and private networks.
	Strangers bool
	// Header and Secret are sent with every request, unless Secret is "".
	Header, Secret string

	// Calls is how many calls to send, 0 for no bound; Duration is for how long to begin calls, 0 for no bound. One of
	// them must be given. What has begun by then is finished within Finish (0: 30 s).
	Calls            int
	Duration, Finish time.Duration
	// Warmup is left out of the figures at the beginning.
	Warmup time.Duration
	// Rate is how many webhooks to send in a second; 0 is as many as get answered.
	Rate float64
	// Speed is how much faster than real calls go on. replay.Max does not wait between the webhooks of a call: then the
	// rate is met at once and exactly. Otherwise calls begin at such a rate that, once as many are under way as usual,
	// their webhooks come at Rate.
	Speed replay.Speed
	// Connections is how many requests may be under way at once. The webhooks of one call go over one connection.
	Connections int
	// Open is how many calls are under way at once, if the speed is replay.Max; at least one for each connection.
	Open int
	// Timeout is how long an answer may take.
	Timeout time.Duration
	Faults  Faults
	Retry   Retry
	// Log, if not nil, gets a line for every request (see LogHeader).
	Log io.Writer
}

// Defaults of Options, and what a speed of replay.Max compresses waiting times by.
const (
	defaultFinish  = 30 * time.Second
	defaultTimeout = 30 * time.Second
	maxCompressed  = 100
)

// never is later than everything, and leaves room for adding to it.
const never time.Duration = 1 << 62

// Simulator sends made-up calls. It is used for one run.
type Simulator struct {
	Options

	seed    uint64
	targets []*target
	log     journal
	stats   stats

	start    time.Time
	calls    atomic.Int64 // how many have begun
	tickets  atomic.Int64 // how many webhooks were given a time to be sent
	perCall  float64      // webhooks of a call, on average
	answered atomic.Bool  // the service has answered something, so it is there
}

// New makes a Simulator. It returns ErrStranger for a URL that is not ours, and errors that say what else is wrong with
// the options.
func New(ctx context.Context, options Options) (*Simulator, error) {
	s := &Simulator{Options: options, seed: options.Generator.plan.Seed, log: journal{out: options.Log}}
	switch {
	case s.Calls <= 0 && s.Duration <= 0:
		return nil, errors.New("how many calls, or for how long? one of them must be said")
	case s.Rate <= 0 && s.Speed != replay.Max:
		return nil, errors.New("calls that take their time need a rate")
	case len(s.URLs) == 0:
		return nil, errors.New("no URL to send to")
	}
	s.Connections = max(s.Connections, 1)
	s.Open = max(s.Open, s.Connections)
	for _, part := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&s.Finish, defaultFinish}, {&s.Timeout, defaultTimeout}, {&s.Retry.First, pbxFirst}} {
		if *part.value <= 0 {
			*part.value = part.fallback
		}
	}
	if s.Retry.Tries <= 0 {
		s.Retry.Tries = pbxTries
	}
	for _, base := range s.URLs {
		t, err := newTarget(ctx, base, &s.Options)
		if err != nil {
			return nil, err
		}
		s.targets = append(s.targets, t)
	}
	s.perCall, _ = s.Generator.Mean()
	return s, nil
}

// Run sends until everything is sent, the time is over, or ctx is done, which is no error. It returns
// replay.ErrUnreachable when nothing listens at any of the URLs, replay.ErrNotAllowed when the service does not let us
// in, and the error of a log that cannot be written. What became of single webhooks is in the Result.
func (s *Simulator) Run(ctx context.Context) (Result, error) {
	if s.Log != nil {
		s.log.write([]byte(LogHeader + "\n"))
	}
	s.start = time.Now()
	s.stats.begin(s.start, s.Warmup, s.Duration)
	group, working := errgroup.WithContext(ctx)
	for i := range s.Connections {
		w := newWorker(s, i)
		group.Go(func() error { return w.run(working) })
	}
	err := group.Wait()
	s.stats.end()
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = s.log.failed()
	}
	if err != nil {
		err = fmt.Errorf("simulate: %w", err)
	}
	return s.Result(), err
}

// compress turns a time of calls into one of the clock.
func (s *Simulator) compress(d time.Duration) time.Duration {
	speed := float64(s.Speed)
	if s.Speed == replay.Max {
		speed = maxCompressed
	}
	return time.Duration(float64(d) / speed)
}

// mayBegin takes the number of the next call, if there is to be one.
func (s *Simulator) mayBegin(now time.Duration) (number int, ok bool) {
	if s.Duration > 0 && now >= s.Duration {
		return 0, false
	}
	if s.Calls > 0 && s.calls.Load() >= int64(s.Calls) { // so that the count does not run on
		return 0, false
	}
	number = int(s.calls.Add(1)) - 1
	return number, s.Calls <= 0 || number < s.Calls
}

// givesUp is when what has begun is left as it is.
func (s *Simulator) givesUp() time.Duration {
	if s.Duration <= 0 {
		return never
	}
	return s.Duration + s.Finish
}

// unreachable says whether an error means that there is no service, and never was.
func (s *Simulator) unreachable(err error) bool {
	var op *net.OpError
	return !s.answered.Load() && len(s.targets) == 1 && errors.As(err, &op) && op.Op == "dial"
}
