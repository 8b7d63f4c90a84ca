package mksync_test

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
)

const (
	trialFile   = "docker-compose.yml"
	clusterFile = "deploy/cluster/compose.yaml"
)

// Compose files, of which everything that is written in them is known.
type (
	compose struct {
		Name     string
		Services map[string]composeService
		Secrets  map[string]struct{ File string }
		Volumes  map[string]any
		Nats     any `yaml:"x-nats"`
		Mksync   any `yaml:"x-mksync"`
	}
	composeService struct {
		Image, Build, Restart   string
		StopGracePeriod         string `yaml:"stop_grace_period"`
		Command, Entrypoint     []string
		Environment             map[string]string
		Secrets, Ports, Volumes []string
		ReadOnly                bool                                  `yaml:"read_only"`
		CapDrop                 []string                              `yaml:"cap_drop"`
		SecurityOpt             []string                              `yaml:"security_opt"`
		DependsOn               map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck             composeHealth
	}
	composeHealth struct {
		Test              []string
		Interval, Timeout string
		StartPeriod       string `yaml:"start_period"`
		Retries           int
		Disable           bool
	}
)

func readCompose(t *testing.T, file string) (c compose) {
	t.Helper()
	strict := yaml.NewDecoder(strings.NewReader(content(t, file)))
	strict.KnownFields(true)
	require.NoError(t, strict.Decode(&c), file)
	return c
}

// TestTheComposeFilesHangTogether: services, secrets and files that are named are there,
// each service tells of its health or nobody waits for it, and no port is open to others.
func TestTheComposeFilesHangTogether(t *testing.T) {
	t.Parallel()
	for _, file := range []string{trialFile, clusterFile} {
		c, dir := readCompose(t, file), filepath.Dir(file)
		for name, s := range c.Services {
			require.NotEmpty(t, s.Image, name)
			if s.Build != "" {
				require.FileExists(t, filepath.Join(dir, s.Build, "Dockerfile"), name)
			}
			for needed, how := range s.DependsOn {
				require.Contains(t, c.Services, needed, name)
				if how.Condition == "service_healthy" {
					require.NotEmpty(t, c.Services[needed].Healthcheck.Test, "%s waits for the health of %s", name, needed)
				}
			}
			for _, secret := range s.Secrets {
				require.Contains(t, c.Secrets, secret, name)
			}
			for _, volume := range s.Volumes {
				from, _, _ := strings.Cut(volume, ":")
				if strings.HasPrefix(from, ".") {
					require.FileExists(t, filepath.Join(dir, from), name)
				} else {
					require.Contains(t, c.Volumes, from, name)
				}
			}
			for _, port := range s.Ports {
				require.Regexp(t, `^127\.0\.0\.1:`, port, name)
			}
			require.NotEqual(t, s.Healthcheck.Disable, len(s.Healthcheck.Test) > 0, "%s: how is its health looked at?", name)
		}
		for name, secret := range c.Secrets {
			require.FileExists(t, filepath.Join(dir, secret.File), name)
		}
	}
}

// TestDockerReadsTheComposeFiles, where it has its compose.
func TestDockerReadsTheComposeFiles(t *testing.T) {
	t.Parallel()
	if err := exec.CommandContext(t.Context(), "docker", "compose", "version").Run(); err != nil {
		t.Skip("there is no docker compose")
	}
	for _, file := range []string{trialFile, clusterFile} {
		out, err := exec.CommandContext(t.Context(), "docker", "compose", "--file", file, "config", "--quiet").CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, string(out))
	}
}

