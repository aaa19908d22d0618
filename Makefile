# Makefile -- builds, tests and installs genlat. `make` builds, `make help` lists the rest.

# ---- what a user may set --------------------------------------------------------------------------------------------

ARCH ?= native
PREFIX ?= /usr/local
LUADIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
BINDIR ?= $(PREFIX)/bin
LUA ?= $(shell sh scripts/setup.sh --lua)
LUA_VERSION = $(shell LUA="$(LUA)" sh scripts/setup.sh --lua-version)
OPTIMIZE ?= -O3
FUZZ_SECONDS ?= 60
KILLS ?= 60
RACES ?= 20

define HELP
make              build genlat for this processor, in build/genlat
  ARCH=x86-64-v2  ... for another one (what the compiler's -march takes)
  CC=clang        ... with another compiler; CPPFLAGS, CFLAGS, LDFLAGS are added to its flags, and win
  OPTIMIZE=-O0    ... with another level of optimization than -O3
  WERROR=1        ... and let a warning stop it
make install      copy it to PREFIX=$(PREFIX) (LUADIR, LIBDIR, BINDIR, DESTDIR); make uninstall removes it
make test         run the specs (installs busted where it is missing), JOBS files at a time (as many as processors)
make check-asan   run them under the address and undefined-behaviour sanitizers, with Lua's collector at its busiest
make fuzz         feed damaged files to the readers for FUZZ_SECONDS=$(FUZZ_SECONDS)
make fuzz-api     call everything with random arguments, under the sanitizers, for FUZZ_SECONDS
  FUZZ_CALLS=N    ... for N calls; FUZZ_SEED=N is the first seed; FUZZ_CALL=N repeats call N of the seed, and shows it
make check-kills  kill trainings KILLS=$(KILLS) times and go on, and start RACES=$(RACES) pairs of them at once
make bench        measure the speed of the operations
make lint         check the form of the C and Lua files; make format rewrites the C files to it
make f64          build the core in double precision, in build/f64, for the gradient checks
make clean        remove build/
endef

# ---- flags ----------------------------------------------------------------------------------------------------------

OUT ?= build
CORE = $(OUT)/genlat/core.so
BOOT = $(OUT)/genlat/boot.so
WARNINGS = -Wall -Wextra -Wshadow -Wconversion $(if $(WERROR),-Werror)
OPENMP = -fopenmp
LIBS = -lopenblas -lpng -lgif -lz -lm

ifeq ($(shell uname -s),Darwin)
  HOMEBREW := $(shell brew --prefix 2>/dev/null)
  # Homebrew keeps OpenBLAS and OpenMP apart from the rest, and Apple's clang has to be told where OpenMP is.
  DEPS_CPPFLAGS = $(foreach d,opt/openblas/ opt/libomp/ ,-I$(HOMEBREW)/$(d)include) -I$(HOMEBREW)/include
  DEPS_LDFLAGS = $(foreach d,opt/openblas/ opt/libomp/ ,-L$(HOMEBREW)/$(d)lib) -L$(HOMEBREW)/lib
  LIBFLAG ?= -bundle -undefined dynamic_lookup
  OPENMP = $(if $(findstring clang,$(shell $(CC) --version)),-Xpreprocessor -fopenmp,-fopenmp)
  OPENMP_LIB = $(if $(findstring clang,$(shell $(CC) --version)),-lomp,-fopenmp)
  ARCH_FLAGS ?= $(if $(filter arm64,$(shell uname -m)),-mcpu,-march)=$(ARCH)
else
  LIBFLAG ?= -shared
  OPENMP_LIB = $(OPENMP)
  ARCH_FLAGS ?= -march=$(ARCH)
  # The threads' library does not survive being unloaded with a closed Lua state.
  CORE_LDFLAGS = -Wl,-z,nodelete
endif

# Only csrc/lua may see Lua's headers. Its luaopen_ functions are what the library exports.
ifdef LUA_INCDIR
  LUA_CPPFLAGS := -I$(LUA_INCDIR)
else
  LUA_CPPFLAGS := $(shell LUA="$(LUA)" sh scripts/setup.sh --lua-cppflags)
endif

# The code never asks whether an arithmetic operation set errno or trapped, and so leaves the compiler free to vectorize.
MATH = -fno-math-errno -fno-trapping-math
# What a user says comes last and wins. The -O2 that LuaRocks puts into everybody's CFLAGS is no user's.
OWN_CFLAGS = $(if $(LUAROCKS),$(filter-out -O2,$(CFLAGS)),$(CFLAGS))
FLAGS = -std=gnu11 -fPIC $(WARNINGS) $(CPPFLAGS) $(DEPS_CPPFLAGS) -Icsrc
TARGET = $(OPTIMIZE) $(ARCH_FLAGS) $(MATH) $(OPENMP) $(FLAVOUR) $(OWN_CFLAGS)
COMPILE = $(CC) -MMD -MP $(FLAGS) $(TARGET)
LINK = $(CC) $(LIBFLAG) $(FLAVOUR) $(OWN_CFLAGS) $(LDFLAGS) $(DEPS_LDFLAGS)
# A small module for Lua, for the specs.
MODULE = $(CC) -MMD -MP $(FLAGS) $(OWN_CFLAGS) $(LUA_CPPFLAGS) $(LIBFLAG)
# For what runs before the processor is checked: without the flags that choose instructions.
PLAIN = $(call plain,$(CC) $(FLAGS) $(OWN_CFLAGS) $(LUA_CPPFLAGS) $(LIBFLAG) $(LDFLAGS))
plain = $(filter-out -m%,$(1)) $(filter -m32 -m64 -mx32 -mmacosx-%,$(1))

# The macros that the compiler defines under all these flags: among them the instruction sets that it may use.
MACROS = $(CC) $(FLAGS) $(TARGET) -dM -E -x c /dev/null

# ---- building -------------------------------------------------------------------------------------------------------

BOOT_SOURCES = csrc/lua/boot.c csrc/lua/processor.c
SOURCES := $(filter-out $(BOOT_SOURCES),$(sort $(wildcard csrc/*.c csrc/*/*.c)))
OBJECTS := $(SOURCES:csrc/%.c=$(OUT)/obj/%.o)
C_FILES = $(wildcard csrc/*.[ch] csrc/*/*.[ch] spec/*.[ch] spec/*/*.[ch])

all: $(CORE) $(BOOT)

$(CORE): $(OBJECTS)
	@mkdir -p $(@D)
	$(LINK) $(CORE_LDFLAGS) -o $@ $(OBJECTS) $(LIBS) $(OPENMP_LIB)

# Without OpenBLAS: it runs before the core is loaded.
$(BOOT): $(BOOT_SOURCES) csrc/lua/processor.h $(OUT)/obj/needs.h
	@mkdir -p $(@D)
	$(PLAIN) -I$(OUT)/obj -o $@ $(BOOT_SOURCES)

$(OUT)/obj/needs.h: $(OUT)/obj/flags
	@$(MACROS) | sed -n 's/^#define \(__[A-Z0-9_]*\) 1$$/#define GL_NEEDS\1 1/p' > $@

$(OUT)/obj/lua/%.o: private LAYER = $(LUA_CPPFLAGS)
$(OUT)/obj/%.o: private LAYER = -fvisibility=hidden
$(OUT)/obj/%.o: csrc/%.c $(OUT)/obj/flags
	@mkdir -p $(@D)
	$(COMPILE) $(LAYER) -c -o $@ $<

# Holds the flags of the last build, so that other flags, or another processor, build everything anew.
BUILT_WITH = $(COMPILE) $(LUA_CPPFLAGS) $(LINK) $(CORE_LDFLAGS) $(LIBS) $(OPENMP_LIB)
$(OUT)/obj/flags: FORCE
	@mkdir -p $(@D)
	@[ -f $@ ] || CC="$(CC)" CPPFLAGS="$(CPPFLAGS) $(DEPS_CPPFLAGS)" LDFLAGS="$(LDFLAGS) $(DEPS_LDFLAGS)" \
	  LUA="$(LUA)" LUA_CPPFLAGS="$(LUA_CPPFLAGS)" sh scripts/setup.sh --check
	@{ echo '$(subst ','\'',$(BUILT_WITH))'; $(MACROS) | cksum; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

-include $(OBJECTS:.o=.d)

f64:
	@$(MAKE) --no-print-directory OUT=$(OUT)/f64 FLAVOUR=-DGL_FLOAT64 all

ASAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g
asan:
	@$(MAKE) --no-print-directory CC=gcc OUT=$(OUT)/asan OPTIMIZE=-O1 FLAVOUR="$(ASAN)" all $(OUT)/asan/lua $(OUT)/asan/watch.so

$(OUT)/leaks.so: spec/leaks.c $(OUT)/obj/flags
	$(MODULE) $(FLAVOUR) -o $@ $<

# A program that has Lua inside, for specs: see spec/support/host.lua.
$(OUT)/host.so: spec/support/host.c $(OUT)/obj/flags
	$(MODULE) -pthread -o $@ $<

$(OUT)/watch.so: spec/fuzz/watch.c $(OUT)/obj/flags
	$(MODULE) $(FLAVOUR) -o $@ $<

# Lua with the sanitizer loaded first. It keeps its name, so that a spec that starts a Lua starts this one. No leak check
# at exit, where Lua has unloaded the code that would be named: spec/aggressive_gc.lua makes it.
$(OUT)/lua: $(OUT)/leaks.so
	@case "$$PWD" in *" "*) echo "genlat: LD_PRELOAD takes no path with a space: $$PWD" >&2; exit 1 ;; esac
	@{ echo '#!/usr/bin/env bash'; \
	  echo 'export ASAN_OPTIONS=leak_check_at_exit=0:allocator_may_return_null=1$${ASAN_OPTIONS:+:$$ASAN_OPTIONS} UBSAN_OPTIONS=print_stacktrace=1'; \
	  echo 'LD_PRELOAD="'"$$($(CC) -print-file-name=libasan.so) $$(cd $(@D) && pwd)/$(<F)"'" exec -a "$$0" $(LUA) "$$@"'; } > $@
	@chmod +x $@

