package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"webhookd/internal/replay"
	"webhookd/internal/replay/simulate"
)

// simulateFlags are the flags of the simulate command.
type simulateFlags struct {
	sender replayFlags

	urls           []string
	rate           float64
	max, stranger  bool
	calls          int
	duration       time.Duration
	warmup, finish time.Duration
	mix            string
	open, accounts int
	faults         simulate.Faults
	retry          simulate.Retry
	timeout        time.Duration
	seed, run      uint64
	log            string
	json           bool
}

func newSimulate(proc process) *cobra.Command {
	var f simulateFlags
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Send made-up calls to a running webhookd",
		Long: "simulate is a PBX that does not exist: it makes up calls of every kind and posts their webhooks, for\n" +
			"benchmarks, demonstrations and tests. The same --seed gives the same calls; ids are new in every run unless --run\n" +
			"is given too. It goes on for --calls or --duration, whichever is over first (without either, for a minute).\n\n" +
			"With --speed max (the default) the webhooks of a call follow one another at once, in turn with those of --open\n" +
			"other calls, and --rate is met exactly. At 1x or 10x calls take their time, so it takes a few minutes of call\n" +
			"time until as many are under way as --rate stands for.\n\n" +
			"--loss, --duplicates and --reorder are probabilities, and do what a PBX and a network do: what is lost is sent\n" +
			"again after 10 s, then 20 s (at 10x a tenth of that, at max a hundredth), but a dialog_create only once.\n\n" +
			"Without --url it sends to the address that webhookd is set up to listen on, with the first of its secrets. It\n" +
			"refuses addresses that are neither this machine's nor private.",
		Args: cobra.NoArgs,
	}
	set := addConfigFlag(command, proc)
	flags := command.Flags()
	flags.StringArrayVar(&f.urls, "url", nil,
		"`URL` of the service (default: where it is set up to listen); given again, another instance of it")
	flags.BoolVar(&f.stranger, "i-own-this-server", false, "allow a URL that is neither this machine's nor private")
	flags.StringVar(&f.sender.header, "header", "", "`name` of the header for the secret (default: webhook_header)")
	flags.StringVar(&f.sender.secret, "secret", "", "shared `secret` to send")
	flags.Float64Var(&f.rate, "rate", 10, "`webhooks` to send in a second")
	flags.BoolVar(&f.max, "max", false, "as many as get answered, instead of --rate")
	flags.IntVar(&f.calls, "calls", 0, "`number` of calls to send")
	flags.DurationVar(&f.duration, "duration", 0, "`duration` for which new calls are begun, as 30s or 5m")
	flags.DurationVar(&f.finish, "finish", 30*time.Second, "`duration` that calls which have begun may go on for after --duration")
	flags.DurationVar(&f.warmup, "warmup", 0, "`duration` to send for before the figures begin to count")
	flags.StringVar(&f.mix, "mix", simulate.DefaultMix, "`kinds` of calls, and how often each comes in proportion to the others")
	flags.StringVar(&f.sender.speed, "speed", "max", "`speed`: 1x as calls go, 10x ten times faster, max without waiting")
	flags.IntVar(&f.open, "open", 1000, "`number` of calls under way at once, with --speed max")
	flags.IntVar(&f.sender.connections, "connections", 16, "`number` of requests under way at once")
	flags.StringVar(&f.sender.account, "account", "", "`account` of the calls; with --accounts, what the names begin with")
	flags.IntVar(&f.accounts, "accounts", 1, "`number` of accounts that calls are spread over: sim01, sim02, …")
	flags.Float64Var(&f.faults.Loss, "loss", 0, "`probability`, from 0 to 1, that a webhook does not arrive when it is sent")
	flags.Float64Var(&f.faults.Duplicates, "duplicates", 0, "`probability` that a webhook is sent again although it was taken")
	flags.Float64Var(&f.faults.Reorder, "reorder", 0, "`probability` that a webhook is overtaken by the next one of its call")
	flags.IntVar(&f.retry.Tries, "tries", 3, "`number` of times that a webhook is sent at most, until it is taken")
	flags.DurationVar(&f.retry.First, "retry-after", 10*time.Second,
		"`wait` before the second try, in call time; doubled for each further one")
	flags.BoolVar(&f.retry.Create, "retry-create", false, "send dialog_create again too")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "`duration` that an answer may take")
	flags.Uint64Var(&f.seed, "seed", 1, "`number` that decides which calls are made up")
	flags.Uint64Var(&f.run, "run", 0, "`number` that decides their ids, with the seed (default: another one every time)")
	flags.StringVar(&f.log, "log", "", "`file` to write a line to for every request: account, SHA-256, status, times")
	flags.BoolVar(&f.json, "json", false, "print the figures as JSON, for programs")
	flags.SortFlags = false
	command.RunE = func(command *cobra.Command, _ []string) error {
		if f.max && flags.Changed("rate") {
			return &usageError{"--rate and --max exclude each other"}
		}
		options, err := f.options(set)
		if err != nil {
			return err
		}
		return f.simulate(command.Context(), proc, options)
	}
	return command
}

