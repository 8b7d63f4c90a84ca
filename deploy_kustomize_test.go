package mksync_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/internal/config"
)

const base = "deploy/kustomize"

// manifest is what is looked at here of the files for Kubernetes; tests/kustomize, a module
// of its own (`make kustomize`), knows them whole.
type manifest struct {
	Resources  []string
	Generators []struct{ Files []string } `yaml:"configMapGenerator"`
	Labels     []struct{ Pairs map[string]string }
	Spec       struct {
		Template struct{ Spec pod }
		Selector struct {
			Labels map[string]string `yaml:"matchLabels"`
		}
		Ports []struct {
			Target string `yaml:"targetPort"`
		}
	}
}

type pod struct {
	Security struct {
		User  int `yaml:"runAsUser"`
		Group int `yaml:"runAsGroup"`
	} `yaml:"securityContext"`
	Containers []struct {
		Env   []struct{ Name, Value string }
		Ports []struct {
			Name string
			Port int `yaml:"containerPort"`
		}
		Readiness struct {
			Get struct{ Path string } `yaml:"httpGet"`
		} `yaml:"readinessProbe"`
	}
	Volumes []struct {
		Secret struct{ Items []struct{ Path string } }
	}
}

// fields are those of Kubernetes that the manifests use; one that is misspelt says nothing.
const fields = `allowPrivilegeEscalation apiVersion app.kubernetes.io/name args automountServiceAccountToken
	capabilities configMap configMapGenerator containerPort containers cpu defaultMode drop env failureThreshold files
	fsGroup httpGet image includeSelectors items key kind labels labelSelector limits livenessProbe matchLabelKeys
	matchLabels maxSkew maxSurge maxUnavailable memory metadata mountPath name pairs path periodSeconds port ports
	readOnly readOnlyRootFilesystem readinessProbe replicas requests resources rollingUpdate runAsGroup runAsNonRoot
	runAsUser seccompProfile secret secretName securityContext selector spec startupProbe strategy targetPort template
	terminationGracePeriodSeconds timeoutSeconds topologyKey topologySpreadConstraints type
	unhealthyPodEvictionPolicy value volumeMounts volumes whenUnsatisfiable`

// known fails where a node has a key that is none of the fields.
func known(t *testing.T, file string, n *yaml.Node) {
	t.Helper()
	for i, inner := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			require.Contains(t, strings.Fields(fields), inner.Value, "%s, line %d", file, inner.Line)
		}
		known(t, file, inner)
	}
}

func readManifest(t *testing.T, file string) (m manifest) {
	t.Helper()
	var whole yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(content(t, filepath.Join(base, file))), &whole))
	known(t, file, &whole)
	require.NoError(t, whole.Decode(&m))
	return m
}

// TestTheBaseForKubernetesSetsUpMksync with settings that there are, as the image's user and
// on the port that is asked for its readiness; kustomize is told of every file.
func TestTheBaseForKubernetesSetsUpMksync(t *testing.T) {
	t.Parallel()
	top := readManifest(t, "kustomization.yaml")
	told := slices.Concat(top.Resources, top.Generators[0].Files, []string{"kustomization.yaml"})
	there, err := os.ReadDir(base)
	require.NoError(t, err)
	for _, file := range there {
		require.Contains(t, told, file.Name())
	}
	require.Len(t, told, len(there))

	pod := readManifest(t, "deployment.yaml").Spec.Template.Spec
	require.Contains(t, content(t, "Dockerfile"), fmt.Sprintf("\nUSER %d:%d\n", pod.Security.User, pod.Security.Group))
	require.Equal(t, "/readyz", pod.Containers[0].Readiness.Get.Path)
	require.Equal(t, pod.Containers[0].Ports[0].Name, readManifest(t, "service.yaml").Spec.Ports[0].Target)
	require.Equal(t, top.Labels[0].Pairs, readManifest(t, "poddisruptionbudget.yaml").Spec.Selector.Labels)
	var mounted []string
	for _, v := range pod.Volumes {
		for _, item := range v.Secret.Items {
			mounted = append(mounted, "/run/secrets/mksync/"+item.Path)
		}
	}

	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("postgres://mksync@postgres/crm"), 0o600))
	var environ []string
	for _, e := range pod.Containers[0].Env {
		value := strings.Replace(e.Value, "/etc/mksync", base, 1)
		if strings.HasPrefix(value, "/run/secrets/") {
			require.Contains(t, mounted, value)
			value = secret
		}
		environ = append(environ, e.Name+"="+value)
	}
	cfg, err := config.Load(filepath.Join(base, "mksync.yaml"), environ, config.NeedDatabase, config.NeedMetaKocka)
	require.NoError(t, err)
	require.NotEmpty(t, cfg.NATSURL.Reveal(), "the server in the process is for one")
	require.Equal(t, fmt.Sprint("0.0.0.0:", pod.Containers[0].Ports[0].Port), cfg.HTTPAddr)
}
