#!/bin/sh
# platforms.sh [FOLDER [PLATFORM ...]] -- for maintainers: runs the README's two commands on several systems.
#
# Each system is a chroot in FOLDER (default: genlat-platforms in $TMPDIR), made by debootstrap the first time and used
# again later, and gets a fresh clone of HEAD. arm64 runs under qemu-user, slowly. A table says how each went; it and the
# logs stay in FOLDER. Needs root on Debian: debootstrap and, for arm64, qemu-user-static. NICE=19 in the environment
# lets other work go first. Packages come from the mirror that this machine's apt uses, or from MIRROR.
set -eu
cd "$(dirname "$0")/.."

PLATFORMS="debian-12 debian-13 debian-unstable debian-12-arm64"

say() { echo "platforms.sh: $*" >&2; }
fail() { say "$*"; exit 1; }

suite() { case $1 in *-12*) echo bookworm ;; *-13*) echo trixie ;; *) echo sid ;; esac; }
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
    exec nice -n "$3" chroot "$1" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      ${http_proxy:+http_proxy="$http_proxy"} sh -c "$2"' sh "$1" "$2" "${NICE:-0}"
}

# Lets the kernel run arm64 programs through qemu until this script ends. F: the interpreter is opened now, so that it is
# found inside a chroot.
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
  debootstrap $foreign --arch="$(architecture "$1")" --variant=minbase --include=ca-certificates "$(suite "$1")" "$root" \
    "$mirror" && { [ -z "$foreign" ] || inside "$root" "/debootstrap/debootstrap --second-stage"; } && : >"$root/root/whole"
}

# ---- the two commands -----------------------------------------------------------------------------------------------

# seconds NAME COMMAND ...: runs it with its output in the log; leaves how long it took in $NAME_seconds, or "failed".
timed() {
  name=$1 began=$(date +%s)
  shift
  if "$@" >>"$log" 2>&1; then eval "$name=$(($(date +%s) - began))"; else eval "$name=failed"; fi
}

# What a chroot says of itself, by a command whose output is one line.
ask() { inside "$root" "cd /root/genlat && $1" 2>/dev/null | head -n 1; }

# run_platform PLATFORM LUA: one line of the table. With another Lua than the system's usual one, its packages are
# there before setup.sh is.
run_platform() {
  root=$folder/$1 log=$folder/$1-lua$2.log
  rm -rf "$root/root/genlat"
  git clone -q . "$root/root/genlat"
  : >"$log"
  use="export LUA=lua$2; cd /root/genlat"
  timed train inside "$root" "$use; sh scripts/setup.sh && \$LUA scripts/train_vae.lua"
  timed test inside "$root" "$use; make test"
  counts=$(sed -n -E 's/^([0-9]+) success[a-z]* \/ ([0-9]+) failures? \/ ([0-9]+) errors? \/ ([0-9]+) pending .*/\1 \2 \3 \4/p' \
    "$log" | tail -n 1)
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$(ask 'gcc --version' | sed 's/(.*) //')" "$(ask "lua$2 -v" | cut -d' ' -f1,2)" \
    "$(ask "dpkg-query -W -f '\${Version}' libopenblas-pthread-dev")" "$train" "$test" "${counts:-none reported}"
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
printf 'platform\tcompiler\tLua\tOpenBLAS\tsetup, train s\ttest s\tsuccesses, failures, errors, pending\n' >"$table"
for platform in ${*:-$PLATFORMS}; do
  case " $PLATFORMS " in *" $platform "*) ;; *) fail "no platform '$platform'; there are $PLATFORMS" ;; esac
  case $platform in *-arm64) emulate_arm64 ;; esac
  make_root "$platform" >"$folder/$platform.log" 2>&1 || fail "making it failed, see $folder/$platform.log"
  for version in 5.4 5.5; do
    if has_package "$platform" "lua$version"; then run_platform "$platform" $version >>"$table"; fi
  done
done
column -t -s "$(printf '\t')" "$table"
