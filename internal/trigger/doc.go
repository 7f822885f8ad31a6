// Package trigger is the place of handlers: what is to happen on an event, at once or after a delay, and what calls it
// off. There are none yet. They will be evaluated in the transaction that makes the event, and what they emit will go
// through the same outbox; anything that leaves the process will be a due row and never part of the transaction.
package trigger
