package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"webhookd/internal/replay"
)

// progress shows how far a replay is: a bar if somebody is looking, and the first webhooks that went wrong in any case.
type progress struct {
	bar  *progressbar.ProgressBar // nil if nobody is looking
	err  io.Writer
	told int
}

const toldAtMost = 10

func newProgress(proc process, files []string) *progress {
	shown := &progress{err: proc.err}
	if !isTerminal(proc.err) {
		return shown
	}
	shown.bar = progressbar.NewOptions64(countWebhooks(files),
		progressbar.OptionSetWriter(proc.err),
		progressbar.OptionSetDescription("replay"),
		progressbar.OptionSetItsString("webhooks"),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return shown
}

// countWebhooks gives how many webhooks there are, -1 if that cannot be known before they are read.
func countWebhooks(files []string) int64 {
	total := int64(0)
	for _, name := range files {
		file, err := openFile(name)
		if name == "-" || err != nil {
			return -1
		}
		count, err := countRegular(file)
		_ = file.Close()
		if err != nil {
			return -1
		}
		total += count
	}
	return total
}

func countRegular(file *os.File) (int64, error) {
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, errors.New("not a regular file")
	}
	return replay.Count(file)
}

func (p *progress) report(outcome replay.Outcome) {
	if outcome.Result == replay.Refused || outcome.Result == replay.Failed {
		p.told++
		if p.told <= toldAtMost {
			p.clear()
			_, _ = fmt.Fprintf(p.err, "%s: %s: %s\n", outcome.Where, outcome.Result, outcome.Detail)
		}
	}
	if p.bar != nil {
		_ = p.bar.Add(1)
	}
}

func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	if rest := p.told - toldAtMost; rest > 0 {
		_, _ = fmt.Fprintf(p.err, "… and %d more like these\n", rest)
	}
}
