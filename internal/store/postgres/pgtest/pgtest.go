// Package pgtest gives tests a Postgres to work on: each a schema of its own, on the server that
// WEBHOOKD_TEST_DATABASE_URL names. scripts/with-postgres starts one.
package pgtest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// Migrated is URL with the tables of the present version in the schema. It runs schema.sql, which a test of the store
// holds against the migrations: that is one statement of a moment, where the migrations under the race detector take
// most of a second of processor time, and nearly every test of this repository needs a schema.
func Migrated(t testing.TB) string {
	t.Helper()
	databaseURL := URL(t)
	statements, err := schema()
	if err != nil {
		t.Fatalf("read schema: %v", err)
	}
	run(t, databaseURL, statements)
	return databaseURL
}

// schema reads schema.sql, at the top of the repository that the test is run in.
var schema = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			return "", os.ErrNotExist
		}
		dir = filepath.Dir(dir)
	}
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(dir, "schema.sql"))
	return string(data), err
})

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
