# `make help` lists the targets. Packages are installed with apt-get, which asks for sudo only where
# you are not root and something is missing.

SWIFT ?= swift
TIME ?= 60
N ?= 1000
SUDO := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo)

BUILD_PACKAGES := libssh2-1-dev libcurl4-openssl-dev libyaml-dev libsqlite3-dev libssl-dev \
  libexpat1-dev libfreeipmi-dev libc-ares-dev libmariadb-dev libpq-dev libsnappy-dev zlib1g-dev \
  libcairo2-dev fonts-dejavu-core libpcre2-dev libncurses-dev libsystemd-dev \
  pkg-config
RUN_PACKAGES := openssh-server openssh-client
TEST_PACKAGES := $(RUN_PACKAGES) ansible-core influxdb influxdb-client busybox chromium chrony curl dash dnsmasq-base \
  dovecot-imapd dovecot-pop3d dovecot-submissiond fail2ban freeipmi-tools graphite-carbon ipmitool iproute2 jq \
  mariadb-server-core mariadb-client-core monitoring-plugins-basic monitoring-plugins-standard \
  nftables nginx-light nmap oidentd openipmi openssl postfix postgresql-15 procps prometheus python3-pip rsyslog samba \
  shellcheck sqlite3 sudo tigervnc-standalone-server tinyproxy tmux unbound util-linux victoria-metrics vsftpd xrdp xvfb \
  bash fish man-db mandoc systemd zsh
BENCH_PACKAGES := $(RUN_PACKAGES) curl fping freeipmi-tools gcc influxdb ipmitool iproute2 libc6-dev \
  ansible-core clustershell libssh-dev monitoring-plugins-standard nmap prometheus-blackbox-exporter \
  prometheus-ipmi-exporter pssh python3-venv python3-pip

DEB_PACKAGES := debhelper dpkg-dev git
DEB_TEST_PACKAGES := $(DEB_PACKAGES) bash fish lintian man-db mandoc mmdebstrap procps systemd util-linux zsh

RELEASE := -c release --static-swift-stdlib

# Grafana's own models of its boards: of version 11, and of 12 and later. Without a version pip takes those
# of Grafana 10, whose epoch is the highest.
GRAFANA_MODELS := .build/grafana-models
GRAFANA_11 := 1769699379!11.6.0
GRAFANA_12 := 1769699241

.PHONY: help run build debug test test-unit test-again redteam range soak soak-closing watch-soak watch-day discover-lab policy-lab lint format pictures screens deb deb-previous deb-test bench fuzz lab-trixie clean deps deps-run deps-test deps-bench deps-deb grafana-models

help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: deps-run build ## Scrapes this machine over a private sshd; run it twice to see rates.
	@packaging/quickstart .build/release/scrape

build: deps ## The release binary, .build/release/scrape.
	$(SWIFT) build $(RELEASE) --product scrape

test: deps-test grafana-models ## All tests against real daemons; those that the optimizer can change in release, too.
	@rm -rf .build/tests; failed=; \
	$(SWIFT) build --build-tests && Tests/run debug .build/debug . $(DEBUG_BUT) || failed=1; \
	SCRAPE_TESTS_OF='$(RELEASE_ROOMS)' $(SWIFT) build --build-tests $(RELEASE_TESTS) \
	  && Tests/run release .build/release-tests/release . $(RELEASE_BUT) || failed=1; [ -z "$$failed" ]

# What is tried over and over is tried in release only.
DEBUG_BUT := '[.](Soak|WatchDay)Tests$$'
# The rooms that read foreign bytes, call C libraries or order jobs, and whole passes over the range.
RELEASE_ROOMS := Parsers Policies Facts Collectors Metrics Engine Transfer Targets Charts Range Timing
# Suites that wait for what others answer, and do nothing else.
RELEASE_BUT := '[.](MailProbe|ScreenProbe|SecondOpinion|SourceAddress|DNSTrouble|NTPProbe)Tests$$'
RELEASE_TESTS := -c release -Xswiftc -enable-testing --scratch-path .build/release-tests

