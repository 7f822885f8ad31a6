package spreadsheet_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/spreadsheet"
)

func TestFormulasAreHarmless(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "",
		"Anna":                     "Anna",
		"Anna-Maria":               "Anna-Maria",
		"a=b; c@d.example, +1":     "a=b; c@d.example, +1",
		"+48501502503":             "+48501502503",
		"-5":                       "-5",
		"+02:00":                   "+02:00",
		"=1+1":                     "'=1+1",
		"+1+1":                     "'+1+1",
		"-1-1":                     "'-1-1",
		"@SUM(A1)":                 "'@SUM(A1)",
		"\t=1":                     "'\t=1",
		"\r=1":                     "'\r=1",
		"\n=1":                     "'\n=1",
		"\tAnna":                   "'\tAnna",
		" =1":                      "' =1",
		"+":                        "'+",
		"+48 501=cmd|x":            "'+48 501=cmd|x",
		"\uff1d1\uff0b1":           "'\uff1d1\uff0b1", // an equals sign as wide as a Chinese letter
		"x;=1+1;":                  "x;'=1+1;",        // where lists are separated by semicolons, as in Poland, this is a cell
		`x;"=1+1"`:                 `x;'"=1+1"`,       // and quotes in the middle of one are none
		"Anna; =1+1":               "Anna;' =1+1",     //
		"x\n=1+1":                  "x\n'=1+1",        //
		"=1;=2;+48501502503\r\n@x": "'=1;'=2;'+48501502503\r\n'@x",
	} {
		require.Equal(t, want, spreadsheet.Cell(text), "%q", text)
	}
}
