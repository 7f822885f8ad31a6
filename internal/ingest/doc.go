// Package ingest takes webhooks in: it reads each one, lets all that wait be committed in one transaction (journal,
// legs, calls, outbox, due rows), and answers them when that transaction is on disk. Nothing is delayed for the sake of
// a larger batch: a lone webhook is a batch of one, and while one batch is being committed the next one gathers.
//
// When the database is away, batches go to package spool instead, and are answered as soon as they are on that disk. The
// first one waits CommitTimeout to find out; those after it do not wait, until a look now and then finds the database
// there again and it has taken a batch of the spool. From then on new webhooks are committed at once, beside the spool
// draining: they overtake what is still in it, which changes when something is known and never what (a call depends
// only on which webhooks came), and spares the senders a wait as long as the outage was.
//
// Engine is the part that every change of a call goes through, also those of package due; it decides nothing about
// calls itself (package correlate does) and nothing about what events look like (package flow does).
package ingest
