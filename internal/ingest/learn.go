package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"webhookd/internal/correlate"
	"webhookd/internal/dialog"
	"webhookd/internal/person"
	"webhookd/internal/store"
)

// learnt is what the webhooks of a transaction tell of persons who were erased that was not known before.
type learnt struct {
	guard     *guard
	told      map[*Piece]bool            // whether it tells a number or a name of anybody's
	concerned map[*Piece]map[string]bool // what concerns has found
	names     map[[2]string]bool         // by account and name
	calls     map[store.Key]bool         // of what tells them
}

// telling is what is known of a dialog while the webhooks of a transaction are gone through.
type telling struct {
	leg    *correlate.Leg // nil: nothing
	bodies [][]byte       // of the transaction
}

// learn finds the names of persons who were erased in webhooks of their calls, where these tell them for the first time: the
// number beside which they stand may be a pseudonym by now. The person is recognised by them from then on, by all instances.
func (e *Engine) learn(ctx context.Context, tx store.Tx, l *learnt, pieces []*Piece) error {
	for _, p := range pieces {
		_, l.told[p] = person.Bytes(p.Entry.Body, l.guard.NumbersAndNames(p.Entry.Account))
	}
	legs, err := e.tellings(ctx, tx, l, pieces)
	if err != nil {
		return err
	}
	marks := map[string][]string{}
	for _, p := range pieces {
		account := p.Entry.Account
		known := legs[store.Key{Account: account, UUID: p.Entry.DialogUUID}]
		before := known.add(p)
		if self, peer := known.of(l.guard.anyone(account)); !l.told[p] && !self && !peer {
			continue
		}
		concerned, err := e.concerns(ctx, tx, l, p)
		if err != nil {
			return err
		}
		for _, pseudonym := range slices.Sorted(maps.Keys(concerned)) {
			names, err := namesIn(ctx, tx, p, known, before, l.guard.numbersOf(account, pseudonym))
			if err != nil {
				return err
			}
			if fresh := l.add(p, pseudonym, names); len(fresh) > 0 {
				e.memory.guard = nil // it was changed, and the transaction may fail
				marks[pseudonym] = append(marks[pseudonym], fresh...)
			}
		}
	}
	for _, pseudonym := range slices.Sorted(maps.Keys(marks)) {
		if err := tx.AddErasureMarks(ctx, l.guard.erasure[pseudonym], marks[pseudonym]); err != nil {
			return fmt.Errorf("remember names of a person who was erased: %w", err)
		}
	}
	return nil
}

// add adds names that a piece tells of a person, and gives the marks of those that were not known.
func (l *learnt) add(p *Piece, pseudonym string, names []string) (marks []string) {
	account := p.Entry.Account
	known := l.guard.NumbersAndNamesOf(account, func(one string) bool { return one == pseudonym })
	for _, name := range names {
		if _, ok := known(name); ok {
			continue
		}
		mark := l.guard.NameMark(account, name)
		l.guard.Add(pseudonym, []string{mark})
		marks = append(marks, mark)
		l.names[[2]string{account, name}] = true
	}
	if len(marks) > 0 && p.Evidence != nil {
		for _, id := range Named(account, p.Evidence) {
			l.calls[store.Key{Account: account, UUID: id}] = true
		}
	}
	return marks
}

// tellings gives what is known of the dialogs of those pieces that may tell a name, or whose it is.
func (e *Engine) tellings(ctx context.Context, tx store.Tx, l *learnt, pieces []*Piece) (map[store.Key]*telling, error) {
	names := []dialog.Field{dialog.SelfName, dialog.PeerName, dialog.AnonymousName}
	legs := map[store.Key]*telling{}
	b := newBatch(e, tx, time.Time{})
	for _, p := range pieces {
		if p.Evidence == nil {
			continue
		}
		if !l.told[p] && !slices.ContainsFunc(names, func(field dialog.Field) bool {
			name := p.Evidence.Told(field)
			return name != "" && !strings.HasPrefix(name, person.Prefix)
		}) {
			continue
		}
		legs[store.Key{Account: p.Entry.Account, UUID: p.Entry.DialogUUID}] = &telling{}
		b.want(p)
	}
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	for key, known := range legs {
		known.leg, _ = b.account(key.Account).set.Leg(key.UUID)
	}
	e.memory.keep(b)
	return legs, nil
}

