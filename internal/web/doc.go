// Package web is the place of the wallboard: pages and assets, embedded in the binary, that show the calls as they are.
// There is none yet. It will read what every client can read, the HTTP API and NATS, and must not know store or core.
package web
