// Package dispatch does what handlers say, inside the transactions of those who call it: it finds the handlers that an
// event concerns (internal/trigger decides that), keeps the triggers they make, publishes what they do through the
// outbox, calls waiting ones off, and follows what their events lead to in their turn. It also is the service behind the
// trigger API and the handlers' own API, and does what has to leave the process after its transaction.
//
// Every rule about what a handler means is internal/trigger's; what is kept is internal/store's. docs/triggers.md tells
// the whole of it to users.
package dispatch
