package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// schemas is a module that holds the OpenAPI documents of Kubernetes, by version; nothing of it is compiled.
const schemas = "sigs.k8s.io/kubectl-validate@v0.0.4"

// manifests is what `kubectl apply -k deploy/kubernetes/example` would send.
type manifests struct {
	set     appsv1.StatefulSet
	budget  policyv1.PodDisruptionBudget
	network networkingv1.NetworkPolicy
	account corev1.ServiceAccount
	space   corev1.Namespace
	service map[string]corev1.Service
	config  map[string]corev1.ConfigMap // by name, as all below
	secret  map[string]corev1.Secret
	raw     map[string]any // by kind and name
}

// build makes the manifests of the example, with the secrets of its example, and reads each into the type of its kind;
// a field that the type does not have is an error.
func build(t *testing.T) manifests {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(top, "deploy", "kubernetes"))))
	example := filepath.Join(dir, "example")
	secrets, err := os.ReadFile(filepath.Join(example, "secret.env.example"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(example, "secret.env"), secrets, 0o600))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), example)
	require.NoError(t, err)

	m := manifests{
		service: map[string]corev1.Service{}, config: map[string]corev1.ConfigMap{}, secret: map[string]corev1.Secret{},
		raw: map[string]any{},
	}
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		var raw any
		require.NoError(t, yaml.UnmarshalStrict(text, &raw))
		name := resource.GetKind() + " " + resource.GetName()
		require.NotContains(t, m.raw, name)
		m.raw[name] = raw
		document, err := json.Marshal(raw)
		require.NoError(t, err)
		// As the API server does it; encoding/json, and what is made on it, would not mind a capital letter.
		into := func(target any) {
			unknown, err := kjson.UnmarshalStrict(document, target)
			require.NoError(t, err, name)
			require.Empty(t, unknown, name)
		}
		switch resource.GetKind() {
		case "StatefulSet":
			into(&m.set)
		case "PodDisruptionBudget":
			into(&m.budget)
		case "NetworkPolicy":
			into(&m.network)
		case "ServiceAccount":
			into(&m.account)
		case "Namespace":
			into(&m.space)
		case "Service":
			var one corev1.Service
			into(&one)
			m.service[one.Name] = one
		case "ConfigMap":
			var one corev1.ConfigMap
			into(&one)
			m.config[one.Name] = one
		case "Secret":
			var one corev1.Secret
			into(&one)
			m.secret[one.Name] = one
		default:
			require.Fail(t, "no type for "+name)
		}
	}
	require.Len(t, m.raw, 10)
	return m
}

// Each manifest is valid by the schemas that Kubernetes itself published.
func TestTheManifestsAreOfTheirSchemas(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "mod", "download", "-json", schemas).Output()
	require.NoError(t, err)
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal(out, &module))
	dir := filepath.Join(module.Dir, "pkg", "openapiclient", "builtins", "1.30")
	for name, manifest := range build(t).raw {
		kind, ok := manifest.(map[string]any)
		require.True(t, ok)
		version, ok := kind["apiVersion"].(string)
		require.True(t, ok)
		// As io.k8s.api.apps.v1 in apis/apps/v1.json, and io.k8s.api.networking.v1 in apis/networking.k8s.io/v1.json.
		file, group := filepath.Join(dir, "apis", version+".json"), strings.Replace(strings.ReplaceAll(version, "/", "."), ".k8s.io", "", 1)
		if version == "v1" {
			file, group = filepath.Join(dir, "api", "v1.json"), "core.v1"
		}
		document, err := os.ReadFile(file)
		require.NoError(t, err)
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		require.NoError(t, err)
		compiler := jsonschema.NewCompiler()
		compiler.DefaultDraft(jsonschema.Draft4)
		require.NoError(t, compiler.AddResource("k8s.json", parsed))
		schema, err := compiler.Compile(fmt.Sprintf("k8s.json#/components/schemas/io.k8s.api.%s.%s", group, kind["kind"]))
		require.NoError(t, err, name)
		require.NoError(t, schema.Validate(manifest), name)

		kind["metadata"] = "nothing"
		require.Error(t, schema.Validate(manifest), "the schema of %s takes everything", name)
	}
}

