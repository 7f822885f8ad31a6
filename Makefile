# Everything here needs Go and make; what else a target needs, it gets by itself and says so.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The version of Go that everything is built and checked with, whatever is installed: the one of go.mod, which has the known
# vulnerabilities mended. go gets it by itself. (make GOTOOLCHAIN=local takes the one that is installed.)
export GOTOOLCHAIN := $(shell awk '/^toolchain/ { print $$2 "+auto" }' go.mod)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BINARY  := bin/webhookd
CALL    := fixtures/outbound_answered/webhooks.ndjson
LINT    := go tool -modfile=tools/go.mod golangci-lint
# How the race detector is asked for. SQLite is C that was translated to Go, and nobody's here: watching each of its
# accesses to memory, and each of its pointers, makes the tests on it several times slower and can find nothing of ours.
# Everything else is watched, what calls it included. (cmd/webhookd builds what it tests in the same way.)
RACE    := -race -gcflags='modernc.org/sqlite/lib=-race=false -d=checkptr=0'
# Tests in which nothing of ours runs at once that other tests do not run, too: one step after the other, through every
# scenario or every command. make check has them without the race detector, which would make them several times slower and
# has nothing to find in them; make race leaves them out then. What is not named here is under the race detector.
empty   :=
PLAIN   := ($(subst $(empty) ,|,$(strip \
	TestEveryCommandOfTheDocumentsRuns TestDoctor.* TestLinksInDocumentsLeadSomewhere TestHelpIsForEveryCommand \
	TestEveryCommandHasAManualPage TestTheAPIIsRead TestEveryScenarioThroughAService TestPurge \
	TestALostHangUpIsFoundInThePBXsRecords TestAPersonIsExportedAndErased TestACallIsRecordedScrubbedAndReplayed \
	TestAScrubbedRecordingGivesTheSameCalls TestAPersonIsTakenOutOfEveryScenario \
	TestARebuildMendsDamage TestARebuildFindsWhatIsThere TestARebuildFromTheJournalAlone TestARebuildIsLimitedByTimeAndAccount \
	TestHandlersThatMultiplyAreStopped TestABatchInWhichHandlersMultiplyIsDivided TestWhatCannotBeTriggered TestWhoCallsOff \
	TestEveryOrderOfAMissedCall TestTheOrderOfArrivalDoesNotMatter TestStatisticsAreThoseOfTheRecords TestOrdersThroughTheStore)))
# The packages that they are in.
open    := (
PLAINS   = $(addprefix ./,$(sort $(dir $(shell grep -rlE '^func $(PLAIN)[$(open)]' --include='*_test.go' cmd internal))))
# What make e2e runs; make race leaves it to it, for the same reason.
E2E     := (TestTheRecordedCallGivesItsRecordAndItsEvents|TestAKilledServiceGoesOnWhereItWas|TestTheDemonstrationShowsTheEventsOfTheRecordedCall)
# Arguments for run, e.g. make run ARGS="--listen 127.0.0.1:9090"
ARGS    ?=
# Arguments for chaos, e.g. make chaos CHAOS="-seed 7 -keep"
CHAOS   ?=
# Arguments for upgrade, e.g. make upgrade UPGRADE="-keep"
UPGRADE ?=
# Arguments for bench, e.g. make bench BENCH="-only throughput -rounds 5"
BENCH   ?=
# How many calls sizing takes in.
CALLS   ?= 3000
# What bench-micro runs, and how often: benchstat wants several.
BENCHED ?= ./internal/dialog ./internal/correlate ./internal/flow ./internal/ingest ./internal/relay
COUNT   ?= 6

.PHONY: help
help: ## Print this
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z0-9-]*:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/webhookd
	go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $(BINARY) ./cmd/webhookd

.PHONY: run
run: build ## Build and serve on embedded defaults, data in ./data; the first time, show a recorded call
	@exec ./$(BINARY) serve --demo $(CALL) $(ARGS)

.PHONY: demo
demo: build ## As run, on free ports and with data that is thrown away afterwards
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && trap : INT TERM && \
	./$(BINARY) serve --demo $(CALL) --listen 127.0.0.1:0 --nats-listen 127.0.0.1:0 --data-dir "$$dir" $(ARGS)