# ---- checking -------------------------------------------------------------------------------------------------------

BUSTED = spec/parallel.lua $(BUSTED_FLAGS)
export JOBS

# Signals that whoever runs make ignores, as nohup does, end the specs' programs all the same.
SIGNALS := $(shell env --default-signal true 2>/dev/null && echo env --default-signal)

test: all f64 busted
	$(SIGNALS) $(LUA) $(BUSTED)

# With more than one thread a process, which `make test` does not have where there are as many processes as processors.
check-asan: asan f64 busted
	GENLAT_BUILD=$(OUT)/asan OMP_NUM_THREADS=2 $(SIGNALS) "$$(cd $(OUT)/asan && pwd)/lua" $(BUSTED) \
	  --helper=spec/aggressive_gc.lua --cpath="./$(OUT)/asan/?.so"

busted:
	@$(LUA) -e 'require "busted.runner"' 2>/dev/null || sh scripts/setup.sh --dev

check-kills: all
	LUA_PATH="./lua/?.lua;./lua/?/init.lua;;" LUA_CPATH="./$(OUT)/?.so;;" $(LUA) spec/scripts/check_kills.lua $(KILLS) $(RACES)

FUZZER = $(OUT)/fuzz/fuzz_io
fuzz:
	@$(MAKE) --no-print-directory CC=clang OUT=$(OUT)/fuzz OPTIMIZE=-O1 \
	  FLAVOUR="$(ASAN) -fsanitize=fuzzer-no-link" $(FUZZER)
	@mkdir -p $(OUT)/fuzz/corpus
	$(LUA) spec/fuzz/seeds.lua $(OUT)/fuzz/corpus
	$(FUZZER) -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/corpus

