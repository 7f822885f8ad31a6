// Package pgtest gives tests a Postgres to work on: each a schema of its own, on the server that
// WEBHOOKD_TEST_DATABASE_URL names. scripts/with-postgres starts one.
package pgtest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/lib/pq"
)

// Variable is the environment variable that names the server.
const Variable = "WEBHOOKD_TEST_DATABASE_URL"

// URL makes an empty schema, which goes when the test ends, and gives a URL whose search_path is that schema. The test
// fails if there is no server: tests of the production database are not optional.
func URL(t testing.TB) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		t.Fatalf("%s is not set: run make test, or this command under scripts/with-postgres", Variable)
	}
	schema := "test_" + strings.ToLower(rand.Text())
	run(t, server, `create schema `+pq.QuoteIdentifier(schema))
	t.Cleanup(func() { run(t, server, `drop schema `+pq.QuoteIdentifier(schema)+` cascade`) })
	return With(t, server, "search_path", schema)
}

// With gives the URL with one parameter set to another value.
func With(t testing.TB, databaseURL, parameter, value string) string {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatalf("%s is not a URL", Variable)
	}
	query := parsed.Query()
	query.Set(parameter, value)
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

// run executes one statement on a connection of its own.
func run(t testing.TB, databaseURL, statement string) {
	t.Helper()
	db, err := sql.Open("postgres", databaseURL)
	if err != nil {
		t.Fatalf("open test database: %v", err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
