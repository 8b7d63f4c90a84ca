package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"
)

// profileVariable is the directory for the profiles of this binary's parts.
const profileVariable = "MKSYNC_BENCH_PROFILE"

// profileSelf profiles this process until stop.
func profileSelf(path string) (stop func(), err error) {
	f, err := os.Create(path) //nolint:gosec // named by whoever asked for a profile
	if err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, fmt.Errorf("write profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// startListener starts mksync as a listener alone; where a profile is asked for,
// one of its first two seconds is written as soon as it is there.
func (l *lab) startListener(variables map[string]string) (*process, error) {
	if l.Profile == "" {
		return l.startMksync(variables, "run", "--roles", "listener")
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	variables["MKSYNC_DEBUG_ADDR"] = addr
	p, err := l.startMksync(variables, "run", "--roles", "listener")
	if err == nil {
		path := filepath.Join(l.Profile, fmt.Sprintf("mksync-%d.pprof", p.Cmd.Process.Pid))
		go func() {
			if err := fetchProfile(p, addr, path); err != nil {
				l.say("   no profile: %v", err)
			}
		}()
	}
	return p, err
}

func fetchProfile(p *process, addr, path string) error {
	for {
		resp, err := http.Get("http://" + addr + "/debug/pprof/profile?seconds=2") //nolint:gosec,noctx // it ends with the process
		if err == nil {
			defer func() { _ = resp.Body.Close() }() //nolint:revive // returns below
			f, err := os.Create(path)                //nolint:gosec // named by whoever asked for a profile
			if err != nil {
				return err
			}
			_, err = io.Copy(f, resp.Body)
			return cmpErr(err, f.Close())
		}
		select {
		case <-p.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
