package simulate

import (
	"encoding/binary"
	"encoding/hex"
)

// identity is a dialog's uuid as a text.
type identity [36]byte

// set writes a uuid of version 4 made of two numbers.
func (id *identity) set(a, b uint64) {
	var raw [16]byte
	binary.LittleEndian.PutUint64(raw[:8], a)
	binary.LittleEndian.PutUint64(raw[8:], b)
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	hex.Encode(id[0:8], raw[0:4])
	hex.Encode(id[9:13], raw[4:6])
	hex.Encode(id[14:18], raw[6:8])
	hex.Encode(id[19:23], raw[8:10])
	hex.Encode(id[24:36], raw[10:16])
	id[8], id[13], id[18], id[23] = '-', '-', '-', '-'
}
