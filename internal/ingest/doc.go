// Package ingest takes webhooks in: it reads each one, lets all that wait be committed in one transaction (journal,
// legs, calls, outbox, due rows), and answers them when that transaction is on disk. Nothing is delayed for the sake of
// a larger batch: a lone webhook is a batch of one, and while one batch is being committed the next one gathers.
//
// Engine is the part that every change of a call goes through, also those of package due; it decides nothing about
// calls itself (package correlate does) and nothing about what events look like (package flow does).
package ingest
