package erase

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"webhookd/internal/person"
	"webhookd/internal/store"
)

// eraser is one erasure under way.
type eraser struct {
	*Service
	account     string
	who         wanted
	all         person.Finder // by number and names, with pseudonyms
	dryRun      bool
	found       *found
	guard       *person.Guard
	key         string          // the mark with the key of endings; "" where an earlier erasure has one
	calls       map[string]bool // all that were found, and their dialogs that name the person
	erasure     store.Erasure
	certificate Certificate
}

// Erase takes a person out of everything that is kept of an account: see the package, and docs/personal-data.md. With dryRun
// it changes nothing and says what it would. What breaks off in between can be done again: it goes on with the same
// pseudonym. It returns ErrNumber, and store.ErrUnavailable.
func (s *Service) Erase(ctx context.Context, account, number string, dryRun bool) (Certificate, error) {
	id, numbers, err := s.finder(number)
	if err != nil {
		return Certificate{}, err
	}
	e := &eraser{
		Service: s, account: account, who: wanted{numbers: numbers}, dryRun: dryRun, found: nothingFound(),
		calls: map[string]bool{},
	}
	// From here on what comes is recognised by the number, so that nothing slips in between looking and rewriting.
	if err := e.begin(ctx, id); err != nil {
		return Certificate{}, err
	}
	if _, err := s.look(ctx, account, e.who, e.found); err != nil {
		return Certificate{}, err
	}
	if err := s.lookAtRows(ctx, account, e.who.numbers, e.found); err != nil {
		return Certificate{}, err
	}
	if _, err := e.learn(ctx, e.found); err != nil {
		return Certificate{}, err
	}
	if err := e.journal(ctx); err != nil {
		return Certificate{}, err
	}
	if err := e.tables(ctx); err != nil {
		return Certificate{}, err
	}
	e.stream(ctx)
	return e.certificate, e.certify(ctx)
}

// begin decides the pseudonym, which is that of an earlier erasure of the person if there was one, and lets every instance
// recognise the person by the number from now on. What an earlier erasure found is found again by the pseudonym: events of
// these calls may still be on their way, and it may have broken off.
func (e *eraser) begin(ctx context.Context, id string) error {
	now := e.Now().UTC().Truncate(time.Second)
	e.erasure = store.Erasure{
		ID: uuid.NewString(), Account: e.account, At: now, Pseudonym: person.Prefix + hex.EncodeToString(random(6)),
		GuardUntil: now.Add(GuardFor),
	}
	secret := random(sha256.Size)
	e.key = person.KeyPrefix + hex.EncodeToString(random(person.KeySize))
	err := e.write(ctx, func(tx store.Tx) (err error) {
		known, kept, err := tx.GuardedErasures(ctx, now)
		if err != nil {
			return err
		}
		switch {
		case len(known) > 0:
			secret = kept
		case !e.dryRun:
			if secret, err = tx.ErasureSecret(ctx, secret); err != nil {
				return err
			}
		}
		e.guard = person.NewGuard(secret, e.Region)
		e.resume(known, e.guard.NumberMark(e.account, id), e.guard.TailMark(e.account, id))
		if e.dryRun {
			return nil
		}
		if _, err := tx.ForgetMarks(ctx, now); err != nil {
			return err
		}
		return tx.PutErasure(ctx, e.erasure)
	})
	if err != nil {
		return fmt.Errorf("begin erasure: %w", err)
	}
	e.guard.Add(e.erasure.Pseudonym, e.erasure.Marks)
	e.all = e.guard.NumbersAndNames(e.account)
	e.who.pseudonym = e.erasure.Pseudonym
	e.certificate = Certificate{
		ID: e.erasure.ID, Account: e.account, ErasedAt: now, DryRun: e.dryRun, Pseudonym: e.erasure.Pseudonym,
		Tables:    map[string]TableCount{},
		LateUntil: e.erasure.GuardUntil, NotReached: notReached,
	}
	return nil
}

// resume gives the erasure its marks, and the pseudonym and the marks of earlier ones of the same number.
func (e *eraser) resume(known []store.Erasure, number, tail string) {
	marks, again := []string{number, tail}, false
	for _, before := range known {
		if before.Account == e.account && slices.Contains(before.Marks, number) {
			e.erasure.Pseudonym, again = before.Pseudonym, true
			marks = append(marks, before.Marks...)
		}
	}
	if !again {
		marks = append(marks, e.key)
	}
	e.erasure.Marks = sortedOnce(marks)
}

// learn lets the person be recognised by names that were found since, and says whether there are any. Names that webhooks
// have told meanwhile are among them: whoever took these in has kept their marks.
func (e *eraser) learn(ctx context.Context, f *found) (learnt bool, err error) {
	names := make([]string, 0, len(f.names))
	for name := range f.names {
		names = append(names, e.guard.NameMark(e.account, name))
	}
	if e.dryRun {
		return e.add(names), nil
	}
	err = e.write(ctx, func(tx store.Tx) error {
		learnt = false
		others, err := e.marksOfOthers(ctx, tx)
		if err != nil {
			return err
		}
		if learnt = e.add(append(others, names...)); !learnt {
			return nil
		}
		return tx.AddErasureMarks(ctx, e.erasure.ID, e.erasure.Marks)
	})
	return learnt, err
}

// add adds marks to those that the person is recognised by, and says whether any is new.
func (e *eraser) add(marks []string) (learnt bool) {
	marks = slices.DeleteFunc(marks, func(mark string) bool {
		return slices.Contains(e.erasure.Marks, mark) || strings.HasPrefix(mark, person.KeyPrefix)
	})
	e.guard.Add(e.erasure.Pseudonym, marks)
	e.erasure.Marks = sortedOnce(slices.Concat(marks, e.erasure.Marks))
	return len(marks) > 0
}

// marksOfOthers gives the marks of the person that the store has, this erasure's among them.
func (e *eraser) marksOfOthers(ctx context.Context, tx store.Tx) (marks []string, err error) {
	known, _, err := tx.GuardedErasures(ctx, e.erasure.At)
	for _, one := range known {
		if one.Account == e.account && one.Pseudonym == e.erasure.Pseudonym {
			marks = append(marks, one.Marks...)
		}
	}
	return marks, err
}

func sortedOnce(marks []string) []string {
	slices.Sort(marks)
	return slices.Compact(marks)
}

func (e *eraser) write(ctx context.Context, fn func(store.Tx) error) error {
	if err := e.Store.Write(ctx, fn); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (e *eraser) count(table string, more TableCount) {
	if more == (TableCount{}) {
		return
	}
	count := e.certificate.Tables[table]
	count.Rewritten += more.Rewritten
	count.Removed += more.Removed
	e.certificate.Tables[table] = count
}

// certify keeps the certificate.
func (e *eraser) certify(ctx context.Context) error {
	if e.dryRun {
		return nil
	}
	text, err := json.Marshal(e.certificate)
	if err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	e.erasure.Certificate = text
	if e.Logger != nil {
		e.Logger.Info("erased a person", "account", e.account, "erasure", e.erasure.ID, "calls", e.certificate.Calls)
	}
	return e.write(ctx, func(tx store.Tx) error {
		others, err := e.marksOfOthers(ctx, tx)
		if err != nil {
			return err
		}
		e.add(others)
		return tx.PutErasure(ctx, e.erasure)
	})
}

func random(n int) []byte {
	bytes := make([]byte, n)
	_, _ = rand.Read(bytes) // it never fails
	return bytes
}
