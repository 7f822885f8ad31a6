package web

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var verbs = regexp.MustCompile(`%\d*[a-z%]`)

// Both languages have every text, and fill in the same.
func TestEveryTextIsThereInBothLanguages(t *testing.T) {
	t.Parallel()
	require.NotEmpty(t, texts)
	for key, text := range texts {
		require.NotEmpty(t, strings.TrimSpace(text.en), key)
		require.NotEmpty(t, strings.TrimSpace(text.pl), key)
		require.Equal(t, verbs.FindAllString(text.en, -1), verbs.FindAllString(text.pl, -1), key)
	}
}

var (
	usedInTemplate = regexp.MustCompile(`\.T "([a-z0-9_.]+)"`)
	usedSet        = regexp.MustCompile(`\.Word "([a-z_]+)"|Word\("([a-z_]+)"|"([a-z0-9_.]+\.)" ?\+`)
	quoted         = regexp.MustCompile(`"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)"`)
)

// Every text that a page asks for is there, and every one that is there is asked for.
func TestTextsAndPagesAreInStep(t *testing.T) {
	t.Parallel()
	used, sets := map[string]bool{}, []string{}
	templates, err := fs.Glob(templateFiles, "templates/*.html")
	require.NoError(t, err)
	for _, name := range templates {
		source, err := fs.ReadFile(templateFiles, name)
		require.NoError(t, err)
		for _, match := range usedInTemplate.FindAllStringSubmatch(string(source), -1) {
			require.Contains(t, texts, match[1], "%s asks for it", name)
			used[match[1]] = true
		}
		for _, match := range usedSet.FindAllStringSubmatch(string(source), -1) {
			sets = append(sets, match[1]+".")
		}
	}
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range sources {
		if strings.HasPrefix(name, "text") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range quoted.FindAllStringSubmatch(string(source), -1) {
			used[match[1]] = true
		}
		for _, match := range usedSet.FindAllStringSubmatch(string(source), -1) {
			switch {
			case match[2] != "":
				sets = append(sets, match[2]+".")
			case match[3] != "":
				sets = append(sets, match[3])
			}
		}
	}
	for key := range texts {
		inSet := slices.ContainsFunc(sets, func(set string) bool { return strings.HasPrefix(key, set) })
		require.True(t, used[key] || inSet, "nobody asks for %s", key)
	}
}

func TestTextsAreFilledIn(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Account: acme", English.Text("shell.account", "acme"))
	require.Equal(t, "Konto: acme", Polish.Text("shell.account", "acme"))
	require.Equal(t, "no.such.text", Polish.Text("no.such.text"))
	require.Equal(t, "something new", English.Word("theme", "something new"))
	require.Equal(t, "Ciemne", Polish.Word("theme", "dark"))
}
