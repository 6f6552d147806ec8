# The commands of this project; `make help` lists them.
#
#   make lab [SECONDS=60] [REPLAY=capture.pcap]   build the image and boot it among simulated hosts
#   make test                                     everything that must pass
#   make bench                                    ours beside the peers, as ratios
#   make image                                    the bootable disk image

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Debian packages: to build, to run the tests, and those of the peers that tests and benches run beside ours.
BUILD_PACKAGES := build-essential pkg-config libpcap-dev $(shell grep -v '^\#' image-build/packages.build 2>/dev/null)
TEST_PACKAGES := argus-server argus-client bzip2 chromium chromium-driver ethtool execline gzip iproute2 nftables \
	python3 s6 tcpdump xz-utils zstd
BENCH_PACKAGES := argus-server argus-client iproute2 softflowd tcpdump nfdump

CARGO ?= cargo
PROGRAMS := argus radium ra archived boxd web-admin

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# Installs only what dpkg does not have yet, so that a machine without a network but with the packages works.
define install
	missing=(); for p in $(1); do dpkg-query -W -f='$${Status}' "$$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$$p"); done; \
	if (( $${#missing[@]} )); then \
	  echo "installing: $${missing[*]}"; \
	  sudo=(); [[ $$(id -u) == 0 ]] || sudo=(sudo); \
	  "$${sudo[@]}" apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive "$${sudo[@]}" apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
	fi
endef

.PHONY: deps deps-test deps-bench
deps: ## install what building needs
	@command -v $(CARGO) >/dev/null || { echo "a stable Rust toolchain is needed (rustup.rs, or Debian's cargo $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or later)" >&2; exit 1; }
	@$(call install,$(BUILD_PACKAGES))
deps-test: deps
	@$(call install,$(TEST_PACKAGES))
deps-bench: deps
	@$(call install,$(BENCH_PACKAGES))

.PHONY: build
build: deps ## build the programs
	$(CARGO) build --release --locked $(addprefix -p ,$(PROGRAMS))

# Programs that print their own manual pages and completions; the clients are one program of many names.
PREFIX ?= /usr/local
CLIENTS := rastream rasplit
MANUALS := argus radium ra $(CLIENTS) archived web-admin

.PHONY: install
install: build ## install programs, manual pages and completions below PREFIX (/usr/local)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(addprefix target/release/,$(filter-out boxd,$(PROGRAMS)))
	for c in $(CLIENTS); do ln -sf ra $(DESTDIR)$(PREFIX)/bin/$$c; done
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	share=$(DESTDIR)$(PREFIX)/share; for p in $(MANUALS); do \
	  run=$(DESTDIR)$(PREFIX)/bin/$$p; \
	  $$run --generate man > $$share/man/page; \
	  section=$$(sed -n '1s/^\.TH [^ ]* \([0-9]\).*/\1/p' $$share/man/page); \
	  install -d $$share/man/man$$section; mv $$share/man/page $$share/man/man$$section/$$p.$$section; \
	  $$run --generate complete-bash > $$share/bash-completion/completions/$$p; \
	  $$run --generate complete-zsh > $$share/zsh/site-functions/_$$p; \
	  $$run --generate complete-fish > $$share/fish/vendor_completions.d/$$p.fish; \
	done

include image-build/image.mk

.PHONY: test
test: deps-test image lab-image ## run everything that must pass
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --locked -- -D warnings
	$(CARGO) check --manifest-path fuzz/Cargo.toml --locked --target-dir target # no member, so that nobody else looks
	$(CARGO) test --workspace --locked --no-fail-fast

.PHONY: bench
bench: deps-bench build ## run ours beside the peers and print ratios
	$(CARGO) run --release --locked -q -p bench

.PHONY: deny
deny: ## check dependencies' licences and advisories
	$(CARGO) deny check

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
	rm -rf build
