package doctor

import "fmt"

// Level says how bad a finding is.
type Level string

// The levels, the best first.
const (
	OK   Level = "ok"   // it is as it should be
	Warn Level = "warn" // it works, and is not wise, or will not work for long
	Fail Level = "fail" // it does not work, or loses data when something breaks
)

// Finding is one thing that was found. Its texts are whole sentences on one line and hold no secret.
type Finding struct {
	ID      string `json:"id"`      // as in docs/doctor.md; a contract
	Level   Level  `json:"level"`   // of the ID, always the same
	Subject string `json:"subject"` // config, secrets, clock, disk, database, nats, ports or limits
	Text    string `json:"text"`    // what was found, and what it means
	Mend    string `json:"mend"`    // what to do; empty where nothing is to be done
}

// Worst is the worst level among findings, OK if there are none.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if f.Level == Fail || worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// report collects findings.
type report struct{ findings []Finding }

// addf adds a finding of the table; its text ends with a full stop.
func (r *report) addf(id, format string, args ...any) {
	kind := kinds[index[id]]
	r.findings = append(r.findings, Finding{
		ID: id, Level: kind.Level, Subject: kind.Subject, Text: fmt.Sprintf(format, args...), Mend: kind.Mend,
	})
}

// bad says whether a subject has got a finding that is not OK since so many findings.
func (r *report) bad(since int) bool { return Worst(r.findings[since:]) != OK }
