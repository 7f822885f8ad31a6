//go:build unix

package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/app"
	"webhookd/internal/config"
	"webhookd/internal/dialog"
	"webhookd/internal/pbxapi/pbxtest"
	"webhookd/internal/reconcile"
	"webhookd/internal/store"
)

// What the PBX's records hold is as personal as what its webhooks hold: where one cannot be read, the log tells which one
// and why, and nobody's number or name.
func TestTheLogHoldsNoNumberAndNoNameOfRecords(t *testing.T) {
	t.Parallel()
	const who = person + " +" + number
	broken := []pbxtest.Record{
		{"dialog_uuid": who},
		{"dialog_uuid": map[string]any{who: who}},
		{"dialog_uuid": []string{who}, "from_display_target": number},
		{"dialog_uuid": "5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d11", "hangup_time": "2020-08-25 16:00:00", "from_display_name": person},
		{"from_display_target": number, "from_display_name": person},
	}
	odd := []pbxtest.Record{
		{"dialog_uuid": "5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d12", "hangup_time": who, "dialog_type": who, "business_direction": who},
		{
			"dialog_uuid": "5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d13", "hangup_time": "2020-08-25 16:24:59", "dialog_type": "EXTERNAL",
			"business_end_cause": who, "alert_time": who, "from_display_target": who, "to_display_target": map[string]any{who: 1},
			"initial_application_info": map[string]any{"type": who, "data": map[string]any{"caller_dialog_uuid": who, "id": who}},
		},
	}
	records := slices.Concat(broken, odd)
	for _, record := range records {
		record["start_time"] = "2020-08-25 16:24:45"
	}
	pbx := pbxtest.New(t, records...)
	file := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil,
		"accounts: {default: {pbx_api: {url: %q, secret: %s, rate: 50}}}\n", pbx.URL, pbxtest.Key), 0o600))
	cfg, err := config.Load(config.Sources{File: file, Flags: map[string][]string{"data_dir": {t.TempDir()}}})
	require.NoError(t, err)
	log := &logged{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	var sum reconcile.HistorySum
	require.NoError(t, app.Reconcile(t.Context(), cfg, logger, store.Make, func(ctx context.Context, r *reconcile.Reconciler) (err error) {
		sum, err = r.Backfill(ctx, reconcile.History{
			Account: "default",
			From:    dialog.TimeOf(time.Date(2020, 8, 25, 16, 0, 0, 0, time.UTC)), To: dialog.TimeOf(time.Date(2020, 8, 25, 17, 0, 0, 0, time.UTC)),
		})
		if err != nil {
			return err
		}
		_, err = r.Repair(ctx, reconcile.Repair{})
		return err
	}))
	require.Equal(t, len(records), sum.Records)
	require.Equal(t, len(broken), sum.Unreadable)
	require.Equal(t, sum.Records, sum.Unreadable+sum.Taken+sum.Known+sum.Unplaced+sum.Open+sum.Removed, "each is counted somewhere: %+v", sum)
	text := log.String()
	require.Equal(t, len(broken), strings.Count(text, "a record that cannot be read"))
	require.Contains(t, text, "2020-08-25T16:24:45Z", "by which it can be found")
	for _, one := range []string{number, person, "Bożydar", "Zmyślony", `Bo\u017cydar`} {
		require.NotContains(t, text, one)
	}
}
