package natsbus

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, want string
		covers        bool
	}{
		{"flow.trigger.>", "flow.trigger.>", true},
		{"flow.>", "flow.trigger.>", true},
		{">", "flow.trigger.>", true},
		{"flow.*.>", "flow.trigger.>", true},
		{"flow.trigger.*", "flow.trigger.>", false},
		{"flow.trigger.*.>", "flow.trigger.>", false},
		{"flow.trigger.acme.>", "flow.trigger.>", false},
		{"flow.trigger", "flow.trigger.>", false},
		{"other.>", "flow.trigger.>", false},
	} {
		assert.Equal(t, test.covers, covers(test.pattern, test.want), "%s for %s", test.pattern, test.want)
	}
}
