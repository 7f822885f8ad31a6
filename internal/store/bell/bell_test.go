package bell_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/store/bell"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRingsAreHeardOnceByEveryListener(t *testing.T) {
	t.Parallel()
	var b bell.Bell
	b.Ring() // nobody listens
	one, wake, stopOne := b.Listen()
	two, _, stopTwo := b.Listen()
	b.Ring()
	b.Ring()
	<-one
	<-two
	require.Empty(t, one)
	require.Empty(t, two)

	wake()
	<-one
	require.Empty(t, two)

	stopOne()
	stopOne()
	wake()
	b.Ring()
	_, open := <-one
	require.False(t, open)
	<-two
	stopTwo()
}

func TestListeningEndsWithEitherContext(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"listener", "owner"} {
		var b bell.Bell
		ctx, end := context.WithCancel(t.Context())
		owner, endOwner := context.WithCancel(t.Context())
		rung := b.ListenUntil(ctx, owner)
		if which == "owner" {
			end, endOwner = endOwner, end
		}
		end()
		_, open := <-rung
		require.False(t, open, which)
		endOwner()
	}
}
