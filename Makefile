# Everything that is built lies in build/, what "make run" keeps in .run/.
# A stock nginx builds the module without this file:
#   ./configure --with-compat --add-dynamic-module=PATH && make modules

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

BUILD ?= build
NGINX_SRC ?= /usr/share/nginx/src
STATE_DIR ?= .run
HTTP_PORT ?= 8000
HTTPS_PORT ?= 8443
FUZZ_TIME ?= 60
ROWS ?=
export STATE_DIR HTTP_PORT HTTPS_PORT

root := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
out := $(BUILD)
ngx := $(abspath $(BUILD))/nginx
module := ngx_http_claude_module.so

EXTRA ?=
hardening := -fstack-protector-strong -D_FORTIFY_SOURCE=2
warnings := -Wall -Wextra -Werror
CFLAGS ?= -O2 -g
cflags := -std=gnu11 $(CFLAGS) $(warnings) $(hardening) -fPIE -MMD -MP $(EXTRA)
ldflags := -pie -Wl,-z,relro -Wl,-z,now $(EXTRA)
libs := -lyajl -lsodium -lcrypt

core := $(patsubst src/%.c,$(out)/%.o,$(wildcard src/core/*.c))
keys := $(patsubst src/%.c,$(out)/%.o,$(wildcard src/tools/claude_keys*.c))
units := $(patsubst t/%.c,$(out)/%,$(wildcard t/unit/*_test.c t/state/*_test.c))
targets := $(filter-out replay,$(patsubst t/fuzz/%.c,%,$(wildcard t/fuzz/*.c)))
replays := $(addprefix $(out)/replay/,$(targets))
fuzzers := $(addprefix $(out)/fuzzer/,$(targets))
say = $(if $(findstring s,$(firstword -$(MAKEFLAGS))),:,echo)
quiet = @$(say) "  $(1)  $@";


.PHONY: all module run test check-clients check-nginx bench fuzz sanitize deps
.PHONY: crash clean help deb check-packages
.PHONY: units replays fuzzers FORCE

all: module $(out)/claude-keys	## build the module and claude-keys

help:	## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## */  make \1	/p' $(root)/Makefile \
	    | expand -t 22

run:	## install what is missing, build, start bridge and nginx
	@src/tools/claude-deps.sh run
	@echo 'Building the module and claude-keys.'
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@exec node src/tools/claude-run.mjs

test:	## install what is missing, build, run all tests
	@src/tools/claude-deps.sh test
	@echo 'Building the module, claude-keys and the programs of the tests.'
	@$(MAKE) --no-print-directory -s -j$$(nproc) all units replays
	@exec prove -r t

check-clients:	## let Claude Code, Codex and opencode work (1 GB of npm)
	@src/tools/claude-deps.sh check-clients
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@exec prove -v t/tools/check.pl

check-nginx:	## build NGINX_SRC, and run the black-box suite with it
	@src/tools/claude-deps.sh test
	@exec t/versions/check.pl $(NGINX_SRC) $(TESTS)

deb:	## build the Debian packages into build/deb
	@src/tools/claude-deps.sh deb
	@src/tools/claude-deb.sh $(BUILD)

check-packages:	## install packages and image on a bare Debian 12 (minutes)
	@src/tools/claude-deps.sh check-packages
	@$(MAKE) --no-print-directory -s deb
	@exec prove -v --timer -j2 --rules 'seq=t/packages/image*.pl' \
	    --rules 'par=**' t/packages/*.pl

bench:	## one table of what everything costs; ROWS="name ..." for some
	@src/tools/claude-deps.sh bench
	@$(MAKE) --no-print-directory -s -j$$(nproc) all $(out)/fill_store
	@exec node t/bench/bench.mjs $(ROWS)

fuzz:	## fuzz each target for FUZZ_TIME seconds (60)
	@src/tools/claude-deps.sh fuzz
	@$(MAKE) --no-print-directory -s fuzzers
	@for name in $(targets); do \
	    echo "  FUZZ  $$name, $(FUZZ_TIME) s"; \
	    corpus=$${name#fuzz_}; corpus=$${corpus%_fuzz}; \
	    mkdir -p $(out)/corpus/$$corpus t/fuzz/corpus/$$corpus; \
	    $(out)/fuzzer/$$name -max_total_time=$(FUZZ_TIME) -verbosity=0 \
	        -print_final_stats=1 -artifact_prefix=$(out)/corpus/ \
	        $(out)/corpus/$$corpus t/fuzz/corpus/$$corpus; \
	done

sanitize:	## run the tests under ASan and UBSan
	@src/tools/claude-deps.sh test
	@$(MAKE) --no-print-directory -s BUILD=$(BUILD)/sanitize \
	    EXTRA='-fsanitize=address,undefined -fno-omit-frame-pointer' \
	    all units replays
	@BUILD=$(BUILD)/sanitize exec prove -r t

deps:	## install what the tests need: Debian packages, npm modules
	@src/tools/claude-deps.sh test

crash:	## kill everything while keys change, 200 rounds
	@src/tools/claude-deps.sh test
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@CLAUDE_CRASH_ROUNDS=200 exec prove -v t/crash.t

clean:	## remove what was built; the state of "make run" stays
	rm -rf $(out)


# the module, by nginx's own build system

module: $(out)/$(module)

$(out)/$(module): $(ngx)/Makefile FORCE
	@$(MAKE) --no-print-directory -s -C $(NGINX_SRC) \
	    -f $(ngx)/Makefile modules
	@cmp -s $(ngx)/$(module) $@ || { $(say) "  LD  $@"; \
	    cp $(ngx)/$(module) $@.new; mv -f $@.new $@; }

$(ngx)/Makefile: config config.make Makefile $(ngx).stamp
	@$(say) "  CONFIGURE  $(NGINX_SRC)"
	@NGX_CONF_FLAGS=(); cd $(NGINX_SRC); \
	if [ -f conf_flags ]; then . ./conf_flags; fi; \
	./configure "$${NGX_CONF_FLAGS[@]}" --with-compat --with-threads \
	    --builddir=$(ngx) --add-dynamic-module=$(root) \
	    --with-cc-opt='$(CFLAGS) $(warnings) $(hardening) $(EXTRA) -fPIC \
	        -Wno-unused-parameter' \
	    --with-ld-opt='-Wl,-z,relro -Wl,-z,now $(EXTRA)' \
	    > $(ngx).log 2>&1 || { tail -n 20 $(ngx).log; exit 1; }

# what config globs, and what else asks for a new configuration

configured = $(NGINX_SRC) $(EXTRA) $(wildcard src/*/*.[ch] src/admin/*)

$(ngx).stamp: FORCE
	@[ -x $(NGINX_SRC)/configure ] || { \
	    echo 'no nginx source in $(NGINX_SRC): try make deps' >&2; exit 1; }
	@mkdir -p $(ngx)
	@echo '$(configured)' | cmp -s - $@ || echo '$(configured)' > $@


# plain C: claude-keys, unit programs, fuzz targets

$(out)/claude-keys: $(keys) $(core)
	$(call quiet,LD) $(CC) -o $@ $^ $(ldflags) $(libs)

$(out)/%.o: src/%.c Makefile
	$(call quiet,CC) mkdir -p $(@D); $(CC) -c -o $@ $< $(cflags)

units: $(units) $(out)/fill_store

$(out)/fill_store: t/lib/fill_store.c $(core) Makefile
	$(call quiet,CC) $(CC) -o $@ $< $(core) $(cflags) $(ldflags) $(libs)

$(out)/unit/%: t/unit/%.c $(core) Makefile
	$(call quiet,CC) mkdir -p $(@D); \
	$(CC) -o $@ $< $(core) -Isrc/core $(cflags) $(ldflags) $(libs)

# shared memory, on a shim of nginx's core

state := $(wildcard t/state/*_shim.c src/state/*.c)
nginx_headers := $(addprefix -I$(NGINX_SRC)/src/, \
    core event event/modules os/unix)

$(out)/state/%: t/state/%.c $(state) $(core) $(wildcard src/state/*.h) \
    $(ngx)/Makefile
	$(call quiet,CC) mkdir -p $(@D); \
	$(CC) -o $@ $< $(state) $(core) -I$(ngx) $(nginx_headers) $(cflags) \
	    -Wno-unused-parameter $(ldflags) $(libs)

# fuzz targets: with a main that replays a corpus, for the tests, and with
# libFuzzer; in both sanitizers watch the core too, and strings are long that
# fuzzing makes

watched := -fsanitize=address,undefined -fno-sanitize-recover=all -O1 \
    -DCLAUDE_JSON_AHEAD=1 -DCLAUDE_JSON_LONG=6

replays: $(replays)

$(out)/watched/%.o: src/%.c Makefile
	$(call quiet,CC) mkdir -p $(@D); $(CC) -c -o $@ $< $(cflags) $(watched)

$(out)/replay/%: t/fuzz/%.c t/fuzz/replay.c $(core:$(out)/%=$(out)/watched/%) \
    $(wildcard t/fuzz/*.h) t/unit/pool.h
	$(call quiet,CC) mkdir -p $(@D); \
	$(CC) -o $@ $(filter-out %.h,$^) -Isrc/core $(cflags) $(watched) \
	    $(ldflags) $(libs)

fuzzers: $(fuzzers)

$(out)/fuzzer/%: t/fuzz/%.c $(wildcard src/core/*.[ch] t/fuzz/*.h) \
    t/unit/pool.h Makefile
	$(call quiet,CLANG) mkdir -p $(@D); \
	clang -o $@ $(filter %.c,$^) -Isrc/core -std=gnu11 -g $(watched) \
	    -fsanitize=fuzzer $(libs)

-include $(wildcard $(out)/*/*.d $(out)/watched/*/*.d)
