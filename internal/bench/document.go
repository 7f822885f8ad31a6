package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The generated part of the document stands between these lines; what is around them is written by people.
const (
	documentName = "benchmarks.md"
	beginMark    = "<!-- bench: begin. Written by make bench from benchmarks/raw; do not edit. -->"
	endMark      = "<!-- bench: end -->"
)

// writeDocument writes the document anew from all results that there are.
func writeDocument(out string) error {
	var results []*result
	for _, name := range partNames {
		r, err := readResult(out, name)
		if err != nil {
			return err
		}
		if r != nil {
			results = append(results, r)
		}
	}
	path := filepath.Join(out, documentName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("# Benchmarks\n\n"+beginMark+"\n"+endMark+"\n"), os.MkdirAll(out, 0o755) //nolint:gosec // for everybody
	}
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	whole, err := replaceGenerated(string(text), render(results))
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil { //nolint:gosec // it is for everybody
		return fmt.Errorf("write document: %w", err)
	}
	return nil
}

func replaceGenerated(document, generated string) (string, error) {
	before, rest, begins := strings.Cut(document, beginMark)
	_, after, ends := strings.Cut(rest, endMark)
	if !begins || !ends {
		return "", fmt.Errorf("write document: it lacks the lines %q and %q", beginMark, endMark)
	}
	return before + beginMark + "\n\n" + strings.TrimSpace(generated) + "\n\n" + endMark + after, nil
}

// render makes the generated part.
func render(results []*result) string {
	if len(results) == 0 {
		return "Nothing was measured yet."
	}
	var d document
	d.targets(results)
	first := results[0]
	d.linef("## Machine and settings\n")
	d.linef("%s\n", first.where())
	d.linef("%s\n", first.settings())
	for _, r := range results {
		d.part(r, first)
	}
	return d.String()
}

// document is markdown that grows.
type document struct{ strings.Builder }

func (d *document) linef(format string, args ...any) {
	_, _ = fmt.Fprintf(d, format+"\n", args...) // a Builder takes everything
}

// table writes a table; the first column is text, the others are figures.
func (d *document) table(head []string, rows [][]string) {
	d.linef("| %s |", strings.Join(head, " | "))
	d.linef("| ---%s |", strings.Repeat(" | ---:", len(head)-1))
	for _, row := range rows {
		d.linef("| %s |", strings.Join(row, " | "))
	}
	d.linef("")
}

// part writes what one part found.
func (d *document) part(r, first *result) {
	d.linef("## %s\n", strings.ToUpper(r.Part[:1])+r.Part[1:])
	d.origin(r, first)
	if len(r.Failures) > 0 {
		d.linef("**Failed:**\n")
		for _, failure := range r.Failures {
			d.linef("- %s", strings.ReplaceAll(failure, "\n", " "))
		}
		d.linef("")
	}
	d.throughput(r)
	d.latency(r)
	d.stored(r)
	d.open(r)
	d.reads(r)
	d.rebuilds(r)
	d.starts(r)
}

// origin says where figures come from; machine and settings only where they are not those of the first part.
func (d *document) origin(r, first *result) {
	form := ""
	if r.Short {
		form = " **The short form: it shows that everything works, and hardly more.**"
	}
	const minute = 60
	d.linef("%s, webhookd %s, `%s`, %.1f minutes.%s\n", r.Date.Format("2006-01-02 15:04 UTC"), r.Version, r.Command,
		r.Seconds/minute, form)
	if r.where() != first.where() {
		d.linef("%s\n", r.where())
	}
	if r.settings() != first.settings() {
		d.linef("%s\n", r.settings())
	}
	others := r.others()
	if len(others) == 0 {
		return
	}
	const quiet = 0.15
	if busy := median(others); busy > quiet {
		d.linef("**The machine was not quiet:** in the median round %.1f of its %d processors were busy with something else. "+
			"Ratios are of rounds side by side; absolute figures are too low.\n", busy, r.Machine.Cores)
	} else {
		d.linef("%.2f of the %d processors were busy with something else in the median round, %.2f at most.\n",
			busy, r.Machine.Cores, slices.Max(others))
	}
}

// where is the machine and the programs, as text.
func (r *result) where() string {
	const gib = 1024
	m := r.Machine
	return fmt.Sprintf("%d × %s, %.1f GiB of memory, %s, %s; %s, PostgreSQL %s, nats-server %s. Writing 8 KiB with "+
		"fsync took %s ms.", m.Cores, m.CPU, float64(m.Memory)/gib, m.Kernel, m.Disk, m.Go,
		settingOf(r.Postgres, serverVersion), m.NATS, ms(float64(m.SyncUS)/float64(time.Millisecond/time.Microsecond)))
}

// settings are those of the server, as text.
func (r *result) settings() string {
	list := make([]string, 0, len(r.Postgres))
	for _, s := range r.Postgres {
		if s.Name != serverVersion {
			list = append(list, "`"+s.Name+"="+s.Value+"`")
		}
	}
	return "PostgreSQL: " + strings.Join(list, ", ") + "."
}

func settingOf(settings []setting, name string) string {
	for _, s := range settings {
		if s.Name == name {
			return s.Value
		}
	}
	return unknown
}

// others are how many processors were busy with what is not ours, in each round.
func (r *result) others() []float64 {
	var all []float64
	for _, round := range r.roundsIn() {
		if round.Failed == "" {
			all = append(all, round.Others)
		}
	}
	return all
}
