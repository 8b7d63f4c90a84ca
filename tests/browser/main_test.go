// Package browser_test reads and decides in the console by a real browser, as a person does
// who has started `mksync demo --serve`. It knows nothing of mksync but what that prints.
package browser_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// required makes it a failure where the browser, or what checks its pages, is missing.
const required = "MKSYNC_TEST_BROWSER"

// stage is the demo that is served, and the browser that looks at it.
var stage struct {
	link    string // signs in once
	token   string // of the API; it signs in as well
	decider string // the token of somebody who decides
	viewer  string // the token of somebody who only reads
	crm     string // the address of the CRM's own page, which may show where contacts stand
	console string // the console's address, with a slash at its end
	api     string // the address before /api
	erp     string // of the simulator
	axe     string // the script that checks pages
	browser context.Context
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	chromium, axe, missing := tools()
	if missing != "" {
		fmt.Println("The console is not tested in a browser: " + missing)
		if os.Getenv(required) == "required" {
			return 1
		}
		return 0
	}
	stage.axe = axe

	dir, err := os.MkdirTemp("", "mksync-browser")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	crm, err := openCRM()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer crm.Close()
	stop, err := serve(dir, "--serve")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer stop()

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(dir, "profile")))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	defer end()
	browser, end := chromedp.NewContext(allocated)
	defer end()
	if err := chromedp.Do(browser); err != nil {
		fmt.Println("start the browser:", err)
		return 1
	}
	stage.browser = browser
	return m.Run()
}

// tools are the browser and the script, or what is missing of them.
func tools() (chromium, axe, missing string) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		return "", "", "there is no chromium (apt-get install chromium, or its path in CHROMIUM)"
	}
	script, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		return "", "", "axe-core is not installed (npm ci in tests/browser; make browser does it)"
	}
	return chromium, string(script), ""
}

var printed = map[string]*regexp.Regexp{
	"console": regexp.MustCompile(`^\s+Console\s+(http://\S+/console/)`),
	"link":    regexp.MustCompile(`^\s+Sign in \(good once\)\s+(http://\S+)`),
	"token":   regexp.MustCompile(`^\s+API token\s+(\S+)`),
	"decider": regexp.MustCompile(`^\s+… of who decides\s+(\S+)`),
	"viewer":  regexp.MustCompile(`^\s+… of who only reads\s+(\S+)`),
	"erp":     regexp.MustCompile(`^\s+MetaKocka simulator\s+(http://\S+)/control/partners`),
}

// serve builds mksync and runs its demo until stop is called, which the stage then is.
func serve(dir string, how ...string) (stop func(), err error) {
	binary := filepath.Join(dir, "mksync")
	build := exec.Command("go", "build", "-o", binary, "./cmd/mksync")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build mksync: %w\n%s", err, out)
	}

	demo := exec.Command(binary, append([]string{"demo", "--origin", stage.crm}, how...)...)
	demo.Dir = dir
	out, err := demo.StdoutPipe()
	if err != nil {
		return nil, err
	}
	demo.Stderr = demo.Stdout
	if err := demo.Start(); err != nil {
		return nil, err
	}
	var end sync.Once
	stop = func() {
		end.Do(func() {
			_ = demo.Process.Signal(syscall.SIGINT)
			_ = demo.Wait()
		})
	}

	slow := time.AfterFunc(3*time.Minute, func() { _ = demo.Process.Kill() })
	defer slow.Stop()
	found := map[string]string{}
	var said strings.Builder
	for lines := bufio.NewScanner(out); len(found) < len(printed); {
		if !lines.Scan() {
			stop()
			return nil, fmt.Errorf("the demo ended before it had said where the console is:\n%s", said.String())
		}
		said.WriteString(lines.Text() + "\n")
		for name, pattern := range printed {
			if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
				found[name] = m[1]
			}
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	stage.console, stage.link, stage.token, stage.erp = found["console"], found["link"], found["token"], found["erp"]
	stage.decider, stage.viewer = found["decider"], found["viewer"]
	stage.api = strings.TrimSuffix(stage.console, "/console/")
	return stop, nil
}
