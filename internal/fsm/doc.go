// Package fsm is the state machine of one dialog (design §3), a table worked out from looplab/fsm:
//
//	ringing → alerting → answered → talking → closed
//
// It moves forward only, may jump, and nothing leaves closed. It is pure: no I/O, no clock, no randomness, and no
// callbacks. docs/dialog-states.md shows it as a picture, drawn from this code.
package fsm
