#!/bin/sh
# Builds rhailab and runs the lab of scripts/labs/container-networking.rhai in a sandbox: every change as it is made,
# every proof by real packets, and nothing left at the end. Needs no root, unless something has to be installed first.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
need cc ip iptables-nft newuidmap python3

cargo build --release --locked --quiet
exec "${CARGO_TARGET_DIR:-target}/release/rhailab" run --verbose "$@" scripts/labs/container-networking.rhai
