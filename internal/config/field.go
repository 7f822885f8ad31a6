package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// field completes an option that holds one value of any type.
func field[T any](opt option, at func(*Config) *T, parse func(string) (T, error), show func(T) string) option {
	opt.set = func(c *Config, values []string) error {
		value, err := parse(values[len(values)-1])
		if err != nil {
			return err
		}
		*at(c) = value
		return nil
	}
	opt.show = func(c Config) string { return show(*at(&c)) }
	return opt
}

// list completes an option that holds any number of values; a source that gives one replaces the whole list.
func list[T any](opt option, at func(*Config) *[]T, parse func(string) (T, error), show func(T) string) option {
	opt.list = true
	opt.set = func(c *Config, values []string) error {
		parsed := make([]T, 0, len(values))
		for _, text := range values {
			value, err := parse(text)
			if err != nil {
				return err
			}
			parsed = append(parsed, value)
		}
		*at(c) = parsed
		return nil
	}
	opt.show = func(c Config) string {
		texts := make([]string, 0, len(*at(&c)))
		for _, value := range *at(&c) {
			texts = append(texts, show(value))
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	return opt
}

// mapping completes an option that maps names to values; a source that gives one replaces the whole map.
func mapping(opt option, at func(*Config) *map[string]string, parse func(string) (name, value string, err error)) option {
	opt.list, opt.mapping = true, true
	opt.set = func(c *Config, texts []string) error {
		parsed := make(map[string]string, len(texts))
		for _, text := range texts {
			name, value, err := parse(text)
			if err != nil {
				return err
			}
			if _, twice := parsed[name]; twice {
				return fmt.Errorf("%q is there twice", name)
			}
			parsed[name] = value
		}
		*at(c) = parsed
		return nil
	}
	opt.show = func(c Config) string {
		pairs := make([]string, 0, len(*at(&c)))
		for _, name := range slices.Sorted(maps.Keys(*at(&c))) {
			pairs = append(pairs, quoteInside(name)+": "+quoteInside((*at(&c))[name]))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	return opt
}

// duration is a time.Duration that is shown without empty units: "10m" for "10m0s".
type duration time.Duration

func (d duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func parseDuration(text string) (duration, error) {
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration; write a number and a unit, as 10s, 5m or 4h", text)
	}
	return duration(parsed), nil
}

// The bounds of parseDelay and parseLimit, as the reference says them.
const delayBound = "`0s` is the least."

var limitBound = "At least " + minLimit.String() + "."

func parseDelay(text string) (duration, error) {
	parsed, err := parseDuration(text)
	if err == nil && parsed < 0 {
		return 0, fmt.Errorf("%s is negative", text)
	}
	return parsed, err
}

const minLimit = duration(time.Second)

func parseLimit(text string) (duration, error) {
	parsed, err := parseDuration(text)
	if err == nil && parsed < minLimit {
		return 0, fmt.Errorf("%s is less than %s", text, minLimit)
	}
	return parsed, err
}

const maxCommitTimeout = duration(15 * time.Second) // the door waits for 20 s

func parseCommitTimeout(text string) (duration, error) {
	parsed, err := parseLimit(text)
	if err == nil && parsed > maxCommitTimeout {
		return 0, fmt.Errorf("%s is more than %s", text, maxCommitTimeout)
	}
	return parsed, err
}

const maxCalloutTimeout = duration(time.Minute)

func parseCalloutTimeout(text string) (duration, error) {
	parsed, err := parseLimit(text)
	if err == nil && parsed > maxCalloutTimeout {
		return 0, fmt.Errorf("%s is more than %s", text, maxCalloutTimeout)
	}
	return parsed, err
}

const maxFailures = 1_000_000

func parseFailures(text string) (int, error) {
	parsed, err := strconv.Atoi(text)
	if err != nil || parsed < 1 || parsed > maxFailures {
		return 0, fmt.Errorf("%q is no whole number from 1 to %d", text, maxFailures)
	}
	return parsed, nil
}

const maxRate = 1_000_000

func parseRate(text string) (int, error) {
	parsed, err := strconv.Atoi(text)
	if err != nil || parsed < 0 || parsed > maxRate {
		return 0, fmt.Errorf("%q is no whole number from 0 to %d", text, maxRate)
	}
	return parsed, nil
}

const minConnections = 16 // a server that cannot be asked whether it is ready while a few webhooks come is none

func parseConnections(text string) (int, error) {
	parsed, err := strconv.Atoi(text)
	if err != nil || parsed < minConnections || parsed > maxRate {
		return 0, fmt.Errorf("%q is no whole number from %d to %d", text, minConnections, maxRate)
	}
	return parsed, nil
}

func parseAny(text string) (string, error) { return text, nil }

func parseDirectory(text string) (string, error) {
	if text == "" {
		return "", errors.New("is empty; a directory is needed")
	}
	return text, nil
}

const maxReplicas = 5 // JetStream's own limit

func parseReplicas(text string) (int, error) {
	parsed, err := strconv.Atoi(text)
	if err != nil || parsed < 1 || parsed > maxReplicas {
		return 0, fmt.Errorf("%q is no whole number from 1 to %d", text, maxReplicas)
	}
	return parsed, nil
}

func (c *Config) logLevel() *slog.Level { return &c.LogLevel }

func parseLevel(text string) (slog.Level, error) {
	name, err := parseOneOf("debug", "info", "warn", "error")(text)
	if err != nil {
		return 0, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return 0, fmt.Errorf("read level: %w", err)
	}
	return level, nil
}

func showLevel(level slog.Level) string { return strings.ToLower(level.String()) }

func parseOneOf(allowed ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		lower := strings.ToLower(text)
		if !slices.Contains(allowed, lower) {
			return "", fmt.Errorf("%q is none of %s", text, strings.Join(allowed, ", "))
		}
		return lower, nil
	}
}

const (
	kib, mib, gib = 1 << 10, 1 << 20, 1 << 30
	minBody       = kib
	maxBody       = 16 * mib
	minSpool      = 2 * maxBody // so that the largest body fits
	maxSpool      = 1024 * gib
)

// sizeUnits are tried in order, so the longer ones come first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"KiB", kib}, {"MiB", mib}, {"GiB", gib}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

func parseSize(text string) (int, error) {
	size, err := parseBytes(text)
	if err == nil && (size < minBody || size > maxBody) {
		return 0, fmt.Errorf("%s is not from 1KiB to 16MiB", text)
	}
	return int(size), err
}

func parseSpoolLimit(text string) (int64, error) {
	size, err := parseBytes(text)
	if err == nil && (size < minSpool || size > maxSpool) {
		return 0, fmt.Errorf("%s is not from 32MiB to 1024GiB", text)
	}
	return size, err
}

func parseBytes(text string) (int64, error) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		count, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 32)
		if err != nil {
			break
		}
		return int64(count) * unit.bytes, nil // no overflow: both factors fit 32 bits
	}
	return 0, fmt.Errorf("%q is no size; write a number of bytes, or one with a unit, as 512KiB or 1MiB", text)
}

func showSize[T int | int64](size T) string {
	n := int64(size)
	switch {
	case n%gib == 0:
		return strconv.FormatInt(n/gib, 10) + "GiB"
	case n%mib == 0:
		return strconv.FormatInt(n/mib, 10) + "MiB"
	case n%kib == 0:
		return strconv.FormatInt(n/kib, 10) + "KiB"
	default:
		return strconv.FormatInt(n, 10)
	}
}

func number(n int) string { return strconv.Itoa(n) }

// quote shows a text as a YAML value on one line.
func quote(text string) string {
	out, err := yaml.Marshal(text)
	if shown := strings.TrimSuffix(string(out), "\n"); err == nil && !strings.Contains(shown, "\n") {
		return shown
	}
	return strconv.Quote(text)
}

// quoteInside shows a text as a YAML value inside of brackets or braces.
func quoteInside(text string) string {
	list := yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	list.Content = []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}}
	out, err := yaml.Marshal(&list)
	if shown := strings.TrimSuffix(string(out), "]\n"); err == nil && !strings.Contains(shown, "\n") {
		return strings.TrimPrefix(shown, "[")
	}
	return strconv.Quote(text)
}
