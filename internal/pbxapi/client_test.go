package pbxapi_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"webhookd/internal/dialog"
	"webhookd/internal/pbxapi"
	"webhookd/internal/pbxapi/pbxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	nine dialog.Time = 1768467600 // 2026-01-15 09:00:00
	hour dialog.Time = 3600
)

func client(t *testing.T, url string, change ...func(*pbxapi.Config)) *pbxapi.Client {
	t.Helper()
	cfg := pbxapi.Config{BaseURL: url, Key: pbxtest.Key, Rate: 1000, Timeout: 10 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	made := pbxapi.New(cfg)
	t.Cleanup(made.Close)
	return made
}

// ask gives the dialogs that came and how many pages they came in.
func ask(ctx context.Context, c *pbxapi.Client, from, to dialog.Time) (ids []string, pages int, err error) {
	err = c.Dialogs(ctx, from, to, func(page []json.RawMessage) error {
		pages++
		for _, one := range page {
			record, err := dialog.DecodeRecord(one)
			if err != nil {
				return err
			}
			ids = append(ids, record.DialogUUID)
		}
		return nil
	})
	return ids, pages, err
}

func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func record(n int, start string) pbxtest.Record {
	return pbxtest.Record{"dialog_uuid": id(n), "start_time": start, "hangup_time": start, "business_end_cause": "HANGUP"}
}

func TestOnlyWhatBeganInTheWindowIsAskedFor(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, record(4, "2026-01-15 10:00:00"), record(3, "2026-01-15 09:59:59"),
		record(1, "2026-01-15 08:59:59"), record(2, "2026-01-15 09:00:00"))
	ids, pages, err := ask(t.Context(), client(t, pbx.URL), nine, nine+hour)
	require.NoError(t, err)
	require.Equal(t, []string{id(3), id(2)}, ids)
	require.Equal(t, 1, pages)
	const filter = `[{"property":"start_time","operator":"gte","value":"2026-01-15 09:00:00"},` +
		`{"property":"start_time","operator":"lt","value":"2026-01-15 10:00:00"}]`
	require.Equal(t, []pbxtest.Request{
		{Limit: "500", Offset: "0", Filter: filter}, {Limit: "500", Offset: "2", Filter: filter},
	}, pbx.Requests())
}

// However few records the PBX gives at once, all of them come.
func TestPagesAreAskedForUntilOneIsEmpty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ records, most, requests int }{
		{0, 500, 1}, {1, 500, 2}, {499, 500, 2}, {500, 500, 2}, {1001, 500, 4}, {750, 100, 9}, {7, 1, 8}, {101, 50, 4},
	} {
		pbx := pbxtest.New(t)
		pbx.Most(c.most)
		for n := range c.records {
			pbx.Put(record(n, "2026-01-15 09:30:00"))
		}
		asking := client(t, pbx.URL)
		ids, pages, err := ask(t.Context(), asking, nine, nine+hour)
		require.NoError(t, err)
		require.Len(t, ids, c.records)
		require.Equal(t, c.requests-1, pages)
		require.Len(t, pbx.Requests(), c.requests)
		require.Equal(t, pbxapi.Stats{Requests: int64(c.requests), Records: int64(c.records)}, asking.Stats())
	}
}

