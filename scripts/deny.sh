#!/bin/sh
# Checks the licences and sources of all dependencies against deny.toml. Installs cargo-deny where it is missing, which
# takes two to three minutes; with -y, without asking where Rust is missing too.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
takes_no_words "$@"
need cc
if ! command -v cargo-deny >/dev/null && ! cargo install cargo-deny --locked --version 0.20.2; then
    echo "cargo-deny cannot be installed here: licences and sources are not checked." >&2
    exit 0
fi
cargo deny --locked check -A license-exception-not-encountered licenses bans sources
# The benchmark has few dependencies: what deny.toml allows and it does not need is no news.
cargo deny --locked --manifest-path benches/Cargo.toml --config deny.toml \
    check -A license-not-encountered -A license-exception-not-encountered licenses bans sources
cargo deny --locked --manifest-path fuzz/Cargo.toml --config deny.toml \
    check -A license-exception-not-encountered licenses bans sources
