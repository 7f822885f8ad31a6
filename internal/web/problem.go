package web

import (
	"io"
	"strconv"
)

// ProblemPage says what went wrong.
type ProblemPage struct {
	Status  int
	Detail  string // the API's own words, in English
	Request string // the request's id, which is in the log, too
}

// Problem writes a page for an error.
func Problem(w io.Writer, shell Shell, page ProblemPage) error {
	return render(w, shell, "problem", shell.T("problem.title."+page.Class()), page)
}

// Class is the status that has texts and stands for this one.
func (p ProblemPage) Class() string {
	status := strconv.Itoa(p.Status)
	if _, ok := texts["problem.text."+status]; ok {
		return status
	}
	if p.Status >= 500 {
		return "500"
	}
	return "400"
}

// Text gives the key of what it means.
func (p ProblemPage) Text() string { return "problem.text." + p.Class() }
