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
	Spec       struct {
		Template struct{ Spec pod }
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
			Port int `yaml:"containerPort"`
		}
		Readiness struct {
			Get struct{ Path string } `yaml:"httpGet"`
		} `yaml:"readinessProbe"`
	}
}

func readManifest(t *testing.T, file string) (m manifest) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(content(t, filepath.Join(base, file))), &m))
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
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("postgres://mksync@postgres/crm"), 0o600))
	var environ []string
	for _, e := range pod.Containers[0].Env {
		value := strings.Replace(e.Value, "/etc/mksync", base, 1)
		if strings.HasPrefix(value, "/run/secrets/") {
			value = secret
		}
		environ = append(environ, e.Name+"="+value)
	}
	cfg, err := config.Load(filepath.Join(base, "mksync.yaml"), environ, config.NeedDatabase, config.NeedMetaKocka)
	require.NoError(t, err)
	require.NotEmpty(t, cfg.NATSURL.Reveal(), "the server in the process is for one")
	require.Equal(t, fmt.Sprint("0.0.0.0:", pod.Containers[0].Ports[0].Port), cfg.HTTPAddr)
}
