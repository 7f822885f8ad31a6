package postgres

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// piece is one thing that a transaction writes: the common table expressions of a statement and its parameters. Several
// pieces make one statement, so that a batch is one question to the server and not seven. They see the tables as they
// were when the statement began, each other's changes not; so no two of a statement may write the same row.
type piece struct {
	sql  string // "name as (…), …", with parameters from $1; the names are different in all pieces
	args []any
	give string // an expression of the statement's final select, "" for none
}

func (p piece) empty() bool { return p.sql == "" }

var parameter = regexp.MustCompile(`\$\d+`)

// keep runs pieces as one statement. Which pieces a batch has makes a few dozen statements at most, each prepared once.
func (t *tx) keep(ctx context.Context, doing string, pieces ...piece) error {
	var name strings.Builder
	var args []any
	for _, p := range pieces {
		if !p.empty() {
			name.WriteString(p.sql)
			name.WriteString(p.give)
			args = append(args, p.args...)
		}
	}
	if name.Len() == 0 {
		return nil
	}
	known, ok := t.store.joined.Load(name.String())
	if !ok {
		known, _ = t.store.joined.LoadOrStore(name.String(), join(pieces))
	}
	query, _ := known.(string) // nothing else is ever stored
	return t.exec(ctx, doing, query, args...)
}

// join makes a statement of pieces, with their parameters numbered through.
func join(pieces []piece) string {
	var with, give []string
	shift := 0
	for _, p := range pieces {
		if p.empty() {
			continue
		}
		number := func(text string) string {
			n, _ := strconv.Atoi(text[1:]) // it is made of digits
			return "$" + strconv.Itoa(n+shift)
		}
		with = append(with, parameter.ReplaceAllStringFunc(p.sql, number))
		if p.give != "" {
			give = append(give, parameter.ReplaceAllStringFunc(p.give, number))
		}
		shift += len(p.args)
	}
	return "with " + strings.Join(with, ",\n") + "\nselect " + strings.Join(give, ", ")
}
