package trigger_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"webhookd/internal/trigger"
)

// Every bad file says in its first line what is to be said about it.
func TestBadDefinitionsAreRefusedWithTheirReason(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, "testdata/bad") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			first, err := bufio.NewReader(bytes.NewReader(data)).ReadString('\n')
			require.NoError(t, err)
			want, ok := strings.CutPrefix(strings.TrimSuffix(first, "\n"), "# want: ")
			require.True(t, ok, "the first line says what is wanted")
			_, err = trigger.LoadFile(data, environment())
			var definition *trigger.DefinitionError
			require.ErrorAs(t, err, &definition)
			require.Contains(t, err.Error(), want)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, err.Error(), "hunter2", "a secret is shown")
			if !strings.HasPrefix(filepath.Base(path), "all_at_once") {
				require.Len(t, definition.Problems, 1, "%v", err)
			}
		})
	}
}

// Good files are taken, and come back from the form in which they are kept as they were.
func TestGoodDefinitionsAreTaken(t *testing.T) {
	t.Parallel()
	paths := append(files(t, "testdata/good"), files(t, filepath.Join(fixtures, "handlers"))...)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			compiled, err := trigger.LoadFile(data, environment())
			require.NoError(t, err)
			handlers, err := trigger.ReadFile(data)
			require.NoError(t, err)
			require.Len(t, handlers, len(compiled))
			for _, c := range compiled {
				kept, err := c.Handler().Encode()
				require.NoError(t, err)
				read, err := trigger.ReadJSON(kept)
				require.NoError(t, err)
				again, err := trigger.Compile(read, environment())
				require.NoError(t, err)
				twice, err := again.Handler().Encode()
				require.NoError(t, err)
				require.Equal(t, string(kept), string(twice))
				o := missed(t)
				require.Equal(t, c.Fire(o, triggerID), again.Fire(o, triggerID))
			}
		})
	}
}

