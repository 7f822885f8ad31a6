package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const top = "../.."

var webhookd string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "webhookd-deploy")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	webhookd = filepath.Join(dir, "webhookd")
	build := exec.Command("go", "build", "-o", webhookd, "./cmd/webhookd")
	build.Dir = top
	if out, err := build.CombinedOutput(); err != nil {
		panic("go build: " + string(out))
	}
	return m.Run()
}

// checkConfig asks webhookd itself what it makes of a set-up.
func checkConfig(t *testing.T, environ []string, args ...string) string {
	t.Helper()
	command := exec.Command(webhookd, append([]string{"check-config"}, args...)...)
	command.Env = environ
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
		require.NoError(t, err, "%s", exit.Stderr)
	}
	return string(out)
}
