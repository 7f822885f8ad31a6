package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"webhookd/internal/store/postgres/pgtest"
)

// Every document is read as somebody reads it who types what stands there, from the top, in an empty directory.
func TestEveryCommandOfTheDocumentsRuns(t *testing.T) {
	t.Parallel()
	for _, document := range documents(t) {
		blocks := codeBlocks(t, document)
		if !slices.ContainsFunc(blocks, func(b *codeBlock) bool { return b.commands() }) {
			continue
		}
		name, err := filepath.Rel(top, document)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			for _, block := range blocks {
				if block.notRun == "" {
					r.read(block)
				}
			}
			r.stop()
		})
	}
}

// reader is somebody who types. What documents name by its usual address is where it happens to be here.
type reader struct {
	t       *testing.T
	dir     string // looks like a checkout in which webhookd was built
	environ []string
	secret  string // what the present service takes webhooks with
	service *running
	places  map[string]string // by port in the documents: where that is
	calls   int
}

// usual are the ports that documents have without saying so, by what the service calls them when it says where it serves.
var usual = map[string]string{"http": "8080", "nats": "4222", "nats_websocket": "9222"}

// installed are the directories of an installation by a package. Here they lie under the reader's own.
var installed = []string{"/etc/webhookd", "/var/lib/webhookd"}

func newReader(t *testing.T) *reader {
	t.Helper()
	r := &reader{t: t, dir: t.TempDir(), places: map[string]string{}}
	tools := t.TempDir()
	here, err := filepath.Abs(top)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "bin"), 0o700))
	for _, place := range []string{filepath.Join(tools, "webhookd"), filepath.Join(r.dir, "bin", "webhookd")} {
		require.NoError(t, os.Symlink(binaries.webhookd, place))
	}
	for _, place := range installed {
		require.NoError(t, os.MkdirAll(filepath.Join(r.dir, place), 0o700))
	}
	for _, name := range []string{"fixtures", "deploy", "docs", "scripts", "interop"} {
		require.NoError(t, os.Symlink(filepath.Join(here, name), filepath.Join(r.dir, name)))
	}
	// Where a command asks webhookd over HTTP, being refused is a failure.
	require.NoError(t, os.WriteFile(filepath.Join(tools, ".curlrc"), []byte("fail-with-body\nsilent\nshow-error\nmax-time = 60\n"), 0o600))
	servers, err := filepath.Glob("/usr/lib/postgresql/*/bin") // psql, where it is installed and not on the path
	require.NoError(t, err)
	r.environ = []string{
		"PATH=" + strings.Join(slices.Concat([]string{tools, os.Getenv("PATH")}, servers), ":"), "HOME=" + tools, "CURL_HOME=" + tools, "LC_ALL=C.UTF-8",
		"WEBHOOKD_LISTEN=127.0.0.1:0", "WEBHOOKD_NATS_LISTEN=127.0.0.1:0",
	}
	t.Cleanup(func() {
		if r.service != nil {
			_ = syscall.Kill(-r.service.cmd.Process.Pid, syscall.SIGKILL)
			<-r.service.ended
		}
	})
	return r
}

// natsClient builds the NATS command-line client that interop/nats pins.
var natsClient = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(binaries.webhookd), "nats")
	out, err := exec.Command("go", "build", "-C", filepath.Join(top, "interop", "nats"), "-o", path, "github.com/nats-io/natscli/nats").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the client of nats: %w: %s", err, out)
	}
	return path, nil
})

func (r *reader) read(block *codeBlock) {
	r.t.Helper()
	for _, first := range block.first {
		r.run(block, typed(r.t, block.String(), first+"\n"), false)
	}
	if block.file != "" {
		path := filepath.Join(r.dir, block.file) // also one of those that are installed
		require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(r.t, os.WriteFile(path, []byte(r.here(block.body, false)), 0o600))
	} else if block.commands() {
		r.run(block, block.steps(r.t), block.fails)
	}
}

