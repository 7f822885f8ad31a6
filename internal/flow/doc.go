// Package flow says what is published: the types of events, their numbers and ids, the subjects they go to, and the
// JSON that readers get (goflow's and Vumi's keys in one object, CloudEvents attributes in the headers; design §7). It
// is the only place that decides what an event looks like; docs/nats-events.md is its text for readers.
//
// It is pure: no I/O, no clock, no randomness. That an event's id is worked out from what it tells of is what makes
// sending it twice harmless.
package flow
