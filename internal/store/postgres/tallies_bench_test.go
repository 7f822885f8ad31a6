package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres"
	"webhookd/internal/store/postgres/pgtest"
	"webhookd/internal/store/storetest"
)

// BenchmarkTallies measures questions about statistics of a million calls.
func BenchmarkTallies(b *testing.B) {
	url := pgtest.URL(b)
	require.NoError(b, postgres.Migrate(b.Context(), url))
	db, err := sql.Open("postgres", url)
	require.NoError(b, err)
	begun := time.Now()
	_, err = db.Exec(`
insert into call_facts
select $1::text, part > 0, to_timestamp($2::bigint + n * ($4::bigint * 86400) / $3::bigint), 'ffffffff-ffff-4fff-8fff-' || lpad(to_hex(n), 12, '0'),
       case when part > 0 then 'consultant-' || ((n * 7 + part * 13) % 150) else '' end, (n * 31 % 20)::text,
       case when n % 6 = 0 then 1312 when n % 50 = 1 then 1430 when n % 5 = 2 then 2111 else 1112 end,
       n * 37 % 120, case when n % 6 > 0 and n % 50 <> 1 then n * 53 % 600 end,
       case when n % 6 > 0 and n % 50 <> 1 then n * 53 % 600 / 10 end
from generate_series(0, $3::bigint - 1) n, generate_series(0, case when n % 5 < 2 then 2 else 1 end) part`,
		storetest.TallyAccount, int64(storetest.TallyStart), storetest.TallyCalls, storetest.TallyDays)
	require.NoError(b, err)
	_, err = db.Exec(`vacuum analyze call_facts`)
	require.NoError(b, err)
	var size int64
	require.NoError(b, db.QueryRow(`select pg_total_relation_size('call_facts')`).Scan(&size))
	b.Logf("loaded in %s: %d MiB", time.Since(begun).Round(time.Second), size>>20)
	require.NoError(b, db.Close())
	s, err := postgres.Open(b.Context(), postgres.Config{URL: url})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	storetest.BenchmarkTallies(b, s)
}
