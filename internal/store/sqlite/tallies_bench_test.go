package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/store/sqlite"
	"webhookd/internal/store/storetest"
)

// BenchmarkTallies measures questions about statistics of a million calls.
func BenchmarkTallies(b *testing.B) {
	path := filepath.Join(b.TempDir(), "calls.db")
	s, err := sqlite.Open(b.Context(), sqlite.Config{Path: path})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	db, err := sql.Open("sqlite", path)
	require.NoError(b, err)
	begun := time.Now()
	_, err = db.Exec(`
with recursive call(n) as (select 0 union all select n + 1 from call where n < ?3 - 1),
     unit(part) as (values (0), (1), (2))
insert into call_facts
select ?1, part > 0, ?2 + n * (?4 * 86400) / ?3, printf('ffffffff-ffff-4fff-8fff-%012x', n),
       case when part > 0 then 'consultant-' || ((n * 7 + part * 13) % 150) else '' end, cast(n * 31 % 20 as text),
       case when n % 6 = 0 then 1312 when n % 50 = 1 then 1430 when n % 5 = 2 then 2111 else 1112 end,
       n * 37 % 120, case when n % 6 > 0 and n % 50 <> 1 then n * 53 % 600 end,
       case when n % 6 > 0 and n % 50 <> 1 then n * 53 % 600 / 10 end
from call, unit where part < 2 or n % 5 < 2
order by 1, 2, 3, 4`, storetest.TallyAccount, int64(storetest.TallyStart), storetest.TallyCalls, storetest.TallyDays)
	require.NoError(b, err)
	require.NoError(b, db.Close())
	info, err := os.Stat(path)
	require.NoError(b, err)
	b.Logf("loaded in %s: %d MiB", time.Since(begun).Round(time.Second), info.Size()>>20)
	storetest.BenchmarkTallies(b, s)
}
