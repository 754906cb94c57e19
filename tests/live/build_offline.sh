#!/bin/sh
# build_offline.sh SOURCE BUILD CMAKE [OPTION...]: builds dse without its recording half.
set -eu
source=$1 build=$2 cmake=$3
shift 3
"$cmake" -S "$source" -B "$build" "$@" -DDSE_LIVE=OFF -DDSE_TESTS=OFF
"$cmake" --build "$build" --target dse
