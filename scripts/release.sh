#!/bin/sh
# Builds the program for machines of another distribution: linked statically, so that it needs nothing of theirs. Prints where
# it is. With musl, if rustc has that target; else with glibc's static libraries. With -y, what is missing is installed
# without asking.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
takes_no_words "$@"
need cc

machine=$(rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1/p')
target=$machine-unknown-linux-musl
if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    target=$machine-unknown-linux-gnu
    export RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static"
fi
cargo build --release --locked --target "$target"
echo "$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/$target/release/rhailab"
