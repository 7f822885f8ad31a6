package httpapi

import (
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
	"webhookd/internal/ingest"
)

func TestEveryProblemIsDocumented(t *testing.T) {
	t.Parallel()
	documentation, err := os.ReadFile("../../docs/http-api.md")
	require.NoError(t, err)
	require.NotEmpty(t, kinds)
	for kind, facts := range kinds {
		require.NotZero(t, facts.status, kind)
		require.NotEmpty(t, facts.title, kind)
		require.Contains(t, string(documentation), "| `"+string(kind)+"` |", "docs/http-api.md does not explain it")
	}
	for _, code := range []string{
		dialog.CodeEmptyBody, dialog.CodeMalformedJSON, dialog.CodeNotAnObject, dialog.CodeMissingDialogUUID,
		dialog.CodeInvalidDialogUUID, dialog.CodeMissingEventTime, dialog.CodeInvalidEventTime, ingest.CodeUnprocessable,
	} {
		require.Contains(t, string(documentation), "| `"+code+"` |", "docs/http-api.md does not explain it")
	}
	for _, route := range append(triggerRoutes(), streamRoutes...) {
		require.Contains(t, string(documentation), "| `"+route+"` |", "docs/http-api.md does not list it")
	}
	require.Contains(t, string(documentation), "| `GET /v1/stats` |")
	parameters := slices.Concat([]string{"limit", "page", "pageSize", "after", "key"}, filterParameters, streamParameters,
		statsParameters)
	for _, parameter := range parameters {
		require.Contains(t, string(documentation), "| `"+parameter+"` |", "docs/http-api.md does not explain it")
	}
}