// What selects, selects; what names a port, names one that there is; what is asked for, is there.
func TestTheManifestsFitTogether(t *testing.T) {
	t.Parallel()
	m := build(t)
	pod := m.set.Spec.Template
	require.EqualValues(t, 2, *m.set.Spec.Replicas)
	require.Len(t, pod.Spec.Containers, 1)
	container := pod.Spec.Containers[0]
	ports := map[string]int32{}
	for _, port := range container.Ports {
		ports[port.Name] = port.ContainerPort
	}
	require.Equal(t, pod.Labels, m.set.Spec.Selector.MatchLabels)
	require.Equal(t, pod.Labels, m.budget.Spec.Selector.MatchLabels)
	require.Equal(t, pod.Labels, m.network.Spec.PodSelector.MatchLabels)
	anti := pod.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	require.Equal(t, pod.Labels, anti[0].PodAffinityTerm.LabelSelector.MatchLabels)
	require.Equal(t, 1, m.budget.Spec.MaxUnavailable.IntValue())
	require.Contains(t, m.service, m.set.Spec.ServiceName)
	require.Contains(t, m.service, "webhookd")
	require.Equal(t, corev1.ClusterIPNone, m.service[m.set.Spec.ServiceName].Spec.ClusterIP)
	require.False(t, m.service["webhookd-pages"].Spec.PublishNotReadyAddresses, "people come to pods that are ready")
	require.Empty(t, m.service["webhookd-pages"].Spec.ClusterIP, "it has an address of its own")
	for name, service := range m.service {
		require.Equal(t, pod.Labels, service.Spec.Selector, name)
		for _, port := range service.Spec.Ports {
			require.Contains(t, ports, port.TargetPort.String(), name)
		}
	}
	for _, rule := range m.network.Spec.Ingress {
		for _, port := range rule.Ports {
			require.Contains(t, ports, port.Port.String())
		}
	}
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe, container.StartupProbe} {
		require.Contains(t, ports, probe.HTTPGet.Port.String())
	}
	// Whoever holds all connections of the public port has no pod restarted for it.
	require.Equal(t, "internal", container.LivenessProbe.HTTPGet.Port.String())
	require.Equal(t, "internal", container.StartupProbe.HTTPGet.Port.String())
	require.Equal(t, "http", container.ReadinessProbe.HTTPGet.Port.String())
	require.Equal(t, m.account.Name, pod.Spec.ServiceAccountName)
	require.Contains(t, m.secret, container.EnvFrom[0].SecretRef.Name)
	require.Contains(t, m.config, pod.Spec.Volumes[0].ConfigMap.Name)
	for _, name := range []string{m.set.Namespace, m.budget.Namespace, m.network.Namespace, m.account.Namespace} {
		require.Equal(t, m.space.Name, name)
	}
}

// The pods may run where the strictest of the Pod Security Standards is enforced, as the namespace of the example does.
func TestThePodsAreRestricted(t *testing.T) {
	t.Parallel()
	m := build(t)
	require.Equal(t, "restricted", m.space.Labels["pod-security.kubernetes.io/enforce"])
	pod := m.set.Spec.Template.Spec
	require.True(t, *pod.SecurityContext.RunAsNonRoot)
	require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	require.False(t, *pod.AutomountServiceAccountToken)
	security := pod.Containers[0].SecurityContext
	require.False(t, *security.AllowPrivilegeEscalation)
	require.True(t, *security.ReadOnlyRootFilesystem)
	require.Equal(t, []corev1.Capability{"ALL"}, security.Capabilities.Drop)
	require.Empty(t, security.Capabilities.Add)
}

// webhookd takes the set-up that the pods give it; it says itself what it makes of it.
func TestTheSetUpOfThePodsIsTaken(t *testing.T) {
	t.Parallel()
	m := build(t)
	pod := m.set.Spec.Template.Spec
	container := pod.Containers[0]
	file := filepath.Join(t.TempDir(), "webhookd.yaml")
	require.NoError(t, os.WriteFile(file, []byte(m.config[pod.Volumes[0].ConfigMap.Name].Data["webhookd.yaml"]), 0o600))
	var environ []string
	for name, value := range m.secret[container.EnvFrom[0].SecretRef.Name].Data {
		environ = append(environ, name+"="+string(value))
	}
	require.Len(t, environ, 4)
	require.Equal(t, []string{"serve", "--config", "/etc/webhookd/webhookd.yaml"}, container.Args)
	said := checkConfig(t, environ, "--config", file)
	setting := func(key string) string {
		_, rest, found := strings.Cut("\n"+said, "\n"+key+": ")
		require.True(t, found, key)
		value, _, _ := strings.Cut(rest, " #")
		return value
	}
	require.Equal(t, fmt.Sprintf("0.0.0.0:%d", container.Ports[0].ContainerPort), setting("listen"))
	require.Equal(t, "/var/lib/webhookd", setting("data_dir"))
	require.Equal(t, "/var/lib/webhookd", container.VolumeMounts[0].MountPath)
	require.Equal(t, "data", container.VolumeMounts[0].Name)
	require.Equal(t, "data", m.set.Spec.VolumeClaimTemplates[0].Name)
	require.NotContains(t, said, "a-long-random-text")

	stop, err := time.ParseDuration(setting("stop_timeout"))
	require.NoError(t, err)
	before := time.Duration(container.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	require.Greater(t, time.Duration(*pod.TerminationGracePeriodSeconds)*time.Second, before+stop)
	require.Equal(t, "1GiB", setting("spool_limit"))
	room := m.set.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage]
	require.Greater(t, room.Value(), int64(1<<30))
}
