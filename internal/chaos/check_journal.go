//go:build unix

package chaos

import (
	"bytes"
	"crypto/sha256"
	"time"
)

// checkJournal: every webhook that got a 2xx is in the journal, once, byte for byte.
func checkJournal(sent *sent, f *facts) []Check {
	taken := Check{Name: "webhooks that were answered 2xx are in the journal"}
	whole := Check{Name: "journal entries are what their SHA-256 says, and there once"}
	refused := Check{Name: "no webhook was refused or set aside"}
	journal := map[bodyKey]bool{}
	for _, n := range f.journal {
		if n.origin != originPBX {
			continue
		}
		key := bodyKey{n.account, sha256.Sum256(n.body)}
		whole.thatf(bytes.Equal(n.sha256, key.sha256[:]) && !journal[key], "entry %d of account %s", n.id, n.account)
		journal[key] = true
	}
	for key, line := range sent.taken {
		taken.thatf(journal[key], "%s of account %s, SHA-256 %x, answered %d at %s (try %d)", line.Event, key.account,
			key.sha256, line.Status, line.Answered.Format(time.RFC3339Nano), line.Try)
	}
	refused.thatf(f.quarantine == 0, "%d bodies in quarantine", f.quarantine)
	refused.thatf(f.held == 0, "%d outbox rows held back", f.held)
	return []Check{taken, whole, refused}
}
