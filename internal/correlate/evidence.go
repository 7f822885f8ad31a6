package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"webhookd/internal/dialog"
	"webhookd/internal/fsm"
)

// The version begins every encoded leg. Readers refuse another one.
const (
	evidenceVersion = 1
	recordVersion   = 2 // of a leg of which the PBX's record is known
)

// ErrEvidence says that stored evidence cannot be read: it is damaged, or a newer version wrote it.
var ErrEvidence = errors.New("evidence of a leg cannot be read")

// Encode gives the leg for the store: a compact binary form, because every webhook rewrites its leg. The same leg
// always gives the same bytes. DecodeLeg reads it.
//
// Layout, numbers as uvarints (times are seconds since 1970): version; uuid; first, last, created; the times of the
// states; holds; resumes; meetings (uuid, time); the made-up close (time 0 for none; basis, cause); the stamps (time,
// rank, hash); the cause (value, stamp number); the fields (number, value, stamp number). Lists and texts begin with
// their length. Stamp numbers begin at 1; 0 is none.
//
// A leg of which the PBX's record is known has another version, and then two legs as above: of the webhooks, with its
// length before it, and of the record.
func (l *Leg) Encode() []byte {
	if l.record != nil {
		e := encoder{buf: []byte{recordVersion}}
		e.text(string(l.heard.Encode()))
		return append(e.buf, l.record.Encode()...)
	}
	e := encoder{buf: make([]byte, 0, 512)}
	e.buf = append(e.buf, evidenceVersion)
	e.text(l.UUID)
	e.time(l.First)
	e.time(l.Last)
	e.time(l.Created)
	for state := fsm.Ringing; state < fsm.StateCount; state++ {
		e.time(l.Reached[state])
	}
	e.times(l.Holds)
	e.times(l.Resumes)
	e.number(uint64(len(l.Meetings)))
	for _, m := range l.Meetings {
		e.text(m.UUID)
		e.time(m.At)
	}
	if l.made == nil {
		e.number(0)
	} else {
		e.time(l.made.at)
		e.text(string(l.made.basis))
		e.text(l.made.cause)
	}
	e.values(l)
	return e.buf
}

type encoder struct {
	buf    []byte
	stamps []*stamp
}

func (e *encoder) number(n uint64)    { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) time(t dialog.Time) { e.number(uint64(t)) } //nolint:gosec // a Time is never negative
func (e *encoder) text(s string)      { e.number(uint64(len(s))); e.buf = append(e.buf, s...) }

func (e *encoder) times(list []dialog.Time) {
	e.number(uint64(len(list)))
	for _, t := range list {
		e.time(t)
	}
}

// values writes what was told, with every stamp once.
func (e *encoder) values(l *Leg) {
	e.number(0) // room for the count; put right below, it is under 128
	count := len(e.buf) - 1
	refs := make([]uint64, 0, len(l.told)+1)
	refs = append(refs, e.ref(l.cause))
	filled := uint64(0)
	for _, t := range l.told {
		refs = append(refs, e.ref(t))
		if t.by != nil {
			filled++
		}
	}
	e.buf[count] = byte(len(e.stamps)) //nolint:gosec // see above
	e.text(l.cause.value)
	e.number(refs[0])
	e.number(filled)
	for field, t := range l.told {
		if t.by != nil {
			e.number(uint64(field))
			e.text(t.value)
			e.number(refs[field+1])
		}
	}
}

// ref gives the number of a value's stamp, writing the stamp if it is new.
func (e *encoder) ref(t told) uint64 {
	if t.by == nil {
		return 0
	}
	for i, s := range e.stamps {
		if s == t.by || *s == *t.by {
			return uint64(i) + 1
		}
	}
	e.stamps = append(e.stamps, t.by)
	e.time(t.by.at)
	e.number(uint64(t.by.rank))
	e.buf = append(e.buf, t.by.hash[:]...)
	return uint64(len(e.stamps))
}

// DecodeLeg reads what Encode wrote. It returns ErrEvidence, wrapped, for anything else.
func DecodeLeg(data []byte) (*Leg, error) {
	if len(data) > 0 && data[0] == recordVersion {
		return decodeParts(data[1:])
	}
	return decodeHeard(data)
}

// decodeParts reads a leg of which the PBX's record is known.
func decodeParts(data []byte) (*Leg, error) {
	d := decoder{rest: data}
	heard := []byte(d.text())
	if d.failed {
		return nil, fmt.Errorf("%w: damaged", ErrEvidence)
	}
	told, err := decodeHeard(heard)
	if err != nil {
		return nil, err
	}
	record, err := decodeHeard(d.rest)
	if err != nil {
		return nil, err
	}
	return combine(told, record), nil
}

func decodeHeard(data []byte) (*Leg, error) {
	if len(data) == 0 || data[0] != evidenceVersion {
		return nil, fmt.Errorf("%w: version %s, this program reads %d", ErrEvidence,
			hex.EncodeToString(data[:min(1, len(data))]), evidenceVersion)
	}
	d := decoder{rest: data[1:]}
	l := &Leg{UUID: d.text(), First: d.time(), Last: d.time(), Created: d.time()}
	for state := fsm.Ringing; state < fsm.StateCount; state++ {
		if at := d.time(); at != 0 {
			l.report(state, at)
		}
	}
	l.Holds = d.times()
	l.Resumes = d.times()
	for range d.count() {
		l.Meetings = append(l.Meetings, Meeting{d.text(), d.time()})
	}
	if at := d.time(); at != 0 {
		l.made = &madeClose{at: at, basis: Word(d.text()), cause: d.text()}
	}
	d.values(l)
	if d.failed || len(d.rest) != 0 {
		return nil, fmt.Errorf("%w: damaged", ErrEvidence)
	}
	return l, nil
}

type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) fail() {
	d.failed = true
	d.rest = nil
}

// count reads a length; every counted thing takes a byte at least, so a damaged length cannot ask for much.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.fail()
		return 0
	}
	return int(n) //nolint:gosec // not above the length of rest
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.fail()
		return nil
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) text() string { return string(d.bytes(d.count())) }

func (d *decoder) time() dialog.Time {
	const year10000 = 253402300800
	n := d.number()
	if n >= year10000 {
		d.fail()
		return 0
	}
	return dialog.Time(n)
}

func (d *decoder) times() []dialog.Time {
	count := d.count()
	if count == 0 {
		return nil
	}
	list := make([]dialog.Time, count)
	for i := range list {
		list[i] = d.time()
	}
	return list
}

func (d *decoder) values(l *Leg) {
	stamps := make([]*stamp, d.count())
	for i := range stamps {
		s := &stamp{at: d.time(), rank: fsm.State(min(d.number(), uint64(fsm.Closed)))}
		copy(s.hash[:], d.bytes(len(s.hash)))
		stamps[i] = s
	}
	take := func() *stamp {
		n := d.number()
		if n == 0 || n > uint64(len(stamps)) {
			return nil
		}
		return stamps[n-1]
	}
	l.cause = told{d.text(), take()}
	for range d.count() {
		field := d.number()
		value := told{d.text(), take()}
		if field >= uint64(dialog.FieldCount) || value.by == nil {
			d.fail()
			return
		}
		l.told[field] = value
	}
}
