package web

// Theme is how a page is coloured.
type Theme string

// The themes; ThemeAuto is as the browser's system has it.
const (
	ThemeAuto  Theme = ""
	ThemeLight Theme = "light"
	ThemeDark  Theme = "dark"
)

// ParseTheme reads a theme as it stands in a form or a cookie.
func ParseTheme(word string) (Theme, bool) {
	switch theme := Theme(word); theme {
	case ThemeAuto, ThemeLight, ThemeDark:
		return theme, true
	}
	return ThemeAuto, word == "auto"
}
