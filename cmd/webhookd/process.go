package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// process is what a command has of the world around it.
type process struct {
	in      io.Reader
	out     io.Writer
	err     io.Writer
	environ []string
	exit    func(code int)
}

// isTerminal says whether somebody is looking at what is written there.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
