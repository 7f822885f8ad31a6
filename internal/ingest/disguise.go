package ingest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
	erasure    map[string]string      // the one that is kept longest, by pseudonym
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
		pseudonyms: map[string][][]byte{}, latest: map[string]dialog.Time{}, erasure: map[string]string{},
	}
	for _, erasure := range erasures {
		g.Add(erasure.Pseudonym, erasure.Marks)
		g.pseudonyms[erasure.Account] = append(g.pseudonyms[erasure.Account], []byte(erasure.Pseudonym))
		if g.until.IsZero() || erasure.GuardUntil.Before(g.until) {
			g.until = erasure.GuardUntil
		}
		g.erasure[erasure.Pseudonym] = erasure.ID
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
// that began after the erasure is left as it is. What it has learnt is to be taken out of what is there, see takeOut, when
// the pieces have been written.
func (e *Engine) disguise(ctx context.Context, tx store.Tx, now time.Time, pieces []*Piece) (*learnt, error) {
	g, err := e.guarded(ctx, tx, now)
	if err != nil || g.Empty() {
		return nil, err
	}
	pieces = slices.DeleteFunc(slices.Clone(pieces), func(p *Piece) bool {
		told := p.Entry.Origin == store.OriginPBX || p.Entry.Origin == store.OriginReconciled
		return !told || len(g.pseudonyms[p.Entry.Account]) == 0
	})
	l := &learnt{
		guard: g, told: map[*Piece]bool{}, concerned: map[*Piece]map[string]bool{}, names: map[[2]string]bool{},
		calls: map[store.Key]bool{},
	}
	if err := e.learn(ctx, tx, l, pieces); err != nil {
		return nil, err
	}
	for _, p := range pieces {
		if !l.told[p] && len(l.names) == 0 {
			continue
		}
		if _, hit := person.Bytes(p.Entry.Body, g.NumbersAndNames(p.Entry.Account)); !hit {
			continue
		}
		concerned, err := e.concerns(ctx, tx, l, p)
		if err != nil {
			return nil, err
		}
		if len(concerned) == 0 {
			continue
		}
		find := g.NumbersAndNamesOf(p.Entry.Account, func(pseudonym string) bool { return concerned[pseudonym] })
		body, hit := person.Bytes(p.Entry.Body, find)
		if !hit {
			continue
		}
		before, err := cameAs(ctx, tx, g, p, find)
		if err != nil {
			return nil, err
		}
		if before != nil {
			body = before
		}
		if err := p.rewrite(body); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// cameAs gives the body that the journal has of a piece that was taken in before; nil if it was not. That need not be what
// it would become now: an erasure has perhaps not come so far, or broke off, or not all names were known then.
func cameAs(ctx context.Context, tx store.Tx, g *guard, p *Piece, find person.Finder) ([]byte, error) {
	bodies := [][]byte{p.Entry.Body}
	if p.Evidence == nil {
		bodies = append(bodies, g.earlier(p, find)...)
	}
	hashes := make([][32]byte, len(bodies))
	for i, body := range bodies {
		hashes[i] = hashOf(p.Entry.Origin, body)
	}
	there, err := tx.Journaled(ctx, p.Entry.Account, hashes)
	if err != nil {
		return nil, fmt.Errorf("look for journal entry: %w", err)
	}
	for i, body := range bodies {
		if slices.Contains(there, hashes[i]) {
			return body, nil
		}
	}
	if p.Evidence == nil {
		return nil, nil
	}
	entries, err := entriesOfDialog(ctx, tx, p)
	for i := range entries {
		if entries[i].Origin == p.Entry.Origin && entries[i].Rank == rankOf(p.Entry) {
			return entries[i].Body, nil
		}
	}
	return nil, err
}

// fewNames is how many names of a body are looked at when it is asked what it became before some of them were known.
const fewNames = 5

// earlier gives what a piece would have become while only some of its names were known. For what tells of a dialog the
// journal's entries of that are looked at instead.
func (g *guard) earlier(p *Piece, find person.Finder) (bodies [][]byte) {
	numbers := g.Numbers(p.Entry.Account)
	var names []string
	person.Bytes(p.Entry.Body, func(text string) (string, bool) {
		found, ok := find(text)
		if _, number := numbers(text); ok && !number && len(names) < fewNames && !slices.Contains(names, text) {
			names = append(names, text)
		}
		return found, ok
	})
	for some := range 1 << len(names) {
		body, _ := person.Bytes(p.Entry.Body, func(text string) (string, bool) {
			if at := slices.Index(names, text); at >= 0 && some>>at&1 == 0 {
				return "", false
			}
			return find(text)
		})
		bodies = append(bodies, body)
	}
	return bodies
}

// entriesOfDialog gives the journal entries of the dialog that a piece is about.
func entriesOfDialog(ctx context.Context, tx store.Tx, p *Piece) ([]store.Entry, error) {
	entries, err := tx.EntriesOf(ctx, []store.Key{{Account: p.Entry.Account, UUID: p.Evidence.UUID}})
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return slices.DeleteFunc(entries, func(entry store.Entry) bool { return entry.DialogUUID != p.Evidence.UUID }), nil
}

// concerns gives, by pseudonym, the persons who were erased of whom a webhook tells that is of what was known before: those
// whose numbers it names, and those of its call. Without one that was erased after it, and without a call of one, there are
// none: then it is of something new.
func (e *Engine) concerns(ctx context.Context, tx store.Tx, l *learnt, p *Piece) (map[string]bool, error) {
	if concerned, ok := l.concerned[p]; ok {
		return concerned, nil
	}
	account, g := p.Entry.Account, l.guard
	_, known := person.Bytes(p.Entry.Body, g.erasedAfter(account, p.Entry.EventTime))
	concerned := map[string]bool{}
	l.concerned[p] = concerned
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

// restore gives a webhook's piece the body back that it came with, which an earlier try has rewritten.
func (p *Piece) restore() error {
	if p.received == nil || bytes.Equal(p.Entry.Body, p.received) {
		return nil
	}
	webhook, err := dialog.Decode(p.received)
	if err != nil {
		return fmt.Errorf("read webhook: %w", err)
	}
	p.Entry.Body, p.Entry.SHA256, p.Entry.Rank = p.received, webhook.SHA256, [32]byte{}
	if webhook.Kind != dialog.Other {
		p.Evidence = correlate.NewLeg(&webhook)
	}
	return nil
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
