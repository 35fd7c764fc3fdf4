#!/bin/sh
# Feeds made-up input to what reads names, journals and recipes, and looks whether it panics or breaks a promise, such as that
# `check` calls nothing an error that runs, and `fmt` changes nothing of what a recipe does:
#
#     scripts/fuzz.sh [-y] [SECONDS] [TARGET…]     20 seconds each of names, journal, recipe and agree, unless told otherwise;
#                                                  -y: install what is missing without asking
#
# Needs no nightly compiler: stable rustc has LLVM's coverage pass, and libFuzzer is built from its source. What was found
# interesting is kept in target/fuzz/corpus, for the next run. The exit status is 1 if an input breaks something; then it
# says where that input is and how to replay it.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
need cc c++

seconds=20
case ${1-} in
    '' | *[!0-9]*) ;;
    *) seconds=$1; shift ;;
esac
[ $# -gt 0 ] || set -- names journal recipe agree
for name in "$@"; do
    [ -f "fuzz/targets/$name.rs" ] || { echo "There is no fuzzer \`$name\`." >&2; exit 2; }
done

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# What libFuzzer wants to be told: https://clang.llvm.org/docs/SanitizerCoverage.html
flags="-Cpasses=sancov-module"
for option in level=4 inline-8bit-counters pc-table trace-compares; do
    flags="$flags -Cllvm-args=-sanitizer-coverage-$option"
done
# With --target, what runs at build time is built without them.
RUSTFLAGS="$flags" cargo build --release --locked --quiet --manifest-path fuzz/Cargo.toml --target "$host" \
    --target-dir "$target"

status=0
for name in "$@"; do
    fuzzer=$target/$host/release/$name
    work=$target/corpus/$name
    log=$target/$name.log
    mkdir -p "$work"
    # They are of this very version: a recipe that is gone must not go on as a seed.
    rm -rf "$target/seeds/$name"
    FUZZ_SEEDS=$target/seeds/$name "$fuzzer" -runs=0 >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    if "$fuzzer" -max_total_time="$seconds" -timeout=20 -max_len=4096 -dict="$target/seeds/$name.dict" \
        -artifact_prefix="$target/found-$name-" "$work" "$target/seeds/$name" >"$log" 2>&1; then
        echo "$name: nothing found in $(sed -n 's/^Done \([0-9]* runs in [0-9]* second\).*/\1s/p' "$log")."
        continue
    fi
    status=1
    found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
    {
        grep -a -A 3 "panicked at\|^==[0-9]*== ERROR\|^ALARM" "$log" | head -n 20 || tail -n 20 "$log"
        echo "$name: found an input that breaks it${found:+: $found}"
        [ -z "$found" ] || echo "  replay it:  RUST_BACKTRACE=1 $fuzzer $found"
        [ -z "$found" ] || echo "  shrink it:  $fuzzer -minimize_crash=1 -max_total_time=30 $found"
    } >&2
done
exit "$status"
