// Package sqlite keeps the store in one SQLite file, for an installation of one instance: the default that needs no
// server. It decides nothing about calls and knows no other adapter.
//
// One connection writes and a few read. Every commit is on disk when it returns (write-ahead log, synchronous=FULL).
// The file belongs to one process: a lock file beside it says so.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"webhookd/internal/store"
	"webhookd/internal/store/bell"
	"webhookd/internal/store/tail"
)

// Config says where the database is.
type Config struct {
	// Path is the file. It and its directory are made if absent, for this user only, unless Opening says otherwise.
	// Beside it are "<Path>-wal" and "<Path>-shm", which belong to the database, and "<Path>.lock".
	Path string
	// Opening says what may be done to the file; the zero value makes it and brings it up to date.
	Opening store.Opening
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// patience is how long a connection waits for a lock on the file.
const patience = "busy_timeout(5000)"

// readConns is how many connections read.
const readConns = 4

// Store implements [store.Store].
type Store struct {
	reader  *sqlx.DB
	writer  *sqlx.DB      // of one connection
	writing chan struct{} // holds one token while that connection is in use

	// Of whoever has the token: how many Writes have begun, and the number of the last one that committed.
	begun, committed int64

	lock *fileLock
	now  func() time.Time
	bell bell.Bell
	tail tail.Tail

	open  context.Context // ends with Close
	close context.CancelFunc

	leading sync.Mutex
	leader  *lease // nil while nobody leads
}

var _ store.Store = (*Store)(nil)

// ErrInUse says that another process has the database file.
var ErrInUse = errors.New("another webhookd uses this database file")

// Open opens the database file. As far as config.Opening allows it makes the file, and brings its schema to the version of
// this program; where that does not allow what would be needed, it returns [store.ErrNoDatabase] or a [store.SchemaError].
// It returns [ErrInUse] while another process, or another Store of this one, has the file.
func Open(ctx context.Context, config Config) (_ *Store, err error) {
	path, err := filepath.Abs(config.Path)
	if err != nil || config.Path == "" {
		return nil, fmt.Errorf("open database %q: a path is needed", config.Path)
	}
	if err := prepare(path, config.Opening); err != nil {
		return nil, err
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	s := &Store{lock: lock, now: config.Now, writing: make(chan struct{}, 1)}
	if s.now == nil {
		s.now = time.Now
	}
	s.open, s.close = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	if s.writer, err = openWriter(ctx, path, config.Opening); err != nil {
		return nil, err
	}
	if s.reader, err = connect(path, readConns, "query_only(1)", patience); err != nil {
		return nil, err
	}
	return s, nil
}

// prepare makes the directory of the file, or says that there is no file where none is to be made.
func prepare(path string, opening store.Opening) error {
	if opening == store.Make {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make directory of database: %w", err)
		}
		return nil
	}
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return store.ErrNoDatabase
	case err != nil:
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

// openWriter gives the connection that writes, to a database whose schema will do.
func openWriter(ctx context.Context, path string, opening store.Opening) (*sqlx.DB, error) {
	if opening == store.Make {
		if err := touch(path); err != nil {
			return nil, err
		}
	} else if err := look(ctx, path, opening); err != nil {
		return nil, err
	}
	pragmas := []string{"synchronous(FULL)", "journal_mode(WAL)", patience}
	asItIs := opening == store.AsItIs || opening == store.Exactly
	if asItIs {
		pragmas = []string{patience} // the mode of the journal is written into the file
	}
	writer, err := connect(path, 1, pragmas...)
	if err != nil || asItIs {
		return writer, err
	}
	if err := migrate(ctx, writer.DB); err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	return writer, nil
}

// look says what is wrong with the schema of a file that is there, and changes nothing.
func look(ctx context.Context, path string, opening store.Opening) error {
	found := store.Schema{}
	var err error
	if found.Known, err = latestVersion(); err != nil {
		return err
	}
	db, err := connect(path, 1, "query_only(1)", patience)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var made bool
	err = db.GetContext(ctx, &made, `
select exists (select 1 from sqlite_schema where type = 'table' and name = '`+versionTable+`')`)
	if err == nil && made {
		err = db.GetContext(ctx, &found.Version, `select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`)
	}
	if err != nil {
		return fmt.Errorf("read schema version of %s: %w", path, classify(err))
	}
	return opening.Takes(found)
}

// touch makes the file if it is absent, so that nobody else may read it; SQLite would let the umask decide.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return nil
}

func connect(path string, conns int, pragmas ...string) (*sqlx.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") { // it begins with a drive
		slashed = "/" + slashed
	}
	dsn := url.URL{
		Scheme: "file", Opaque: (&url.URL{Path: slashed}).EscapedPath(),
		RawQuery: url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}.Encode(),
	}
	db, err := sqlx.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", classify(err))
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// Kind implements [store.Store].
func (*Store) Kind() string { return "sqlite" }

// Ping implements [store.Store].
func (s *Store) Ping(ctx context.Context) error {
	var version int64
	err := s.read(ctx, "read schema version", &version,
		`select coalesce(max(version_id), 0) from `+versionTable+` where is_applied`)
	if err != nil {
		return err
	}
	known, err := latestVersion()
	if err != nil {
		return err
	}
	if version < known { // a later one was made so that the version before can go on with it
		return fmt.Errorf("%w: its schema has version %d, this program knows %d", store.ErrUnavailable, version, known)
	}
	return nil
}

// Close implements [store.Store]. A Write that runs is waited for, a lease is lost, and wakes end.
func (s *Store) Close() error {
	s.close()
	s.loseLeader()
	s.writing <- struct{}{}
	defer func() { <-s.writing }()
	var errs []error
	for _, db := range []*sqlx.DB{s.reader, s.writer} { // the last one to close tidies the write-ahead log up
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	errs = append(errs, s.lock.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}
