package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Retention says how long things are kept, from a day on; 0 is for ever.
type Retention struct {
	Calls      time.Duration // calls with all that belongs to them, from their end
	Journal    time.Duration // webhooks that belong to no call, from their arrival
	Outbox     time.Duration // history of what was published, and triggers of no call, from when it was written
	Quarantine time.Duration // refused bodies, from when they came last
}

type keepKey struct {
	key string
	at  func(*Retention) *time.Duration
}

// keepKeys are the keys of a Retention, of the installation and of an account alike.
var keepKeys = []keepKey{
	{"retention_calls", func(r *Retention) *time.Duration { return &r.Calls }},
	{"retention_journal", func(r *Retention) *time.Duration { return &r.Journal }},
	{"retention_outbox", func(r *Retention) *time.Duration { return &r.Outbox }},
	{"retention_quarantine", func(r *Retention) *time.Duration { return &r.Quarantine }},
}

// RetentionOf gives how long things of an account are kept.
func (c Config) RetentionOf(account string) Retention {
	kept := c.Retention
	for name, own := range c.Accounts[account].Retention {
		for _, known := range keepKeys {
			if known.key == name {
				*known.at(&kept) = own
			}
		}
	}
	return kept
}

// keepDuration is how long something is kept, shown in days where it is whole ones.
type keepDuration time.Duration

const (
	day     = 24 * time.Hour
	minKeep = day
	maxKeep = 36500 * day
)

func (d keepDuration) String() string {
	switch {
	case d == 0:
		return "0"
	case time.Duration(d)%day == 0:
		return strconv.FormatInt(int64(time.Duration(d)/day), 10) + "d"
	}
	return duration(d).String()
}

// parseKeep reads how long something is kept: a duration, or a number of days as 30d; empty or 0 is for ever.
func parseKeep(text string) (keepDuration, error) {
	if text == "" || text == "0" {
		return 0, nil
	}
	var kept time.Duration
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return 0, keepError(text)
		}
		kept = time.Duration(days) * day
	} else {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return 0, keepError(text)
		}
		kept = parsed
	}
	if kept != 0 && (kept < minKeep || kept > maxKeep) {
		return 0, fmt.Errorf("%s is not from 1d to 36500d, nor 0 (for ever)", text)
	}
	return keepDuration(kept), nil
}

func keepError(text string) error {
	return fmt.Errorf("%q is no time for which something is kept; write days, as 90d, or a duration, as 36h, or 0 for ever", text)
}

// readKeep reads one of keepKeys of an account; ok is false for any other key.
func (a *Account) readKeep(key string, value *yaml.Node) (ok bool, err error) {
	if !slices.ContainsFunc(keepKeys, func(known keepKey) bool { return known.key == key }) {
		return false, nil
	}
	text, err := scalar(value)
	if err != nil {
		return true, fmt.Errorf("%s %w", key, err)
	}
	if text == "" {
		return true, errors.New(key + " is empty; leave it out, and that of the installation counts, or write 0 for ever")
	}
	kept, err := parseKeep(text)
	if err != nil {
		return true, fmt.Errorf("%s: %w", key, err)
	}
	if a.Retention == nil {
		a.Retention = map[string]time.Duration{}
	}
	a.Retention[key] = time.Duration(kept)
	return true, nil
}

// showKeeps shows what an account has of its own.
func (a Account) showKeeps() []string {
	var parts []string
	for _, known := range keepKeys {
		if kept, ok := a.Retention[known.key]; ok {
			parts = append(parts, known.key+": "+keepDuration(kept).String())
		}
	}
	return parts
}
