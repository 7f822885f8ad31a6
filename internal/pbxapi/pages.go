package pbxapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"webhookd/internal/dialog"
)

// readings is how often a list is read that changes while it is read.
const readings = 4

// Dialogs asks for the records of all dialogs that began at or after from and before to (UTC, whole seconds), page by
// page, and hands over what a page brought that none before did, each record as its own JSON. The order is the PBX's. It
// ends with the first error of each, which comes back as it is. The other errors are *Error, or ctx's.
//
// A page may hold fewer records than were asked for without being the last, so it asks on until one is empty. A record
// that comes a second time says that the list has grown before it meanwhile, and so that what was put in there may not
// have been seen: then the list is read once more, until a reading is without repeats or brings nothing new.
func (c *Client) Dialogs(ctx context.Context, from, to dialog.Time, each func(page []json.RawMessage) error) error {
	list := &list{client: c, from: from, to: to, known: map[[sha256.Size]byte]bool{}, each: each}
	stuck := 0
	for n := range readings {
		one, err := list.read(ctx)
		switch {
		case err != nil:
			return err
		case one.stuck:
			stuck++
			if stuck == 2 {
				return c.fail(&Error{Kind: KindAnswer, Reason: "the same page came twice: the PBX does not heed offset"})
			}
		case !one.repeats || n > 0 && one.fresh == 0:
			return nil
		}
	}
	return c.fail(&Error{Kind: KindBusy, Reason: "its list of records went on changing while it was read"})
}

// list is the PBX's answer to one question, in pages.
type list struct {
	client   *Client
	from, to dialog.Time
	known    map[[sha256.Size]byte]bool // records that were handed over
	each     func(page []json.RawMessage) error
}

// reading is what reading the list from its beginning to its end was like.
type reading struct {
	fresh   int  // records that were not known
	repeats bool // a record came on two pages
	stuck   bool // the second page was the first one
}

func (l *list) read(ctx context.Context) (reading, error) {
	var did reading
	came := map[[sha256.Size]byte]bool{}
	for received, pages := 0, 0; ; pages++ {
		records, err := l.client.page(ctx, l.from, l.to, received)
		if err != nil || len(records) == 0 {
			return did, err
		}
		var fresh []json.RawMessage
		hashes := make([][sha256.Size]byte, len(records))
		again := 0
		for i, record := range records {
			hashes[i] = sha256.Sum256(record)
			if came[hashes[i]] {
				again++
			}
			if !l.known[hashes[i]] {
				l.known[hashes[i]] = true
				fresh = append(fresh, record)
			}
		}
		if again == len(records) && pages > 0 {
			// There is nothing behind this, or, if it is the first page, never will be.
			did.repeats = true
			did.stuck = pages == 1 && len(records) == received
			return did, nil
		}
		did.repeats = did.repeats || again > 0
		did.fresh += len(fresh)
		for _, hash := range hashes {
			came[hash] = true
		}
		if received += len(records); received > maxRecords {
			return did, l.client.fail(&Error{
				Kind: KindAnswer, Narrow: true,
				Reason: fmt.Sprintf("there are more than %d records from %s to %s", maxRecords, l.from, l.to),
			})
		}
		if len(fresh) > 0 {
			if err := l.each(fresh); err != nil {
				return did, err
			}
		}
	}
}
