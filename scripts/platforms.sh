#!/bin/sh
# platforms.sh [FOLDER [PLATFORM ...]] -- for maintainers: runs the README's two commands on several systems.
#
# Each system is a chroot in FOLDER (default: genlat-platforms in $TMPDIR), made by debootstrap the first time and used
# again later, and gets a fresh clone of HEAD. arm64 runs under qemu-user, where the training as it stands in the README
# would take many hours: there it is one epoch of a small network. A table says how each went; it and the logs stay in
# FOLDER. Needs root on Debian: debootstrap and, for arm64, qemu-user-static. NICE=19 in the
# environment lets other work go first. Packages come from the mirror that this machine's apt uses, or from MIRROR.
set -eu
cd "$(dirname "$0")/.."

PLATFORMS="debian-12 debian-13 debian-unstable debian-12-arm64"

say() { echo "platforms.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

suite() { case $1 in *-12*) echo bookworm ;; *-13*) echo trixie ;; *) echo sid ;; esac; }
# What the training is given beside the README's command.
shortened() { case $1 in *-arm64) echo " --epochs 1 --hidden 16" ;; esac; }
architecture() { case $1 in *-arm64) echo arm64 ;; *) dpkg --print-architecture ;; esac; }

find_mirror() {
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian \(.*\)/\1/p' | head -n 1
}

# ---- chroots --------------------------------------------------------------------------------------------------------

# inside ROOT COMMAND: runs a shell command in a chroot, in namespaces of its own, so that nothing mounted or started
# there outlives it.
inside() {
  unshare --mount --pid --fork --kill-child sh -c '
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
    exec nice -n "$3" chroot "$1" /usr/bin/env -i ${http_proxy:+http_proxy="$http_proxy"} HOME=/root LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$2"' sh "$1" "$2" "${NICE:-0}"
}

# Lets the kernel run arm64 programs through qemu until this script ends. F: it opens qemu now, and so has it inside a
# chroot too.
emulate_arm64() {
  binfmt=/proc/sys/fs/binfmt_misc
  qemu=$(command -v qemu-aarch64-static) || fail "arm64 needs qemu-user-static"
  [ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt || fail "binfmt_misc cannot be mounted here"
  grep -qs '^flags:.*F' $binfmt/qemu-aarch64 && return
  [ ! -e $binfmt/qemu-aarch64 ] || fail "$binfmt/qemu-aarch64 is registered without the flag F"
  header='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":qemu-aarch64:M::$header:$mask:$qemu:OCF" >$binfmt/register || fail "binfmt_misc refuses qemu here"
  trap 'echo -1 >$binfmt/qemu-aarch64' EXIT
}

# make_root PLATFORM: its chroot, whole or not at all.
make_root() {
  root=$folder/$1
  [ ! -e "$root/root/whole" ] || return 0
  rm -rf "$root"
  say "making $root"
  foreign=
  [ "$(architecture "$1")" = "$(dpkg --print-architecture)" ] || foreign=--foreign
  debootstrap $foreign --arch="$(architecture "$1")" --variant=minbase --include=ca-certificates \
    "$(suite "$1")" "$root" "$mirror" || return 1
  [ -z "$foreign" ] || inside "$root" "/debootstrap/debootstrap --second-stage" || return 1
  echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/mirror" # a mirror may be some weeks behind
  : >"$root/root/whole"
}

# cjson for Lua 5.5 from its source, where Debian has not built it.
add_cjson55() {
  inside "$1" '
    export DEBIAN_FRONTEND=noninteractive
    sed -n "s/^deb /deb-src /p" /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
    apt-get update -q &&
      apt-get install -q -y --no-install-recommends lua5.5 liblua5.5-dev gcc libc6-dev dpkg-dev || exit
    lua5.5 -e "require [[cjson]]" 2>/dev/null && exit
    folder=$(mktemp -d) && cd "$folder" && apt-get source -q --tar-only lua-cjson &&
      tar xf ./*.orig.tar.* --strip-components 1 && mkdir -p /usr/local/lib/lua/5.5 &&
      gcc -O2 -shared -fPIC -I/usr/include/lua5.5 lua_cjson.c strbuf.c fpconv.c -o /usr/local/lib/lua/5.5/cjson.so'
}

# ---- the two commands -----------------------------------------------------------------------------------------------

# timed NAME COMMAND: runs it in the chroot, in the checkout, with its output in the log. Leaves in $NAME the seconds
# that it took, and whether it failed.
timed() {
  began=$(date +%s)
  inside "$root" "export LUA=lua$lua; cd /opt/genlat; $2" >>"$log" 2>&1 && failed= || failed=", failed"
  eval "$1=\"$(($(date +%s) - began))$failed\""
}

# The first line of what a command in the chroot prints.
ask() { inside "$root" "cd /opt/genlat && $1" 2>/dev/null | head -n 1; }

# run_platform PLATFORM LUA: prints one row of the table, cells separated by tabs.
run_platform() {
  root=$folder/$1 lua=$2 log=$folder/$1-lua$2.log
  rm -rf "$root/opt/genlat"
  git clone -q . "$root/opt/genlat"
  : >"$log"
  if [ "$lua" = 5.5 ]; then add_cjson55 "$root" >>"$log" 2>&1; fi
  timed train "sh scripts/setup.sh && \$LUA scripts/train_vae.lua$(shortened "$1")"
  timed test "make test"
  counts=$(grep -E '^[0-9]+ success.* pending : ' "$log" | tail -n 1 | sed 's/ : .*//')
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(ask 'gcc --version' | sed 's/(.*) //')" \
    "$(ask "lua$lua -v" | cut -d' ' -f1,2)" "$(ask "dpkg-query -W -f '\${Version}' libopenblas-pthread-dev")" \
    "$train$(shortened "$1" | sed 's/ -/, -/')" "$test" "${counts:-none reported}"
}

has_package() { inside "$folder/$1" "apt-get update -q >/dev/null && apt-cache show $2 >/dev/null 2>&1"; }

# ---- main -----------------------------------------------------------------------------------------------------------

[ "$(id -u)" = 0 ] || fail "needs root, for chroot"
command -v debootstrap >/dev/null || fail "needs debootstrap"
folder=${1:-${TMPDIR:-/tmp}/genlat-platforms}
[ $# = 0 ] || shift
mirror=${MIRROR:-$(find_mirror)}
[ -n "$mirror" ] || fail "this machine's apt names no Debian mirror: set MIRROR"
mkdir -p "$folder"
table=$folder/table
printf 'platform\tcompiler\tLua\tOpenBLAS\tsetup, train s\ttest s\tspecs\n' >"$table"
for platform in ${*:-$PLATFORMS}; do
  case " $PLATFORMS " in *" $platform "*) ;; *) fail "no platform '$platform'; there are $PLATFORMS" ;; esac
  case $platform in *-arm64) emulate_arm64 ;; esac
  make_root "$platform" >"$folder/$platform.log" 2>&1 || fail "making it failed, see $folder/$platform.log"
  for version in 5.4 5.5; do
    if has_package "$platform" "lua$version"; then run_platform "$platform" $version >>"$table"; fi
  done
done
column -t -s "$(printf '\t')" "$table"
