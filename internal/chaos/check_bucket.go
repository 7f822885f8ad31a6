//go:build unix

package chaos

import (
	"bytes"

	"webhookd/internal/correlate"
)

// checkBucket: the bucket shows every call that is not settled as it is, and nothing else. That is the intention, not
// a promise: a relay that was replaced may put back a record that is one change old (package relay).
func checkBucket(f *facts) Check {
	right := Check{Name: "calls that are not settled, and only those, are in the bucket as they are"}
	known := map[string]bool{}
	for _, row := range f.calls {
		key := row.account + "." + row.callUUID
		known[key] = true
		shown, is := f.bucket[key]
		if row.mergedInto != "" || row.state == correlate.StateEnded && row.revision > 0 {
			right.thatf(!is, "call %s is settled or merged, and is shown", key)
			continue
		}
		right.thatf(bytes.Equal(shown, row.record), "call %s is not shown, or not as it is", key)
	}
	for key := range f.bucket {
		if !known[key] {
			right.thatf(false, "%s is shown, and is no call", key)
		}
	}
	return right
}
