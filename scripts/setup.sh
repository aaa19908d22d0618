#!/bin/sh
# setup.sh -- installs what genlat needs through the system's package manager, builds genlat and installs it.
#
#   sh scripts/setup.sh          everything a user needs; run again, it does only what is left to do
#   sh scripts/setup.sh --dev    the packages for that and for the tests, the linters and LuaRocks; then use make
#
# The Makefile asks it for what it finds out:
#   --lua           the command of Lua 5.4 or 5.5: what LUA names, else 5.4 where there are both
#   --lua-version   which of them it is
#   --lua-cppflags  the compiler's flags for Lua's headers
#   --check         whether a compiler, the headers and the libraries are there
set -eu
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
CC=${CC:-cc}

say() { echo "genlat: $*"; }
fail() { say "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- what is there --------------------------------------------------------------------------------------------------

lua_version() { "$1" -e 'io.write(_VERSION:match("%d+%.%d+"))' 2>/dev/null || true; }

# Leaves the Lua to use in $lua, empty where it is not there yet, and its version in $version: what LUA names, else the
# first of the usual names.
find_lua() {
  version=5.4
  for lua in ${LUA:-} lua5.4 lua54 lua-5.4 lua lua5.5 lua55 lua-5.5; do
    found=$(lua_version "$lua")
    case $found in 5.4 | 5.5) version=$found; return ;; esac
    case $lua:${LUA:-} in lua5.[45]:"$lua") version=${lua#lua}; break ;; esac
  done
  lua=
}

# The compiler's flags for the headers of that version.
find_lua_headers() {
  for package in "lua$version" "lua-$version" "lua${version%.*}${version#*.}" lua; do
    case $(pkg-config --modversion "$package" 2>/dev/null) in "$version"*) pkg-config --cflags "$package"; return ;; esac
  done
  for folder in "/usr/include/lua$version" "/usr/include/lua-$version" "/usr/local/include/lua$version" \
    "/opt/homebrew/include/lua$version" /usr/local/include; do
    if compiles_lua "-I$folder"; then echo "-I$folder"; return; fi
  done
}

# compiles HEADER [FLAG ...]: a program that includes the header compiles and links.
compiles() {
  header=$1
  shift
  program=$(mktemp)
  printf '#include <%s>\nint main(void) { return 0; }\n' "$header" |
    $CC ${CPPFLAGS:-} -x c -o "$program" - ${LDFLAGS:-} "$@" 2>/dev/null && result=0 || result=1
  rm -f "$program"
  return $result
}

# compiles_lua [FLAG ...]: Lua's header is found and is that of the version.
compiles_lua() {
  printf '#include <lua.h>\nint right[LUA_VERSION_NUM == 50%s ? 1 : -1];\n' "${version#*.}" |
    $CC ${CPPFLAGS:-} "$@" -x c -fsyntax-only - 2>/dev/null
}

loads() { [ -n "$lua" ] && "$lua" -e "require '$1'" >/dev/null 2>&1; }

# Is this need met?
met() {
  case $1 in
    compiler) compiles stddef.h ;;
    lua) [ -n "$lua" ] ;;
    lua.h) compiles_lua ${LUA_CPPFLAGS-$(find_lua_headers)} ;;
    cblas.h) compiles cblas.h -lopenblas || compiles openblas/cblas.h -lopenblas ;;
    png.h) compiles png.h -lpng ;;
    gif_lib.h) compiles gif_lib.h -lgif ;;
    zlib.h) compiles zlib.h -lz ;;
    omp.h) compiles omp.h || compiles omp.h -fopenmp ;;
    argparse | cjson | socket) loads "$1" ;;
    busted) loads busted.runner ;;
    certificates) [ "$manager" != apt ] || [ -f /etc/ssl/certs/ca-certificates.crt ] ;;
    locales) [ "$manager" != apt ] || [ -f /usr/share/i18n/locales/de_DE ] ;;
    clang) (CC=clang && compiles omp.h -fopenmp -fsanitize=fuzzer-no-link,address) ;;
    *) has "$1" ;;
  esac
}

unmet() {
  list=
  for need in "$@"; do
    met "$need" || list="$list $need"
  done
  echo "${list# }"
}

