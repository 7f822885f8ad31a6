// Package httpapi is the HTTP side of webhookd: the door that webhooks come in by, and the API that calls are read by.
// docs/http-api.md describes every route for its users.
//
// It carries and never decides: what a webhook means is the intake's business, what a call is stands in its record. It
// knows no SQL, computes nothing about calls, and acknowledges nothing that the intake has not said is on disk.
//
// The HTTP engine (fiber over fasthttp) reuses the memory of a request as soon as its handler has returned. Whatever
// leaves a handler is copied here, at the edge.
package httpapi
