package app_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The house (design §10), as a test: who may import whom, which library belongs to whom, and what the pure packages do
// without. Tests may import what they like. .golangci.yml says the most important of it again, where an editor sees it.

const module = "webhookd/internal/"

// house says, for each package below internal, which of the others it may import. A new package gets its line here.
var house = map[string][]string{
	"app": {
		"backlog", "callout", "config", "correlate", "dialog", "dispatch", "due", "erase", "flow", "httpapi", "ingest", "ingest/spool", "live",
		"metrics", "natsapi", "natsbus", "pbxapi", "rebuild", "reconcile", "record", "relay", "retention", "stats", "statsapi", "store", "store/postgres", "store/sqlite",
		"tlsfile", "tracing", "trigger", "verify", "web",
	},

	"tlsfile": {},                                                                         // certificates in files
	"checkup": {"config", "doctor", "local", "natsbus", "store/postgres", "store/sqlite"}, // finds out what doctor judges
	"doctor":  {},
	"local":   {"config", "natsbus"}, // how commands reach the service of their own set-up

	"config": {"correlate", "dialog", "verify"},
	"verify": {},                                                                 // who sent a webhook; it knows no account and no route
	"web":    {"correlate", "dialog", "flow", "openapi", "spreadsheet", "stats"}, // makes pages of records that it is handed

	"asyncapi": {}, // the document; what makes it is a test
	"openapi":  {}, // as asyncapi, and the form that its page is made of

	"httpapi": {
		"asyncapi", "correlate", "dialog", "erase", "flow", "ingest", "live", "openapi", "stats", "statsapi", "store", "tracing",
		"trigger", "triggerapi", "verify", "web",
	},
	"reconcile": {"correlate", "dialog", "ingest", "pbxapi", "store"}, // which calls the PBX is asked about, and when
	"pbxapi":    {"dialog"},                                           // asks; what a record means is for others
	"retention": {"correlate", "dialog", "ingest", "store"},           // takes out what is old; it writes through the store alone
	"due":       {"callout", "correlate", "dialog", "dispatch", "flow", "ingest", "reconcile", "store", "trigger"},
	"live":      {"flow", "natsbus"},
	"natsapi":   {"dialog", "flow", "natsbus", "store"},
	"relay":     {"correlate", "dialog", "flow", "natsbus", "store", "tracing"},
	"backlog":   {"correlate", "ingest", "store"},
	"rebuild":   {"correlate", "dialog", "flow", "ingest", "stats", "store"},
	"callout":   {}, // calls out; it knows no handler and no event
	"tracing":   {}, // tells a collector; it knows no part
	"metrics":   {"dispatch", "due", "ingest", "ingest/spool", "reconcile", "relay", "store"},

	"ingest": {
		"correlate", "dialog", "dispatch", "flow", "fsm", "ingest/spool", "person", "stats", "store", "tracing", "trigger",
		"triggerapi",
	},
	"ingest/spool": {},
	"dispatch":     {"callout", "correlate", "dialog", "flow", "store", "tracing", "trigger", "triggerapi"},
	"trigger":      {"correlate", "dialog", "flow"},           // decides; what is kept and sent is for those who call it
	"triggerapi":   {"store"},                                 // what clients of the trigger API say; between httpapi and ingest
	"statsapi":     {"correlate", "dialog", "stats", "store"}, // what is asked of statistics, over HTTP, NATS and pages alike

	"natsbus":        {"doctor", "flow"},
	"store":          {"correlate", "dialog", "flow", "stats"},
	"store/bell":     {},
	"store/tail":     {"store"},
	"store/postgres": {"correlate", "dialog", "doctor", "flow", "stats", "store", "store/bell", "store/tail"},
	"store/sqlite":   {"correlate", "dialog", "doctor", "flow", "stats", "store", "store/bell", "store/tail"},

	"flow":      {"correlate", "dialog", "fsm"},
	"stats":     {"correlate", "dialog", "spreadsheet"}, // what the figures are
	"correlate": {"dialog", "fsm"},
	"fsm":       {},
	"dialog":    {},

	"spreadsheet": {}, // what may stand in a table that people download

	// Clients: they speak HTTP to any webhookd.
	"replay":          {"dialog"},
	"replay/simulate": {"dialog", "replay"},
	"replay/scrub":    {"correlate", "dialog", "replay"}, // takes persons out of recordings
	"record":          {"replay", "store"},               // makes recordings of the journal

	"person": {"correlate", "dialog"},                              // who is meant, in what is stored
	"erase":  {"correlate", "dialog", "ingest", "person", "store"}, // what is stored of a person: shown, and taken out

	// Measures webhookd from outside; a program.
	// Programs that break and measure a whole installation from outside.
	"chaos":     {"correlate", "dialog", "replay", "replay/simulate"},
	"chaos/cmd": {"chaos"},
	"bench": {
		"correlate", "dialog", "flow", "httpapi", "ingest", "replay/simulate", "store", "store/postgres",
	},

	// For tests only: no other package may import these.
	"browsertest":         {},
	"eventtest":           {"flow/goflowtest"},
	"flow/goflowtest":     {},
	"openapi/openapitest": {"openapi"},
	"pbxapi/pbxtest":      {},
	"store/everystore": {
		"eventtest", "flow", "flow/goflowtest", "store", "store/postgres", "store/postgres/pgtest", "store/sqlite",
	},
	"tlsfile/tlstest":       {},
	"store/postgres/pgtest": {},
	"tracing/tracingtest":   {},
	"store/storetest":       {"correlate", "dialog", "flow", "stats", "store"},
}