BUILD_NEEDS="compiler lua.h cblas.h png.h gif_lib.h zlib.h omp.h"
USER_NEEDS="make lua $BUILD_NEEDS argparse cjson curl certificates"
DEV_NEEDS="busted socket luacheck luarocks clang clang-format locales"

# ---- where it comes from --------------------------------------------------------------------------------------------

find_manager() {
  for command in apt-get dnf pacman brew; do
    if has "$command"; then echo "${command%-get}"; return; fi
  done
  echo none
}

# The packages that meet a need; rock:name where the system has none and LuaRocks does.
packages() {
  case $manager:$1 in
    apt:compiler) echo gcc libc6-dev ;;
    apt:lua) echo "lua$version" ;;
    apt:lua.h) echo "liblua$version-dev" ;;
    apt:cblas.h) echo libopenblas-pthread-dev ;;
    apt:png.h) echo libpng-dev ;;
    apt:gif_lib.h) echo libgif-dev ;;
    apt:zlib.h) echo zlib1g-dev ;;
    apt:omp.h) ;; # comes with gcc
    apt:cjson) if [ "$version" = 5.4 ]; then echo lua-cjson; else echo "luarocks rock:lua-cjson"; fi ;;
    apt:argparse | apt:socket | apt:busted) echo "lua-$1" ;;
    apt:certificates) echo ca-certificates ;;
    apt:luacheck) echo lua-check ;;
    apt:clang) echo clang libclang-rt-dev libomp-dev ;;
    dnf:compiler) echo gcc ;;
    dnf:lua.h) echo lua-devel ;;
    dnf:cblas.h) echo openblas-devel ;;
    dnf:png.h) echo libpng-devel ;;
    dnf:gif_lib.h) echo giflib-devel ;;
    dnf:zlib.h) echo zlib-devel ;;
    dnf:omp.h) echo libgomp ;;
    dnf:clang) echo clang compiler-rt libomp-devel ;;
    dnf:clang-format) echo clang-tools-extra ;;
    pacman:compiler) echo gcc ;;
    pacman:lua | pacman:lua.h) if [ "$version" = 5.4 ]; then echo lua54; else echo lua; fi ;;
    pacman:cblas.h) echo openblas ;;
    pacman:png.h) echo libpng ;;
    pacman:gif_lib.h) echo giflib ;;
    pacman:zlib.h) echo zlib ;;
    pacman:omp.h) echo gcc ;;
    pacman:clang) echo clang compiler-rt openmp ;;
    pacman:clang-format) echo clang ;;
    brew:compiler) echo gcc ;;
    brew:lua | brew:lua.h) if [ "$version" = 5.4 ]; then echo lua@5.4; else echo lua; fi ;;
    brew:cblas.h) echo openblas ;;
    brew:png.h) echo libpng ;;
    brew:gif_lib.h) echo giflib ;;
    brew:zlib.h) echo zlib ;;
    brew:omp.h) echo libomp ;;
    brew:clang) echo llvm ;;
    *:argparse | *:busted | *:luacheck) echo "luarocks rock:$1" ;;
    *:cjson) echo "luarocks rock:lua-cjson" ;;
    *:socket) echo "luarocks rock:luasocket" ;;
    *) echo "$1" ;;
  esac
}

# The commands that install what meets the needs, joined by &&.
install_command() {
  names= rocks=
  for need in "$@"; do
    for name in $(packages "$need"); do
      case $name in
        rock:*) rocks="$rocks && ${root}luarocks --lua-version $version install ${name#rock:}" ;;
        *) case " $names " in *" $name "*) ;; *) names="$names $name" ;; esac ;;
      esac
    done
  done
  case $manager in
    apt) echo "${root}apt-get update -q && ${root}apt-get install -q -y --no-install-recommends$names$rocks" ;;
    dnf) echo "${root}dnf install -y --setopt=install_weak_deps=False$names$rocks" ;;
    pacman) echo "${root}pacman -S --needed --noconfirm$names$rocks" ;;
    brew) echo "brew install$names$rocks" ;;
  esac
}

# ---- doing it -------------------------------------------------------------------------------------------------------

# The prefix of commands that need root's rights: nothing for root, sudo where it works, else the empty word in $root
# and false.
find_root() {
  root=
  if [ "$(id -u)" = 0 ] || [ "$manager" = brew ]; then return 0; fi
  if has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then root="sudo "; return 0; fi
  return 1
}