func (f *simulateFlags) options(set *setup) (simulate.Options, error) {
	if len(f.urls) > 0 {
		f.sender.url = f.urls[0]
	}
	sender, err := f.sender.options(set)
	if err != nil {
		return simulate.Options{}, err
	}
	if len(f.urls) == 0 {
		f.urls = []string{sender.URL}
	}
	kinds, err := simulate.ParseMix(f.mix)
	if err != nil {
		return simulate.Options{}, &usageError{"--mix: " + err.Error()}
	}
	if err := f.check(); err != nil {
		return simulate.Options{}, err
	}
	if f.max {
		f.rate = 0
	}
	if f.calls == 0 && f.duration == 0 {
		f.duration = time.Minute
	}
	for f.run == 0 {
		var random [8]byte
		_, _ = rand.Read(random[:]) // it never fails
		f.run = binary.LittleEndian.Uint64(random[:])
	}
	return simulate.Options{
		Generator: simulate.NewGenerator(simulate.Plan{
			Seed: f.seed, Run: f.run, Mix: kinds, Accounts: f.accounts, Account: sender.Account,
		}),
		URLs: f.urls, Strangers: f.stranger, Header: sender.Header, Secret: sender.Secret,
		Calls: f.calls, Duration: f.duration, Finish: f.finish, Warmup: f.warmup,
		Rate: f.rate, Speed: sender.Speed, Connections: sender.Connections, Open: f.open,
		Timeout: f.timeout, Faults: f.faults, Retry: f.retry,
	}, nil
}

// check says what cannot be meant.
func (f *simulateFlags) check() error {
	bad := func(flag string, value any, want string) error {
		return &usageError{fmt.Sprintf("--%s: %v is not %s", flag, value, want)}
	}
	for flag, p := range map[string]float64{
		"loss": f.faults.Loss, "duplicates": f.faults.Duplicates, "reorder": f.faults.Reorder,
	} {
		if !(p >= 0 && p <= 1) {
			return bad(flag, p, "from 0 to 1")
		}
	}
	for _, row := range []struct {
		flag        string
		value       int
		least, most int
	}{
		{"calls", f.calls, 0, 1_000_000_000},
		{"open", f.open, 1, 10_000_000},
		{"accounts", f.accounts, 1, 1000},
		{"tries", f.retry.Tries, 1, 100},
	} {
		if row.value < row.least || row.value > row.most {
			return bad(row.flag, row.value, fmt.Sprintf("from %d to %d", row.least, row.most))
		}
	}
	const longest = 30 * 24 * time.Hour
	for flag, d := range map[string]time.Duration{
		"duration": f.duration, "finish": f.finish, "warmup": f.warmup, "timeout": f.timeout, "retry-after": f.retry.First,
	} {
		if d < 0 || d > longest {
			return bad(flag, d, "from 0 to 30 days")
		}
	}
	if const1M := 1e6; !(f.rate > 0 && f.rate <= const1M) || math.IsNaN(f.rate) {
		return bad("rate", f.rate, "above 0, up to 1000000")
	}
	return nil
}

func (f *simulateFlags) simulate(ctx context.Context, proc process, options simulate.Options) (err error) {
	if f.log != "" {
		file, err := os.Create(f.log)
		if err != nil {
			return &usageError{"--log: " + err.Error()}
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		options.Log = file
	}
	simulator, err := simulate.New(ctx, options)
	switch {
	case errors.Is(err, simulate.ErrStranger):
		return &usageError{"--url: " + err.Error() + "; if the server is yours, say so with --i-own-this-server"}
	case errors.Is(err, replay.ErrUnreachable):
		return err
	case err != nil:
		return &usageError{err.Error()}
	}
	live := newLiveLine(proc, simulator)
	result, err := simulator.Run(ctx)
	live.stop()
	if result.Requests > result.Statuses["0"] || err == nil {
		if told := f.tell(proc.out, result); err == nil {
			err = told
		}
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errors.New("simulate stopped before its end")
	case result.GivenUp > 0:
		return &saidError{}
	}
	return nil
}

func (f *simulateFlags) tell(out io.Writer, result simulate.Result) error {
	var err error
	if f.json {
		err = json.NewEncoder(out).Encode(result)
	} else {
		_, err = io.WriteString(out, result.String())
	}
	if err != nil {
		return fmt.Errorf("print figures: %w", err)
	}
	return nil
}

// liveLine shows how a simulation goes on, if somebody is looking.
type liveLine struct {
	done, stopped chan struct{}
}

func newLiveLine(proc process, simulator *simulate.Simulator) *liveLine {
	l := &liveLine{done: make(chan struct{}), stopped: make(chan struct{})}
	if !isTerminal(proc.err) {
		close(l.stopped)
		return l
	}
	go func() {
		defer close(l.stopped)
		const often = 500 * time.Millisecond
		ticker := time.NewTicker(often)
		defer ticker.Stop()
		before := simulate.Result{}
		for {
			select {
			case <-l.done:
				_, _ = io.WriteString(proc.err, "\r\x1b[K")
				return
			case <-ticker.C:
				now := simulator.Result()
				_, _ = io.WriteString(proc.err, "\r\x1b[K"+now.Line(before))
				before = now
			}
		}
	}()
	return l
}

func (l *liveLine) stop() {
	close(l.done)
	<-l.stopped
}
