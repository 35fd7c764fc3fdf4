#!/bin/sh
# Builds the same labs with rhailab and with other tools, and prints what each costs:
#
#     scripts/bench.sh [-y] [quick|full] [--tools WORD,…] [--labs WORD,…] [--json]
#
#     -y         install what is missing without asking
#     quick      a few minutes (the default)
#     full       more rounds, and all tools at 500 namespaces
#     --tools    only these: ours, ours-tmpfs, ours-run, raw, batch, shell, nothing
#     --labs     only these: first, article, star, vips; or star:1000, for one of the sizes
#     --json     print one JSON object per run instead of tables
#
# Needs no root and touches no network but its own. It measures and judges nothing: the exit status is 0 whatever the
# ratios, and 1 only where a network came out wrong.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
need cc ip iptables-nft

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
cargo build --release --locked --target-dir "$target"
cargo build --release --locked --target-dir "$target/benches" --manifest-path benches/Cargo.toml
scratch=$(mktemp -d "$target/bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# As installed: what the linker wrote itself lies in the page cache in small pieces, and takes a millisecond longer to load.
mkdir "$scratch/bin"
cp "$target/release/rhailab" "$target/benches/release/bench" "$target/benches/release/raw" "$scratch/bin"
"$scratch/bin/bench" "$@" --rhailab "$scratch/bin/rhailab" --scratch "$scratch"
