#!/bin/bash
# dse beside other recorders, on this very host: installs what that needs from Debian (not with
# --no-install), builds dse, the storms and the floor (not with --dse and --bin), and measures.
# peers.sh --help has all options.
set -euo pipefail
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/peers
peer_packages=(python3 jq zstd linux-perf trace-cmd bpftrace libbpf-tools)

install=yes measure=yes dse='' bin='' arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --no-install) install='' ;;
    --help | -h | --render | --render=*) measure='' arguments+=("$1") ;;
    --dse | --bin) declare "${1#--}=${2:?$1 needs a path}"; shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

missing() {
  { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true; } |
    awk '$1 == "ii" { print $2 }' | sort | comm -13 - <(printf '%s\n' "$@" | sort)
}

prepare() {
  if [ -n "$install" ]; then
    local wanted
    wanted=$(missing "${peer_packages[@]}")
    if [ -n "$wanted" ]; then
      apt-get update -q
      # shellcheck disable=SC2086 # a list
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $wanted
    fi
  fi
  if [ -z "$dse" ] || [ -z "$bin" ]; then
    [ -z "$install" ] || "$root/tests/setup" packages
    cmake -S "$root" --preset release -B "$build" -DDSE_BENCH=ON
    cmake --build "$build" -j "$(nproc)" --target dse execstorm sigstorm connstorm mixstorm noop floor dse_scale
  fi
  mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
}

# Its output is not part of the tables.
[ -z "$measure" ] || prepare >&2
exec python3 -B "$here/peers" --dse "${dse:-$build/tools/dse}" --bin "${bin:-$build/tests/bench}" \
  ${arguments[@]+"${arguments[@]}"}
