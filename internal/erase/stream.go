package erase

import (
	"context"
	"time"

	"webhookd/internal/person"
)

// stream takes events back that were published. Without NATS everything else is erased all the same.
func (e *eraser) stream(ctx context.Context) {
	if e.dryRun {
		return
	}
	if e.Stream == nil {
		e.certificate.NotReached = append([]NotReached{stayed}, notReached...)
		return
	}
	// What is left of the time is for the certificate.
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	removed, err := e.Stream.Expunge(ctx, e.account, func(body []byte) bool {
		_, hit := person.Bytes(body, e.find(body))
		return hit
	})
	if err != nil {
		if e.Logger != nil {
			e.Logger.WarnContext(ctx, "published events are not erased", "erasure", e.certificate.ID, "error", err)
		}
		e.certificate.NotReached = append([]NotReached{stayed}, notReached...)
		return
	}
	e.certificate.StreamMessages = &removed
}
