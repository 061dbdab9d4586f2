# Coldsign. Two commands do all the set-up: `make demo` and `make test`.
GO       ?= go
GOFLAGS  += -trimpath
LDFLAGS   = -s -w -buildid=
# runtimesecret: what signing leaves on stack and heap is erased (offline/internal/memory).
# Everything is compiled with it, tests and tools too: what differs in a setting is
# compiled a second time, dependencies and all. No overlay (QUICK) that is left in GOFLAGS
# gets into the programs.
export GOFLAGS
export GOEXPERIMENT = runtimesecret
BUILD     = CGO_ENABLED=0 GOTOOLCHAIN=local $(GO) build -buildvcs=false -overlay= -ldflags='$(LDFLAGS)'
SOAK     ?= 10m
KILLS    ?= 1000
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.0

.PHONY: build test demo bench soak check release verify nodes peers clean

build: ## bin/coldsign-online and bin/coldsign-offline, both static
	$(BUILD) -o bin/coldsign-online ./online
	$(BUILD) -o bin/coldsign-offline ./offline

nodes: ## install the real nodes and the PostgreSQL that demo and tests run against
	bash scripts/nodes/install.sh
	bash scripts/postgres/install.sh

peers: ## install other people's readers and encoders, which tests and bench compare with, and a browser
	bash scripts/interop/install.sh
	bash scripts/desk/install.sh

demo: build nodes ## one payment across the gap on three real chains
	$(GO) run ./scripts/demo -bin bin

# Tests that run the programs need no stretched passphrases (QUICK); those of soak.sh do.
# The test cache cannot see what scripts build change. The longest start first.
QUICK     = scripts/halves/testdata/quick/overlay.json
test: build nodes peers ## unit, differential, fuzz-seed, script and end-to-end tests
	$(GO) test -timeout 15m ./shared/... ./offline/internal/... ./online/...
	$(GO) test -count=1 -timeout 15m -overlay $(QUICK) ./scripts/soak ./scripts/e2e ./offline ./scripts/...

check: ## formatting, vet, staticcheck, import rules, tidy go.mod
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./scripts/rules
	$(GO) mod tidy -diff

bench: build peers ## ratios, measured side by side in one run
	$(GO) run ./scripts/bench
	$(GO) run ./scripts/optics/bench
	bash scripts/desk/install.sh
	$(GO) test -run '^$$' -bench . -benchtime 1x ./scripts/desk
	bash scripts/postgres/install.sh
	$(GO) run ./online/internal/store/storebench
	$(GO) run ./online/internal/create/createbench

soak: build ## kill -9 at each crash point (KILLS, a thousand), payments under faults (SOAK, ten minutes), long fuzzing, the second-opinion node; prints figures
	$(GO) run ./scripts/soak -points $(KILLS)
	$(GO) run ./scripts/soak -time $(SOAK)
	$(GO) run ./scripts/soak -time $(SOAK) -replicas 3
	$(GO) run ./scripts/soak -time $(SOAK) -chain bitcoin
	$(GO) run ./scripts/soak -time $(SOAK) -chain solana -rate 0.06
	bash scripts/soak.sh

release: ## dist: both binaries for linux amd64 and arm64, SHA256SUMS, bills of materials, the audit
	$(GO) run ./scripts/release -out dist

verify: ## build dist again elsewhere, compare byte for byte, and audit what it holds
	bash scripts/verify.sh

clean:
	rm -rf bin dist
