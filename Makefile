# What a developer or an operator needs, by name. Debug and release are each built once and shared by all targets.

SWIFT ?= swift
PREFIX ?= /usr
DESTDIR ?=
BUILD_FLAGS ?=

.PHONY: help demo test sim fuzz fuzz-replay asan tsan check format lint build release install uninstall deb boot-test bench clean dependencies torture torture-program soak power-cut release-sandbox mutations

help:
	@echo 'make demo      watch convosync at work against four simulated remotes (the first build: about six minutes)'
	@echo 'make test      run all tests'
	@echo 'make sim       run the engine in simulated worlds: SEEDS=1000 FIRST=1'
	@echo 'make fuzz      give the readers of outside input made-up and damaged ones: MINUTES=5 TARGET=json'
	@echo 'make asan      run the tests under AddressSanitizer and LeakSanitizer'
	@echo 'make tsan      run the tests of everything with threads under ThreadSanitizer'
	@echo 'make torture   kill the program at random instants and mistreat it: KILLS=1000 SEED= (root: a full disk, too)'
	@echo 'make soak      a steady load with faults; fails if memory, descriptors, log, database or queue grow: MINUTES=30'
	@echo 'make mutations break one rule at a time, and see that the simulator finds it: ONLY="name …" SEEDS=400 (hours)'
	@echo 'make check     format, build without warnings, tests'
	@echo 'make format    rewrite the sources in the project style'
	@echo 'make release   the program, which needs libsqlite3, libz and C libraries only, in dist/'
	@echo 'make install   install dist/ below DESTDIR'
	@echo 'make uninstall take away what make install put there; configuration and database stay'
	@echo 'make deb       a Debian package, in dist/'
	@echo 'make boot-test try the package on a booted Debian 12 in a folder (root)'
	@echo 'make power-cut cut the power of an emulated machine while the service drains: CUTS=20 SEED=1 (root)'
	@echo 'make bench     measure, see Benchmarks/README.md'

# The two libraries that have to come from the system.
dependencies:
	@if ! printf '#include <sqlite3.h>\n#include <zlib.h>\n' | cc -E - >/dev/null 2>&1; then \
		echo 'installing libsqlite3-dev and zlib1g-dev'; \
		if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
		$$sudo apt-get update -q && $$sudo apt-get install -y -q --no-install-recommends libsqlite3-dev zlib1g-dev; \
	fi

build: dependencies
	$(SWIFT) build --build-tests $(BUILD_FLAGS)

# Builds what it runs, and no tests.
demo: dependencies
	@bin=$$($(SWIFT) build --show-bin-path); \
	if [ ! -x "$$bin/convosync-demo" ]; then \
		echo 'Building convosync and the demo. The first build compiles the libraries, too: about six minutes on two idle cores.'; \
		echo 'Then the demo shows in half a minute how four simulated remotes are kept in step, also through a kill -9 and an outage.'; \
	fi
	$(SWIFT) build --product convosync $(BUILD_FLAGS)
	$(SWIFT) build --product convosync-demo $(BUILD_FLAGS)
	@$$($(SWIFT) build --show-bin-path)/convosync-demo

# Many tests start processes and servers: more than a few at once would wait for each other.
test: build
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4 $(SWIFT) test --disable-xctest --skip-build $(BUILD_FLAGS)

SEEDS ?= 1000
FIRST ?= 1

# Optimised: a debug build takes several times as long.
sim: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync-simulator
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-simulator" --seeds $(SEEDS) --first $(FIRST) --jobs "$$(nproc)"

fuzz: MINUTES ?= 5
TARGET ?=
FUZZ_BUILD = .build-fuzz
FUZZ_FLAGS = --scratch-path $(FUZZ_BUILD) -c release -Xswiftc -sanitize=fuzzer,address -Xswiftc -use-ld=lld

