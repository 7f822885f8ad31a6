// Package openapi holds the contract of the HTTP API, as an OpenAPI 3.1 document. The document is made by a test of this
// package from the description in it, docs/schemas and the recorded call, and is embedded as it is. Read gives it in the
// form that a page for people is made of.
package openapi

import _ "embed"

//go:embed openapi.json
var document []byte

// Document gives the document as JSON; nobody may change it.
func Document() []byte { return document }
