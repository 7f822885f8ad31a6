package ingest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// guard recognises persons who were erased, in webhooks of theirs that come late or once more.
type guard struct {
	*person.Guard

	pseudonyms map[string][][]byte    // by account
	latest     map[string]dialog.Time // the latest erasure of a person, by pseudonym
	until      time.Time              // when the first of them is to be forgotten; zero if there is none
}

// guarded gives whom to recognise. It is read again only when somebody else has written since, or somebody of them is to be
// forgotten.
func (e *Engine) guarded(ctx context.Context, tx store.Tx, now time.Time) (*guard, error) {
	m := &e.memory
	own, before := tx.Turn()
	if m.guard.holds(now) && (m.guardTurn == before || m.guardTurn == own) {
		return m.guard, nil
	}
	erasures, secret, err := tx.GuardedErasures(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	g := &guard{
		Guard:      person.NewGuard(secret, e.Rules.DefaultRegion),
		pseudonyms: map[string][][]byte{}, latest: map[string]dialog.Time{},
	}
	for _, erasure := range erasures {
		g.Add(erasure.Pseudonym, erasure.Marks)
		g.pseudonyms[erasure.Account] = append(g.pseudonyms[erasure.Account], []byte(erasure.Pseudonym))
		if g.until.IsZero() || erasure.GuardUntil.Before(g.until) {
			g.until = erasure.GuardUntil
		}
		g.latest[erasure.Pseudonym] = max(g.latest[erasure.Pseudonym], dialog.TimeOf(erasure.At))
	}
	m.guard, m.guardTurn = g, before
	return g, nil
}

// holds says whether it is known, and of nobody who is to be forgotten by now.
func (g *guard) holds(now time.Time) bool {
	return g != nil && (g.until.IsZero() || now.Before(g.until))
}

// disguise takes persons who were erased out of webhooks, and the PBX's own records, of their calls that come only now. A
// webhook that was taken in before becomes the body that it was made into then, and so is a duplicate. What tells of a call
// that began after the erasure is left as it is.
func (e *Engine) disguise(ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece) error {
	g, err := e.guarded(ctx, tx, now)
	if err != nil || g.Empty() {
		return err
	}
	for _, p := range pieces {
		if p.Entry.Origin != store.OriginPBX && p.Entry.Origin != store.OriginReconciled || len(g.pseudonyms[p.Entry.Account]) == 0 {
			continue
		}
		if _, hit := person.Bytes(p.Entry.Body, g.NumbersAndNames(p.Entry.Account)); !hit {
			continue
		}
		concerned, err := e.concerns(ctx, tx, g, p)
		if err != nil {
			return err
		}
		if len(concerned) == 0 {
			continue
		}
		body, hit := person.Bytes(p.Entry.Body, g.NumbersAndNamesOf(p.Entry.Account, func(pseudonym string) bool {
			return concerned[pseudonym]
		}))
		if !hit {
			continue
		}
		// An erasure that has not come so far, or broke off, has left the body as it came: then it is a duplicate of that.
		there, err := tx.Journaled(ctx, p.Entry.Account, [][32]byte{p.Entry.SHA256})
		if err != nil {
			return fmt.Errorf("look for journal entry: %w", err)
		}
		if len(there) > 0 {
			continue
		}
		if err := p.rewrite(body); err != nil {
			return err
		}
	}
	return nil
}

// concerns gives, by pseudonym, the persons who were erased of whom a webhook tells that is of what was known before: those
// whose numbers it names, and those of its call. Without one that was erased after it, and without a call of one, there are
// none: then it is of something new.
func (e *Engine) concerns(ctx context.Context, tx store.Tx, g *guard, p *Piece) (map[string]bool, error) {
	account := p.Entry.Account
	_, known := person.Bytes(p.Entry.Body, g.erasedAfter(account, p.Entry.EventTime))
	concerned := map[string]bool{}
	if p.Evidence != nil {
		named := Named(account, p.Evidence)
		keys := make([]store.Key, 0, len(named))
		for _, id := range named {
			keys = append(keys, store.Key{Account: account, UUID: id})
		}
		legs, err := tx.Legs(ctx, keys)
		if err != nil {
			return nil, fmt.Errorf("read legs: %w", err)
		}
		for _, leg := range legs {
			for _, pseudonym := range g.pseudonyms[account] {
				if bytes.Contains(leg.Evidence, pseudonym) {
					concerned[string(pseudonym)] = true
				}
			}
		}
	}
	if !known && len(concerned) == 0 {
		return concerned, nil
	}
	numbers := g.Numbers(account)
	person.Bytes(p.Entry.Body, func(text string) (string, bool) {
		found, ok := numbers(text)
		for _, pseudonym := range g.pseudonyms[account] {
			if ok && strings.HasPrefix(found, string(pseudonym)) {
				concerned[string(pseudonym)] = true
			}
		}
		return found, ok
	})
	return concerned, nil
}

// erasedAfter finds the numbers of persons who were erased at or after a moment.
func (g *guard) erasedAfter(account string, at dialog.Time) person.Finder {
	numbers := g.Numbers(account)
	return func(text string) (string, bool) {
		found, ok := numbers(text)
		if !ok {
			return "", false
		}
		for _, pseudonym := range g.pseudonyms[account] {
			if strings.HasPrefix(found, string(pseudonym)) && at <= g.latest[string(pseudonym)] {
				return found, true
			}
		}
		return "", false
	}
}

// rewrite gives a piece another body, and its evidence the rank of the body that came.
func (p *Piece) rewrite(body []byte) error {
	p.Entry.Rank = rankOf(p.Entry)
	p.Entry.Body, p.Entry.SHA256 = body, hashOf(p.Entry.Origin, body)
	if p.Entry.Origin == store.OriginReconciled {
		evidence, err := RecordOf(p.Entry)
		p.Evidence = evidence
		return err
	}
	webhook, err := dialog.Decode(body)
	if err != nil {
		return fmt.Errorf("read rewritten webhook: %w", err)
	}
	if webhook.Kind != dialog.Other {
		webhook.SHA256 = p.Entry.Rank
		p.Evidence = correlate.NewLeg(&webhook)
	}
	return nil
}

// rankOf is what orders an entry among those that contradict it.
func rankOf(entry *store.Entry) [32]byte {
	if entry.Rank != [32]byte{} {
		return entry.Rank
	}
	return entry.SHA256
}