var (
	serves  = regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(?:\./)?(?:bin/)?webhookd serve\b`)
	makes   = regexp.MustCompile(`^make ([a-z][a-z0-9-]*)`)
	listens = regexp.MustCompile(`--([a-z-]*listen)([= ])(\S+?):(\d+)`)
	secrets = regexp.MustCompile(`(?:--webhook-secret[= ]|WEBHOOKD_WEBHOOK_SECRET=)(\S+)`)
)

// run does what a block says, command by command; those between which nothing is started or stopped in one shell, so
// that they know each other's variables.
func (r *reader) run(block *codeBlock, steps []step, fails bool) {
	r.t.Helper()
	var together []step
	flush := func() {
		r.shell(block, together, fails)
		together = nil
	}
	for _, s := range steps {
		if strings.Contains(s.command, "nats ") && !strings.Contains(s.command, "webhookd") {
			r.provideNATS()
		}
		switch {
		case makes.MatchString(s.command):
			if target := makes.FindStringSubmatch(s.command)[1]; target == "run" {
				flush()
				r.serve(block, step{makeRun(r.t), s.shows})
			} else {
				requireChecked(r.t, block, target)
			}
		case serves.MatchString(s.command) && !fails:
			flush()
			r.serve(block, s)
		case block.interrupted != nil:
			flush()
			r.interrupt(block, s)
		default:
			together = append(together, s)
		}
	}
	flush()
}

func (r *reader) provideNATS() {
	r.t.Helper()
	client, err := natsClient()
	require.NoError(r.t, err)
	place := filepath.Join(strings.TrimPrefix(r.environ[1], "HOME="), "nats")
	if _, err := os.Lstat(place); err != nil {
		require.NoError(r.t, os.Symlink(client, place))
	}
}

// requireChecked: make's targets are not run by this test, but by make check, of which they have to be a part.
func requireChecked(t *testing.T, block *codeBlock, target string) {
	t.Helper()
	switch target {
	case "test", "check": // these are what runs this test
		return
	}
	require.Contains(t, checked(t, "check"), target, "%s: make check does not run make %s, so nobody tries it", block, target)
}

// checked gives the targets that a target runs.
func checked(t *testing.T, target string) []string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	require.NoError(t, err)
	match := regexp.MustCompile(`(?m)^` + target + `:([^#\n]*)[^\n]*\n((?:\t.*\n)*)`).FindStringSubmatch(string(makefile))
	require.NotNil(t, match, "make %s", target)
	all := strings.Fields(match[1])
	for _, called := range regexp.MustCompile(`\$\(MAKE\)((?: [a-z0-9-]+)+)`).FindAllStringSubmatch(match[2], -1) {
		for word := range strings.FieldsSeq(called[1]) {
			if !strings.HasPrefix(word, "-") {
				all = append(all, word)
			}
		}
	}
	for _, one := range slices.Clone(all) {
		all = append(all, checked(t, one)...)
	}
	return all
}

// makeRun gives what make run does once webhookd is built.
func makeRun(t *testing.T) string {
	t.Helper()
	command := exec.Command("make", "-n", "-s", "run")
	command.Dir = top
	out, err := command.Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if served, ok := strings.CutPrefix(strings.TrimSpace(line), "exec "); ok {
			return served
		}
	}
	require.Fail(t, "make run does not serve", "%s", out)
	return ""
}

var databases = regexp.MustCompile(`postgres(?:ql)?://[^\s'"]+`)

// here puts the places of this machine for those of the documents.
func (r *reader) here(text string, shell bool) string {
	for port, place := range r.places {
		for _, host := range []string{"127.0.0.1", "localhost", "0.0.0.0"} {
			text = strings.ReplaceAll(text, host+":"+port, place)
		}
	}
	for _, place := range installed {
		text = strings.ReplaceAll(text, place, r.dir+place)
	}
	return databases.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.Index(text, found)
		if database := r.database(); shell && (at == 0 || !strings.ContainsAny(text[at-1:at], `'"`)) {
			return "'" + database + "'"
		}
		return r.database()
	})
}

// database gives the URL of the document's own database, in a form that psql takes, too.
func (r *reader) database() string {
	const name = "DOCUMENT_DATABASE_URL="
	for _, variable := range r.environ {
		if value, ok := strings.CutPrefix(variable, name); ok {
			return value
		}
	}
	parsed, err := url.Parse(pgtest.URL(r.t))
	require.NoError(r.t, err)
	query := parsed.Query()
	query.Set("options", "-csearch_path="+query.Get("search_path"))
	query.Del("search_path")
	parsed.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	r.environ = append(r.environ, name+parsed.String())
	return parsed.String()
}

// there is the way back of here, for what is shown.
func (r *reader) there(text string) string {
	for port, place := range r.places {
		text = strings.ReplaceAll(text, place, "127.0.0.1:"+port)
	}
	for _, place := range installed {
		text = strings.ReplaceAll(text, r.dir+place, place)
	}
	return text
}

// places finds what the service says when it serves, whatever the form of its log.
var places = regexp.MustCompile(`([a-z_]+)"?[=:]"?(?:[a-z]+://)?([^\s",]+:\d+)`)

