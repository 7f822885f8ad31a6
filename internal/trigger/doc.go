// Package trigger is the place of handlers: what is to happen on an event, at once or after a delay, and what calls it
// off. A [Handler] is what people write; [Compile] checks all of it and makes a [Compiled] of it; a [Set] finds the ones
// that an event concerns; an [Occasion] is what they are evaluated over; [Compiled.Fire] does a handler's actions and
// gives the events that they make and the requests that have to leave the process.
//
// It only says what is to happen. Storing triggers, waiting for a delay and sending requests is for those who call it:
// it does no I/O, reads no clock and draws no random number, so that the same occasion always gives the same events with
// the same ids, and whatever is done twice is done once. (Names of time zones that an expression asks for are looked up
// where Go looks for them.)
package trigger
