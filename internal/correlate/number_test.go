package correlate_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/correlate"
)

func TestE164(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ raw, region, want string }{
		{"501502503", "PL", "+48501502503"},
		{"+48 501 502 503", "PL", "+48501502503"},
		{"0048501502503", "PL", "+48501502503"},
		{"48501502503", "PL", "+48501502503"},
		{"+442079460958", "PL", "+442079460958"},
		{"02079460958", "GB", "+442079460958"},
		{"501502503", "DE", ""},
		{"48xxxxxxxxx", "PL", ""},
		{"pkowalski", "PL", ""},
		{"", "PL", ""},
		{"112", "PL", ""},
		{"+48", "PL", ""},
		{"anonymous", "PL", ""},
	} {
		for range 2 { // parsed, and remembered
			require.Equal(t, c.want, correlate.E164(c.raw, c.region), "%s in %s", c.raw, c.region)
		}
	}
}

// What is remembered of many numbers at once is never another number's.
func TestE164RemembersTheRightNumber(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 10000 {
				raw := fmt.Sprintf("50%07d", n)
				if got := correlate.E164(raw, "PL"); got != "+48"+raw {
					t.Errorf("%s gives %s", raw, got)
					return
				}
			}
		})
	}
	all.Wait()
}
