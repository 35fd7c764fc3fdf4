#!/bin/sh
# Puts the promise to the test: hundreds of kills at random moments, crowds of labs, disks that are full. Prints the
# figures. Takes a few minutes; RHAILAB_TORTURE_SEED=N repeats the kills of an earlier run. With -y, what is missing is
# installed without asking.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
takes_no_words "$@"
need cc ip iptables-nft newuidmap python3 sysctl unshare

host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export RHAILAB_TORTURE=full
exec env "CARGO_TARGET_${host}_RUNNER=$PWD/scripts/lib/sandbox.sh" cargo test --locked --quiet --test torture -- --nocapture
