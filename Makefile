# anzol: `make run` and `make test` do everything on a fresh Debian 12; the other targets are for those who work on it.
#
#   make            build/anzol
#   make run        installs what is missing, builds, runs the quick start
#   make test       installs what the tests need, runs all of them
#   make lint       layers, luacheck, cppcheck, shell
#   make check-asan / check-valgrind    the suite under the sanitizers / valgrind
#   make coverage   the suite with every line counted: a table, and which lines did not run; UNTESTED=core/log.c shows those of a file
#   make check-tsan  what works with threads, under the thread sanitizer
#   make figures    the load tests in full size: the figures of the README
#   make crash      kill -9 under load, KILLS=200 times: nothing lost, nothing sent twice; prefixes-e2e: a power cut after each write
#   make crash-flows  flows, killed at each sync of the journal, at pairs of them, and KILLS=50 times at random
#   make prefixes   power cuts at every operation of the store's on the disk, and every operation failing; SEED=1
#   make alloc      each allocation of a daemon's life fails once: STACKS=1 one of each call stack, STRIDE=10, LENGTH=40, PHASE=flow, SANITIZED=1, WORKERS=2
#   make property   DOCUMENTS=100000 of random data through templates
#   make api        writes scripts/API.md anew, from stdlib/api
#   make fuzz       RUNS=10000000 of random inputs through each fuzz target, or TARGET=json alone, JOBS=1 at a time; SANITIZERS=undefined is faster
#   make sim        SEEDS=1000 simulated days from SEED=1 on, JOBS=1 at a time; sim-planted, sim-sweep: see tests/sim/README.md
#   make bench      a delivery beside a bare request: CPU, latency, shapes; bench-quick, bench-plot; bench-pending (COUNT=1000000), bench-rate
#                   (SECONDS=60); bench-flows, bench-template, bench-store: parts of it
#   make install    PREFIX=/usr/local, DESTDIR for packagers
#   make clean
#
# V=1 shows whole commands.

BUILD   ?= build
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
CC      ?= cc
CFLAGS  ?= -O2 -g
MODULES ?= core store net script host cli

PKG            = lua5.4 libcurl jansson sqlite3 libmicrohttpd libcrypto lua5.4-cjson libedit
DEBIAN_BUILD   = gcc make pkg-config liblua5.4-dev libcurl4-openssl-dev libev-dev lua-cjson lua-cjson-dev libjansson-dev \
                 libsqlite3-dev libmicrohttpd-dev libssl-dev libunistring-dev libedit-dev libmimalloc-dev
DEBIAN_TEST    = libcmocka-dev lua5.4 lua-busted lua-check cppcheck clang-format luarocks python3 openssl curl procps
DEBIAN_BENCH   = nginx-light wrk gnuplot-nox util-linux openssl
DEBIAN_FUZZ    = clang libclang-rt-14-dev

ANZOL_VERSION = 0.1.0
ifneq ($(CI)$(DEV),)
WERROR ?= -Werror
endif
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -DANZOL_VERSION='"$(ANZOL_VERSION)"' \
             -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(WERROR) \
             -fstack-protector-strong -fPIC -Iruntime $(shell pkg-config --cflags $(PKG) 2>/dev/null) $(CFLAGS) $(SANITIZE)
# Of the runtime's own objects, which go into a module for the specs too.
HIDDEN     := -fvisibility=hidden -fno-semantic-interposition
# The program's malloc, for libcurl, SQLite, Lua and the rest too: a tenth less of CPU a delivery, and memory that one thread frees for
# another holds up neither. The sanitizers bring their own.
ALLOCATOR  ?= $(if $(SANITIZE),,-lmimalloc)
LIBS       := $(shell pkg-config --libs $(PKG) 2>/dev/null) -lev -lunistring -lpthread -lm

