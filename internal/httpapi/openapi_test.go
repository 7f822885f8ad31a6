package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
	"webhookd/internal/openapi"
	"webhookd/internal/openapi/openapitest"
)

// contract is the OpenAPI document, which every answer in the tests of this package is held against.
var contract = sync.OnceValue(func() *openapitest.Contract {
	loaded, err := openapitest.Load()
	if err != nil {
		panic(err)
	}
	return loaded
})

// requireContract holds an answer against the OpenAPI document: its status, its headers, and the whole of a problem. Bodies
// of successes are left out: the records here are of the tests' own making. (cmd/webhookd holds real ones against it.)
func requireContract(t *testing.T, method, target string, a answer) {
	t.Helper()
	if contract().Find(method, target) == nil {
		return // a page, or no route; TestTheOpenAPIDocumentHasEveryRoute knows which is which
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && target != "/" {
		return // a page at /, of an error or with parameters
	}
	require.NoError(t, contract().Check(method, target, openapitest.Answer{
		Status: a.status, Header: a.header.Get, Body: a.body, NoSchema: a.status < 400,
	}))
}

// forPeople says whether a route is one of a page, which are no part of the API.
func forPeople(path string) bool {
	return path != "/" && !strings.HasPrefix(path, "/v1") &&
		!slices.Contains([]string{"/openapi.json", "/asyncapi.json", "/healthz", "/readyz", "/metrics"}, path)
}

// generic writes all parameters of a path alike, whatever their names.
func generic(path string) string {
	steps := strings.Split(path, "/")
	for i, step := range steps {
		if step == "+" || strings.HasPrefix(step, ":") || strings.HasPrefix(step, "{") {
			steps[i] = "{}"
		}
	}
	return strings.Join(steps, "/")
}

// everything starts a server with every route that there is.
func everything(t *testing.T, configure ...func(*httpapi.Config)) *bundle {
	t.Helper()
	db := openStore(t)
	b, _ := setupTriggers(t, func(cfg *httpapi.Config) {
		cfg.Reader, cfg.Refusals, cfg.Persons, cfg.Live, cfg.Metrics = db, db, persons(db), nothingLive{}, figures
		for _, change := range configure {
			change(cfg)
		}
	})
	return b
}

// figures stand for those of Prometheus.
var figures = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
})

// nothingLive is there so that there are the routes of streams.
type nothingLive struct{ httpapi.Live }

// What the router has and what the document has are the same, and so is the list that GET /v1 gives.
func TestTheOpenAPIDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	b := everything(t)
	routed, pages := map[string]bool{}, 0
	for _, route := range httpapi.Routes(b.server) {
		if forPeople(route[1]) {
			pages++
		} else if route[0] != http.MethodHead {
			routed[route[0]+" "+generic(route[1])] = true
		}
	}
	require.Greater(t, pages, 10)
	described := map[string]bool{}
	for _, operation := range contract().Operations {
		described[operation.Method+" "+generic(operation.Path)] = true
	}
	require.Equal(t, routed, described)

	listed := map[string]bool{"GET /": true} // which is the list
	var index struct {
		Routes []string `json:"routes"`
	}
	require.NoError(t, json.Unmarshal(b.get(t, "/v1").body, &index))
	for _, route := range index.Routes {
		method, path, _ := strings.Cut(route, " ")
		listed[method+" "+generic(path)] = true
	}
	require.Equal(t, listed, described)
}

func TestTheOpenAPIDocumentIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{"s"}, true })
	got := b.get(t, "/openapi.json")
	require.Equal(t, 200, got.status)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	require.Equal(t, string(openapi.Document()), string(got.body))
}

// at gives a path of an operation, with names in it that there are.
func at(path string) string {
	return strings.NewReplacer(
		"{account}", "default", "{call_uuid}", uuidOf(1), "{dialog_uuid}", uuidOf(1), "{subscriberId}", "anna", "{topicKey}", "vip",
		"{transactionId}", "tx", "{name}", "now", "{id}", "1",
		"{number}", contactOfDefault,
	).Replace(path)
}

// The document names exactly the query parameters that each route takes: a route says which it has when it is asked for
// another.
func TestTheOpenAPIDocumentHasEveryParameter(t *testing.T) {
	t.Parallel()
	b := everything(t)
	ask := 0
	for _, operation := range contract().Operations {
		got := b.do(t, operation.Method, at(operation.Path)+"?no_such=1", nil)
		allowed, asked := allowedIn(got)
		if asked {
			ask++
			require.Equal(t, 400, got.status, operation.Name())
		}
		require.Equal(t, operation.Query, allowed, "%s: %s", operation.Name(), got.body)
	}
	require.Greater(t, ask, 30)
}

