package web

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/openapi"
)

var (
	anchor = regexp.MustCompile(` id="([^"]+)"`)
	within = regexp.MustCompile(` (?:href="#|aria-labelledby=")([^"]+)"`)
)

// The page has every route and every object, nothing twice, and no link leads nowhere.
func TestThePageOfTheAPIIsWhole(t *testing.T) {
	t.Parallel()
	for _, language := range Languages() {
		var page bytes.Buffer
		require.NoError(t, API(&page, Shell{Language: language, Here: "/api", Account: "default"}, openapi.Read()))
		ids := map[string]bool{}
		for _, match := range anchor.FindAllStringSubmatch(page.String(), -1) {
			require.False(t, ids[match[1]], "%s is there twice", match[1])
			ids[match[1]] = true
		}
		for _, match := range within.FindAllStringSubmatch(page.String(), -1) {
			require.True(t, ids[match[1]], "there is no %s", match[1])
		}
		for _, group := range openapi.Read().Groups {
			for _, operation := range group.Operations {
				require.True(t, ids[operation.ID], operation.ID)
				require.Contains(t, page.String(), "<code>"+operation.Path+"</code>")
			}
		}
		for _, schema := range openapi.Read().Schemas {
			require.True(t, ids["schema-"+schema.Name], schema.Name)
		}
		require.Contains(t, page.String(), "Konsultant Paweł", "the recorded call is the example")
		require.Contains(t, page.String(), "<code>webhook_refused</code>")
		require.Contains(t, page.String(), `<a href="#schema-call">call</a>`)
		require.NotContains(t, page.String(), "<no value>")
	}
}

func TestThePageOfTheAPIIsFramedInPolish(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	require.NoError(t, API(&page, Shell{Language: Polish, Here: "/api"}, openapi.Read()))
	for _, text := range []string{`<html lang="pl">`, "Opisy ścieżek są po angielsku.", "Kto może pytać", "Odpowiedzi", "Nagłówki:"} {
		require.Contains(t, page.String(), text)
	}
	require.Contains(t, page.String(), `<span lang="en">It is on disk.</span>`, "a screen reader is told the language")
}
