#!/bin/sh
# Checks everything: format, lints and all tests, those that change networks in a sandbox. Installs what is missing, Rust
# included, after asking:
#
#     scripts/test.sh [-y]     -y: without asking
#
# With CI=true a skipped test is a failure; with FUZZ_SECONDS=N each fuzzer runs for N seconds and counts as a check. The
# last line counts what passed, failed and was skipped, and the table above it says how long each test program took.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
takes_no_words "$@"
need bash cc cargo-clippy fish ip iptables-nft iptables-legacy newuidmap nft python3 rustfmt script sysctl unshare useradd zsh

mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
log=$target/test.log
checks_passed=0
checks_failed=0
failed_checks=

# check WHAT COMMAND…: one check that is not a test.
check() {
    what=$1
    echo "== $what"
    shift
    if "$@"; then
        checks_passed=$((checks_passed + 1))
    else
        checks_failed=$((checks_failed + 1))
        failed_checks="$failed_checks$what; "
    fi
}

# Everything in cargo's output but what passing tests print, which is there for the skips to be counted.
without_successes() {
    awk '/^successes:$/ { quiet = 1 } /^(failures:|test result:)/ { quiet = 0 } !quiet'
}

# Builds as the caller; cargo runs each test program through the sandbox.
tests() {
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    {
        status=0
        # insta would ask cargo, which may be another user's in the sandbox.
        env "CARGO_TARGET_${host}_RUNNER=$PWD/scripts/lib/sandbox.sh" "INSTA_WORKSPACE_ROOT=$PWD" \
            cargo test --locked --no-fail-fast -- --show-output 2>&1 || status=$?
        echo "$status" >"$log.status"
    } | tee "$log" | without_successes
    return "$(cat "$log.status")"
}

benches="--manifest-path benches/Cargo.toml --target-dir $target/benches"
fuzz="--manifest-path fuzz/Cargo.toml --target-dir $target/fuzz"
check "format" cargo fmt --check
# shellcheck disable=SC2086 # several words
check "format of the benchmark" cargo fmt --check --manifest-path benches/Cargo.toml
check "lints" cargo clippy --locked --all-targets --quiet -- -D warnings
# shellcheck disable=SC2086
check "lints of the benchmark" cargo clippy --locked --all-targets --quiet $benches -- -D warnings
# shellcheck disable=SC2086
check "tests of the benchmark" cargo test --locked --quiet $benches
check "format of the fuzzers" cargo fmt --check --manifest-path fuzz/Cargo.toml
if [ -n "${FUZZ_SECONDS-}" ]; then
    # shellcheck disable=SC2086
    check "lints of the fuzzers" cargo clippy --locked --all-targets --quiet $fuzz -- -D warnings
    for name in names journal recipe agree; do
        check "fuzzing: $name" scripts/fuzz.sh "$FUZZ_SECONDS" "$name"
    done
fi
echo "== tests"
status=0
tests || status=$?

echo "== how long each test program took, in seconds"
awk '
    /^ +Running / { name = $2 == "unittests" ? $3 : $2 }
    /^ +Doc-tests / { name = "examples in documentation" }
    /^test result:/ { took = $NF; sub(/s$/, "", took); printf "%.1f %s\n", took, name }' "$log" | sort -rn |
    awk '{ printf "%7s  %-30s%s", $1, substr($0, length($1) + 2), NR % 3 ? "" : "\n" } END { if (NR % 3) print "" }'

# Said again at the end: what a check printed is far above by then.
if [ "$failed_checks" ]; then echo "failed checks: ${failed_checks%; }"; fi

# A skipped test passes in cargo's eyes and says so in a line of its own; where skips are forbidden it fails instead.
awk -v passed="$checks_passed" -v failed="$checks_failed" -v status="$status" -v ci="${CI-}" '
    /^test result:/ { passed += $4; fails += $6; skipped += $8 }
    /^successes:$/ { quiet = 1 }
    /^failures:$/ { quiet = 0 }
    quiet && /^SKIPPED: / { passed -= 1; skipped += 1; if (!seen[$0]++) print }
    END {
        if (status != 0 && fails == 0) fails = 1   # did not build, or a test program was killed
        failed += fails
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0 || (ci == "true" && skipped > 0)
    }' "$log"
