// Package spreadsheet keeps tables that people download from doing anything when a spreadsheet opens them: callers choose
// their own names. It is pure, and knows nothing of what the tables are about.
package spreadsheet

import "regexp"

var (
	// formula is what a spreadsheet may take for one: what begins like it, at the beginning of a cell, or behind a character
	// that a spreadsheet may split a cell at. Where lists are separated by semicolons, as in Poland, a file with commas is
	// split at semicolons and ends of lines, and quotes in the middle of what it takes for a cell keep nothing together.
	formula = regexp.MustCompile("(^|[;\t\r\n]+)([ \"\t\r\n]*[-=+@\uff0b\uff0d\uff1d\uff20])")
	// blank is what some spreadsheets leave out at the beginning.
	blank = regexp.MustCompile("^[\t\r\n]")
	// number is what begins with a sign and is nothing but a number, of a telephone or an offset: nothing else can be made
	// of it.
	number = regexp.MustCompile(`^[+-]\d[\d:]*$`)
)

// Cell gives a text as it may stand in a table: with an apostrophe before all that a spreadsheet could take for a formula,
// at its beginning or further on. Spreadsheets leave out the one at the beginning.
func Cell(text string) string {
	if number.MatchString(text) {
		return text
	}
	text = formula.ReplaceAllString(text, "$1'$2")
	if blank.MatchString(text) {
		text = "'" + text
	}
	return text
}