// fallback is what a variable is that compose fills in, where it is not set.
var fallback = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`)

// settings are what a service of a compose file is configured with: its secrets are where
// the files are that the host has.
func (c compose) settings(t *testing.T, file, service string) config.Config {
	t.Helper()
	s := c.Services[service]
	var environ []string
	for name, value := range s.Environment {
		if secret, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			require.Contains(t, s.Secrets, secret, service)
			value = filepath.Join(filepath.Dir(file), c.Secrets[secret].File)
		}
		environ = append(environ, name+"="+fallback.ReplaceAllString(value, "$1"))
	}
	cfg, err := config.Load("", environ, config.NeedDatabase, config.NeedMetaKocka)
	require.NoError(t, err, service)
	return cfg
}

// TestTheComposeFilesSetUpMksync with settings that there are, which name the other services;
// the two processes of the cluster are alike.
func TestTheComposeFilesSetUpMksync(t *testing.T) {
	t.Parallel()
	trial := readCompose(t, trialFile).settings(t, trialFile, "mksync")
	require.Equal(t, "nats://mksync:mksync@nats:4222", trial.NATSURL.Reveal())

	c := readCompose(t, clusterFile)
	one, two := c.settings(t, clusterFile, "mksync-1"), c.settings(t, clusterFile, "mksync-2")
	require.Equal(t, one, two)
	for _, url := range strings.Split(one.NATSURL.Reveal(), ",") {
		name := strings.TrimSuffix(strings.TrimPrefix(url, "nats://"), ":4222")
		require.Equal(t, name, c.Services[name].Environment["NATS_SERVER"])
	}
	require.Contains(t, one.DatabaseURL.Reveal(), "@postgres:5432/"+c.Services["postgres"].Environment["POSTGRES_DB"])
	require.Contains(t, content(t, "deploy/contacts.sql"), "PASSWORD 'mksync'")

	for file, cfg := range map[string]config.Config{trialFile: trial, clusterFile: one} {
		services := readCompose(t, file).Services
		erp, err := url.Parse(cfg.MetaKockaURL)
		require.NoError(t, err)
		require.Contains(t, services, erp.Hostname(), file)
		require.Contains(t, services[erp.Hostname()].Command, "0.0.0.0:"+erp.Port(), file)
		require.Contains(t, services["postgres"].Command, "wal_level=logical", file)
	}
}

var (
	fromSecret = regexp.MustCompile(`(\w+)=\$\$\(cat /run/secrets/(\w+)\)`)
	configured = regexp.MustCompile(`--config (\S+)`)
)

// mounted lays out what the container of a NATS server sees, with its variables filled in,
// and returns where the configuration is that it is started with.
func (c compose) mounted(t *testing.T, service string) (file string) {
	t.Helper()
	s, root := c.Services[service], t.TempDir()
	starts := strings.Join(s.Entrypoint, "\n")
	var fill []string
	for _, v := range fromSecret.FindAllStringSubmatch(starts, -1) {
		require.Contains(t, s.Secrets, v[2])
		fill = append(fill, "$"+v[1], strings.TrimSpace(content(t, filepath.Join("deploy/cluster", c.Secrets[v[2]].File))))
	}
	for name, value := range s.Environment {
		fill = append(fill, "$"+name, value)
	}
	for _, volume := range s.Volumes {
		from, to, _ := strings.Cut(strings.TrimSuffix(volume, ":ro"), ":")
		if strings.HasPrefix(from, ".") {
			text := strings.NewReplacer(fill...).Replace(content(t, filepath.Join("deploy/cluster", from)))
			require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(to)), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(root, to), []byte(text), 0o600))
		}
	}
	return filepath.Join(root, configured.FindStringSubmatch(starts)[1])
}

// TestTheClusterKeepsStreams: three servers with the very configuration of the containers
// find each other, let mksync's user in as its settings say, and keep a stream as often as
// these ask for.
func TestTheClusterKeepsStreams(t *testing.T) {
	t.Parallel()
	c := readCompose(t, clusterFile)
	cfg := c.settings(t, clusterFile, "mksync-1")
	require.Contains(t, content(t, "deploy/nats.conf"), "store_dir: /data\n")
	var servers []*natsserver.Options
	for _, name := range []string{"nats-1", "nats-2", "nats-3"} {
		o := natsserver.Configured(t, c.mounted(t, name))
		require.Equal(t, name, o.ServerName)
		require.Contains(t, c.Services[name].Volumes, name+":/data")
		require.Equal(t, cfg.SyncInterval(), o.SyncInterval)
		require.Equal(t, 6222, o.Cluster.Port)
		for i, route := range o.Routes {
			require.Equal(t, "nats://nats-"+string(rune('1'+i))+":6222", route.String())
		}
		servers = append(servers, o)
	}
	cluster := natsserver.StartClusterOf(t, servers)

	cfg.NATSURL = config.Secret(strings.Join(cluster.URLs(), ","))
	nc, err := service.Dial(t.Context(), cfg)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CRM_CONTACTS", Subjects: []string{"crm.contacts.>"}, Replicas: cfg.StreamReplicas})
	require.NoError(t, err)
	require.Equal(t, 3, stream.CachedInfo().Config.Replicas)
	_, err = js.Publish(t.Context(), "crm.contacts.truncate", nil)
	require.NoError(t, err)
}

// TestTheRightsOnNATSCoverEverySubject that docs/asyncapi.yaml has: mksync's user may publish
// to it. TestTheDocumentedRightsOnNATS uses them.
func TestTheRightsOnNATSCoverEverySubject(t *testing.T) {
	t.Parallel()
	o := natsserver.Configured(t, readCompose(t, clusterFile).mounted(t, "nats-1"))
	require.Equal(t, "mksync", o.Users[0].Username)
	addresses := regexp.MustCompile(`(?m)^ +address: (\w+\.\S+)$`).FindAllStringSubmatch(content(t, "docs/asyncapi.yaml"), -1)
	require.NotEmpty(t, addresses)
	for _, address := range addresses {
		require.True(t, slices.ContainsFunc(o.Users[0].Permissions.Publish.Allow, func(right string) bool {
			return strings.HasPrefix(address[1], strings.TrimSuffix(right, ">"))
		}), address[1])
	}
}
