package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// statements gives what documents have somebody ask of a Postgres: blocks of sql, and what begins with select in the text.
func statements(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	for _, block := range codeBlocks(t, document) {
		if block.language == "sql" {
			for one := range strings.SplitSeq(block.body, ";") {
				if one = strings.TrimSpace(one); one != "" {
					all = append(all, one)
				}
			}
		}
	}
	for _, match := range regexp.MustCompile("`(select [^`]+)`").FindAllStringSubmatch(prose(t, document), -1) {
		all = append(all, match[1])
	}
	return all
}

// Every question that a document has for the database is asked of one, in which a webhook lies that is no UTF-8. What makes
// a role and a database makes them, under another name.
func TestTheSQLOfTheDocumentsIsAnswered(t *testing.T) {
	t.Parallel()
	database, err := sql.Open("postgres", pgtest.Migrated(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, database.Close()) }()
	body := []byte("{\"event_name\":\"dialog_state_update\",\"state\" : \"odd\",\"name\":\"\xff\\u0000\"}")
	sum := sha256.Sum256(body)
	_, err = database.ExecContext(t.Context(), `insert into journal (account, received_at, origin, event_name, ignored, sha256, body)
		values ('default', now(), 'pbx', 'dialog_state_update', false, $1, $2)`, sum[:], body)
	require.NoError(t, err)
	other := "document_" + strings.ToLower(rand.Text())
	defer func() {
		for _, what := range []string{"database", "role"} { // the owner last
			_, err := database.ExecContext(context.WithoutCancel(t.Context()), "drop "+what+" if exists "+other)
			require.NoError(t, err)
		}
	}()
	var answers []string
	asked := 0
	for _, document := range documents(t) {
		for _, statement := range statements(t, document) {
			asked++
			if strings.HasPrefix(statement, "create ") {
				_, err := database.ExecContext(t.Context(), strings.ReplaceAll(statement, "webhookd", other))
				require.NoError(t, err, "%s: %s", document, statement)
				continue
			}
			answers = append(answers, answered(t, database, document, statement)...)
		}
	}
	require.Greater(t, asked, 7)
	require.Contains(t, answers, "odd", "operations.md asks for states that are not known")
}

// answered gives the first column of what a statement is answered with.
func answered(t *testing.T, database *sql.DB, document, statement string) []string {
	t.Helper()
	rows, err := database.QueryContext(t.Context(), statement)
	require.NoError(t, err, "%s: %s", document, statement)
	defer func() { require.NoError(t, rows.Close()) }()
	names, err := rows.Columns()
	require.NoError(t, err)
	var column []string
	for rows.Next() {
		var first sql.NullString
		into := []any{&first}
		for range names[1:] {
			into = append(into, new(any))
		}
		require.NoError(t, rows.Scan(into...))
		column = append(column, first.String)
	}
	require.NoError(t, rows.Err(), "%s: %s", document, statement)
	return column
}