.PHONY: fixtures
fixtures: build ## Post every recorded webhook in fixtures/ to the webhookd that runs on this machine
	./$(BINARY) replay fixtures/*/*.ndjson

.PHONY: test
test: ## Run all tests, on a real Postgres (WEBHOOKD_TEST_DATABASE_URL, or a throw-away one), NATS and Chromium
	scripts/with-promtool scripts/with-chromium scripts/with-axe scripts/with-postgres go test -timeout 30m ./...

.PHONY: race
race: ## Run all tests with the race detector, but those of plain and e2e
	scripts/need-cc
	scripts/with-promtool scripts/with-chromium scripts/with-axe scripts/with-postgres go test $(RACE) -vet=off -skip '^$(PLAIN)$$|^$(E2E)$$' -timeout 12m ./...

.PHONY: plain
plain: ## Run what race leaves out, without the race detector: every scenario and every command, one after the other
	scripts/with-chromium scripts/with-axe scripts/with-postgres go test -count=1 -vet=off -run '^$(PLAIN)$$' $(PLAINS)

.PHONY: browser
browser: ## Look at every page in a real Chromium, with axe-core; the pictures go to bin/browser
	rm -rf bin/browser && mkdir -p bin/browser
	scripts/with-chromium scripts/with-axe go test -count=1 -artifacts -outputdir bin/browser -run 'InABrowser|TheBoard|AHandlerIsMade|TheAPIIsRead' ./internal/app ./cmd/webhookd

.PHONY: orders
orders: ## Try every order of every scenario's webhooks (the race detector makes that too slow to do under it)
	go test -count=1 ./internal/correlate

.PHONY: e2e
e2e: ## Send the recorded call through real server processes, embedded and on Postgres and nats-server
	scripts/with-postgres go test -count=1 -run '^$(E2E)$$' -v ./cmd/webhookd

.PHONY: interop
interop: ## Run the public clients of the trigger API (npm, Go, the Ruby client's requests) against webhookd
	interop/run

.PHONY: alerts
alerts: ## Check the alert rules with promtool, and rules, dashboard, runbook and a real scrape against each other
	scripts/with-promtool go test -count=1 -run 'Alert|Runbook|Promtool' ./internal/app

.PHONY: contracts
contracts: ## Check that the OpenAPI and AsyncAPI documents are in step with the program, and with their own rules
	go test -count=1 ./internal/asyncapi ./internal/openapi/...
	go test -count=1 -run OpenAPI ./internal/httpapi ./cmd/webhookd
	packages=$$(scripts/npm-install interop/openapi) && interop/openapi/lint "$$packages" internal/openapi/openapi.json
	packages=$$(scripts/npm-install interop/asyncapi) && node interop/asyncapi/lint.js "$$packages" internal/asyncapi/asyncapi.json

.PHONY: contracts-cli
contracts-cli: ## Check the AsyncAPI document with AsyncAPI's whole command-line client, too (it fetches 1.5 GB of packages)
	mkdir -p .cache/asyncapi-cli
	cd .cache/asyncapi-cli && npm install --ignore-scripts --no-save --no-audit --no-fund --loglevel=error @asyncapi/cli@3.6.0
	cd .cache/asyncapi-cli && CI=true ASYNCAPI_METRICS=false node_modules/.bin/asyncapi validate ../../internal/asyncapi/asyncapi.json --fail-severity warn

.PHONY: chaos
chaos: ## Break a whole installation for two minutes (2 webhookd, Postgres, 3 NATS nodes) and check that nothing was lost
	postgres=$$(scripts/with-postgres --installed) && go run ./internal/chaos/cmd -postgres "$$postgres" $(CHAOS)

.PHONY: chaos-short
chaos-short: ## As chaos, for 30 seconds
	$(MAKE) chaos CHAOS="-duration 30s $(CHAOS)"

.PHONY: upgrade
upgrade: ## Replace the version before (scripts/version-before) by this one under load, side by side, and check that nothing was lost
	before=$$(scripts/version-before) && postgres=$$(scripts/with-postgres --installed) && \
	go run ./internal/chaos/cmd -postgres "$$postgres" -upgrade-from "$$before" -duration 12s -rate 200 $(UPGRADE)

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what the program calls (govulncheck, at its pinned version)
	scripts/vulncheck ./...

.PHONY: bench
bench: ## Measure everything, most of an hour on a quiet machine, and write docs/benchmarks.md (BENCH="-only latency")
	go build -trimpath -o bin/bench ./internal/bench
	bin/bench $(BENCH)

.PHONY: bench-short
bench-short: ## As bench, for a few minutes; the result goes to bin/bench-short
	$(MAKE) bench BENCH="-short -out bin/bench-short $(BENCH)"

.PHONY: board-load
board-load: ## Measure what the live board costs a browser with 500 open calls at 100 webhooks/s, and that it drops nothing
	WEBHOOKD_BOARD_LOAD=1 scripts/with-chromium go test -count=1 -run TestTheBoardUnderLoad -v ./cmd/webhookd

.PHONY: sizing
sizing: ## Measure what calls take on disk and in memory, on both stores, and keep it in docs/benchmarks/raw/sizing.tsv (CALLS=30000 for more)
	mkdir -p bin
	scripts/sizing $(CALLS) > bin/sizing.tsv
	mv bin/sizing.tsv docs/benchmarks/raw/sizing.tsv

.PHONY: bench-micro
bench-micro: ## Run Go's benchmarks, for benchstat; what they say goes to bin/micro.txt
	mkdir -p bin
	scripts/with-postgres go test -run '^$$' -bench . -benchmem -count $(COUNT) -timeout 1h $(BENCHED) > bin/micro.txt

.PHONY: release
release: ## Make what is handed out: archives, .deb, .rpm, SBOMs and sums for linux on amd64 and arm64, in bin/release
	scripts/release bin/release

.PHONY: reproducible
reproducible: ## Show that release gives the same bytes in another directory, with nothing compiled before (for minutes)
	scripts/reproducible

.PHONY: deploy
deploy: ## Check the compose file and the manifests for Kubernetes: schemas, types, and whether webhookd takes the set-ups
	cd deploy/check && go vet ./... && go test -count=1 ./...

.PHONY: package
package: ## Install, serve, upgrade, remove and purge the .deb on a throw-away Debian, with systemd and without; also the .rpm (root)
	scripts/try-deb
	scripts/try-rpm

.PHONY: image
image: ## Build the image by its Dockerfile and have it serve, without a daemon or a registry (root, after package)
	scripts/try-image

.PHONY: vet
vet: ## Run go vet
	go vet ./...

.PHONY: lint
lint: ## Run golangci-lint at its pinned version: every linter that .golangci.yml does not turn off, staticcheck among them
	$(LINT) config verify
	$(LINT) run --allow-parallel-runners ./...
	$(LINT) fmt --diff ./...

.PHONY: fmt
fmt: ## Format the code (gofumpt, imports)
	$(LINT) fmt ./...

.PHONY: tidy
tidy: ## Check that go.mod and go.sum say what the code needs, and that no module was tampered with
	go mod tidy -diff
	cd tools && go mod tidy -diff
	cd tools/package && go mod tidy -diff
	cd deploy/check && go mod tidy -diff
	cd interop/go && go mod tidy -diff
	cd interop/nats && go mod tidy -diff
	go mod verify

.PHONY: docs
docs: ## Write the documents that are made from the code
	go test ./internal/config -run TestTheReferenceIsInStep -update
	go test ./internal/asyncapi -run TestTheDocumentIsInStep -update
	go test ./internal/openapi -run TestTheDocumentIsInStep -update
	go test ./cmd/webhookd -run TestTheCommandsDocumentIsInStep -update

.PHONY: check
check: ## Everything that must hold before a change goes in: tidy, build, lint (vet included), vuln, orders, race, plain, and side by side e2e, interop, alerts, contracts with upgrade, chaos-short
	$(MAKE) tidy
	$(MAKE) build
	$(MAKE) lint
	$(MAKE) vuln
	$(MAKE) orders
	$(MAKE) race
	$(MAKE) plain
	$(MAKE) -j2 check-outside check-breaking

# What was installed for race is there by now, so these two do not get into each other's way.
.PHONY: check-outside
check-outside:
	$(MAKE) -j1 e2e
	$(MAKE) -j1 interop
	$(MAKE) -j1 alerts
	$(MAKE) -j1 contracts

.PHONY: check-breaking
check-breaking:
	@code=0; scripts/version-before >/dev/null || code=$$?; \
	case $$code in \
	0) $(MAKE) -j1 upgrade ;; \
	69) printf '\n*** make upgrade was NOT RUN: the version before cannot be built here, for the reason above ***\n\n' >&2 ;; \
	*) exit $$code ;; \
	esac
	$(MAKE) -j1 chaos-short

.PHONY: clean
clean: ## Remove what was built (not ./data)
	rm -rf bin
