package config

// CloseCause is one row of the table of close causes: what a cause says about how a leg ended and who ended it.
type CloseCause struct {
	Class string // none, busy, no_answer, rejected, failed or cancelled
	Vote  string // none, self or other
}

var classes = []string{"none", "busy", "no_answer", "rejected", "failed", "cancelled"}

// self says that the leg's own side hung up, other that the other side did.
var votes = []string{"none", "self", "other"}