// The limits of query parameters are the program's: the last value that the document allows is taken, the next one is not,
// and the words of a parameter are those that a refusal names.
func TestTheOpenAPIDocumentHasTheLimitsOfParameters(t *testing.T) {
	t.Parallel()
	b := everything(t)
	tried := map[string]int{}
	for _, operation := range contract().Operations {
		stream := strings.HasPrefix(operation.Path, "/v1/stream") // there is nothing to stream here
		ask := func(name, value string) answer {
			return b.do(t, operation.Method, at(operation.Path)+"?"+name+"="+url.QueryEscape(value), nil)
		}
		refused := func(name, value string) answer {
			got := ask(name, value)
			require.Equal(t, 400, got.status, "%s: %s=%s: %s", operation.Name(), name, value, got.body)
			return got
		}
		taken := func(name, value string) {
			if !stream {
				require.NotEqual(t, 400, ask(name, value).status, "%s: %s=%s", operation.Name(), name, value)
			}
		}
		takesQuery := operation.Method == http.MethodGet // others look at the body, too
		for _, p := range operation.Parameters {
			switch {
			case len(p.Enum) > 0:
				var told problem
				require.NoError(t, json.Unmarshal(refused(p.Name, "no_such").body, &told))
				require.Equal(t, p.Name, told.Parameter)
				require.ElementsMatch(t, p.Enum, told.Allowed, operation.Name())
				for _, word := range p.Enum {
					taken(p.Name, word)
				}
				tried["words"]++
			case p.Maximum != nil && p.Name == "page": // its limit is one of entries: with the smallest page
				refused("page", strconv.Itoa(*p.Minimum-1))
				refused("page", strconv.Itoa(*p.Maximum+1))
				tried["page"]++
			case p.Maximum != nil:
				refused(p.Name, strconv.Itoa(*p.Minimum-1))
				refused(p.Name, strconv.Itoa(*p.Maximum+1))
				taken(p.Name, strconv.Itoa(*p.Minimum))
				taken(p.Name, strconv.Itoa(*p.Maximum))
				tried["numbers"]++
			case p.Pattern != "":
				refused(p.Name, "not so!")
				if p.Name == "account" && takesQuery {
					taken(p.Name, strings.Repeat("a", 64))
					refused(p.Name, strings.Repeat("a", 65))
				}
				tried["patterns"]++
			}
		}
	}
	require.Equal(t, map[string]int{"words": 10, "page": 3, "numbers": 6, "patterns": 34}, tried)
}

// allowedIn gives the query parameters that an answer says there are, in order, if that is what it is about.
func allowedIn(a answer) (allowed []string, asked bool) {
	var told struct {
		Detail  string   `json:"detail"`
		Allowed []string `json:"allowed"`
		Message string   `json:"message"` // of Novu's errors
	}
	if json.Unmarshal(a.body, &told) != nil || !strings.Contains(told.Detail+told.Message, "no such query parameter") {
		return nil, false
	}
	if _, list, ok := strings.Cut(told.Message, " Allowed: "); ok {
		told.Allowed = strings.Split(strings.TrimSuffix(list, "."), ", ")
	}
	slices.Sort(told.Allowed)
	return told.Allowed, true
}

// Where a route is guarded it says so, and nowhere else.
func TestTheOpenAPIDocumentSaysWhatIsGuarded(t *testing.T) {
	t.Parallel()
	closed := everything(t, func(cfg *httpapi.Config) {
		cfg.WebhookSecrets, cfg.GuardReads = []string{"the-secret"}, true
		cfg.ReadTokens, cfg.APIKeys = []httpapi.ReadToken{{Token: "the-token"}}, []httpapi.APIKey{{Key: "the-key"}}
	})
	open := everything(t)
	for _, operation := range contract().Operations {
		guarded := len(operation.Schemes) > 0
		got := closed.do(t, operation.Method, at(operation.Path), nil)
		require.Equal(t, guarded, got.status == 401, "%s: %s", operation.Name(), got.body)
		require.Equal(t, guarded, slices.Contains(operation.Statuses, 401), operation.Name())

		got = open.do(t, operation.Method, at(operation.Path), nil, "Host", "evil.example")
		require.Equal(t, slices.Contains(operation.Statuses, 403), got.status == 403, "%s: %s", operation.Name(), got.body)
	}
}

