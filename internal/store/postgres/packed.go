package postgres

import "github.com/lib/pq"

// packed is a column of long values: all of them one behind the other in one binary parameter, and where each begins
// (from 1) and how long it is. As elements of an array in the server's notation, every quote of a JSON text and every
// byte of a body would be written and read in two or more; that was half of what a batch cost (docs/performance.md).
//
// In a statement a value is substring($n::bytea from at for size), for a text inside convert_from(…, 'UTF8').
type packed struct {
	data []byte
	at   pq.Int64Array
	size pq.Int64Array
}

func pack[T any](rows []T, column func(T) []byte) packed {
	total := 0
	for _, row := range rows {
		total += len(column(row))
	}
	p := packed{
		data: make([]byte, 0, total), at: make(pq.Int64Array, len(rows)), size: make(pq.Int64Array, len(rows)),
	}
	for i, row := range rows {
		value := column(row)
		p.at[i], p.size[i] = int64(len(p.data)+1), int64(len(value))
		p.data = append(p.data, value...)
	}
	return p
}
