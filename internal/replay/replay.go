// Package replay sends recorded webhooks to a running webhookd, at the pace at which they once happened or faster. It
// is a client like the PBX: it speaks HTTP and knows nothing of what becomes of a webhook inside.
//
// Its input is NDJSON: each line is either the bare body of a webhook, sent byte for byte as it stands there, or a
// recorded request (see [Webhook]). Blank lines are skipped.
package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options say where and how a [Player] sends.
type Options struct {
	// URL is where webhookd is, as http://127.0.0.1:8080.
	URL string
	// Account is where webhooks go that name no account themselves; "" is the service's default.
	Account string
	// Header and Secret are sent with every request, unless Secret is "".
	Header, Secret string
	// TLS is how the certificate of a URL with https is checked; nil: by the system's authorities.
	TLS   *tls.Config
	Speed Speed
	// Connections is how many requests may be under way at once, at least 1. With one, webhooks are sent in the order
	// of the file, each after the answer to the one before; with more, that holds for those of one dialog.
	Connections int
	// Report, if not nil, is told of every webhook that is done with, one at a time.
	Report func(Outcome)
}

// Player sends webhooks. It may be used for one file after another, not for several at once.
type Player struct {
	options  Options
	client   *http.Client
	counts   Counts
	answered atomic.Bool // the service has answered something, so it is there
	wait     func(context.Context, time.Duration) error
	now      func() time.Time
}

// New makes a Player. It returns an error if Options.URL is none.
func New(options Options) (*Player, error) {
	options.Connections = max(options.Connections, 1)
	if _, err := Target(options.URL, ""); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     options.TLS,
		MaxIdleConnsPerHost: options.Connections,
		MaxConnsPerHost:     options.Connections,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true,
	}
	return &Player{
		options: options,
		client:  &http.Client{Transport: transport, Timeout: requestTimeout, CheckRedirect: noRedirect},
		wait:    wait,
		now:     time.Now,
	}, nil
}

// noRedirect keeps the secret from travelling elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

const (
	requestTimeout = 60 * time.Second
	idleTimeout    = 90 * time.Second
	queueLength    = 64
)

// Play sends what r holds; name is what messages call it. It ends with the input, when ctx is done, when a line cannot
// be read, when nothing listens at the URL (ErrUnreachable), or when the service does not let us in (ErrNotAllowed).
// That single webhooks were refused or failed is no error of Play; the counts tell.
func (p *Player) Play(ctx context.Context, r io.Reader, name string) error {
	group, ctx := errgroup.WithContext(ctx)
	queues := make([]chan Webhook, p.options.Connections)
	done := make(chan Outcome)
	working := atomic.Int64{}
	working.Store(int64(len(queues)))
	for i := range queues {
		queues[i] = make(chan Webhook, queueLength)
		group.Go(func() error {
			defer func() {
				if working.Add(-1) == 0 {
					close(done)
				}
			}()
			return p.work(ctx, queues[i], done)
		})
	}
	group.Go(func() error {
		defer func() {
			for _, queue := range queues {
				close(queue)
			}
		}()
		return p.feed(ctx, NewReader(r, name), queues)
	})
	for outcome := range done {
		p.counts.add(outcome.Result)
		if p.options.Report != nil {
			p.options.Report(outcome)
		}
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("replay %s: %w", name, err)
	}
	return nil
}

// Counts says what became of the webhooks sent so far.
func (p *Player) Counts() Counts { return p.counts }

// feed reads webhooks and hands each out when its time has come.
func (p *Player) feed(ctx context.Context, reader *Reader, queues []chan Webhook) error {
	pace := pacer{speed: p.options.Speed}
	start := p.now()
	for {
		webhook, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if rest := pace.offset(webhook.At) - p.now().Sub(start); rest > 0 {
			if err := p.wait(ctx, rest); err != nil {
				return err
			}
		}
		select {
		case queues[shard(webhook, len(queues))] <- webhook:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// shard keeps the webhooks of one dialog on one connection.
func shard(webhook Webhook, n int) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(webhook.Account + "\x00" + webhook.dialogUUID))
	return int(hash.Sum32()) % n
}

// work sends what is queued, one after another.
func (p *Player) work(ctx context.Context, queue <-chan Webhook, done chan<- Outcome) error {
	for webhook := range queue {
		outcome, err := p.send(ctx, webhook)
		if err != nil {
			return err
		}
		done <- outcome
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