func files(t testing.TB, folder string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/good/every_key.yaml")
	require.NoError(t, err)
	handlers, err := trigger.ReadFile(data)
	require.NoError(t, err)
	require.Len(t, handlers, 1)
	h := handlers[0]
	require.Equal(t, "every.key_1", h.Name)
	require.Equal(t, []string{"call_missed", "webhook_called"}, h.On)
	require.Equal(t, "acme", h.Account)
	require.Equal(t, "7", h.Project)
	require.Equal(t, `call.wait_ms > 1000`, h.When)
	require.Equal(t, trigger.Duration(90*time.Minute), h.After)
	require.Equal(t, []string{"call_answered"}, h.CancelOn)
	require.Equal(t, trigger.ScopeContact, h.CancelScope)
	require.Equal(t, &trigger.OncePer{Scope: trigger.ScopeContact, Window: trigger.Duration(24 * time.Hour)}, h.OncePer)
	require.False(t, h.Enabled)
	var types []string
	for _, action := range h.Do {
		types = append(types, action.Type())
	}
	slices.Sort(types)
	require.Equal(t, trigger.ActionTypes(), slices.Compact(types))
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	h := handler(t, `  on: call_missed
  after: 5m
  cancel_on: call_talking
  do: [{type: send_msg, text: a}]`).Handler()
	require.True(t, h.Enabled)
	require.Equal(t, trigger.ScopeCall, h.CancelScope)
	require.Nil(t, h.OncePer)
	data, err := json.Marshal(h)
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"h","on":["call_missed"],"after":"5m","cancel_on":["call_talking"],"cancel_scope":"call",
		"do":[{"type":"send_msg","text":"a"}],"enabled":true}`, string(data))
}

func TestAnEmptyFileHasToSaySo(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"handlers: []", "handlers:", "# nothing yet\nhandlers:\n"} {
		handlers, err := trigger.ReadFile([]byte(text))
		require.NoError(t, err, text)
		require.Empty(t, handlers)
	}
	for _, text := range []string{"", "\n", "# nothing\n", "null"} {
		_, err := trigger.ReadFile([]byte(text))
		require.ErrorContains(t, err, "handlers: is missing", text)
	}
}

// JSON is read as strictly as YAML, and with lines, too.
func TestBadJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                              "line 1: is no JSON: unexpected end of JSON input",
		"{\"name\":\"a\",\n\"on\":\n}":  "line 3: is no JSON: invalid character '}'",
		"7":                             "line 1: is a number, not a mapping",
		"{\"name\":\"a\",\n\"nam\":7}":  "line 2: nam: is no key of a handler, did you mean name?",
		"{\"name\":\"a\",\n\"name\":7}": "line 2: name: is there twice",
		"{\n\"name\":7}":                "line 2: name: is a number, not a text: write it in quotes",
		"{\n\"after\":\"x\"}":           `line 2: after: "x" is no duration`,
		"{\"do\":" + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "}":           "line 1: is nested too deeply",
		"{\"do\":" + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + "}": "line 1: is nested too deeply",
	} {
		_, err := trigger.ReadJSON([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	h, err := trigger.ReadJSON([]byte("{\"name\":\"a\",\"on\":[\"call_missed\"],\n\"do\":[\n{\"type\":\"send_msg\",\n\"text\":\"${x}\"}]}"))
	require.NoError(t, err)
	_, err = trigger.Compile(h, environment())
	require.EqualError(t, err, "line 4: do[0].text: ${ x }: unknown name x (at character 1)")
}

// A handler that was not read but made has no lines, and is checked all the same.
func TestAHandlerThatWasMade(t *testing.T) {
	t.Parallel()
	_, err := trigger.Compile(trigger.Handler{Name: "a", On: []string{"call_missed"}, Do: []trigger.Action{{"type": "send_msg"}}},
		trigger.Environment{})
	require.EqualError(t, err, "do[0].text: is missing")
	c, err := trigger.Compile(trigger.Handler{Name: "a", On: []string{"call_missed"}, Enabled: true, Do: []trigger.Action{
		{"type": "call_webhook", "method": "GET", "url": "https://example.com", "secret": "hunter2"},
	}}, trigger.Environment{})
	require.NoError(t, err)
	require.Equal(t, "hunter2", c.Secret(1).Reveal())
	require.NotContains(t, fmt.Sprint(c.Handler()), "hunter2")
}

// However a handler is shown, its secrets are not; only the form that is kept has them.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	h, err := trigger.ReadJSON([]byte(`{"name":"a","on":"*","do":[
		{"type":"call_webhook","method":"GET","url":"https://example.com","secret":"hunter2"}]}`))
	require.NoError(t, err)
	c, err := trigger.Compile(h, environment())
	require.NoError(t, err)
	shown, err := json.Marshal(c.Handler())
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("shown", "handler", c.Handler(), "secret", c.Secret(1))
	for _, text := range []string{
		string(shown), log.String(), fmt.Sprint(c.Handler()), fmt.Sprintf("%+v %#v %q", c.Handler(), h, c.Secret(1)),
	} {
		require.NotContains(t, text, "hunter2")
		require.Contains(t, text, "REDACTED")
	}
	require.Empty(t, trigger.Secret{}.String())
	kept, err := c.Handler().Encode()
	require.NoError(t, err)
	require.Contains(t, string(kept), "hunter2")

	// What was shown, changed and written back keeps its secret.
	read, err := trigger.ReadJSON(shown)
	require.NoError(t, err)
	_, err = trigger.Compile(read, environment())
	require.ErrorContains(t, err, "give the secret itself")
	c, err = trigger.Compile(read.KeepSecrets(h), environment())
	require.NoError(t, err)
	require.Equal(t, "hunter2", c.Secret(1).Reveal())
	elsewhere, err := trigger.ReadJSON(bytes.ReplaceAll(shown, []byte("example.com"), []byte("example.org")))
	require.NoError(t, err)
	_, err = trigger.Compile(elsewhere.KeepSecrets(h), environment())
	require.ErrorContains(t, err, "give the secret itself", "a secret does not go to another address")
}

func TestDurationsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5m": "5m", "300s": "5m", "24h": "24h", "90m": "1h30m", "1h0m30s": "1h0m30s", "1500ms": "1.5s", "0s": "0s",
	} {
		d, err := trigger.ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, d.String())
	}
	var d trigger.Duration
	require.NoError(t, json.Unmarshal([]byte(`"5m"`), &d))
	require.Equal(t, 5*time.Minute, time.Duration(d))
	require.Error(t, json.Unmarshal([]byte(`"5"`), &d))
}