// serve starts a service in place of the one that runs.
func (r *reader) serve(block *codeBlock, s step) {
	r.t.Helper()
	r.stop()
	names := maps.Clone(usual)
	command := listens.ReplaceAllStringFunc(s.command, func(flag string) string {
		match := listens.FindStringSubmatch(flag)
		name := strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(match[1], "listen"), "-"), "-", "_")
		if name == "" {
			name = "http"
		}
		names[name] = match[4]
		return "--" + match[1] + match[2] + match[3] + ":0"
	})
	r.secret = ""
	if match := secrets.FindStringSubmatch(command); match != nil {
		r.secret = match[1]
	}
	r.places = map[string]string{}
	r.environ = append(slices.DeleteFunc(r.environ, func(variable string) bool {
		return strings.HasPrefix(variable, "WEBHOOKD_")
	}), "WEBHOOKD_LISTEN=127.0.0.1:0", "WEBHOOKD_NATS_LISTEN=127.0.0.1:0")
	r.service = r.begin(serves.ReplaceAllStringFunc(r.here(command, true), func(begin string) string {
		at := strings.LastIndex(begin, " ") // before serve
		at = strings.LastIndex(begin[:at], " ") + 1
		return begin[:at] + "exec " + begin[at:] // so that it is the service which is signalled, and not a shell
	}))
	line := r.service.next(r.service.stderr, "serving")
	for _, match := range places.FindAllStringSubmatch(line, -1) {
		if port, ok := names[match[1]]; ok {
			_, actual, _ := strings.Cut(strings.ReplaceAll(match[2], "[::]", ""), ":")
			r.places[port] = "127.0.0.1:" + actual
		}
	}
	require.NotEmpty(r.t, r.places[names["http"]], "%s: %s", block, line)
	r.environ = append(r.environ[:len(r.environ)-2],
		"WEBHOOKD_LISTEN="+r.places[names["http"]], "WEBHOOKD_NATS_LISTEN="+r.places[names["nats"]])
	r.requireShown(block, s, func() string { return r.service.stdout.text() + r.service.stderr.text() })
}

// begin starts a command in a group of processes of its own.
func (r *reader) begin(command string) *running {
	r.t.Helper()
	p := &running{t: r.t, ended: make(chan struct{}), stdout: newLines(), stderr: newLines()}
	p.cmd = exec.CommandContext(context.WithoutCancel(r.t.Context()), "sh", "-c", command)
	p.cmd.Dir, p.cmd.Env = r.dir, r.environ
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(r.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		p.stdout.close()
		p.stderr.close()
		close(p.ended)
	}()
	return p
}

// stop ends the service as an operator does.
func (r *reader) stop() {
	r.t.Helper()
	if r.service == nil {
		return
	}
	require.NoError(r.t, syscall.Kill(-r.service.cmd.Process.Pid, syscall.SIGTERM))
	require.Zero(r.t, r.service.wait(), "%s", r.service.stderr.text())
	r.service = nil
}

