package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store"
)

func TestWhatADatabaseMustBeToBeOpened(t *testing.T) {
	t.Parallel()
	absent, older := store.Schema{Known: 8}, store.Schema{Version: 7, Known: 8}
	same, newer := store.Schema{Version: 8, Known: 8}, store.Schema{Version: 9, Known: 8}
	for _, tt := range []struct {
		opening store.Opening
		takes   []store.Schema
		lacks   []store.Schema // there is no database
		refuses []store.Schema
	}{
		{store.Make, []store.Schema{absent, older, same, newer}, nil, nil},
		{store.Existing, []store.Schema{older, same, newer}, []store.Schema{absent}, nil},
		{store.AsItIs, []store.Schema{same, newer}, []store.Schema{absent}, []store.Schema{older}},
		{store.Exactly, []store.Schema{same}, []store.Schema{absent}, []store.Schema{older, newer}},
	} {
		for _, found := range tt.takes {
			require.NoError(t, tt.opening.Takes(found), "%d of %v", tt.opening, found)
		}
		for _, found := range tt.lacks {
			require.ErrorIs(t, tt.opening.Takes(found), store.ErrNoDatabase, "%d of %v", tt.opening, found)
		}
		for _, found := range tt.refuses {
			var refused *store.SchemaError
			require.ErrorAs(t, tt.opening.Takes(found), &refused, "%d of %v", tt.opening, found)
			require.Equal(t, found == newer, refused.Newer())
		}
	}
	require.Equal(t, store.AsItIs, store.Make.Dry(true))
	require.Equal(t, store.Existing, store.Existing.Dry(false))
}
