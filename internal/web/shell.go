package web

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Shell is what is around every page, and what it says of who looks.
type Shell struct {
	Language Language
	Theme    Theme
	// Zone is where times are shown; nil is UTC.
	Zone *time.Location
	// Here is the path and query of the page, to come back to it.
	Here string
	// Account is whose data the page shows; Named says that the address names it, so that links on the page must, too.
	Account string
	Named   bool
	// SignedIn says that somebody is logged in, MayLogin that somebody could.
	SignedIn, MayLogin bool
	// MayChange says that who looks may also change.
	MayChange bool
	// Bare leaves out what is around a page, for a screen that nobody touches.
	Bare    bool
	Version string
}

//go:embed all:templates
var templateFiles embed.FS

var pages = parseTemplates(templateFiles)

// parseTemplates gives each page's template together with the layout and the parts that pages share (named _…).
func parseTemplates(files fs.FS) map[string]*template.Template {
	base := template.Must(template.New("layout.html").ParseFS(files, "templates/layout.html"))
	shared, err := fs.Glob(files, "templates/_*.html")
	if err != nil {
		panic("find templates: " + err.Error())
	}
	if len(shared) > 0 {
		base = template.Must(base.ParseFS(files, shared...))
	}
	names, err := fs.Glob(files, "templates/[a-z]*.html")
	if err != nil {
		panic("find templates: " + err.Error())
	}
	parsed := map[string]*template.Template{}
	for _, name := range names {
		if short := strings.TrimSuffix(path.Base(name), ".html"); short != "layout" {
			parsed[short] = template.Must(template.Must(base.Clone()).ParseFS(files, name))
		}
	}
	return parsed
}

// view is what templates work on.
type view struct {
	Shell
	Title string
	Page  any
}

// render writes one page.
func render(w io.Writer, shell Shell, page, title string, data any) error {
	if err := pages[page].Execute(w, view{shell, title, data}); err != nil {
		return fmt.Errorf("render %s: %w", page, err)
	}
	return nil
}

// navigation are the pages that the shell leads to, in order.
var navigation = []struct{ path, key string }{
	{"/", "nav.board"},
	{"/calls", "nav.calls"},
	{"/stats", "nav.stats"},
	{"/handlers", "nav.handlers"},
	{"/quarantine", "nav.quarantine"},
}

// place is one link of the navigation.
type place struct {
	URL, Name string
	Current   bool
}

// Navigation gives the links to all pages.
func (s Shell) Navigation() []place { //nolint:revive // templates call it
	here, _, _ := strings.Cut(s.Here, "?")
	places := make([]place, 0, len(navigation))
	for _, entry := range navigation {
		current := here == entry.path || entry.path != "/" && strings.HasPrefix(here, entry.path+"/")
		places = append(places, place{s.Link(entry.path), s.T(entry.key), current})
	}
	return places
}

// T gives a text in the page's language.
func (s Shell) T(key string, values ...any) string { return s.Language.Text(key, values...) }

// Word gives the text for a word of an open set.
func (s Shell) Word(set string, word any) string { return s.Language.Word(set, fmt.Sprint(word)) }

// Asset gives the URL of an asset.
func (Shell) Asset(name string) string { return AssetURL(name) }

// Languages are those that the page can be read in.
func (Shell) Languages() []Language { return Languages() }

// Link gives a path of this server, with the account where the address of the page has it, and further parameters as
// name and value in turn.
func (s Shell) Link(to string, parameters ...string) string {
	query := url.Values{}
	if s.Named {
		query.Set("account", s.Account)
	}
	for i := 0; i+1 < len(parameters); i += 2 {
		if parameters[i+1] != "" {
			query.Set(parameters[i], parameters[i+1])
		}
	}
	if len(query) == 0 {
		return to
	}
	return to + "?" + query.Encode()
}

func (s Shell) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// ZoneName names the zone that times are shown in.
func (s Shell) ZoneName() string { return s.zone().String() }

// shownTime is how moments are written, in both languages.
const shownTime = "2006-01-02 15:04:05"

// Time writes a moment in the page's zone; "" for none.
func (s Shell) Time(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(s.zone()).Format(shownTime)
}

// Stamp writes a moment for programs, as <time datetime> wants it.
func (Shell) Stamp(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }

// Duration writes milliseconds in words, to the second; "" for nil.
func (s Shell) Duration(ms *int64) string {
	if ms == nil {
		return ""
	}
	return s.Language.Duration(*ms)
}

// Duration writes milliseconds in words, to the second.
func (l Language) Duration(ms int64) string {
	seconds := ms / 1000
	switch {
	case seconds < 60:
		return l.Text("duration.s", seconds)
	case seconds < 3600:
		return l.Text("duration.min", seconds/60, seconds%60)
	}
	return l.Text("duration.h", seconds/3600, seconds/60%60, seconds%60)
}

// Number writes a whole number.
func (Shell) Number(n int64) string { return strconv.FormatInt(n, 10) }