// owners says who alone may import a library, and what is below it.
var owners = map[string][]string{
	"database/sql":               {"bench", "chaos", "store/postgres", "store/postgres/pgtest", "store/sqlite"},
	"github.com/chromedp":        {"browsertest"},
	"github.com/cloudevents":     {}, // in tests
	"github.com/expr-lang":       {"trigger"},
	"github.com/gofiber":         {"httpapi"},
	"github.com/jmoiron/sqlx":    {"store/postgres", "store/sqlite"},
	"github.com/lib/pq":          {"bench", "chaos", "store/postgres", "store/postgres/pgtest"},
	"github.com/nats-io":         {"bench", "chaos", "natsbus"},
	"github.com/prometheus":      {"metrics"},
	"github.com/pressly/goose":   {"store/postgres", "store/sqlite"},
	"github.com/santhosh-tekuri": {"eventtest", "openapi/openapitest"},
	"github.com/valyala":         {"httpapi", "replay/simulate"},
	"go.opentelemetry.io":        {"tracing", "tracing/tracingtest"},
	"go.yaml.in/yaml":            {"config", "trigger"},
	"modernc.org/sqlite":         {"bench", "store/sqlite"},
	"net/http": {
		"app", "bench", "callout", "chaos", "checkup", "httpapi", "metrics", "pbxapi", "pbxapi/pbxtest", "replay", "replay/simulate",
		"tracing/tracingtest", "verify", "web",
	},
	"testing": {
		"browsertest", "pbxapi/pbxtest", "store/everystore", "store/postgres/pgtest", "store/storetest", "tlsfile/tlstest", "tracing/tracingtest",
	},
}

// pure are the packages that do no I/O, read no clock and draw no random number (design §1).
var pure = []string{"correlate", "dialog", "doctor", "flow", "fsm", "spreadsheet", "stats"}

// pureImports is all that they may import besides each other; a name that ends with / stands for what is below it.
// (sync/atomic is for a memory of what was worked out before: with it and without it everything comes out the same.)
var pureImports = []string{
	"bytes", "cmp", "context", "crypto/sha256", "encoding/", "errors", "fmt", "iter", "maps", "math", "math/bits",
	"regexp", "slices", "sort", "strconv", "strings", "sync/atomic", "time", "unicode", "unicode/",
	"github.com/google/uuid", "github.com/looplab/fsm", "github.com/nyaruka/phonenumbers",
}

// impure is what they must not use of it.
var impure = map[string][]string{
	"context": {"WithDeadline", "WithDeadlineCause", "WithTimeout", "WithTimeoutCause"},
	"fmt":     {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"github.com/google/uuid": {
		"EnableRandPool", "Must", "New", "NewDCEGroup", "NewDCEPerson", "NewDCESecurity", "NewRandom",
		"NewRandomFromReader", "NewString", "NewUUID", "NewV6", "NewV7", "NewV7FromReader",
	},
	"time": {
		"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
	},
}

func TestTheHouseStandsAsDesigned(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	root := os.DirFS("..")
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(root, name)
		require.NoError(t, err)
		seen[path.Dir(name)] = true
		for _, fault := range faults(t, name, string(source)) {
			t.Error("internal/" + fault)
		}
		return nil
	}))
	for _, name := range pure {
		require.True(t, seen[name], "package %s was not looked at", name)
	}
}

