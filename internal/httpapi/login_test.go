package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/httpapi"
)

const formType = "application/x-www-form-urlencoded"

// form posts a form as a browser on a page of the server does.
func (b *bundle) form(t *testing.T, path string, fields url.Values, headers ...string) answer {
	t.Helper()
	return b.post(t, path, fields.Encode(), append([]string{
		"Content-Type", formType, "Accept", "text/html", "Origin", "http://" + b.addr, "Sec-Fetch-Site", "same-origin",
	}, headers...)...)
}

// logIn exchanges a token or key for a cookie, and gives that as a Cookie header has it.
func logIn(t *testing.T, b *bundle, token string) string {
	t.Helper()
	got := b.form(t, "/login", url.Values{"token": {token}, "next": {"/calls"}})
	require.Equal(t, 303, got.status, "%s", got.body)
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	return cookie
}

func TestLoggingIn(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)

	got := b.get(t, "/?missed=true", "Accept", "text/html")
	require.Equal(t, 303, got.status)
	require.Equal(t, "/login?next=%2F%3Fmissed%3Dtrue", got.header.Get("Location"))
	page := b.get(t, got.header.Get("Location"), "Accept", "text/html")
	require.Equal(t, 200, page.status)
	require.Contains(t, string(page.body), `name="next" value="/?missed=true"`)

	wrong := b.form(t, "/login", url.Values{"token": {"nonsense"}, "next": {"/calls"}})
	require.Equal(t, 401, wrong.status)
	require.Empty(t, wrong.header.Get("Set-Cookie"))
	require.Contains(t, string(wrong.body), `role="alert"`)
	require.NotContains(t, string(wrong.body), "nonsense")

	got = b.form(t, "/login", url.Values{"token": {tokenOfAcme}, "next": {"/calls?missed=true"}})
	require.Equal(t, 303, got.status)
	require.Equal(t, "/calls?missed=true", got.header.Get("Location"))
	set := got.header.Get("Set-Cookie")
	for _, attribute := range []string{"webhookd_session=", "HttpOnly", "SameSite=Strict", "path=/", "max-age=2592000"} {
		require.Contains(t, set, attribute)
	}
	require.NotContains(t, strings.ToLower(set), "secure", "this server is on loopback")
	require.NotContains(t, set, tokenOfAcme)
	cookie, _, _ := strings.Cut(set, ";")

	require.Equal(t, 200, b.get(t, "/v1/calls", "Cookie", cookie).status)
	requireProblem(t, b.get(t, "/v1/calls", "Cookie", cookie+"x"), 401, "read_token_refused")
	requireProblem(t, b.get(t, "/v1/calls", "Cookie", "webhookd_session=AAAA"), 401, "read_token_refused")
	got = b.get(t, "/login?next=/calls", "Cookie", cookie)
	require.Equal(t, 303, got.status, "who is logged in need not do it again")

	got = b.form(t, "/logout", nil, "Cookie", cookie)
	require.Equal(t, 303, got.status)
	require.Contains(t, got.header.Get("Set-Cookie"), "webhookd_session=;")
	require.NotContains(t, b.log.String(), tokenOfAcme)
}

func TestTheCookieIsSecureWhereOthersReachTheServer(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) {
		withTokens(cfg)
		cfg.WebhookSecrets, cfg.GuardReads = []string{"a-secret"}, true
	})
	got := b.form(t, "/login", url.Values{"token": {tokenOfAll}})
	require.Equal(t, 303, got.status)
	require.Contains(t, got.header.Get("Set-Cookie"), "secure")
	require.Equal(t, "/", got.header.Get("Location"))
}

// A session is checked by what is configured alone: another instance knows it, too, and it ends with its token or its time.
func TestSessionsEndWithTheirTokenAndTheirTime(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix())
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	first := setup(t, func(cfg *httpapi.Config) { withTokens(cfg); cfg.Now = clock })
	second := setup(t, func(cfg *httpapi.Config) { withTokens(cfg); cfg.Now = clock })
	without := setup(t, func(cfg *httpapi.Config) {
		withTokens(cfg)
		cfg.ReadTokens, cfg.Now = cfg.ReadTokens[1:], clock
	})
	cookie := logIn(t, first, tokenOfAll)
	require.Equal(t, 200, second.get(t, "/v1/calls", "Cookie", cookie).status)
	require.Equal(t, 401, without.get(t, "/v1/calls", "Cookie", cookie).status)
	now.Add(30*24*3600 - 1)
	require.Equal(t, 200, first.get(t, "/v1/calls", "Cookie", cookie).status)
	now.Add(1)
	require.Equal(t, 401, first.get(t, "/v1/calls", "Cookie", cookie).status)
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	for _, path := range []string{"/login", "/logout", "/preferences"} {
		for name, headers := range map[string][]string{
			"another origin":   {"Origin", "https://evil.example"},
			"a hidden origin":  {"Origin", "null"},
			"the fetch header": {"Sec-Fetch-Site", "cross-site"},
			"a sibling":        {"Sec-Fetch-Site", "same-site"},
		} {
			got := b.post(t, path, url.Values{"token": {tokenOfAll}, "language": {"pl"}}.Encode(),
				append([]string{"Content-Type", formType}, headers...)...)
			require.Equal(t, 403, got.status, "%s, %s", path, name)
			require.Empty(t, got.header.Get("Set-Cookie"))
		}
	}
}

