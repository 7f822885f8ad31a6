// Package asyncapi holds the contract of what webhookd says on NATS, as an AsyncAPI 3 document. The document is made by
// a test of this package from docs/schemas and from the names that the program itself uses, and is embedded as it is.
package asyncapi

import _ "embed"

//go:embed asyncapi.json
var document []byte

// Document gives the document as JSON; nobody may change it.
func Document() []byte { return document }