// The table itself runs downwards: there is no way from a package back to it, and the adapters are apart.
func TestTheHouseHasNoCircle(t *testing.T) {
	t.Parallel()
	var below func(name string, way []string)
	below = func(name string, way []string) {
		require.NotContains(t, way, name, "a circle")
		for _, next := range house[name] {
			require.Contains(t, house, next)
			below(next, append(slices.Clone(way), name))
		}
	}
	for name := range house {
		below(name, nil)
	}
}

// Every rule of the house finds what it is there for.
func TestTheHouseRulesBite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, source, want string }{
		{"dialog/a.go", `import "os"`, `imports "os": not pure`},
		{"dialog/a.go", `import "net"`, `imports "net": not pure`},
		{"dialog/a.go", `import "net/http"`, `imports "net/http": not pure`},
		{"fsm/a.go", `import "log/slog"`, `imports "log/slog": not pure`},
		{"fsm/a.go", `import "io"`, `imports "io": not pure`},
		{"flow/a.go", `import "crypto/rand"`, `imports "crypto/rand": not pure`},
		{"flow/a.go", `import _ "embed"`, `imports "embed": not pure`},
		{"flow/a.go", `import "unsafe"`, `imports "unsafe": not pure`},
		{"correlate/a.go", `import "math/rand/v2"`, `imports "math/rand/v2": not pure`},
		{"correlate/a.go", `import r "math/rand"`, `imports "math/rand": not pure`},
		{"correlate/deeper/a.go", `import "os"`, `imports "os": not pure`},
		{"correlate/a.go", `import "github.com/jmoiron/sqlx"`, `imports "github.com/jmoiron/sqlx": not pure`},
		{"correlate/a.go", `import . "time"`, `imports "time" with a dot`},
		{"correlate/a.go", `import "time"; var now = time.Now()`, "uses time.Now"},
		{"correlate/a.go", `import "time"; var now = time.Now`, "uses time.Now"}, // it need not be called here
		{"correlate/a.go", `import clock "time"; func f() { clock.Sleep(1) }`, "uses time.Sleep"},
		{"flow/a.go", `import "time"; var t = time.Since(time.Time{})`, "uses time.Since"},
		{"flow/a.go", `import "time"; var t = time.Until(time.Time{})`, "uses time.Until"},
		{"flow/a.go", `import "time"; var t = time.After(1)`, "uses time.After"},
		{"flow/a.go", `import "time"; var t = time.NewTimer(1)`, "uses time.NewTimer"},
		{"flow/a.go", `import "github.com/google/uuid"; var id = uuid.NewString()`, "uses uuid.NewString"},
		{"fsm/a.go", `import "context"; var f = context.WithTimeout`, "uses context.WithTimeout"},
		{"dialog/a.go", `import "fmt"; func f() { fmt.Println() }`, "uses fmt.Println"},
		{"dialog/a.go", `func f() { println() }`, "uses println"},

		{"dialog/a.go", `import "webhookd/internal/fsm"`, "dialog may not import fsm"},
		{"fsm/a.go", `import "webhookd/internal/correlate"`, "fsm may not import correlate"},
		{"correlate/a.go", `import "webhookd/internal/flow"`, "correlate may not import flow"},
		{"flow/a.go", `import "webhookd/internal/store"`, "flow may not import store"},
		{"store/a.go", `import "webhookd/internal/ingest"`, "store may not import ingest"},
		{"store/a.go", `import "webhookd/internal/natsbus"`, "store may not import natsbus"},
		{"store/sqlite/a.go", `import "webhookd/internal/store/postgres"`, "store/sqlite may not import store/postgres"},
		{"natsbus/a.go", `import "webhookd/internal/store"`, "natsbus may not import store"},
		{"ingest/a.go", `import "webhookd/internal/httpapi"`, "ingest may not import httpapi"},
		{"ingest/a.go", `import "webhookd/internal/store/sqlite"`, "ingest may not import store/sqlite"},
		{"ingest/a.go", `import "webhookd/internal/store/everystore"`, "ingest may not import store/everystore"},
		{"rebuild/a.go", `import "webhookd/internal/relay"`, "rebuild may not import relay"},
		{"httpapi/a.go", `import "webhookd/internal/relay"`, "httpapi may not import relay"},
		{"relay/a.go", `import "webhookd/internal/app"`, "relay may not import app"},
		{"replay/a.go", `import "webhookd/internal/store"`, "replay may not import store"},
		{"relay/a.go", `import "webhookd/cmd/webhookd"`, "relay may not import webhookd/cmd/webhookd"},
		{"somewhere/a.go", ``, "somewhere has no place in the house"},

		{"httpapi/a.go", `import "database/sql"`, `imports "database/sql": only`},
		{"httpapi/a.go", `import "database/sql/driver"`, `imports "database/sql/driver": only`},
		{"httpapi/a.go", `import "github.com/lib/pq"`, `imports "github.com/lib/pq": only`},
		{"store/a.go", `import "net/http"`, `imports "net/http": only`},
		{"store/postgres/a.go", `import "github.com/nats-io/nats.go"`, `imports "github.com/nats-io/nats.go": only`},
		{"ingest/a.go", `import "github.com/gofiber/fiber/v2"`, `imports "github.com/gofiber/fiber/v2": only`},
		{"store/sqlite/a.go", `import "github.com/lib/pq"`, `imports "github.com/lib/pq": only`},
		{"relay/a.go", `import "testing"`, `imports "testing": only`},
		{"stats/a.go", `import "webhookd/internal/store"`, "stats may not import store"},
		{"stats/a.go", `import "time"; var zone, _ = time.LoadLocation("")`, "uses time.LoadLocation"},
	} {
		found := faults(t, c.file, "package p\n"+c.source)
		require.NotEmpty(t, found, "%s: %s", c.file, c.source)
		require.Contains(t, strings.Join(found, "\n"), c.want, "%s: %s", c.file, c.source)
	}
	for _, c := range []struct{ file, source string }{
		{"dialog/a.go", `import ("encoding/json"; "time"); var t time.Time; func f() { t.After(t); json.Valid(nil) }`},
		{"dialog/a.go", `var time struct{ Now int }; var now = time.Now`}, // another time
		{"fsm/a.go", `import ("context"; "github.com/looplab/fsm"); var c = context.Background`},
		{"correlate/a.go", `import ("github.com/google/uuid"; "webhookd/internal/dialog"); var id = uuid.NewSHA1`},
		{"flow/a.go", `import "webhookd/internal/correlate"`},
		{"ingest/a.go", `import ("time"; "webhookd/internal/store"); var now = time.Now()`},
		{"relay/a.go", `import ("net/netip"; "webhookd/internal/natsbus")`},
		{"store/sqlite/a.go", `import ("database/sql"; "modernc.org/sqlite/lib")`},
	} {
		require.Empty(t, faults(t, c.file, "package p\n"+c.source), "%s: %s", c.file, c.source)
	}
}