grafana-models: ## Installs Grafana's models of boards, with pip, for the tests of boards.
	@for pair in '11 $(GRAFANA_11)' '12 $(GRAFANA_12)'; do \
	  set -- $$pair; [ -d $(GRAFANA_MODELS)/$$1 ] || \
	    python3 -m pip install -q --root-user-action=ignore --no-deps --target $(GRAFANA_MODELS)/$$1 "grafana-foundation-sdk==$$2" \
	    || { rm -rf $(GRAFANA_MODELS)/$$1; echo "no models of Grafana $$1: their tests are skipped"; }; done

test-unit: deps-test ## The tests that start no daemon, in under a minute.
	$(SWIFT) build --build-tests
	@Tests/run unit .build/debug $(UNIT_SUITES)

# Rooms without I/O, and the suites of other rooms that start nothing.
UNIT_OTHERS := Frame Happening Key Markup StateHistory PageSize AlertText BMCSettings BoardFile BoardLint BoardPicture CommunityBoard Compose GrafanaPage Caution ClockJump ContactBook Draft EmailMessage FileSource Frames History \
  HostileFrames HostLanes Inventory InventoryMessage InventoryRobustness KeyFile KnownHosts Log \
  OtherSinksConfiguration OwnGround Pattern PlacesConfiguration ProbeReader SecretFile \
  Settings SinceTime SinkConfiguration Store StoreCopy StoreFile StyledText TelegramConfiguration TelegramPace TelegramText Wazuh \
  Troubleshooting Sheet
SPACE := $(subst ,, )
UNIT_SUITES := '^(Metrics|Parsers|Manuals|Configuration|Collectors|Charts|Rules|Policies|Facts|Passes|Engine)Tests[.]|$\
  [.]($(subst $(SPACE),|,$(strip $(UNIT_OTHERS))))Tests$$'

redteam: deps-test ## All hostile hosts and services of the tests in one pass, with honest ones among them.
	SCRAPE_REDTEAM=1 $(SWIFT) test --disable-xctest --no-parallel --filter RedTeamTests

# On a machine that was held up for a moment a test of times may fail.
test-again: ## The suites that failed in `make test` once more, where they are three at most.
	@Tests/run --again debug .build/debug
	@Tests/run --again release .build/release-tests/release

range: deps-test build ## Keeps 25 hosts with 100 services up on loopback, with faults to switch on and off.
	$(SWIFT) build $(RELEASE) --product range
	.build/release/range

soak: deps-test build ## Makes N passes over them at random faults: late, hung, wrong verdicts, lost points.
	$(SWIFT) build $(RELEASE) --product range
	.build/release/range soak --passes $(N) $(if $(SEED),--seed $(SEED)) $(if $(FAULT),--only "$(FAULT)")

soak-closing: deps-test build ## Makes N passes over eight HTTP servers that close after each answer.
	$(SWIFT) build $(RELEASE) --product range
	.build/release/range closing --passes $(N)

watch-soak: deps-test build ## Keeps `scrape watch` on 50 sshds for SECONDS (600) at 2 s, with faults; looks for lost scrapes.
	$(SWIFT) build $(RELEASE) --product range
	.build/release/range watch $(if $(SECONDS),--seconds $(SECONDS))

discover-lab: deps-test ## Discovers sixty mixed hosts in a namespace, and compares with nmap and fail2ban.
	SCRAPE_DISCOVER_LAB=1 $(SWIFT) test --disable-xctest --no-parallel --filter DiscoverLabTests

watch-day: deps-test ## A running watch over 24 simulated hours, and what it holds after each.
	SCRAPE_HOURS=24 $(SWIFT) test --disable-xctest --no-parallel --filter WatchDayTests

policy-lab: deps-test build ## Our own policies on real Debian, Ubuntu and busybox systems, healthy and not.
	$(call install,mmdebstrap)
	Tests/policy-lab/run $(if $(SYSTEMS),--systems $(SYSTEMS))

