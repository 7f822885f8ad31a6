//go:build unix

package chaos

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"webhookd/internal/replay/simulate"
)

// Upgrade runs an installation of two instances of the version before (before) and replaces them one after the other by
// the version of cfg.Webhookd, as an operator would, under load: each is taken out of the balancer, ended, and put in again
// when it is ready. In between both versions serve side by side on one database, which the new one has migrated, and take
// turns in taking the webhooks of the same calls; and the old one is started anew on the new schema, as it would be after
// a crash.
//
// It returns an error if that could not be done, or if ctx ended; what the checks found is in the report.
func Upgrade(ctx context.Context, cfg Config, before string) (_ Report, err error) {
	r := &run{Config: cfg, report: Report{Seed: cfg.Seed, Faults: map[string]int{}}}
	r.sayf("seed %d, %s at %.0f webhooks/s; everything is kept in %s", cfg.Seed, cfg.Duration, cfg.Rate, cfg.Dir)
	old := cfg
	old.Webhookd = before
	if r.world, err = newWorld(ctx, old); err != nil {
		return r.report, fmt.Errorf("set up: %w", err)
	}
	defer func() {
		if failed := r.world.end(); failed != nil {
			err = errors.Join(err, fmt.Errorf("take down: %w", failed))
		}
	}()
	if err := r.world.start(ctx); err != nil {
		return r.report, fmt.Errorf("start: %w", err)
	}
	u := &upgrade{run: r}
	if u.balancer, err = newBalancer(ctx); err != nil {
		return r.report, err
	}
	defer func() { err = errors.Join(err, u.balancer.close()) }()
	r.start = time.Now()
	if err := u.storm(ctx); err != nil {
		return r.report, err
	}
	if err := r.world.heal(ctx); err != nil {
		return r.report, fmt.Errorf("wait for the new version: %w", err)
	}
	r.sayf("all is replaced; waiting until all is quiet")
	if err := r.judge(ctx); err != nil {
		return r.report, err
	}
	first, err := u.checkFirstTries()
	r.report.Checks = append(r.report.Checks, append(u.checks, first)...)
	return r.report, err
}

// upgrade is one run.
type upgrade struct {
	*run

	balancer *balancer
	checks   []Check
}

// storm sends calls while the instances are replaced.
func (u *upgrade) storm(ctx context.Context) error {
	file, err := os.Create(filepath.Join(u.Dir, sentLog))
	if err != nil {
		return fmt.Errorf("make log of what was sent: %w", err)
	}
	options := u.load(file)
	const connections, openCalls = 64, 150 // few, so that calls go on for long and are finished soon
	options.URLs, options.Faults.Loss, options.Connections, options.Open = []string{u.balancer.url()}, 0, connections, openCalls
	u.balancer.put(u.world.instances...)
	load, err := simulate.New(ctx, options)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	group, storming := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error
		u.report.Load, err = load.Run(storming)
		return errors.Join(err, file.Close())
	})
	group.Go(func() error { return u.roll(storming) })
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// roll replaces the instances, while there is load.
func (u *upgrade) roll(ctx context.Context) error {
	const parts = 6
	part := u.Duration / parts
	first, second := u.world.instances[0], u.world.instances[1]
	from, err := u.schema(ctx)
	if err != nil {
		return err
	}
	if err := pause(ctx, part); err != nil {
		return err // the run is over
	}

	u.tellf("%s is replaced by the new version, which migrates", second.name)
	if err := u.replace(ctx, second, first, u.Webhookd); err != nil {
		return err
	}
	to, err := u.schema(ctx)
	if err != nil {
		return err
	}
	u.tellf("the schema went from version %d to %d; both versions serve", from, to)
	if err := u.sideBySide(ctx, part, first, second); err != nil {
		return err
	}

	u.tellf("%s, of the version before, is started again on the new schema", first.name)
	if err := u.replace(ctx, first, second, first.program); err != nil {
		return err
	}
	if err := u.sideBySide(ctx, part, first, second); err != nil {
		return err
	}

	u.tellf("%s is replaced by the new version", first.name)
	return u.replace(ctx, first, second, u.Webhookd)
}

// replace ends an instance gracefully and starts it as a program, while the other one serves.
func (u *upgrade) replace(ctx context.Context, one, other *instance, program string) error {
	u.balancer.put(other)
	if err := one.end(syscall.SIGTERM); err != nil {
		return err
	}
	one.use(program)
	one.want(true)
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := one.ready(ctx); err != nil {
		return err
	}
	u.balancer.put(u.world.instances...)
	return nil
}

// sideBySide lets both instances serve for a while, and sees that each took webhooks.
func (u *upgrade) sideBySide(ctx context.Context, length time.Duration, both ...*instance) error {
	var counts [2]int
	for i, one := range both {
		count, err := taken(ctx, one)
		if err != nil {
			return err
		}
		counts[i] = count
	}
	if err := pause(ctx, length); err != nil {
		return err // the run is over
	}
	for i, one := range both {
		count, err := taken(ctx, one)
		if err != nil {
			return err
		}
		version := []string{"the version before", "the new version"}[i]
		u.checks = append(u.checks, Check{
			Promised: true, Name: "webhooks were taken by " + version + " beside the other one", Count: count - counts[i],
		})
		if count == counts[i] {
			u.checks[len(u.checks)-1].thatf(false, "%s took none", one.name)
		}
	}
	return nil
}

// taken is how many webhooks an instance has committed or put into its spool, by its own count.
func taken(ctx context.Context, one *instance) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, one.url()+"/metrics", http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", one.name, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", one.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	sum, found := 0, false
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != "webhookd_webhooks_committed_total" {
			continue
		}
		count, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("ask %s: %w", one.name, err)
		}
		sum, found = sum+int(count), true
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("ask %s: %w", one.name, err)
	}
	if !found {
		return 0, fmt.Errorf("ask %s: no count of webhooks in its metrics", one.name)
	}
	return sum, nil
}

// schema is the version of the schema.
func (u *upgrade) schema(ctx context.Context) (version int, err error) {
	evidence, err := openEvidence(ctx, u.world.database.url(u.world.database.address), urls(u.world.brokers))
	if err != nil {
		return 0, err
	}
	defer evidence.close()
	err = evidence.db.QueryRowContext(ctx, `select max(version_id) from schema_version where is_applied`).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}

// checkFirstTries: nobody who sends has noticed anything.
func (u *upgrade) checkFirstTries() (Check, error) {
	answered := Check{Promised: true, Name: "requests were answered 2xx at the first try"}
	file, err := os.Open(filepath.Join(u.Dir, sentLog))
	if err != nil {
		return answered, fmt.Errorf("read what was sent: %w", err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		line, err := simulate.ParseLogged(lines.Text())
		if err != nil {
			return answered, err
		}
		answered.thatf(line.Status >= http.StatusOK && line.Status < http.StatusMultipleChoices, "%s answered %d after %s (%s)",
			line.Event, line.Status, line.Answered.Sub(line.Sent), line.Answered.Sub(u.start).Truncate(time.Millisecond))
	}
	if err := lines.Err(); err != nil {
		return answered, fmt.Errorf("read what was sent: %w", err)
	}
	return answered, nil
}