// While pages are read, records come in. Each that was there, and each that came until the last page was asked for, is
// handed over, and once.
func TestAListThatGrowsWhileItIsRead(t *testing.T) {
	t.Parallel()
	first := func(pbx *pbxtest.PBX, one pbxtest.Record) { pbx.PutFirst(one) }
	last := func(pbx *pbxtest.PBX, one pbxtest.Record) { pbx.Put(one) }
	for name, c := range map[string]struct {
		grow func(pbx *pbxtest.PBX, one pbxtest.Record)
		at   []int // before which requests
	}{
		"newest first":                {first, []int{2, 3}},
		"newest first, at the end":    {first, []int{4}},
		"newest first, and once more": {first, []int{2, 6}},
		"newest last":                 {last, []int{2, 4}},
		"before the first page":       {first, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pbx := pbxtest.New(t)
			pbx.Most(100)
			var want []string
			for n := range 250 {
				pbx.Put(record(n, "2026-01-15 09:30:00"))
				want = append(want, id(n))
			}
			for n := range c.at {
				want = append(want, id(1000+n))
			}
			added := 0
			pbx.Before(func(request int) {
				if slices.Contains(c.at, request) {
					c.grow(pbx, record(1000+added, "2026-01-15 09:31:00"))
					added++
				}
			})
			ids, _, err := ask(t.Context(), client(t, pbx.URL), nine, nine+hour)
			require.NoError(t, err)
			require.ElementsMatch(t, want, ids)
		})
	}
}

// A list that never rests is told, and worth another try; one with the same record twice is read.
func TestAListThatDoesNotRest(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, record(1, "2026-01-15 09:30:00"), record(2, "2026-01-15 09:30:00"))
	next := 1000
	pbx.Before(func(int) {
		next++
		pbx.PutFirst(record(next, "2026-01-15 09:31:00"))
	})
	_, _, err := ask(t.Context(), client(t, pbx.URL), nine, nine+hour)
	var told *pbxapi.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, pbxapi.KindBusy, told.Kind)
	require.Contains(t, err.Error(), "went on changing")

	twice := pbxtest.New(t)
	twice.Most(3)
	for _, n := range []int{1, 2, 3, 4, 2, 5, 5, 1} {
		twice.Put(record(n, "2026-01-15 09:30:00"))
	}
	ids, _, err := ask(t.Context(), client(t, twice.URL), nine, nine+hour)
	require.NoError(t, err)
	require.Equal(t, []string{id(1), id(2), id(3), id(4), id(5)}, ids)
}

func TestAListInDataIsReadToo(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t, record(1, "2026-01-15 09:00:00"))
	pbx.Wrap()
	ids, _, err := ask(t.Context(), client(t, pbx.URL), nine, nine+hour)
	require.NoError(t, err)
	require.Equal(t, []string{id(1)}, ids)
}

// Every failure says what it is, whether waiting may help, and neither the key nor the address.
func TestFailuresAreTold(t *testing.T) {
	t.Parallel()
	full := "[" + strings.TrimSuffix(strings.Repeat(`{"dialog_uuid":"`+id(1)+`","start_time":"2026-01-15 09:00:00"},`, 500), ",") + "]"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		kind   pbxapi.Kind
		status int
		after  time.Duration
		reason string
	}{
		"no key":         {pbxtest.Status(401), pbxapi.KindRefused, 401, 0, "the key of pbx_api is not"},
		"not allowed":    {pbxtest.Status(403), pbxapi.KindRefused, 403, 0, "the key of pbx_api is not"},
		"not there":      {pbxtest.Status(404), pbxapi.KindRefused, 404, 0, "not what stands before /cdr_dialog"},
		"too often":      {pbxtest.Status(429, "Retry-After", "7"), pbxapi.KindBusy, 429, 7 * time.Second, "asked too often"},
		"for a day":      {pbxtest.Status(503, "Retry-After", "86400"), pbxapi.KindBusy, 503, time.Hour, "it answered 503"},
		"broken":         {pbxtest.Status(500), pbxapi.KindBusy, 500, 0, "it answered 500"},
		"elsewhere":      {pbxtest.Status(302, "Location", "https://elsewhere.example/"), pbxapi.KindRefused, 302, 0, "leads elsewhere"},
		"odd":            {pbxtest.Status(418), pbxapi.KindRefused, 418, 0, "it answered 418"},
		"empty":          {pbxtest.Body(""), pbxapi.KindAnswer, 0, 0, "no JSON list"},
		"malformed":      {pbxtest.Body(`[{"dialog_uuid":`), pbxapi.KindAnswer, 0, 0, "no JSON list"},
		"a page":         {pbxtest.Body("<html>log in</html>"), pbxapi.KindAnswer, 0, 0, "no JSON list"},
		"an object":      {pbxtest.Body(`{"error":"x"}`), pbxapi.KindAnswer, 0, 0, "no JSON list"},
		"too much":       {pbxtest.Body("[" + strings.Repeat(" ", 1<<20) + "]"), pbxapi.KindAnswer, 0, 0, "larger than 1000000 bytes"},
		"same page":      {pbxtest.Body(full), pbxapi.KindAnswer, 0, 0, "does not heed offset"},
		"more than told": {pbxtest.Body("[" + strings.Repeat("{},", 500) + "{}]"), pbxapi.KindAnswer, 0, 0, "does not heed limit"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "[")
		}, pbxapi.KindUnreached, 0, 0, "broke off"},
		"inflated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			_, _ = io.WriteString(packed, "["+strings.Repeat(" ", 4<<20)+"]")
			_ = packed.Close()
		}, pbxapi.KindAnswer, 0, 0, "larger than 1000000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pbx := pbxtest.New(t)
			pbx.Always(c.answer)
			asking := client(t, pbx.URL, func(cfg *pbxapi.Config) { cfg.MaxBody = 1_000_000 })
			_, _, err := ask(t.Context(), asking, nine, nine+hour)
			var told *pbxapi.Error
			require.ErrorAs(t, err, &told)
			require.Equal(t, c.kind, told.Kind)
			require.Equal(t, c.status, told.Status)
			require.Equal(t, c.after, told.RetryAfter)
			require.Contains(t, err.Error(), c.reason)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "127.0.0.1:")
			require.EqualValues(t, 1, asking.Stats().Failed)
		})
	}
}

func TestThePBXThatDoesNotAnswerIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t)
	pbx.Always(pbxtest.Slow)
	_, _, err := ask(t.Context(), client(t, pbx.URL, func(cfg *pbxapi.Config) { cfg.Timeout = 50 * time.Millisecond }), nine, nine+hour)
	var told *pbxapi.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, pbxapi.KindUnreached, told.Kind)
	require.Contains(t, err.Error(), "no whole answer in time")

	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	pbx.Always(func(w http.ResponseWriter, r *http.Request) { cancel(stopped); pbxtest.Slow(w, r) })
	_, _, err = ask(ctx, client(t, pbx.URL), nine, nine+hour)
	require.ErrorIs(t, err, stopped)
}

func TestAPBXThatIsNotThereIsTold(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, _, err := ask(t.Context(), client(t, gone.URL), nine, nine+hour)
	var told *pbxapi.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, pbxapi.KindUnreached, told.Kind)

	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	_, _, err = ask(t.Context(), client(t, secure.URL), nine, nine+hour)
	require.ErrorAs(t, err, &told)
	require.Equal(t, pbxapi.KindRefused, told.Kind)
	require.Contains(t, err.Error(), "certificate")
}

// Requests keep apart, over all who ask.
func TestTheRateIsKept(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t)
	asking := client(t, pbx.URL, func(cfg *pbxapi.Config) { cfg.Rate = 20 })
	began := time.Now()
	for range 5 {
		_, _, err := ask(t.Context(), asking, nine, nine+hour)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(began), 200*time.Millisecond)
}

// After a 429 nothing is asked until the time that the PBX named, and who cannot wait that long is told.
func TestThePBXIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	t.Parallel()
	pbx := pbxtest.New(t)
	pbx.Next(pbxtest.Status(429, "Retry-After", "60"))
	asking := client(t, pbx.URL)
	_, _, err := ask(t.Context(), asking, nine, nine+hour)
	require.Error(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, _, err = ask(ctx, asking, nine, nine+hour)
	var told *pbxapi.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, pbxapi.KindBusy, told.Kind)
	require.Greater(t, told.RetryAfter, 50*time.Second)
	require.Len(t, pbx.Requests(), 1)
}
