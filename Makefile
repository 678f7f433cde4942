# Each target does all the set-up it needs. `make help` lists them.

GO ?= go
BIN := bin/sgate

# Namespaces and TUN devices take root. Nothing is built as root.
ifneq ($(shell id -u),0)
SUDO := sudo
ROOT_NOTE = @echo "Network namespaces and TUN devices take root: using sudo."
endif

# Packages with tests that take root; as another user they run once more, by sudo.
ROOT_PACKAGES := tun daemon flowlog lab demo e2e bench bench/path

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## build bin/sgate
	$(GO) build -o $(BIN) ./cmd/sgate

.PHONY: demo
demo: build ## watch security groups decide real connections
	$(ROOT_NOTE)
	$(SUDO) ./$(BIN) demo

# How long a package's tests may take: Terraform waits by itself, and machines are busy.
TIMEOUT := 20m

.PHONY: test
test: build deps bin/awssdk.test ## run every test, end-to-end tests included; in CI fuzz, too
ifdef SUDO
	$(GO) test -timeout $(TIMEOUT) ./...
	$(ROOT_NOTE)
	@set -e; for p in $(ROOT_PACKAGES); do \
		binary=$(CURDIR)/bin/$$(echo $$p | tr / -).test; \
		$(GO) test -c -o $$binary ./$$p; \
		echo "sudo $$binary"; \
		(cd $$p && $(SUDO) env SGATE_REQUIRE_ROOT=1 $$binary -test.timeout=$(TIMEOUT) -test.parallel=8); \
	done
else
	SGATE_REQUIRE_ROOT=1 $(GO) test -timeout $(TIMEOUT) -parallel 8 ./...
endif
ifdef CI
	$(MAKE) fuzz
endif

.PHONY: race
race: build deps bin/awssdk.test ## run every test under the race detector (as root; takes a C compiler)
	SGATE_REQUIRE_ROOT=1 $(GO) test -timeout $(TIMEOUT) -race ./...

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l .) && if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	cd e2e/awssdk && $(GO) vet ./...

# Packages whose Go benchmarks have figures to reach.
BENCH_PACKAGES := gateway conntrack

.PHONY: bench
bench: build benchdeps ## compare sgate with what else could stand in its place: 10 minutes, the machine to itself
	$(GO) build -o bin/bench ./bench
	@set -e; for p in $(BENCH_PACKAGES); do $(GO) test -c -o bin/$$p.test ./$$p; done
	$(GO) test -c -tags sgate_unwatched -o bin/gateway-unwatched.test ./gateway
	@mkdir -p bench/results
	$(ROOT_NOTE)
	$(SUDO) ./bin/bench

.PHONY: microbench
microbench: ## Go benchmarks of the packet path, the compiler and the EC2 API
	$(GO) test -run '^$$' -bench . -benchmem ./stack ./fragment ./filter ./conntrack ./gateway ./ec2 ./account

# What reads bytes that others have written, as PACKAGE:TARGET.
FUZZ := stack:FuzzParse fragment:FuzzTable conntrack:FuzzTable config:FuzzParse assertion:FuzzParse ec2/query:FuzzDecode ec2/sigv4:FuzzVerify

.PHONY: fuzz
fuzz: ## fuzz the parsers and tables for 30 seconds each
	@set -e; for t in $(FUZZ); do \
		echo "fuzz $$t"; \
		$(GO) test -run '^$$' -fuzz "^$${t#*:}$$" -fuzztime 30s -fuzzminimizetime 10x "./$${t%%:*}"; \
	done

# Programs that end-to-end tests run inside the lab's namespaces.
.PHONY: deps
deps:
	@scripts/deps ip:iproute2 ping:iputils-ping nc:netcat-openbsd curl:curl python3:python3 \
		nft:nftables nmap:nmap hping3:hping3 scapy:python3-scapy sysctl:procps unshare:util-linux \
		iperf3:iperf3 taskset:util-linux tshark:tshark aws:awscli boto3.py:python3-boto3

# Programs that the benchmark runs. It compares with slirp4netns and passt where
# they are installed.
.PHONY: benchdeps
benchdeps:
	@scripts/deps ip:iproute2 nft:nftables sysctl:procps iperf3:iperf3 taskset:util-linux nsenter:util-linux

# A module of its own, so that sgate does not depend on the SDK.
.PHONY: bin/awssdk.test
bin/awssdk.test:
	$(GO) -C e2e/awssdk test -c -o $(CURDIR)/$@

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