lint: deps ## Format, the floors of the house, fuzz/ and bench/, shell scripts, the example inventories.
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	$(SWIFT) build --explicit-target-dependency-import-check error
	.ci/typecheck
	for file in packaging/quickstart packaging/boot packaging/deb packaging/deb-previous packaging/deb-test packaging/deb-test-inside packaging/debian/credentials packaging/debian/scrape.postrm fuzz/run .ci/run .ci/typecheck Tests/run Tests/policy-lab/healthy; do sh -n $$file || exit 1; done
	for folder in inventory/example inventory/example-ini inventory/as06; do \
	  .build/debug/scrape lint --inventory $$folder || exit 1; done

pictures: deps-test ## Draws the pictures of docs/grafana.md anew, from passes over servers of the tests.
	SCRAPE_PICTURES=1 $(SWIFT) test --disable-xctest --filter BoardPictureMaking

screens: deps-test ## Records the screens of docs/live-view.md anew, in tmux.
	SCRAPE_UPDATE=1 $(SWIFT) test --disable-xctest --filter LiveViewTests

format: ## Formats all Swift files in place.
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

# Extracted only: no script of a package runs, and nothing is mounted.
TRIXIE ?= .build/lab/trixie
lab-trixie: ## A root of Debian 13; `SCRAPE_TRIXIE=$PWD/.build/lab/trixie make test` asks its OpenSSH 10.
	$(call install,mmdebstrap)
	[ ! -e $(TRIXIE) ] || { echo "$(TRIXIE) is there already"; exit 1; }
	mkdir -p $(dir $(TRIXIE))
	$(SUDO) mmdebstrap --variant=extract --include=base-files,openssh-server,dash,coreutils,procps \
	  trixie $(TRIXIE)
	printf 'root:x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n' \
	  | $(SUDO) tee $(TRIXIE)/etc/passwd >/dev/null

deb: deps-deb build ## The Debian package, .build/deb/scrape_VERSION_ARCH.deb, and its debug symbols.
	packaging/deb

deb-previous: deps-deb ## The package of an earlier commit, COMMIT=, for deb-test to upgrade from.
	packaging/deb-previous $(COMMIT)

deb-test: deb ## Installs, upgrades (PREVIOUS=FILE), uses and purges it in roots of Debian 12, 13, Ubuntu 22.04, 24.04.
	$(call install,$(DEB_TEST_PACKAGES))
	$(SUDO) env PREVIOUS=$(PREVIOUS) packaging/deb-test $(ROOTS)

bench: deps-bench ## Writes docs/performance.md: goals, and other tools beside; QUICK=1: the commit before only.
	$(if $(QUICK),bench/quick,bench/all)

fuzz: deps ## Fuzzes every reader of foreign bytes for TIME seconds.
	fuzz/run TIME=$(TIME)

clean: ## Removes what was built.
	rm -rf .build bench/.build bench/.venv fuzz/.build

# install PACKAGES: says what is missing and installs just that, starting no service.
define install
	@missing=; for package in $(1); do \
	  [ "$$(dpkg-query -W -f '$${Status}' $$package 2>/dev/null)" = "install ok installed" ] \
	    || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  . /etc/os-release; [ "$$ID" = debian ] || echo "(written for Debian 12; this is $$PRETTY_NAME)"; \
	  policy=/usr/sbin/policy-rc.d; made=; \
	  if [ ! -e $$policy ]; then made=1; \
	    printf '#!/bin/sh\nexit 101\n' | $(SUDO) tee $$policy >/dev/null; $(SUDO) chmod +x $$policy; fi; \
	  trap '[ -z "$$made" ] || $(SUDO) rm -f '$$policy EXIT; \
	  $(SUDO) apt-get update -qq && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
endef

deps:
	$(call install,$(BUILD_PACKAGES))
deps-run:
	$(call install,$(BUILD_PACKAGES) $(RUN_PACKAGES))
deps-test:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))
deps-deb:
	$(call install,$(BUILD_PACKAGES) $(DEB_PACKAGES))
deps-bench:
	$(call install,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
