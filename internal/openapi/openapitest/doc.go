// Package openapitest holds real requests and answers, for tests, against the OpenAPI document: is there such a route, may
// it answer with this status, and is what it says of the form that the document promises? It knows no server. Only tests may
// import it.
package openapitest
