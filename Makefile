# `make` or `make help` lists what there is.

GO            ?= go
GOLANGCI      := 2.15.0
GOLANGCI_BIN  := bin/golangci-lint-$(GOLANGCI)
NFPM          := 2.48.0
NFPM_BIN      := bin/nfpm-$(NFPM)
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PACKAGES      ?= ./...
FUZZTIME      ?= 20s
COUNT         ?= 3
CYCLES        ?= 100
CHECKS        ?= 1000
SEED          ?=
DEMO_ARGS     ?=
BENCH_ARGS    ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1|\2/' | column -t -s '|' 2>/dev/null \
		|| grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

.PHONY: demo
demo: go ## Run the whole system on this machine (DEMO_ARGS=--serve keeps it running)
	@$(GO) run ./cmd/mksync demo $(DEMO_ARGS)

.PHONY: build
build: go ## Build bin/mksync
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/mksync ./cmd/mksync

# The packages of this machine; a release has those of others as well (.goreleaser.yaml).
# Built from one commit they are the same, byte for byte.
package package-files: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

.PHONY: package
package: package-files $(NFPM_BIN) ## Build a deb and an rpm of this machine's kind into bin/, and try the deb
	rm -f bin/*.deb bin/*.rpm
	$(GO) run ./deploy/packages "$$(bin/mksync version | cut -d ' ' -f 2)" "$$($(GO) env GOARCH)" bin/mksync > bin/nfpm.yaml
	$(NFPM_BIN) package --config bin/nfpm.yaml --packager deb --target bin
	$(NFPM_BIN) package --config bin/nfpm.yaml --packager rpm --target bin
	MKSYNC_TEST_DEB="$$(echo "$(CURDIR)"/bin/*.deb)" $(GO) test -count=1 ./deploy/packages

.PHONY: package-files
package-files: build
	rm -rf bin/package
	bin/mksync man bin/package/man
	gzip -9 --no-name bin/package/man/*.1
	mkdir bin/package/completion
	for shell in bash fish zsh; do bin/mksync completion $$shell > bin/package/completion/mksync.$$shell || exit 1; done

.PHONY: browser
browser: go ## Read and decide in the console by a real browser (needs chromium and npm; MKSYNC_TEST_BROWSER=required: or fail)
	@cd tests/browser && { npm ci --no-audit --no-fund --silent || echo "npm ci failed: axe-core is not there"; }
	cd tests/browser && $(GO) test -count=1 -timeout 20m ./...

.PHONY: kustomize
kustomize: go ## Hold the manifests of deploy/kustomize against the types of Kubernetes
	cd tests/kustomize && $(GO) test -count=1 ./...

# A process with the race detector otherwise waits a second at its end.
export GORACE := $(GORACE) atexit_sleep_ms=0

# All of go vet goes with the tests: by itself it compiles every dependency once
# more, without the race detector. Each wait of a test has a limit of its own,
# which grows with the machine's load; -timeout is for none of them.
.PHONY: test
test: go cgo ## Test everything with the race detector (Postgres is found, run in Docker or installed)
	$(GO) test -race -vet=all -timeout 1h $(PACKAGES)

.PHONY: faults
faults: go cgo ## Kill, cut, restart and lose everything while people edit (CYCLES=100, SEED= repeats a run)
	MKSYNC_TEST_FAULTS=$(CYCLES) MKSYNC_TEST_SEED=$(SEED) $(GO) test -race -count=1 -v -parallel 1 -run '^TestFaults' -timeout 2h ./cmd/mksync

.PHONY: cluster
cluster: go ## Break one part of three machines after the other while people edit (CYCLES=100 faults, SEED= repeats a run)
	MKSYNC_TEST_CLUSTER=$(CYCLES) MKSYNC_TEST_SEED=$(SEED) $(GO) test -count=1 -v -timeout 3h ./tests/cluster

.PHONY: long
long: go cgo ## Test at length what `make test` tests shortly or not: kills at any moment (CYCLES=100), the laws (CHECKS=1000), then everything
	MKSYNC_TEST_KILLS=$(CYCLES) MKSYNC_TEST_SEED=$(SEED) $(GO) test -race -count=1 -v -run '^TestKilledAtAnyMoment$$' -timeout 1h ./cmd/mksync
	$(GO) test -count=1 -timeout 1h ./mapping -rapid.checks=$(CHECKS)
	$(GO) test -count=1 -run Law -timeout 1h ./syncer ./internal/terminal -rapid.checks=$(CHECKS)
	MKSYNC_TEST_LONG=1 $(GO) test -count=1 -timeout 1h $(PACKAGES)

.PHONY: race
race: go cgo ## Test again and again (COUNT=3) in random order, to bring out races and flaky tests
	$(GO) test -race -shuffle=on -count=$(COUNT) -timeout 2h $(PACKAGES)

.PHONY: lint
lint: go $(GOLANGCI_BIN) ## Run the linters of .golangci.yaml, formatting included
	$(GOLANGCI_BIN) run $(PACKAGES)

.PHONY: fmt
fmt: go $(GOLANGCI_BIN) ## Format all files
	$(GOLANGCI_BIN) fmt $(PACKAGES)

.PHONY: fuzz
fuzz: go ## Fuzz each fuzz test for a while (FUZZTIME=20s)
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -E 's/:[0-9]+:func / /' | \
	while read -r file name; do \
		echo "== $$name in $$(dirname "$$file")"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
	done

.PHONY: bench
bench: go ## Measure mksync beside what it can be compared with (BENCH_ARGS=-quick: a look)
	$(GO) run ./bench $(BENCH_ARGS)

# A module of its own: mksync needs nothing of what Prometheus needs.
.PHONY: promtool
promtool: go ## Build bin/promtool, with which the alerts are tested
	cd tests/promtool && CGO_ENABLED=0 $(GO) build -tags remove_all_sd -trimpath -ldflags '-s -w' -o ../../bin/promtool github.com/prometheus/prometheus/cmd/promtool

.PHONY: microbench
microbench: go ## Run the benchmarks of single functions
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m $(PACKAGES)

# Tools are built from their modules, which the checksum database vouches for.
$(GOLANGCI_BIN):
	@mkdir -p bin
	GOBIN="$(CURDIR)/bin" GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI)
	@mv bin/golangci-lint $@

$(NFPM_BIN):
	@mkdir -p bin
	GOBIN="$(CURDIR)/bin" GOFLAGS= $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@v$(NFPM)
	@mv bin/nfpm $@

# A Go that is missing or too old is said in one line.
.PHONY: go
go:
	@command -v $(GO) >/dev/null 2>&1 || { echo "mksync is built with Go, which is not in PATH: install it from https://go.dev/dl" >&2; exit 1; }
	@out=$$($(GO) list -m 2>&1) || { echo "$$($(GO) version) cannot build mksync, which needs Go $$(sed -n 's/^go //p' go.mod) or newer: $$(echo "$$out" | tail -n 1)" >&2; exit 1; }

.PHONY: cgo
cgo:
	@test "$$($(GO) env CGO_ENABLED)" = 1 || { echo "the race detector needs a C compiler: install gcc and leave CGO_ENABLED unset" >&2; exit 1; }
