//go:build unix

package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"webhookd/internal/replay/simulate"
)

func TestOnlyWhatWasAnsweredCounts(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("01", 32), strings.Repeat("02", 32)
	path := filepath.Join(t.TempDir(), "log")
	write := func(lines ...string) {
		text := simulate.LogHeader + "\n" + strings.Join(lines, "\n") + "\n"
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write(
		"sim01\t"+one+"\t0\t1\t2\t1\tdialog_close",
		"sim01\t"+one+"\t200\t5\t6\t3\tdialog_close",
		"sim01\t"+one+"\t200\t3\t4\t2\tdialog_close",
		"sim02\t"+one+"\t503\t1\t2\t1\tdialog_close",
		"-\t"+two+"\t202\t1\t2\t1\tdialog_create",
	)
	s, err := readSent(path)
	require.NoError(t, err)
	assert.Equal(t, 5, s.requests)
	assert.Equal(t, 3, s.webhooks)
	assert.Len(t, s.taken, 2)
	assert.Equal(t, 2, s.taken[bodyKey{"sim01", [32]byte([]byte(strings.Repeat("\x01", 32)))}].Try)
	assert.Contains(t, s.taken, bodyKey{"", [32]byte([]byte(strings.Repeat("\x02", 32)))})

	write("sim01\t" + one)
	_, err = readSent(path)
	require.Error(t, err)
}