$(OUT)/fuzz_io: spec/fuzz/fuzz_io.c $(filter-out $(OUT)/obj/lua/%,$(OBJECTS))
	$(COMPILE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LIBS)

fuzz-api: asan
	@mkdir -p $(OUT)/asan/fuzz
	@LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;" \
	  LUA_CPATH="$$(cd $(OUT)/asan && pwd)/?.so;;" \
	  $(LUA) spec/fuzz/api.lua --lua $(OUT)/asan/lua --folder "$$(cd $(OUT)/asan && pwd)/fuzz" \
	  $(if $(FUZZ_CALLS),--calls $(FUZZ_CALLS),--seconds $(FUZZ_SECONDS)) $(FUZZ_SEED:%=--seed %) $(FUZZ_CALL:%=--call %)

bench: all
	$(LUA) scripts/bench.lua

lint:
	@status=0; luacheck -q .luacheckrc lua scripts scripts/genlat spec examples || status=1; \
	clang-format --dry-run -Werror $(C_FILES) || status=1; exit $$status

format:
	clang-format -i $(C_FILES)

# ---- installing -----------------------------------------------------------------------------------------------------

# copy MODE FROM TO: where they differ, by renaming, so that a program that has the old file open keeps it.
COPY = copy() { cmp -s "$$2" "$$3" || { mkdir -p "$${3%/*}" && cp "$$2" "$$3.new" && chmod $$1 "$$3.new" && \
  mv "$$3.new" "$$3" && echo "$$3"; }; }

# Everybody may read it, whatever umask says.
install: all
	@umask 022; mkdir -p $(OUT)/bin && sed "1s|.*|#!$$(command -v $(LUA))|" scripts/genlat > $(OUT)/bin/genlat
	@umask 022; set -e; $(COPY); \
	(cd lua && find genlat -type f -name '*.lua') | while read -r f; do \
	  copy 644 "lua/$$f" "$(DESTDIR)$(LUADIR)/$$f"; done; \
	for f in scripts/*.lua; do copy 644 "$$f" "$(DESTDIR)$(LUADIR)/genlat/$$f"; done; \
	copy 755 $(CORE) "$(DESTDIR)$(LIBDIR)/genlat/core.so"; \
	copy 755 $(BOOT) "$(DESTDIR)$(LIBDIR)/genlat/boot.so"; \
	copy 755 $(OUT)/bin/genlat "$(DESTDIR)$(BINDIR)/genlat"; \
	chmod -R u=rwX,go=rX "$(DESTDIR)$(LUADIR)/genlat" "$(DESTDIR)$(LIBDIR)/genlat"

uninstall:
	rm -rf "$(DESTDIR)$(LUADIR)/genlat" "$(DESTDIR)$(LIBDIR)/genlat" "$(DESTDIR)$(BINDIR)/genlat"

clean:
	rm -rf $(OUT)

help:
	$(info $(HELP))
	@:

FORCE:
.PHONY: all f64 asan test check-asan check-kills busted fuzz fuzz-api bench lint format install uninstall clean help FORCE