# All targets for MINUTES together, or one: Sources/FuzzProperties. The first inputs are those of Fuzz/Corpus.
fuzz: dependencies
	CONVOSYNC_FUZZ=1 $(SWIFT) build $(FUZZ_FLAGS) --product convosync-fuzz
	@Fuzz/run $(MINUTES) $(FUZZ_BUILD)/release/convosync-fuzz $(FUZZ_BUILD) $(TARGET)

# One input that `make fuzz` has found: TARGET=json INPUT=.build-fuzz/findings/…
fuzz-replay: dependencies
	CONVOSYNC_FUZZ=1 $(SWIFT) build $(FUZZ_FLAGS) --product convosync-fuzz
	FUZZ_TARGET=$(TARGET) SWIFT_BACKTRACE=enable=no $(FUZZ_BUILD)/release/convosync-fuzz '$(INPUT)'

asan: dependencies
	.ci/sanitize address

tsan: dependencies
	.ci/sanitize thread

KILLS ?= 1000
SEED ?=
soak: MINUTES ?= 30

torture-program: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync
	$(SWIFT) build -c release --static-swift-stdlib --product convosync-torture

# The choices follow from the seed, their timing does not.
torture: torture-program
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-torture" kill --kills $(KILLS) $(if $(SEED),--seed $(SEED))
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-torture" hardship

# soak.svg and soak.csv are in dist/ then.
soak: torture-program
	@mkdir -p dist
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-torture" soak --minutes $(MINUTES) --output dist $(if $(SEED),--seed $(SEED))

# Each needs a build of the simulator with one rule broken.
mutations: SEEDS = 400
mutations: dependencies
	SWIFT='$(SWIFT)' ONLY='$(ONLY)' SEEDS='$(SEEDS)' FIRST='$(FIRST)' .ci/mutations

# .ci/phrases: English that must not come back in texts, comments and test names. .ci/references: files, headings, sections and names that do not exist.
# .ci/mutations --check: patches of Tests/Mutations that cannot be applied any more.
lint:
	.ci/phrases
	.ci/references --self-test
	.ci/references
	.ci/mutations --check
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests migrations Benchmarks
	packaging/check-links

check: lint test

format:
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests migrations Benchmarks

# dist/convosync keeps the names of its own functions, dist/debug/convosync all symbols. The backtrace helper is the one that comes with the compiler.
release: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync
	mkdir -p dist/debug
	install -m 0755 "$$($(SWIFT) build -c release --show-bin-path)/convosync" dist/debug/convosync
	packaging/strip-program dist/debug/convosync dist/convosync
	toolchain=$$(dirname "$$(dirname "$$(readlink -f "$$(command -v $(SWIFT))")")"); \
	install -m 0755 "$$toolchain/libexec/swift/linux/swift-backtrace-static" dist/swift-backtrace; \
	packaging/licenses .build/checkouts "$$toolchain/share/swift/LICENSE.txt" >dist/THIRD-PARTY-LICENSES
	@ldd dist/convosync

# Installs debhelper, dpkg-dev and lintian if they are missing.
deb: release
	packaging/make-deb

# Debian 12 in a folder, booted, with the package. As root; takes minutes and downloads packages.
boot-test: deb release-sandbox
	packaging/boot-test

# A machine in software emulation whose power is cut again and again. As root; about half an hour for 20 cuts, and downloads packages.
CUTS ?= 20
power-cut: release release-sandbox
	CUTS=$(CUTS) SEED=$(SEED) packaging/power-cut

# The simulated remotes for these two tests.
release-sandbox: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync-sandbox
	mkdir -p dist
	strip -o dist/convosync-sandbox "$$($(SWIFT) build -c release --show-bin-path)/convosync-sandbox"

bench: dependencies
	$(SWIFT) build -c release --static-swift-stdlib --product convosync-benchmark
	@"$$($(SWIFT) build -c release --show-bin-path)/convosync-benchmark"

install:
	packaging/layout '$(DESTDIR)' '$(PREFIX)'

# With the DESTDIR and PREFIX of the install.
uninstall:
	packaging/layout --remove '$(DESTDIR)' '$(PREFIX)'

clean:
	rm -rf .build .build-fuzz .build-asan .build-tsan dist