// faults says where a file, named from internal on, breaks the rules of the house.
func faults(t *testing.T, name, source string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	require.NoError(t, err)
	var found []string
	report := func(at token.Pos, text string, args ...any) {
		found = append(found, fmt.Sprintf("%s: %s", files.Position(at), fmt.Sprintf(text, args...)))
	}
	own := path.Dir(name)
	allowed, placed := house[own]
	if !placed {
		report(file.Package, "%s has no place in the house: see house_test.go", own)
	}
	isPure := slices.ContainsFunc(pure, func(p string) bool { return within(own, p) })
	imported := map[string]string{} // by the name in the file
	for _, spec := range file.Imports {
		what, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		if sibling, ours := strings.CutPrefix(what, module); ours || within(what, "webhookd") {
			if !slices.Contains(allowed, sibling) {
				report(spec.Pos(), "%s may not import %s", own, sibling)
			}
			continue
		}
		if isPure && !slices.ContainsFunc(pureImports, func(p string) bool {
			return what == p || strings.HasSuffix(p, "/") && strings.HasPrefix(what, p)
		}) {
			report(spec.Pos(), "imports %q: not pure", what)
		}
		for library, who := range owners {
			if within(what, library) && !slices.Contains(who, own) {
				report(spec.Pos(), "imports %q: only %s may", what, strings.Join(who, ", "))
			}
		}
		local := path.Base(what)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if isPure && local == "." {
			report(spec.Pos(), "imports %q with a dot", what)
		}
		imported[local] = what
	}
	if !isPure {
		return found
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CallExpr:
			if called, ok := node.Fun.(*ast.Ident); ok && (called.Name == "print" || called.Name == "println") {
				report(node.Pos(), "uses %s", called.Name)
			}
		case *ast.SelectorExpr:
			of, ok := node.X.(*ast.Ident)
			if ok && slices.Contains(impure[imported[of.Name]], node.Sel.Name) {
				report(node.Pos(), "uses %s.%s", path.Base(imported[of.Name]), node.Sel.Name)
			}
		}
		return true
	})
	return found
}

// within says whether a path is another one, or below it.
func within(what, whole string) bool { return what == whole || strings.HasPrefix(what, whole+"/") }
