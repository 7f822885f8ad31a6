package spool

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const fuzzSalt = 0x0123456789abcdef

// segmentOf gives the bytes of a segment.
func segmentOf(salt uint64, list []Record) []byte {
	data := []byte(segmentHead)
	for i := range list {
		data = list[i].appendFrame(data, salt, int64(len(data)))
	}
	return data
}

// Whatever is in a file, reading it ends, and every record that comes out stands in it byte for byte.
func FuzzReadingASegment(f *testing.F) {
	whole := segmentOf(fuzzSalt, records(0, 9))
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(bytes.Clone(whole), whole...)) // frames in another place than they were written to
	f.Add(bytes.Repeat(marker, 50))
	f.Add([]byte(segmentHead + "\xf7whr\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, offsets, damage := scanAll(bytes.NewReader(data), fuzzSalt, int64(len(data)))
		end := min(headSize, int64(len(data)))
		for i, r := range found {
			frame := r.appendFrame(nil, fuzzSalt, offsets[i])
			require.True(t, bytes.HasPrefix(data[offsets[i]:], frame), "a record was invented at %d", offsets[i])
			require.GreaterOrEqual(t, offsets[i], end)
			end = offsets[i] + int64(len(frame))
		}
		covered := int64(0)
		for _, d := range damage {
			covered += d.to - d.from
		}
		for _, r := range found {
			covered += int64(len(r.appendFrame(nil, fuzzSalt, 0)))
		}
		require.Equal(t, max(0, int64(len(data))-headSize), covered, "every byte is in a record or told as damaged")
	})
}

// Overwrite part of a good segment with anything: no record comes out that did not go in, and none is lost that was not
// touched.
func FuzzDamage(f *testing.F) {
	want := records(0, 9)
	whole := segmentOf(fuzzSalt, want)
	_, offsets, _ := scanAll(bytes.NewReader(whole), fuzzSalt, int64(len(whole)))
	other := record(3)
	forged := other.appendFrame(nil, fuzzSalt+1, offsets[4])
	f.Add(uint16(20), []byte("x"))
	f.Add(uint16(offsets[4]), forged)                                                   // of another file
	f.Add(uint16(offsets[4]), bytes.Clone(whole[offsets[3]:offsets[4]]))                // of another place
	f.Add(uint16(offsets[1]+5), bytes.Repeat([]byte{0xff}, int(offsets[3]-offsets[1]))) // wild lengths
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		data := bytes.Clone(whole)
		from := min(int(at), len(data))
		to := from + copy(data[from:], patch)
		found, _, _ := scanAll(bytes.NewReader(data), fuzzSalt, int64(len(data)))
		ends := slices.Concat(offsets[1:], []int64{int64(len(whole))})
		next := 0
		for i, original := range want {
			intact := int(ends[i]) <= from || int(offsets[i]) >= to || bytes.Equal(whole[offsets[i]:ends[i]], data[offsets[i]:ends[i]])
			if intact {
				require.Less(t, next, len(found), "record %d is lost", i)
				require.Equal(t, original, found[next])
				next++
			}
		}
		require.Len(t, found, next, "a record was invented")
	})
}

func FuzzRecord(f *testing.F) {
	f.Add(true, "default", int64(1768471200000000), "", "", false, []byte("{}"))
	f.Add(false, "a", int64(math.MaxInt32), "code", "reason", true, []byte(nil))
	f.Fuzz(func(t *testing.T, webhook bool, account string, at int64, code, reason string, truncated bool, body []byte) {
		r := Record{Kind: Webhook, Account: account, ReceivedAt: time.UnixMicro(at).UTC(), Body: body}
		if !webhook {
			r.Kind, r.Code, r.Reason, r.Truncated = Refused, code, reason, truncated
		}
		got, err := parsePayload(r.appendPayload(nil))
		require.NoError(t, err)
		require.True(t, bytes.Equal(r.Body, got.Body))
		r.Body, got.Body = nil, nil
		require.Equal(t, r, got)
	})
}