// The security schemes of a route are those that let somebody in who is kept out otherwise: each in some configuration, and
// no other one in any.
func TestTheOpenAPIDocumentSaysWhoMayAskWhat(t *testing.T) {
	t.Parallel()
	login := func(b *bundle, token string) []string {
		got := b.post(t, "/login", "token="+token, "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, 303, got.status)
		value, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
		return []string{"Cookie", value}
	}
	closed := func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{"the-secret"}, true }
	keys := func(cfg *httpapi.Config) { cfg.APIKeys = []httpapi.APIKey{{Key: "the-key"}} }
	tokens := func(cfg *httpapi.Config) { cfg.ReadTokens = []httpapi.ReadToken{{Token: "the-token"}} }
	for _, tc := range []struct {
		scheme     string
		configure  []func(*httpapi.Config)
		credential func(b *bundle) [][]string // each by itself
	}{
		{"webhook_secret", []func(*httpapi.Config){closed}, func(*bundle) [][]string { return [][]string{{"X-Webhook-Secret", "the-secret"}} }},
		{"read_token", []func(*httpapi.Config){tokens}, func(*bundle) [][]string { return [][]string{{"Authorization", "Bearer the-token"}} }},
		{"api_key", []func(*httpapi.Config){closed, keys}, func(*bundle) [][]string { return [][]string{{"Authorization", "ApiKey the-key"}} }},
		{"session", []func(*httpapi.Config){tokens, keys}, func(b *bundle) [][]string {
			return [][]string{login(b, "the-token"), login(b, "the-key")}
		}},
	} {
		t.Run(tc.scheme, func(t *testing.T) {
			t.Parallel()
			b := everything(t, tc.configure...)
			headers := tc.credential(b)
			for _, operation := range contract().Operations {
				if strings.HasPrefix(operation.Path, "/v1/stream") {
					continue // there is nothing to stream here, and they are guarded as all reading is
				}
				refused := func(headers ...string) bool {
					status := b.do(t, operation.Method, at(operation.Path), nil, headers...).status
					return status == 401 || status == 403
				}
				opens := refused() && slices.ContainsFunc(headers, func(h []string) bool { return !refused(h...) })
				require.Equal(t, slices.Contains(operation.Schemes, tc.scheme), opens, operation.Name())
			}
		})
	}
}

// The check itself finds what is wrong.
func TestTheOpenAPICheckBites(t *testing.T) {
	t.Parallel()
	b := everything(t)
	const target = "/v1/dialogs/x"
	good := b.get(t, target)
	require.Equal(t, 404, good.status)
	check := func(change func(*openapitest.Answer)) error {
		header := good.header.Clone()
		told := openapitest.Answer{Status: good.status, Header: header.Get, Body: good.body}
		change(&told)
		return contract().Check(http.MethodGet, target, told)
	}
	require.NoError(t, check(func(*openapitest.Answer) {}))
	without := func(name string) func(*openapitest.Answer) {
		return func(a *openapitest.Answer) {
			header := good.header.Clone()
			header.Del(name)
			a.Header = header.Get
		}
	}
	replaced := func(old, changed string) func(*openapitest.Answer) {
		return func(a *openapitest.Answer) { a.Body = []byte(strings.Replace(string(a.Body), old, changed, 1)) }
	}
	for name, tc := range map[string]struct {
		change func(*openapitest.Answer)
		want   error
	}{
		"another status":   {func(a *openapitest.Answer) { a.Status = 409 }, openapitest.ErrUndescribed},
		"no content type":  {without("Content-Type"), openapitest.ErrUndescribed},
		"no request id":    {without("X-Request-ID"), openapitest.ErrContrary},
		"another problem":  {replaced("problem:dialog_not_found", "problem:call_not_found"), openapitest.ErrContrary},
		"a field is gone":  {replaced(`"detail":`, `"details":`), openapitest.ErrContrary},
		"a field too many": {replaced(`{`, `{"more":1,`), openapitest.ErrContrary},
		"no JSON":          {replaced(`{`, ``), openapitest.ErrContrary},
	} {
		require.ErrorIs(t, check(tc.change), tc.want, name)
	}
	require.ErrorIs(t, contract().Check(http.MethodGet, "/v2", openapitest.Answer{}), openapitest.ErrNoOperation)
}