// Nobody is sent to another site after logging in.
func TestLoggingInLeadsToThisServerOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	for _, next := range []string{
		"https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "calls", "", "/\t/evil.example",
		"/calls\r\nX-Evil: 1",
	} {
		got := b.form(t, "/login", url.Values{"token": {tokenOfAll}, "next": {next}})
		require.Equal(t, 303, got.status)
		require.Equal(t, "/", got.header.Get("Location"), "%q", next)
		got = b.form(t, "/preferences", url.Values{"language": {"pl"}, "back": {next}})
		require.Equal(t, "/", got.header.Get("Location"), "%q", next)
	}
}

// A link on another site comes without the cookie; the page in between brings it.
func TestALinkFromElsewhereOpens(t *testing.T) {
	t.Parallel()
	b := setup(t, withTokens)
	got := b.get(t, "/?missed=true", "Accept", "text/html", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, got.status)
	require.Contains(t, string(got.body), `<meta http-equiv="refresh" content="0;url=/?missed=true">`)
	require.Equal(t, 303, b.get(t, "/?missed=true", "Accept", "text/html", "Sec-Fetch-Site", "same-origin").status)
}

func TestNobodyCanLogInWithoutTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *httpapi.Config) { cfg.WebhookSecrets, cfg.GuardReads = []string{"a-secret"}, true })
	got := b.get(t, "/login", "Accept", "text/html")
	require.Contains(t, string(got.body), "read_tokens")
	require.NotContains(t, string(got.body), `name="token"`)
	require.Equal(t, 401, b.form(t, "/login", url.Values{"token": {""}}).status)
	require.Equal(t, 401, b.form(t, "/login", url.Values{"token": {"a-secret"}}).status)
}

// A page's script may use the trigger API with the cookie of an API key, and no other site's page may.
func TestASessionOfAKeyMayChange(t *testing.T) {
	t.Parallel()
	b, m := setupTriggers(t, withTokens)
	key, read := logIn(t, b, keyOfAcme), logIn(t, b, tokenOfAll)
	const path, body = "/v1/events/trigger", `{"name":"now","to":"a"}`
	requireNovuError(t, b.post(t, path, body, "Cookie", read), 401, path)
	requireNovuError(t, b.post(t, path, body, "Cookie", key, "Sec-Fetch-Site", "cross-site"), 401, path)
	requireNovuError(t, b.post(t, path, body, "Cookie", key, "Origin", "http://evil.example"), 403, path)
	require.Empty(t, m.requests())
	require.Equal(t, 201, b.post(t, path, body, "Cookie", key, "Origin", "http://"+b.addr, "Sec-Fetch-Site", "same-origin").status)
	require.Equal(t, "acme", m.requests()[0].account)
}

func TestPreferences(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	got := b.form(t, "/preferences", url.Values{"language": {"pl"}, "back": {"/calls?missed=true"}})
	require.Equal(t, 303, got.status)
	require.Equal(t, "/calls?missed=true", got.header.Get("Location"))
	require.Contains(t, got.header.Get("Set-Cookie"), "webhookd_language=pl;")
	got = b.form(t, "/preferences", url.Values{"theme": {"dark"}})
	require.Contains(t, got.header.Get("Set-Cookie"), "webhookd_theme=dark;")
	got = b.form(t, "/preferences", url.Values{"language": {"xx"}, "theme": {"<b>"}})
	require.Empty(t, got.header.Get("Set-Cookie"))

	page := func(headers ...string) string {
		return string(b.get(t, "/login", append([]string{"Accept", "text/html"}, headers...)...).body)
	}
	require.Contains(t, page(), `<html lang="en">`)
	require.Contains(t, page("Accept-Language", "pl-PL,pl;q=0.9,en;q=0.8"), `<html lang="pl">`)
	require.Contains(t, page("Accept-Language", "pl", "Cookie", "webhookd_language=en"), `<html lang="en">`)
	require.Contains(t, page("Cookie", "webhookd_theme=dark"), `<html lang="en" data-theme="dark">`)
	require.Contains(t, page("Cookie", `webhookd_theme="><script>`), `<html lang="en">`)
}

func TestPagesCarryTheirPolicy(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for path, status := range map[string]int{"/login": 200, "/nothing": 404} {
		got := b.get(t, path, "Accept", "text/html,*/*;q=0.8")
		require.Equal(t, status, got.status)
		require.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
		policy := got.header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		require.NotContains(t, policy, "http")
		require.Equal(t, "same-origin", got.header.Get("Referrer-Policy"))
		require.Equal(t, "no-store", got.header.Get("Cache-Control"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
	}
	requireProblem(t, b.get(t, "/nothing"), 404, "route_not_found")
	requireProblem(t, b.get(t, "/v1/nothing", "Accept", "text/html"), 404, "route_not_found")
	require.Equal(t, http.StatusOK, b.get(t, "/").status, "programs get the list of routes")
	require.Equal(t, "application/json", b.get(t, "/").header.Get("Content-Type"))
}
