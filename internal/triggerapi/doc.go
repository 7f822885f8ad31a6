// Package triggerapi is the wire format of the trigger API, which Novu's and Teleflow's clients speak: it reads what a
// client asks for (triggers, broadcasts, subscribers, topics) and names what it can be told. It is also what the HTTP
// API and the service behind it have in common, since neither may import the other.
//
// It is lenient where clients differ (how a body is labelled, keys that it does not know) and strict where a mistake
// would send something to the wrong people. It is pure: no I/O, no clock, no randomness.
package triggerapi