# Debian's `lua` is whichever interpreter has the highest priority (5.1, where it is installed), unless somebody chose
# one: then the choice stays.
make_usual() {
  now=$(lua_version lua)
  case $now in 5.4 | 5.5) return ;; esac
  if [ "$manager" != apt ]; then return; fi
  if $rights && ! update-alternatives --query lua-interpreter 2>/dev/null | grep -q '^Status: manual'; then
    ${root}update-alternatives --set lua-interpreter "/usr/bin/lua$version" >/dev/null
    ${root}update-alternatives --set lua-compiler "/usr/bin/luac$version" >/dev/null
    say "\`lua\` meant ${now:+Lua }${now:-nothing}: set it to $version (update-alternatives --set lua-interpreter)"
  else
    say "\`lua\` means ${now:+Lua }${now:-nothing} on this system, which stays so: run genlat's scripts with $lua"
  fi
}

install_packages() {
  missing=$(unmet "$@")
  [ -n "$missing" ] || return 0
  [ "$manager" != none ] || fail "missing: $missing (no package manager here that this script knows)"
  if ! $rights; then
    fail "missing: $missing; run this as root, then this script again: $(install_command $missing)"
  fi
  command=$(install_command $missing)
  say "$command"
  sh -c "$command" || fail "that failed; the packages are needed for: $missing"
  find_lua
  missing=$(unmet "$@")
  [ -z "$missing" ] || fail "the packages are installed, and yet this is missing: $missing"
}

# The first folder of the interpreter's own search path: package.path or package.cpath, Lua pattern of the file's name.
first_folder() { "$lua" -E -e "io.write((package.$1:match('(/[^;]-)/%?%.$2')))"; }

build_and_install() {
  make -s -j "$(getconf _NPROCESSORS_ONLN)" LUA="$lua" all || fail "the build failed"
  if $rights; then
    prefix=/usr/local luadir=$(first_folder path lua) libdir=$(first_folder cpath so)
    if [ "$manager" = brew ]; then prefix=$(brew --prefix); fi
  else
    prefix=$HOME/.local luadir=$HOME/.local/share/lua/$version libdir=$HOME/.local/lib/lua/$version
  fi
  installed=$(${root}make -s install LUA="$lua" PREFIX="$prefix" LUADIR="$luadir" LIBDIR="$libdir") ||
    fail "installing under $prefix failed"
  if [ -z "$installed" ]; then say "already set up, nothing to do; the scripts run with $(usual_lua)"; return; fi
  say "installed under $prefix. \`genlat\` lists what there is to run, such as: $(usual_lua) scripts/train_vae.lua"
  if ! $rights; then say_paths; fi
}

usual_lua() { if [ "$(lua_version lua)" = "$version" ]; then echo lua; else echo "$lua"; fi; }

say_paths() {
  cat <<TXT
It is installed for you alone. Add these lines to ~/.profile, so that Lua and the shell find it:
  export LUA_PATH="$luadir/?.lua;$luadir/?/init.lua;;"
  export LUA_CPATH="$libdir/?.so;;"
  export PATH="$prefix/bin:\$PATH"
TXT
}

manager=$(find_manager)
find_lua
if [ "$(uname -s)" = Darwin ] && has brew; then
  brew=$(brew --prefix)
  CPPFLAGS=${CPPFLAGS:--I$brew/opt/openblas/include -I$brew/opt/libomp/include -I$brew/include}
  LDFLAGS=${LDFLAGS:--L$brew/opt/openblas/lib -L$brew/opt/libomp/lib -L$brew/lib}
fi

case ${1-} in
  --lua) echo "${lua:-lua$version}" ;;
  --lua-version) echo "$version" ;;
  --lua-cppflags) find_lua_headers ;;
  --check)
    missing=$(unmet $BUILD_NEEDS)
    root=
    [ -z "$missing" ] || fail "missing: $missing; install as root with: $(install_command $missing)" ;;
  "" | --dev)
    rights=false
    if find_root; then rights=true; fi
    if [ $# = 0 ]; then install_packages $USER_NEEDS; else install_packages $USER_NEEDS $DEV_NEEDS; fi
    make_usual
    if [ $# = 0 ]; then build_and_install; fi ;;
  *) fail "setup.sh knows --dev only, not $1" ;;
esac
