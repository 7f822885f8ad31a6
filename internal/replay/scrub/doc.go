// Package scrub takes the persons out of recorded webhooks and leaves what makes the call: who called whom, when, in
// what state, and why it ended. What comes out can be replayed, and gives the same call up to the pseudonyms.
//
// It works by a list of what is known (member.go): a member of a webhook that is not on it is left out. Nothing of the
// original is kept but the PBX's own words (states, directions, causes), the times, and the shape of numbers.
//
// All of the input is read before anything is written: the pseudonyms of UUIDs are in the order of the originals, and
// webhooks that could contradict one another keep the order of their hashes, for both decide ties (design §1, §2).
package scrub
