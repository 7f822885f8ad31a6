package scrub

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"webhookd/internal/dialog"
	"webhookd/internal/replay"
)

// Options say how to scrub.
type Options struct {
	// Key decides the pseudonyms: the same input with the same key gives the same output. Whoever has it can find numbers
	// by trying them.
	Key []byte
	// Region is where a number without a country code belongs, as the service's default_region.
	Region string
}

// Result counts what was scrubbed.
type Result struct {
	Webhooks, UUIDs, Numbers, Names int
}

// Run reads webhooks (as [replay.Reader] does; source is what errors call the input) and writes them with pseudonyms: bare
// bodies as bare bodies, recorded requests as recorded requests, without their headers. Where all are of one account, it
// is left out; the names of several become account-1 and so on. Nothing is written before all is read.
func Run(in io.Reader, source string, out io.Writer, options Options) (Result, error) {
	webhooks, err := all(in, source)
	if err != nil {
		return Result{}, err
	}
	p := newPseudonyms(options.Key, options.Region)
	for i := range webhooks {
		body(webhooks[i].Body, p.note)
	}
	p.settle()
	bodies := map[[32]byte][]byte{} // by the hash of the original
	for i := range webhooks {
		hash := sha256.Sum256(webhooks[i].Body)
		if bodies[hash] == nil {
			bodies[hash] = body(webhooks[i].Body, p.of)
		}
	}
	keepOrder(webhooks, bodies)
	accounts := accountNames(webhooks)
	for i := range webhooks {
		webhook := &webhooks[i]
		scrubbed := bodies[sha256.Sum256(webhook.Body)]
		if webhook.Recorded {
			err = replay.Record(out, replay.Webhook{At: webhook.At, Account: accounts[webhook.Account], Body: scrubbed})
		} else {
			_, err = out.Write(append(slices.Clip(scrubbed), '\n'))
		}
		if err != nil {
			return Result{}, fmt.Errorf("write scrubbed webhooks: %w", err)
		}
	}
	return Result{
		Webhooks: len(webhooks), UUIDs: len(p.uuids), Numbers: len(p.numbers),
		Names: len(p.counted[username]) + len(p.counted[name]),
	}, nil
}

func all(in io.Reader, source string) ([]replay.Webhook, error) {
	var webhooks []replay.Webhook
	for reader := replay.NewReader(in, source); ; {
		webhook, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return webhooks, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read webhooks: %w", err)
		}
		webhooks = append(webhooks, webhook)
	}
}

// accountNames gives what stands for each account; nothing where there is one only.
func accountNames(webhooks []replay.Webhook) map[string]string {
	var seen []string
	for i := range webhooks {
		if account := webhooks[i].Account; account != "" && !slices.Contains(seen, account) {
			seen = append(seen, account)
		}
	}
	names := map[string]string{}
	if len(seen) > 1 {
		for i, account := range seen {
			names[account] = "account-" + strconv.Itoa(i+1)
		}
	}
	return names
}

// keepOrder gives the bodies of webhooks that are of one dialog and one second hashes in the order of the originals', by
// a member that means nothing: where such webhooks contradict one another, the greater hash wins (design §1).
func keepOrder(webhooks []replay.Webhook, bodies map[[32]byte][]byte) {
	type place struct {
		dialog string
		at     dialog.Time
	}
	together := map[place]map[[32]byte]bool{}
	for i := range webhooks {
		webhook, err := dialog.Decode(webhooks[i].Body)
		if err != nil || webhook.Kind == dialog.Other {
			continue
		}
		at := place{webhook.DialogUUID, webhook.EventTime}
		if together[at] == nil {
			together[at] = map[[32]byte]bool{}
		}
		together[at][webhook.SHA256] = true
	}
	for _, group := range together {
		if len(group) < 2 {
			continue
		}
		hashes := slices.SortedFunc(maps.Keys(group), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
		for i, hash := range hashes {
			bodies[hash] = inStretch(bodies[hash], i, len(hashes))
		}
	}
}

// inStretch gives a body whose hash lies in the i-th of n stretches of all hashes.
func inStretch(scrubbed []byte, i, n int) []byte {
	const whole = int64(1) << 32
	begin, end := whole*int64(i)/int64(n), whole*int64(i+1)/int64(n)
	for nonce := 0; ; nonce++ {
		tried := slices.Clone(scrubbed[:len(scrubbed)-1])
		if len(tried) > 1 {
			tried = append(tried, ',')
		}
		tried = append(strconv.AppendInt(append(tried, `"scrub":`...), int64(nonce), 10), '}')
		hash := sha256.Sum256(tried)
		if place := int64(binary.BigEndian.Uint32(hash[:])); place >= begin && place < end {
			return tried
		}
	}
}
