# What a developer or an operator needs, by name. Debug and release are each built once and shared by all targets.

SWIFT ?= swift
PREFIX ?= /usr
DESTDIR ?=
BUILD_FLAGS ?=

.PHONY: help demo test check format lint build release install bench clean dependencies

help:
	@echo 'make demo      build, then watch convosync at work against four simulated remotes'
	@echo 'make test      run all tests'
	@echo 'make check     format, build without warnings, tests'
	@echo 'make format    rewrite the sources in the project style'
	@echo 'make release   a stripped program that needs libsqlite3 and the C library only, in dist/'
	@echo 'make install   install dist/ below DESTDIR'
	@echo 'make bench     measure, see Benchmarks/README.md'

# libsqlite3 is the one library that has to come from the system.
dependencies:
	@if ! echo '#include <sqlite3.h>' | cc -E - >/dev/null 2>&1; then \
		echo 'installing libsqlite3-dev'; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends libsqlite3-dev; \
	fi

build: dependencies
	$(SWIFT) build --build-tests $(BUILD_FLAGS)

demo: build
	@$$($(SWIFT) build --show-bin-path)/convosync-demo

test: build
	$(SWIFT) test --disable-xctest --skip-build $(BUILD_FLAGS)

lint:
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests migrations Benchmarks

check: lint test

format:
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests migrations Benchmarks

release: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync
	mkdir -p dist
	install -m 0755 "$$($(SWIFT) build -c release --show-bin-path)/convosync" dist/convosync
	strip dist/convosync
	@ldd dist/convosync

bench: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync-benchmark
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-benchmark"

install:
	install -D -m 0755 dist/convosync $(DESTDIR)$(PREFIX)/bin/convosync
	install -D -m 0644 systemd/convosync.service $(DESTDIR)$(PREFIX)/lib/systemd/system/convosync.service
	install -D -m 0644 systemd/convosync.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/convosync.conf
	install -D -m 0640 config/convosync.toml $(DESTDIR)/etc/convosync/convosync.toml.example

clean:
	rm -rf .build dist
