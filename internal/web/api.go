package web

import (
	"io"

	"webhookd/internal/openapi"
)

// API writes the page of the API. What it says of routes is the contract's, in English; what is around that is in the
// page's language.
func API(w io.Writer, shell Shell, contract *openapi.Contract) error {
	return render(w, shell, "api", shell.T("api.title"), contract)
}
