# anzol: `make run` and `make test` do everything on a fresh Debian 12; the other targets are for those who work on it.
#
#   make            build/anzol
#   make run        installs what is missing, builds, runs the quick start
#   make test       installs what the tests need, runs all of them
#   make lint       layers, luacheck, cppcheck, shell
#   make check-asan / check-valgrind    the suite under the sanitizers / valgrind
#   make bench      the figures of the README
#   make install    PREFIX=/usr/local, DESTDIR for packagers
#   make clean

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= cc
CFLAGS  ?= -O2 -g
MODULES ?= core store net script host cli

PACKAGES       = lua5.4 libcurl ev jansson sqlite3 libmicrohttpd libcrypto libedit lua5.4-cjson
PKG            = $(filter-out ev,$(PACKAGES))
DEBIAN_BUILD   = gcc make pkg-config liblua5.4-dev libcurl4-openssl-dev libev-dev lua-cjson lua-cjson-dev libjansson-dev \
                 libsqlite3-dev libmicrohttpd-dev libssl-dev libedit-dev
DEBIAN_TEST    = libcmocka-dev lua5.4 lua-busted lua-check cppcheck luarocks python3 openssl curl
DEBIAN_BENCH   = nginx-light wrk

ANZOL_VERSION = 0.1.0
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DANZOL_VERSION='"$(ANZOL_VERSION)"' \
             -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(WERROR) \
             -fstack-protector-strong -Iruntime $(shell pkg-config --cflags $(PKG) 2>/dev/null) $(CFLAGS) $(SANITIZE)
LIBS       = $(shell pkg-config --libs $(PKG) 2>/dev/null) -lev -lpthread -lm
ifeq ($(CI)$(DEV),)
WERROR    ?=
else
WERROR    ?= -Werror
endif

SOURCES    = $(foreach m,$(MODULES),$(wildcard runtime/$(m)/*.c))
OBJECTS    = $(SOURCES:runtime/%.c=$(BUILD)/%.o) $(if $(filter script,$(MODULES)),$(BUILD)/stdlib.o)
STDLIB     = $(sort $(shell find stdlib -name '*.lua'))
UNIT       = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
TEST_ENV   = ANZOL=$(abspath $(BUILD))/anzol BUILD=$(abspath $(BUILD))

.PHONY: all
all: $(BUILD)/anzol

$(BUILD)/anzol: $(BUILD)/main.o $(BUILD)/libanzol.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libanzol.a: $(OBJECTS)
	rm -f $@
	ar rcs $@ $^

$(BUILD)/%.o: runtime/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The Lua library travels inside the binary, under its chunk names.
$(BUILD)/stdlib.c: $(STDLIB) runtime/script/embed.sh
	@mkdir -p $(@D)
	sh runtime/script/embed.sh $(STDLIB) > $@.tmp
	mv $@.tmp $@
$(BUILD)/stdlib.o: $(BUILD)/stdlib.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libanzol.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libanzol.a $(LIBS) -lcmocka

.PHONY: unit
unit: $(UNIT)

-include $(OBJECTS:.o=.d) $(BUILD)/main.d $(UNIT:=.d)
