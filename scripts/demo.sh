#!/bin/sh
# Builds rhailab and runs the lab of scripts/labs/container-networking.rhai in a sandbox: every change as it is made,
# every proof by real packets, and nothing left at the end. Needs no root, unless something has to be installed first:
#
#     scripts/demo.sh [-y] [WORD…]     -y: install what is missing, Rust included, without asking; words for `rhailab run`
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
need cc ip iptables-nft newuidmap python3

binary=${CARGO_TARGET_DIR:-target}/release/rhailab
if [ ! -x "$binary" ]; then
    echo "Building rhailab, which takes a few minutes the first time." >&2
fi
cargo build --release --locked
exec "$binary" run --verbose "$@" scripts/labs/container-networking.rhai
