//go:build unix

package app_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"webhookd/internal/config"
)

const (
	alertsFile    = "../../deploy/prometheus/alerts.yml"
	dashboardFile = "../../deploy/grafana/webhookd.json"
	runbook       = "../../docs/operations.md"

	// promtoolVariable names Prometheus's promtool; scripts/with-promtool sets it.
	promtoolVariable = "WEBHOOKD_TEST_PROMTOOL"
)

// promtool runs it with a text to read.
func promtool(t *testing.T, input string, arguments ...string) {
	t.Helper()
	path := os.Getenv(promtoolVariable)
	require.NotEmpty(t, path, "%s is not set: run make alerts, or this command under scripts/with-promtool", promtoolVariable)
	command := exec.CommandContext(t.Context(), path, arguments...)
	command.Stdin = strings.NewReader(input)
	said, err := command.CombinedOutput()
	require.NoError(t, err, "promtool %s: %s", arguments, said)
	require.NotContains(t, string(said), "FAILED", "promtool %s", arguments)
}

type alert struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	data, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	var file struct {
		Groups []struct{ Rules []alert }
	}
	require.NoError(t, yaml.Unmarshal(data, &file))
	var all []alert
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.Greater(t, len(all), 15)
	return all
}

// expressions gives every PromQL expression of the dashboard.
func expressions(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	var dashboard any
	require.NoError(t, json.Unmarshal(data, &dashboard))
	var found []string
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				if text, ok := inner.(string); ok && (key == "expr" || key == "definition") {
					found = append(found, text)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		}
	}
	walk(dashboard)
	require.Greater(t, len(found), 40)
	return found
}

// scraped gives the names of all series that a webhookd which has something to tell shows, and the scrape.
func scraped(t *testing.T) (names map[string]bool, text string) {
	t.Helper()
	cfg := configure(t, "")
	cfg.Accounts = map[string]config.Account{
		"default": {PBXAPI: &config.PBXAPI{URL: config.NewURL("http://127.0.0.1:1"), Key: config.NewSecret("a-key-of-the-pbx"), Rate: 1}},
	}
	s := start(t, cfg)
	s.postTraced(t, firstWebhook(t))
	s.published(t, 3)
	require.Eventually(t, func() bool {
		_, _, text = s.do(t, http.MethodGet, "/metrics", nil)
		return strings.Contains(text, "webhookd_relay_lag_seconds_count 1\n")
	}, patience, patience/1000)
	names = map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			names[regexp.MustCompile(`^[a-z_]+`).FindString(line)] = true
		}
	}
	require.Contains(t, text, `webhookd_webhooks_total{account="default",result="accepted"} 1`+"\n")
	return names, text
}

// named gives the names of series in an expression: what is a name and neither a label, a text, a function nor a keyword.
func named(expression string) []string {
	expression = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expression, `""`)
	expression = regexp.MustCompile(`\b(by|on|without|ignoring)\s*\([^)]*\)`).ReplaceAllString(expression, "")
	expression = regexp.MustCompile(`\{[^}]*\}|\[[^]]*\]`).ReplaceAllString(expression, "")
	expression = regexp.MustCompile(`label_values\(([a-z_]+), *\w+\)`).ReplaceAllString(expression, "$1")
	expression = regexp.MustCompile(`\w+\s*\(`).ReplaceAllString(expression, "(")
	expression = regexp.MustCompile(`\boffset \w+|\b(and|or|unless|bool)\b`).ReplaceAllString(expression, "")
	return regexp.MustCompile(`\b[a-z][a-z_]+\b`).FindAllString(expression, -1)
}

func TestAlertsAndDashboardNameWhatIsInAScrape(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"webhookd_a_total", "process_b"},
		named(`sum by (le, instance) (increase(webhookd_a_total{result=~"up|down", x="y"}[30m] offset 1d)) > 0.5 and process_b == 1e3`))
	names, _ := scraped(t)
	// Prometheus makes these itself.
	names["up"], names["ALERTS"] = true, true
	check := func(where, expression string) {
		used := named(expression)
		require.NotEmpty(t, used, "%s: %s", where, expression)
		for _, name := range used {
			require.Contains(t, names, name, "%s uses what no scrape has: %s", where, expression)
		}
	}
	for _, alert := range alerts(t) {
		check(alert.Alert, alert.Expr)
	}
	for _, expression := range expressions(t) {
		if strings.HasPrefix(expression, "ALERTS{") {
			continue
		}
		check("the dashboard", expression)
	}
}

func TestEveryAlertIsInTheRunbook(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(runbook)
	require.NoError(t, err)
	sections := map[string]string{}
	for _, part := range strings.Split(string(data), "\n### ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		require.NotContains(t, sections, name, "twice")
		text, _, _ = strings.Cut(text, "\n## ")
		sections[name] = text
	}
	told := map[string]bool{}
	for _, alert := range alerts(t) {
		require.NotContains(t, told, alert.Alert, "twice")
		told[alert.Alert] = true
		require.Contains(t, []string{"page", "warning"}, alert.Labels["severity"], alert.Alert)
		require.NotEmpty(t, alert.Annotations["summary"], alert.Alert)
		require.NotEmpty(t, alert.Annotations["description"], alert.Alert)
		require.Equal(t, "docs/operations.md#"+strings.ToLower(alert.Alert), alert.Annotations["runbook_url"])
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(told)), slices.Collect(maps.Keys(sections)))
	for name, text := range sections {
		for _, part := range []string{"**Means.** ", "**Look at.** ", "**Do.** "} {
			require.Equal(t, 1, strings.Count(text, part), "%s: %s", name, part)
		}
	}
}

// The metrics that the runbook names exist, and what it says is in the log can be.
func TestTheRunbookSpeaksOfWhatThereIs(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(runbook)
	require.NoError(t, err)
	names, _ := scraped(t)
	metrics := regexp.MustCompile(`\bwebhookd_[a-z_]+`).FindAllString(string(data), -1)
	require.NotEmpty(t, metrics)
	for _, name := range metrics {
		require.True(t, names[name] || names[name+"_count"], "no scrape has %s", name) // a histogram goes by its family
	}
	var sources strings.Builder
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		sources.Write(text)
		return err
	}))
	messages := 0
	for _, match := range regexp.MustCompile("`([a-z][^`]*)`").FindAllStringSubmatch(string(data), -1) {
		words := strings.Fields(match[1])
		command := slices.Contains([]string{"webhookd", "select", "nats", "ls", "vacuum", "make"}, words[0])
		if len(words) < 2 || command || strings.ContainsAny(match[1], "_<=([") {
			continue
		}
		messages++
		require.Contains(t, sources.String(), match[1], "the log never says that")
	}
	require.Greater(t, messages, 6)
}

func TestPromtoolFindsNoFault(t *testing.T) {
	t.Parallel()
	_, text := scraped(t)
	promtool(t, text, "check", "metrics")
	promtool(t, "", "check", "rules", "--lint-fatal", alertsFile)
	promtool(t, "", "test", "rules", "../../deploy/prometheus/alerts_test.yml")
	// As rules, the dashboard's expressions are read by Prometheus, too.
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, expression := range expressions(t) {
		if strings.HasPrefix(expression, "label_values(") {
			continue
		}
		expression = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(expression)
		quoted, err := json.Marshal(expression)
		require.NoError(t, err)
		fmt.Fprintf(&rules, "  - {record: \"dashboard:%d\", expr: %s}\n", i, quoted)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	require.NoError(t, os.WriteFile(file, []byte(rules.String()), 0o600))
	promtool(t, "", "check", "rules", file)
}
