# The few commands a person types. CMake does the building; this only spares the typing.
#   make run     install what is missing, build, start the sandbox over docs/ and the host, ask a question
#   make demo    the same with one question, then stop
#   make test    install what is missing, build, run every test
#   make screenshots   the browser tests, writing docs/images/*.png
#   make package   build/release/modhost_*.deb and modhost-dev_*.deb
#   make bench   measure against what bounds it, write docs/performance.md; BENCH=quick only tries it out
#   make bench-check   fail when an ack takes 5 % more instructions; BENCH=update keeps the new number
BUILD := build/release
JOBS  := $(shell nproc)

.PHONY: run demo test build build-run deps deps-run deps-dev screenshots package package-test clean asan tsan clang fuzz install bench bench-check bench-tools

run: build-run
	@scripts/try.sh $(BUILD) docs

demo: build-run
	@scripts/try.sh --once $(BUILD) docs

test: build
	@ctest --preset release --parallel $(JOBS)

# What is tried, without the tests.
build-run: deps-run
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release
	@cmake --build --preset release --target modhost modhost-sandbox rag-responder message-logger

build: deps
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release
	@cmake --build --preset release

# Asks dpkg first: with nothing missing this takes no network, no root and no time. Running needs no browser.
deps-run:
	@scripts/install-packages.sh packaging/debian-packages.txt

deps: deps-run
	@scripts/install-browser-tests.sh $(BUILD)

deps-dev: deps
	@scripts/install-packages.sh packaging/debian-packages-dev.txt

# The pictures of docs/images that show pages, written by the tests that drive them.
screenshots: build
	@MODHOST_SCREENSHOTS=1 ctest --preset release -L browser

# The unit tests under the sanitizers, and the whole tree under clang with thread-safety analysis.
asan tsan: deps-dev
	@cmake --preset dev-$@ && cmake --build --preset dev-$@ --target unit_tests && ctest --preset dev-$@ --parallel $(JOBS)

clang: deps-dev
	@cmake --preset dev-clang && cmake --build --preset dev-clang

# Each fuzz target for so long; make fuzz FUZZ_SECONDS=600 before a release.
FUZZ_SECONDS ?= 60
fuzz: deps-dev
	@cmake --preset fuzz && cmake --build --preset fuzz && tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS)

bench: bench-tools
	@scripts/install-packages.sh packaging/debian-packages-rivals.txt || echo "some rivals can not be installed"
	@python3 bench/run.py --build $(BUILD) $(if $(filter quick,$(BENCH)),--quick)

bench-check: bench-tools
	@python3 bench/run.py --build $(BUILD) $(if $(filter update,$(BENCH)),--update,--check)

bench-tools: deps
	@scripts/install-packages.sh packaging/debian-packages-bench.txt
	@cmake --preset release -DMODHOST_BENCH=ON >/dev/null
	@cmake --build --preset release --target bench_tools

install: build
	@cmake --install $(BUILD)

package: build
	@cd $(BUILD) && cpack
	@ls $(BUILD)/modhost*.deb

# Its life in a scratch copy of this machine, by hand and under a systemd, which needs root; `make test` has it, too.
package-test: build
	@ctest --preset release -R package_ --verbose

clean:
	rm -rf build
