package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// composed reads the compose file as Docker's own tool does: by its schema, with variables put in.
func composed(t *testing.T, environ ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(top, "deploy", "compose.yaml")}, cli.WithEnv(environ))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

func TestTheComposeFileIsInOrder(t *testing.T) {
	t.Parallel()
	project, err := composed(t, "POSTGRES_PASSWORD=a-password-of-postgres", "WEBHOOK_SECRET=a-secret-of-the-webhooks", "READ_TOKEN=a-token-of-the-readers")
	require.NoError(t, err)
	names := project.ServiceNames()
	sort.Strings(names)
	require.Equal(t, []string{"nats-1", "nats-2", "nats-3", "postgres", "webhookd-1", "webhookd-2"}, names)

	data := map[string]string{} // whose volume is whose
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			require.Empty(t, data[volume.Source], "%s and %s share a volume", name, data[volume.Source])
			data[volume.Source] = name
		}
		if !strings.HasPrefix(name, "webhookd-") {
			require.NotNil(t, service.HealthCheck, name)
			continue
		}
		environ := []string{"WEBHOOKD_DATA_DIR=/var/lib/webhookd"} // of the image
		for key, value := range service.Environment {
			environ = append(environ, key+"="+*value)
		}
		said := checkConfig(t, environ)
		require.Contains(t, said, "listen: 0.0.0.0:8080 # WEBHOOKD_LISTEN\n")
		require.Contains(t, said, "nats_replicas: 3 # WEBHOOKD_NATS_REPLICAS\n")
		require.NotContains(t, said, "a-password-of-postgres")
		require.Len(t, service.Volumes, 1)
		require.Equal(t, "/var/lib/webhookd", service.Volumes[0].Target)
		require.True(t, service.ReadOnly)
		require.Len(t, service.DependsOn, 4)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP)
			require.EqualValues(t, 8080, port.Target)
		}
	}
}

// What the NATS servers confirm is on disk, and a nats-server takes their configuration.
func TestTheComposedNATSWritesWhatItConfirms(t *testing.T) {
	t.Parallel()
	project, err := composed(t, "POSTGRES_PASSWORD=a-password-of-postgres", "WEBHOOK_SECRET=a-secret-of-the-webhooks", "READ_TOKEN=a-token-of-the-readers")
	require.NoError(t, err)
	content := project.Configs["nats"].Content
	require.Contains(t, content, "sync_interval: always")
	for _, name := range []string{"nats-1", "nats-2", "nats-3"} {
		service := project.Services[name]
		require.Len(t, service.Configs, 1, name)
		require.Equal(t, "nats", service.Configs[0].Source)
		require.Equal(t, types.ShellCommand{"--config", service.Configs[0].Target, "--name", name}, service.Command)
		require.Contains(t, content, "nats://"+name+":6222")
		require.Len(t, service.Volumes, 1)
		require.Contains(t, content, "store_dir: "+service.Volumes[0].Target)
	}
	dir := t.TempDir()
	server := filepath.Join(dir, "nats-server")
	build := exec.Command("go", "build", "-o", server, "github.com/nats-io/nats-server/v2")
	build.Dir = top
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	file := filepath.Join(dir, "nats.conf")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	out, err = exec.Command(server, "--config", file, "--name", "nats-1", "-t").CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestComposeAsksForEverySecret(t *testing.T) {
	t.Parallel()
	for _, missing := range []string{"POSTGRES_PASSWORD", "WEBHOOK_SECRET", "READ_TOKEN"} {
		var environ []string
		for _, name := range []string{"POSTGRES_PASSWORD", "WEBHOOK_SECRET", "READ_TOKEN"} {
			if name != missing {
				environ = append(environ, name+"=a-text-that-is-long-enough")
			}
		}
		_, err := composed(t, environ...)
		require.ErrorContains(t, err, "set it in deploy/.env")
		require.ErrorContains(t, err, missing)
	}
}
