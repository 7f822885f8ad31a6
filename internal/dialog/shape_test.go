package dialog_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/dialog"
)

// What is said of a value that cannot be used goes into logs and into quarantine: its form, and nothing of what it says.
func TestAnErrorTellsTheFormOfAValueAndNotTheValue(t *testing.T) {
	t.Parallel()
	for value, form := range map[string]string{
		`"Jan Kotowski +48501502503"`:    `"xxx xxxxxxxx +00000000000"`,
		`"Łucja Żak <zak@example.com>"`:  `"xxxxx xxx <xxx@xxxxxxx.xxx>"`,
		`"25.08.2020 16:24"`:             `"00.00.0000 00:00"`,
		`"\u0141ukasz"`:                  `"\x0000xxxxx"`,
		`48501502503`:                    `00000000000`,
		`{"Jan":["Kotowski"]}`:           `{"xxx":["xxxxxxxx"]}`,
		`"٤٨٥٠١ Żółć e\u0301"`:           `"00000 xxxx x\x0000"`,
		"\"\xff\xfe☎\"":                  `"???"`,
		fmt.Sprintf(`"%090d"`, 50150250): `"000000000000000000000000000000000000000000000000000000000000000…`,
	} {
		for name, body := range map[string]string{
			"dialog_uuid of a webhook": `{"event_name":"dialog_create","event_time":"2026-01-15 09:00:00","dialog_uuid":` + value + `}`,
			"event_time": `{"event_name":"dialog_create","dialog_uuid":"5d1c9b0e-52a8-4a0c-9f6e-0c1f4d0a7d11","event_time":` +
				value + `}`,
			"dialog_uuid of a record": `{"start_time":"2026-01-15 09:00:00","dialog_uuid":` + value + `}`,
		} {
			_, err := dialog.Decode([]byte(body))
			if name == "dialog_uuid of a record" {
				_, err = dialog.DecodeRecord([]byte(body))
			}
			told, ok := errors.AsType[*dialog.Error](err)
			require.True(t, ok, "%s: %v", name, err)
			if told.Code != dialog.CodeMalformedJSON { // bytes that are no text
				require.Contains(t, told.Error(), "(found "+form+")", name)
			}
		}
	}
}
