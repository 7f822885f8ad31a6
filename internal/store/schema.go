package store

import (
	"errors"
	"fmt"
)

// ErrNoDatabase says that nothing was ever made where a database should be.
var ErrNoDatabase = errors.New("there is no database")

// Opening says what may be done to a database so that it can be worked on.
type Opening int

const (
	// Make makes what is not there, and brings an older schema up to date.
	Make Opening = iota
	// Existing is for what only makes sense on what is there: where nothing was made, nothing is. An older schema is
	// brought up to date.
	Existing
	// AsItIs changes nothing. A later schema will do: every migration leaves the version before able to work.
	AsItIs
	// Exactly is AsItIs, and takes no later schema either: for what compares with what this program would have written.
	Exactly
)

// Dry is AsItIs for what is only tried, and o for what is done.
func (o Opening) Dry(dry bool) Opening {
	if dry {
		return AsItIs
	}
	return o
}

// Schema says how far a database is.
type Schema struct {
	Version int64 // 0: nothing was made there yet
	Known   int64 // to this program
}

// SchemaError says that a database is too old, or too new, to be worked on as it is.
type SchemaError struct{ Schema }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("its schema has version %d, this program knows %d", e.Version, e.Known)
}

// Newer says whether a later program made the schema.
func (e *SchemaError) Newer() bool { return e.Version > e.Known }

// Takes says what is wrong with a database that is so far: ErrNoDatabase or a *SchemaError.
func (o Opening) Takes(found Schema) error {
	switch {
	case o == Make:
		return nil
	case found.Version == 0:
		return ErrNoDatabase
	case o == Existing:
		return nil
	case found.Version < found.Known, o == Exactly && found.Version > found.Known:
		return &SchemaError{found}
	default:
		return nil
	}
}
