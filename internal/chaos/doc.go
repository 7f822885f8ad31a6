//go:build unix

// Package chaos breaks a whole installation on purpose and then checks that nothing was lost: two webhookd processes on
// one Postgres and a NATS cluster of three, all on this machine, under the load of the simulator, while processes are
// killed and the network to the database stands still. docs/chaos.md says what it does and how to read what it prints.
//
// The check at the end trusts nothing that webhookd says of itself. It begins with the sender's log, reads the tables
// and the stream directly, and derives every call anew with internal/correlate from the bodies in the journal.
//
// It starts processes of its own in a directory of its own and ends only those.
package chaos
