package web

import (
	"bytes"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// maxScripts is how large all scripts of all pages may be together, in bytes.
const maxScripts = 50_000

func TestScriptsAreSmall(t *testing.T) {
	t.Parallel()
	size := 0
	for name, asset := range assets {
		require.NotEmpty(t, asset.Type, name)
		require.NotEmpty(t, asset.Body, name)
		if strings.HasSuffix(name, ".js") {
			size += len(asset.Body)
		}
	}
	require.Less(t, size, maxScripts)
	require.Contains(t, assets, "style.css")
}

func TestAssetsAreFoundByTheirHash(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^/assets/[0-9a-f]{16}/style\.css$`, AssetURL("style.css"))
	found, ok := FindAsset(assetsHash, "style.css")
	require.True(t, ok)
	require.Equal(t, "text/css; charset=utf-8", found.Type)
	_, ok = FindAsset("0000000000000000", "style.css")
	require.False(t, ok, "an old page must not get a new file")
	_, ok = FindAsset(assetsHash, "../shell.go")
	require.False(t, ok)
}

var (
	inline   = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:>|[^>]*>[^<\s])`)
	elsewise = regexp.MustCompile(`(?i)(?:src|href|action|url)\s*[=(]\s*["']?(?:https?:)?//`)
)

// Nothing is inline and nothing comes from another host; the policy would refuse it anyway.
func TestTemplatesKeepThePolicy(t *testing.T) {
	t.Parallel()
	for _, files := range []fs.FS{templateFiles, embedded} {
		require.NoError(t, fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			source, err := fs.ReadFile(files, name)
			require.NoError(t, err)
			require.NotRegexp(t, elsewise, string(source), name)
			if strings.HasSuffix(name, ".html") {
				require.NotRegexp(t, inline, string(source), name)
			}
			return nil
		}))
	}
	for _, bad := range []string{`<p style="x">`, `<a onclick="x">`, `<script>x</script>`, `<style>`} {
		require.Regexp(t, inline, bad)
	}
	require.NotRegexp(t, inline, `<script type="module" src="/x.js"></script>`)
	require.Regexp(t, elsewise, `<img src="//cdn.example/x.png">`)
}

func TestPreferredLanguage(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]Language{
		"":                                 English,
		"pl":                               Polish,
		"PL-pl":                            Polish,
		"pl-PL,pl;q=0.9,en-US;q=0.8":       Polish,
		"en-US,en;q=0.9,pl;q=0.8":          English,
		"de-DE,de;q=0.9,pl;q=0.5,en;q=0.4": Polish,
		"de":                               English,
		"pl;q=0":                           English,
		"pl;q=x, en":                       English,
		"en;q=0.2, pl;q=0.3":               Polish,
		"pl;q=7":                           English,
		",,;;q=":                           English,
	} {
		require.Equal(t, want, PreferredLanguage(header), header)
	}
}

func TestTheShellLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	shell := Shell{Language: Polish, Here: "/calls/x", Account: "acme", Named: true, MayLogin: true, Version: "v1"}
	require.NoError(t, Problem(&page, shell, ProblemPage{Status: 404, Detail: "<b>&", Request: "r-1"}))
	text := page.String()
	for _, path := range []string{"/", "/calls", "/stats", "/handlers", "/quarantine"} {
		require.Contains(t, text, `href="`+path+`?account=acme"`)
	}
	require.Contains(t, text, `<a href="/calls?account=acme" aria-current="page">Rozmowy</a>`)
	require.Contains(t, text, `<html lang="pl">`)
	require.Contains(t, text, "&lt;b&gt;&amp;", "texts are escaped")
	require.Contains(t, text, `<a href="/login?next=%2fcalls%2fx">Zaloguj się</a>`)
	require.Contains(t, text, "r-1")
}

func TestLinksKeepTheAccount(t *testing.T) {
	t.Parallel()
	named := Shell{Account: "acme", Named: true}
	require.Equal(t, "/calls?account=acme&missed=true", named.Link("/calls", "missed", "true", "number", ""))
	require.Equal(t, "/calls", Shell{Account: "default"}.Link("/calls"))
	require.Equal(t, "/calls?number=%2B48", Shell{}.Link("/calls", "number", "+48"))
}

func TestTimesAndDurationsInWords(t *testing.T) {
	t.Parallel()
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	require.NoError(t, err)
	at := time.Date(2020, 8, 25, 16, 24, 41, 0, time.UTC)
	require.Equal(t, "2020-08-25 18:24:41", Shell{Zone: warsaw}.Time(at))
	require.Equal(t, "2020-08-25 16:24:41", Shell{}.Time(at))
	require.Empty(t, Shell{}.Time(time.Time{}))
	for ms, want := range map[int64]string{
		0: "0 s", 999: "0 s", 8000: "8 s", 59_999: "59 s", 60_000: "1 min 00 s", 65_000: "1 min 05 s",
		3_600_000: "1 h 00 min 00 s", 3_725_000: "1 h 02 min 05 s",
	} {
		require.Equal(t, want, English.Duration(ms))
	}
	require.Equal(t, "1 godz. 02 min 05 s", Polish.Duration(3_725_000))
	require.Empty(t, Shell{}.Duration(nil))
}
