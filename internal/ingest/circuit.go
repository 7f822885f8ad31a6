package ingest

import (
	"log/slog"
	"sync"
	"time"
)

const (
	tellEvery = time.Minute // how often that the database is away is told again
	// calm is how long after the database came back nobody should conclude anything from silence: other instances may
	// still hold webhooks in their spools.
	calm = 30 * time.Second
)

// circuit remembers whether the database is away, so that webhooks do not each wait to find out.
type circuit struct {
	log *slog.Logger
	now func() time.Time

	// nudge holds a token when there may be something to drain, or a database to look for.
	nudge chan struct{}

	mu     sync.Mutex
	isAway bool
	since  time.Time // when it changed; zero if it was never away
	told   time.Time // when somebody was told last that it is away
}

func (c *circuit) init(cfg Config) {
	c.log, c.now, c.nudge = cfg.Logger, cfg.Now, make(chan struct{}, 1)
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Away && cfg.Spool != nil {
		c.isAway, c.since, c.told = true, c.now(), c.now()
	}
}

func (c *circuit) away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isAway
}

// awaySince says since when the database is away; ok is false while it is there.
func (c *circuit) awaySince() (since time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since, c.isAway
}

// settled says whether the database has been there for some time.
func (c *circuit) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.isAway && (c.since.IsZero() || c.now().Sub(c.since) >= calm)
}

// lost says that the database did not answer.
func (c *circuit) lost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if !c.isAway {
		c.isAway, c.since = true, now
		c.wake()
	}
	if now.Sub(c.told) >= tellEvery {
		c.told = now
		c.log.Error("the database is away; webhooks go to the spool", "away_since", c.since, "error", err)
	}
}

// found says that the database is there again.
func (c *circuit) found() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isAway {
		c.log.Info("the database is there; webhooks go to it again", "was_away", c.now().Sub(c.since))
		c.isAway, c.since = false, c.now()
	}
}

// wake lets whoever drains look.
func (c *circuit) wake() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}
