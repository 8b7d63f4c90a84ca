// Package kustomize holds the manifests of deploy/kustomize against the types of Kubernetes:
// `make kustomize` runs it.
package kustomize

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifests are what kustomize makes of a folder; a name that Kubernetes does not know, and
// a kind that is not expected, are errors.
type manifests struct {
	config  corev1.ConfigMap
	deploy  appsv1.Deployment
	service corev1.Service
	budget  policyv1.PodDisruptionBudget
}

func build(files filesys.FileSystem, dir string) (m manifests, err error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, dir)
	if err != nil {
		return m, err
	}
	kinds := map[string]any{
		"v1 ConfigMap": &m.config, "apps/v1 Deployment": &m.deploy, "v1 Service": &m.service, "policy/v1 PodDisruptionBudget": &m.budget,
	}
	for _, r := range made.Resources() {
		kind := r.GetApiVersion() + " " + r.GetKind()
		into, known := kinds[kind]
		if !known {
			return m, fmt.Errorf("%s is there twice, or not expected", kind)
		}
		delete(kinds, kind)
		text, err := r.MarshalJSON()
		if err != nil {
			return m, fmt.Errorf("%s: %w", kind, err)
		}
		unknown, err := json.UnmarshalStrict(text, into)
		if err := errors.Join(append(unknown, err)...); err != nil {
			return m, fmt.Errorf("%s: %w", kind, err)
		}
	}
	if len(kinds) > 0 {
		return m, fmt.Errorf("%v are missing", slices.Sorted(maps.Keys(kinds)))
	}
	return m, nil
}

// TestTheBaseFitsTogether: what is selected, mounted, probed and read is there.
func TestTheBaseFitsTogether(t *testing.T) {
	m, err := build(filesys.MakeFsOnDisk(), "../../deploy/kustomize")
	require.NoError(t, err)
	fitsTogether(t, m)
	require.EqualValues(t, 2, *m.deploy.Spec.Replicas)
	require.EqualValues(t, 1, m.budget.Spec.MaxUnavailable.IntValue())
}

// TestTheOverlayOfTheDocs builds what docs/operations.md shows, on a copy of the base.
func TestTheOverlayOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?s)```yaml\n(# kustomization.yaml\n.*?)```").FindSubmatch(page)
	require.NotNil(t, shown)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "base"), os.DirFS("../../deploy/kustomize")))
	overlay := regexp.MustCompile(`https://\S+//deploy/kustomize\?ref=[^\s"\]]+`).ReplaceAll(shown[1], []byte("base"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), overlay, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "mksync.yaml"), []byte("nats_url: nats://elsewhere:4222\n"), 0o600))

	m, err := build(filesys.MakeFsOnDisk(), dir)
	require.NoError(t, err)
	fitsTogether(t, m)
	require.Equal(t, "crm", m.deploy.Namespace)
	require.Equal(t, "registry.example.com/mksync:0.1.0", m.deploy.Spec.Template.Spec.Containers[0].Image)
	require.Contains(t, m.config.Data["mksync.yaml"], "elsewhere")
}

func fitsTogether(t *testing.T, m manifests) {
	t.Helper()
	pod := m.deploy.Spec.Template
	for who, selected := range map[string]map[string]string{
		"deployment": m.deploy.Spec.Selector.MatchLabels, "service": m.service.Spec.Selector, "budget": m.budget.Spec.Selector.MatchLabels,
	} {
		require.NotEmpty(t, selected, who)
		require.Subset(t, pod.Labels, selected, who)
	}

	require.Len(t, pod.Spec.Containers, 1)
	c := pod.Spec.Containers[0]
	require.Equal(t, m.service.Spec.Ports[0].TargetPort.StrVal, c.Ports[0].Name)
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		require.Equal(t, c.Ports[0].Name, probe.HTTPGet.Port.StrVal)
	}
	require.True(t, *pod.Spec.SecurityContext.RunAsNonRoot)
	require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
	require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
	require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
	require.NotEmpty(t, c.Resources.Requests)
	require.NotEmpty(t, c.Resources.Limits)

	there := map[string]bool{}
	for _, mount := range c.VolumeMounts {
		for _, v := range pod.Spec.Volumes {
			switch {
			case v.Name != mount.Name:
			case v.ConfigMap != nil:
				require.Equal(t, m.config.Name, v.ConfigMap.Name)
				for file := range m.config.Data {
					there[mount.MountPath+"/"+file] = true
				}
			case v.Secret != nil:
				for _, item := range v.Secret.Items {
					there[mount.MountPath+"/"+item.Path] = true
				}
			}
		}
	}
	for _, e := range c.Env {
		require.Nil(t, e.ValueFrom, "secrets are files")
		require.True(t, there[e.Value], "%s: nothing is mounted at %s", e.Name, e.Value)
	}
	require.Len(t, there, len(c.Env), "what is mounted is read")
}