// add adds what a piece tells, and gives the leg as it was before; nil if there was none.
func (t *telling) add(p *Piece) (before *correlate.Leg) {
	if t == nil || p.Evidence == nil {
		return nil
	}
	before = t.leg
	t.leg = p.Evidence
	if before != nil {
		t.leg = correlate.Merge(before, p.Evidence)
	}
	t.bodies = append(t.bodies, p.Entry.Body)
	return before
}

// of says whether the leg is a person's, and whether its peer is; neither where nothing is known.
func (t *telling) of(numbers person.Finder) (self, peer bool) {
	if t == nil {
		return false, false
	}
	return onLeg(t.leg, numbers)
}

// namesIn gives the names that a piece tells of a person: beside the number, and on a leg that is theirs, or whose peer is.
// Where that is known only now, what was told of the leg before is theirs, too.
func namesIn(
	ctx context.Context, tx store.Tx, p *Piece, known *telling, before *correlate.Leg, numbers person.Finder,
) ([]string, error) {
	names := person.Names(p.Entry.Body, numbers)
	self, peer := known.of(numbers)
	if !self && !peer {
		return names, nil
	}
	if selfBefore, peerBefore := onLeg(before, numbers); selfBefore == self && peerBefore == peer {
		return append(names, person.NamesOf(p.Entry.Body, self, peer, numbers)...), nil
	}
	for _, body := range known.bodies {
		names = append(names, person.NamesOf(body, self, peer, numbers)...)
	}
	entries, err := entriesOfDialog(ctx, tx, p)
	for i := range entries {
		names = append(names, person.NamesOf(entries[i].Body, self, peer, numbers)...)
	}
	return names, err
}

func onLeg(leg *correlate.Leg, numbers person.Finder) (self, peer bool) {
	if leg == nil {
		return false, false
	}
	return person.OnLeg(leg.Told, numbers)
}

// anyone finds the numbers of an account's persons, and what stands in their place.
func (g *guard) anyone(account string) person.Finder {
	numbers := g.Numbers(account)
	return func(text string) (string, bool) {
		if strings.HasPrefix(text, person.Prefix) {
			return text, true
		}
		return numbers(text)
	}
}

// numbersOf finds those of one person.
func (g *guard) numbersOf(account, pseudonym string) person.Finder {
	anyone := g.anyone(account)
	return func(text string) (string, bool) {
		found, ok := anyone(text)
		return found, ok && strings.HasPrefix(found, pseudonym)
	}
}

// takeOut takes names that were learnt out of what is there of these calls: webhooks that came before may have told them,
// when nobody knew whose they are. The numbers are gone already, or an erasure is about to come to them.
func (e *Engine) takeOut(ctx context.Context, tx store.Tx, l *learnt) error {
	if l == nil || len(l.names) == 0 {
		return nil
	}
	calls := map[string][]store.Key{}
	for _, key := range sortedKeys(l.calls) {
		calls[key.Account] = append(calls[key.Account], key)
	}
	for _, account := range slices.Sorted(maps.Keys(calls)) {
		all := l.guard.NumbersAndNames(account)
		_, err := e.Erase(ctx, tx, calls[account], func(text string) (string, bool) {
			if !l.names[[2]string{account, text}] {
				return "", false
			}
			return all(text)
		})
		if err != nil {
			return fmt.Errorf("take out names of a person who was erased: %w", err)
		}
	}
	return nil
}
