// Package dialog is the PBX's wire format: it reads one webhook's body (the PBX documentation, "webhooks"; what is
// known of it stands in docs/pbx.md) and says what that webhook tells about one dialog.
//
// It is lenient where the format is open (unknown keys and values, missing and wrongly typed fields) and strict where
// a webhook could not be placed at all (no dialog, no time). It is pure: no I/O, no clock, no randomness.
package dialog