// shell runs commands in one shell. Each must succeed, but for the last one where the block says that it fails.
func (r *reader) shell(block *codeBlock, steps []step, fails bool) {
	r.t.Helper()
	if len(steps) == 0 {
		return
	}
	const mark = "\x01"
	var script strings.Builder
	script.WriteString("exec 2>&1\n")
	for _, s := range steps {
		script.WriteString(r.here(s.command, true) + "\nprintf '\\n\\001%d\\001' \"$?\"\n")
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-c", script.String())
	command.Dir, command.Env = r.dir, r.environ
	var out bytes.Buffer
	command.Stdout = &out
	_ = command.Run() // the last command's code is in what it printed
	parts := strings.Split(out.String(), mark)
	for i, s := range steps {
		require.Greater(r.t, len(parts), 2*i+1, "%s: %s\ndoes not end: %s", block, s.command, parts[len(parts)-1])
		output := r.there(strings.TrimSuffix(parts[2*i], "\n"))
		code, err := strconv.Atoi(parts[2*i+1])
		require.NoError(r.t, err)
		if fails && i == len(steps)-1 {
			require.NotZero(r.t, code, "%s: %s\nis to fail:\n%s", block, s.command, output)
		} else {
			require.Zero(r.t, code, "%s: %s\nfails:\n%s", block, s.command, output)
		}
		if s.shows != nil {
			output = curlSays.ReplaceAllString(output, "")
			require.True(r.t, shown(s.shows, output), "%s: %s\nsays:\n%s\nand not:\n%s", block, s.command, output, strings.Join(s.shows, "\n"))
		}
	}
}

// curlSays is what curl says because we ask it to fail where it is refused; a reader does not see it.
var curlSays = regexp.MustCompile(`(?m)^curl: \(22\).*\n`)

// shown says whether output is what a document shows of it: … stands for anything in a line, and alone in a line for any
// lines.
func shown(want []string, output string) bool {
	var expression strings.Builder
	expression.WriteString(`\A`)
	for line := range strings.SplitSeq(strings.TrimSpace(strings.Join(want, "\n")), "\n") {
		if strings.TrimSpace(line) == "…" {
			expression.WriteString(`(?:.*\n)*`)
			continue
		}
		expression.WriteString(lineShown(line) + `\n`)
	}
	return regexp.MustCompile(expression.String() + `\z`).MatchString(strings.TrimSpace(output) + "\n")
}

// lineShown is the expression for a line as it is shown.
func lineShown(line string) string {
	parts := strings.Split(strings.TrimRight(line, " "), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return strings.Join(parts, `.*`) + ` *`
}

// requireShown waits until a command that goes on has said what the document shows.
func (r *reader) requireShown(block *codeBlock, s step, output func() string) {
	r.t.Helper()
	for _, line := range s.shows {
		if line = strings.TrimSpace(line); line == "" || line == "…" {
			continue
		}
		want := regexp.MustCompile(`(?m)^ *` + lineShown(line) + `$`)
		r.until(20*time.Millisecond, func() bool { return want.MatchString(r.there(output())) },
			"%s: %s\ndoes not say %q", block, s.command, line)
	}
}

// until asks again and again whether something has come about.
func (r *reader) until(often time.Duration, came func() bool, message string, args ...any) {
	r.t.Helper()
	again := time.NewTicker(often)
	defer again.Stop()
	timeout := time.After(patience)
	for !came() {
		select {
		case <-again.C:
		case <-timeout:
			require.FailNowf(r.t, "it takes too long", message, args...)
		}
	}
}

// interrupt runs a command that goes on until it is stopped. Calls come meanwhile, so that it has something to say.
func (r *reader) interrupt(block *codeBlock, s step) {
	r.t.Helper()
	p := r.begin(r.here(s.command, true))
	defer func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); <-p.ended }()
	says := func() bool { return block.interrupted.MatchString(p.stdout.text() + p.stderr.text()) }
	if strings.Contains(s.command, "simulate") { // it says what it did in the end
		before := r.committed()
		r.until(50*time.Millisecond, func() bool { return r.committed() > before }, "%s: %s\nsends nothing", block, s.command)
		require.NoError(r.t, syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT))
		p.wait()
		require.True(r.t, says(), "%s: %s\nsays %s%s", block, s.command, p.stdout.text(), p.stderr.text())
		return
	}
	r.until(200*time.Millisecond, func() bool {
		select {
		case <-p.ended:
			require.True(r.t, says(), "%s: %s\nended by itself: %s%s", block, s.command, p.stdout.text(), p.stderr.text())
		default:
		}
		if says() {
			return true
		}
		r.call()
		return false
	}, "%s: %s\ndoes not say %s", block, s.command, block.interrupted)
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) // it may have ended
	p.wait()
	r.requireShown(block, s, func() string { return p.stdout.text() + p.stderr.text() })
}

// committed asks the service how many webhooks it has taken.
func (r *reader) committed() int {
	r.t.Helper()
	response, err := http.Get("http://" + r.places[usual["http"]] + "/metrics")
	require.NoError(r.t, err)
	defer func() { _ = response.Body.Close() }()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	require.NoError(r.t, err)
	match := regexp.MustCompile(`(?m)^webhookd_webhooks_committed_total (\S+)$`).FindStringSubmatch(text.String())
	require.NotNil(r.t, match, "%s", text.String())
	count, err := strconv.ParseFloat(match[1], 64)
	require.NoError(r.t, err)
	return int(count)
}

// call lets a call be made that is answered, and another one that is missed.
func (r *reader) call() {
	r.t.Helper()
	r.calls++
	for _, scenario := range []string{"outbound_answered", "inbound_abandoned_in_queue"} {
		text := anyUUID.ReplaceAllStringFunc(read(r.t, "../"+scenario+"/webhooks.ndjson"), func(id string) string {
			return uuid.NewSHA1(uuid.NameSpaceURL, []byte(id+strconv.Itoa(r.calls))).String()
		})
		for body := range strings.Lines(text) {
			request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost,
				"http://"+r.places[usual["http"]]+"/v1/webhooks", strings.NewReader(strings.TrimSpace(body)))
			require.NoError(r.t, err)
			request.Header.Set("X-Webhook-Secret", r.secret)
			response, err := http.DefaultClient.Do(request)
			require.NoError(r.t, err)
			require.NoError(r.t, response.Body.Close())
			require.Equal(r.t, http.StatusOK, response.StatusCode)
		}
	}
}