# embed.c is a program of the build.
SOURCES    = $(filter-out runtime/script/embed.c,$(foreach m,$(MODULES),$(wildcard runtime/$(m)/*.c)))
OBJECTS    = $(SOURCES:runtime/%.c=$(BUILD)/%.o) $(if $(filter script,$(MODULES)),$(BUILD)/stdlib_data.o)
STDLIB     = $(sort $(shell find stdlib -name '*.lua'))
FUZZ       = $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_SHARED = $(filter-out tests/fuzz/replay.c tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.[ch]))
UNIT       = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))

comma      = ,

say = $(if $(V),,@echo "  $(1) $(@:$(BUILD)/%=%)";)

.PHONY: all
all: $(BUILD)/anzol

$(BUILD)/anzol: $(BUILD)/main.o $(BUILD)/libanzol.a
	$(call say,link)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(ALLOCATOR) $(LIBS)

$(BUILD)/libanzol.a: $(OBJECTS)
	@rm -f $@
	$(call say,ar  )ar rcs $@ $^

$(BUILD)/%.o: runtime/%.c Makefile
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) $(HIDDEN) -MMD -MP -c -o $@ $<

# The Lua library travels inside the binary, compiled, under its chunk names.
$(BUILD)/embed: runtime/script/embed.c Makefile
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -o $@ $< $(LIBS)
$(BUILD)/stdlib_data.c: $(STDLIB) $(BUILD)/embed
	$(call say,lua )$(BUILD)/embed $(STDLIB) > $@.tmp
	@mv $@.tmp $@
$(BUILD)/stdlib_data.o: $(BUILD)/stdlib_data.c
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -c -o $@ $<

# A disk in memory, for whoever opens a store on it.
DISK = $(patsubst tests/%.c,$(BUILD)/%.o,$(wildcard tests/sim/disk*.c))
$(BUILD)/libdisk.a: $(DISK)
	@rm -f $@
	$(call say,ar  )ar rcs $@ $^
$(BUILD)/sim/%.o: tests/sim/%.c
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -Itests -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libdisk.a $(BUILD)/libanzol.a
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -Itests/unit -Itests -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libdisk.a $(BUILD)/libanzol.a $(LIBS) -lcmocka

# What sees to it that nothing is left of a program's processes and folders.
LEAVING = $(wildcard tests/child.[ch] tests/files.[ch])

# Simulated days: the runtime, and in the place of what is under it the objects here, which the linker finds first.
SIM = $(patsubst tests/%.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c))
$(BUILD)/simulator: $(SIM) $(LEAVING) $(BUILD)/libanzol.a
	$(call say,link)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--wrap=store_submit,--wrap=limiter_take -o $@ $(filter-out %.h,$^) $(LIBS)

PRELOADS = $(BUILD)/crash.so $(BUILD)/record.so $(BUILD)/slow.so

# What tests/run wants.
.PHONY: suites unit fuzz-replay
suites: all unit fuzz-replay $(BUILD)/native.so $(PRELOADS) $(BUILD)/simulator $(BUILD)/alloc
unit: $(UNIT)
fuzz-replay: $(FUZZ:%=$(BUILD)/fuzz/%)

# The real functions of the seam for the specs of stdlib; Lua's own are those of the program that loads it.
$(BUILD)/native.so: tests/lua/native.c $(BUILD)/libanzol.a
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -shared -o $@ $^ $(filter-out -llua5.4,$(LIBS))

# Preloaded into the daemon: crash kills it at a chosen sync, record writes down what it does to its files, slow holds up its log.
$(PRELOADS): $(BUILD)/%.so: tests/e2e/%.c
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) -std=c11 -D_GNU_SOURCE -Wall -Wextra $(WERROR) -fPIC $(CFLAGS) -shared -o $@ $< -ldl

# Lets each allocation fail once: see tests/alloc/README.md.
$(BUILD)/alloc: $(wildcard tests/alloc/*.[ch]) $(LEAVING) tests/send_all.h $(BUILD)/libanzol.a
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -Itests -Wl,--wrap=slab_init -o $@ $(filter %.c %.a,$^) $(LIBS)

-include $(OBJECTS:.o=.d) $(SIM:.o=.d) $(BUILD)/main.d $(UNIT:=.d)

# $(call install,PACKAGES): those that are missing, from Debian, as root or through sudo.
define install
@missing=; for p in $(1); do \
    dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
    if [ "$$(id -u)" = 0 ]; then as=; \
    elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then as=sudo; \
    else echo "these Debian packages are missing, and only root may install them: apt-get install$$missing" >&2; exit 1; fi; \
    echo "installing from Debian:$$missing"; \
    $$as apt-get -qq update && $$as env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing; \
fi
endef

.PHONY: deps deps-test deps-bench
deps:
	$(call install,$(DEBIAN_BUILD))
deps-test: deps
	$(call install,$(DEBIAN_TEST))
deps-bench: deps-test
	$(call install,$(DEBIAN_BENCH))

# The daemon with a receiver of its own on the quick-start script; an event is sent, refused once, and delivered.
.PHONY: run
run: deps
	@$(MAKE) --no-print-directory -j2 all
	$(BUILD)/anzol dev scripts/quickstart.lua --status 503,200 --emit order.paid --data scripts/quickstart.json

# The recursion is for the first time: what pkg-config says is read when make starts.
.PHONY: test
test: deps-test
	@$(MAKE) --no-print-directory -j2 suites
	@BUILD=$(abspath $(BUILD)) tests/run

.PHONY: lint
lint: deps-test
	@sh tests/lint.sh

.PHONY: check-asan
check-asan: deps-test
	@$(MAKE) --no-print-directory -j2 BUILD=build-asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all" suites
	@WRAPPED=1 PATIENCE=120 BUILD=$(abspath build-asan) ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0 UBSAN_OPTIONS=print_stacktrace=1 tests/run unit fuzz sim alloc e2e

# Every allocation of a daemon's life fails once: STRIDE=10 takes every tenth, STACKS=1 one of each call stack, PHASE=flow one phase, LENGTH=40 lets
# forty fail in a row; SANITIZED=1 is under the sanitizers. WORKERS=2 at a time.
.PHONY: alloc
alloc: deps-test
	@$(MAKE) --no-print-directory -j2 $(if $(SANITIZED),BUILD=build-asan CFLAGS="-O1 -g -fno-omit-frame-pointer" \
	    SANITIZE="-fsanitize=address$(comma)undefined -fno-sanitize-recover=all" build-asan/alloc,$(BUILD)/alloc)
	$(if $(SANITIZED),build-asan,$(BUILD))/alloc --jobs $(or $(WORKERS),2) --stride $(or $(STRIDE),1) --length $(or $(LENGTH),1) \
	    $(if $(STACKS),--stacks) $(if $(PHASE),--phase $(PHASE))

.PHONY: check-valgrind
check-valgrind: deps-test
	$(call install,valgrind)
	@$(MAKE) --no-print-directory -j2 all unit $(PRELOADS)
	@WRAPPED=1 PATIENCE=300 BUILD=$(abspath $(BUILD)) ANZOL=$(abspath tests)/valgrind WRAP_UNIT="$(abspath tests)/valgrind-unit" tests/run unit e2e

# What is killed loses its counts. A test that fails does not hide the figures.
COV_FLAGS = BUILD=build-cov CFLAGS="-O0 -g" SANITIZE="--coverage -fprofile-update=atomic"
.PHONY: coverage
coverage: deps-test
ifdef UNTESTED
	@/usr/bin/python3 tests/coverage.py build-cov $(UNTESTED)
else
	@$(MAKE) --no-print-directory -j2 $(COV_FLAGS) suites
	@find build-cov -name '*.gcda' -delete
	@PATIENCE=120 BUILD=$(abspath build-cov) tests/run $$(sed -n '/^suite_lint/d; s/^suite_\([a-z0-9]*\)().*/\1/p' tests/run); code=$$?; \
	    /usr/bin/python3 tests/coverage.py build-cov && exit $$code
endif

# The store's two threads and the builder's, and the daemon with all of them. The sanitizer wants addresses as they were before
# kernels drew them from 32 bits, so they are not drawn. (And it makes gcc forget how long a number can be.)
TSAN_RUN = TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 EVERY=499 WRAPPED=1 PATIENCE=120 BUILD=$(abspath build-tsan) setarch -R tests/run
.PHONY: check-tsan
check-tsan: deps-test
	@$(MAKE) --no-print-directory -j2 BUILD=build-tsan CFLAGS="-O1 -g -fno-omit-frame-pointer -Wno-format-truncation" \
	    SANITIZE="-fsanitize=thread" suites
	@ONLY=test_store $(TSAN_RUN) unit e2e
	@ONLY=test_builder $(TSAN_RUN) unit
	@ONLY=test_delivery $(TSAN_RUN) e2e
	@ONLY=test_reload $(TSAN_RUN) e2e

.PHONY: api
api: deps-test
	@$(MAKE) --no-print-directory -j2 $(BUILD)/native.so
	@BUILD=$(abspath $(BUILD)) lua5.4 tests/lua/write_api.lua > $(BUILD)/API.md && mv $(BUILD)/API.md scripts/API.md

# Random documents through templates; `make test` takes 2,000.
DOCUMENTS ?= 100000
SEED      ?= 1
.PHONY: property
property: deps-test
	@$(MAKE) --no-print-directory -j2 $(BUILD)/native.so
	@BUILD=$(abspath $(BUILD)) lua5.4 -e 'require("tests.lua.property").run($(DOCUMENTS), $(SEED))' && echo "$(DOCUMENTS) documents, seed $(SEED): all came out as they went in"

# kill -9 under load, KILLS=200 times; 10000 take about half an hour. SEED=n: the same choices again.
.PHONY: crash
crash: KILLS ?= 200
crash: deps-test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/crash.so
	@KILLS=$(KILLS) BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_crash.py

# A power cut after each write of a recorded workload, the real binary started on what is left: about 20 minutes.
.PHONY: prefixes-e2e
prefixes-e2e: deps-test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/record.so
	@PREFIXES=all BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_prefixes.py

.PHONY: prefixes
prefixes: deps-test
	@$(MAKE) --no-print-directory -j2 $(BUILD)/unit/test_store_prefixes $(BUILD)/unit/test_store_each_fault
	EVERY=1 SEED=$(SEED) $(BUILD)/unit/test_store_prefixes
	EVERY=1 SEED=$(SEED) $(BUILD)/unit/test_store_each_fault

.PHONY: crash-flows
crash-flows: KILLS ?= 50
crash-flows: deps-test
	@$(MAKE) --no-print-directory -j2 all $(BUILD)/crash.so
	@SWEEP=all KILLS=$(KILLS) BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_flow_crash.py

SEEDS ?= 1000
.PHONY: sim sim-planted sim-sweep
sim sim-planted sim-sweep: deps-test
	@$(MAKE) --no-print-directory -j2 $(BUILD)/simulator
	@$(SIMULATE_$@)
SIMULATE_sim         = $(BUILD)/simulator --seed $(SEED) --seeds $(SEEDS) --jobs $(JOBS)
SIMULATE_sim-planted = for bug in drop double leak early keyless slow; do $(BUILD)/simulator --plant $$bug --seed $(SEED) --seeds 100 --jobs $(JOBS) --no-shrink || exit 1; done
SIMULATE_sim-sweep   = $(BUILD)/simulator --sweep --seed $(SEED) --jobs $(JOBS)

# Each comparison told to the fuzzer takes half of the time; words that must be there are in the dictionaries.
# libFuzzer: RUNS runs of each target, or of TARGET alone, JOBS of them at a time. tests/fuzz/README.md
JOBS       ?= 1
RUNS       ?= 10000000
TARGET     ?= $(FUZZ)
SANITIZERS ?= address,undefined
FUZZ_BUILD  = build-fuzz/$(SANITIZERS)
.PHONY: fuzz
fuzz: deps-test
	$(call install,$(DEBIAN_FUZZ))
	@$(MAKE) --no-print-directory -j2 BUILD=$(FUZZ_BUILD) CC=clang MODULES="core net script" CFLAGS="-O2 -g -fno-omit-frame-pointer" \
	    SANITIZE="-fsanitize=fuzzer-no-link,$(SANITIZERS) -fno-sanitize-recover=undefined -fno-sanitize-coverage=trace-cmp" \
	    $(TARGET:%=$(FUZZ_BUILD)/fuzzer/%)
	@RUNS=$(RUNS) JOBS=$(JOBS) FUZZ_BUILD=$(FUZZ_BUILD) tests/fuzz/run $(TARGET)

# With libFuzzer, or with a main() that runs the kept inputs once each.
$(BUILD)/fuzzer/%: tests/fuzz/fuzz_%.c $(FUZZ_SHARED) $(BUILD)/libanzol.a
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -o $@ $(filter-out %.h,$^) $(LIBS)
$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $(FUZZ_SHARED) $(BUILD)/libanzol.a
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)

# The load tests in the sizes that the README's figures stand for; prints the figures.
.PHONY: figures
figures: deps-test
	@$(MAKE) --no-print-directory -j2 all
	@FULL=1 BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_load.py
	@FULL=1 BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_flow_load.py
	@FULL=1 BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3 tests/e2e/tap.py tests/e2e/test_reload.py Load

# What a delivery costs beside the same request in libcurl alone. bench-quick: the first table; bench-plot draws what bench has found.
BENCH = $(BUILD)/bench/floor $(BUILD)/bench/receiver $(BUILD)/bench/load
BENCH_RUN = BUILD=$(abspath $(BUILD)) ANZOL=$(abspath $(BUILD))/anzol /usr/bin/python3
.PHONY: bench-programs bench bench-quick bench-plot bench-pending bench-rate
bench-programs: deps-bench
	@$(MAKE) --no-print-directory -j2 all $(BENCH)
bench: bench-programs
	@$(BENCH_RUN) tests/bench/bench.py
bench-quick: bench-programs
	@$(BENCH_RUN) tests/bench/bench.py --quick
bench-pending: bench-programs
	@$(BENCH_RUN) tests/bench/pending.py
bench-rate: bench-programs
	@$(BENCH_RUN) tests/bench/rate.py
bench-plot: deps-bench
	@/usr/bin/python3 tests/bench/plot.py $(BUILD)/bench.json tests/bench/speed.svg

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/libanzol.a
	@mkdir -p $(@D)
	$(call say,cc  )$(CC) $(ALL_CFLAGS) -o $@ $< $(BUILD)/libanzol.a $(LIBS)

.PHONY: bench-template
bench-template: bench-programs
	@$(MAKE) --no-print-directory $(BUILD)/native.so
	@$(BENCH_RUN) tests/bench/template.py

.PHONY: bench-flows
bench-flows: bench-programs
	@$(BENCH_RUN) tests/bench/flows.py

.PHONY: bench-store
bench-store: deps
	@$(MAKE) --no-print-directory $(BUILD)/bench/store_bench
	$(BUILD)/bench/store_bench

.PHONY: install
install: all
	install -d $(DESTDIR)$(BINDIR)
	install -m 755 $(BUILD)/anzol $(DESTDIR)$(BINDIR)/anzol

.PHONY: clean
clean:
	rm -rf build build-*
