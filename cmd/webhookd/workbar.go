package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// workBar shows how far a long piece of work is, if somebody is looking.
type workBar struct {
	err   io.Writer
	shown bool
	doing string
	bar   *progressbar.ProgressBar
}

func (b *workBar) show(doing string, done, total int64) {
	if !b.shown {
		return
	}
	if b.bar == nil || b.doing != doing {
		b.clear()
		if total == 0 {
			total = -1 // a spinner
		}
		b.doing = doing
		b.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(b.err),
			progressbar.OptionSetDescription(doing),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	_ = b.bar.Set64(done)
}

func (b *workBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
