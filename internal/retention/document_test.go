package retention_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The document says of every table of the schema what ends its rows, and of no other.
func TestTheDocumentSaysOfEveryTableWhatEndsItsRows(t *testing.T) {
	t.Parallel()
	names := func(path, from, to, pattern string) (found []string) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		text := string(data)
		if from != "" {
			_, behind, ok := strings.Cut(text, from)
			require.True(t, ok, from)
			text, _, ok = strings.Cut(behind, to)
			require.True(t, ok, to)
		}
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			require.NotContains(t, found, match[1], path)
			found = append(found, match[1])
		}
		return found
	}
	tables := names("../../schema.sql", "", "", `(?m)^create table (\w+)`)
	require.Greater(t, len(tables), 25)
	said := names("../../docs/retention.md", "\n## Every table\n", "\n## ", "(?m)^\\| `(\\w+)` \\| [^|]+ \\| [^|]+ \\|$")
	require.ElementsMatch(t, tables, said)
}
