#!/bin/sh
# Lists anew, in scripts/lib/order.txt, what of the program runs when an ordinary lab is made and removed. The linker puts
# that together (build.rs); what is not in the list is slower to start, and nothing else. Worth it after changes of the
# compiler, of libraries, or of much of what a run does. Takes a release build and a minute.
#
#     scripts/order.sh          lists it
#     scripts/order.sh check    says how much of the list is in the program, and fails where that is less than nine tenths
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/install.sh
need cc

# Not by the profile, which is part of the hash that ends a name.
cargo rustc --release --locked --bin rhailab -- -C strip=none
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
list=scripts/lib/order.txt

if [ "${1:-}" = check ]; then
    all=$(wc -l <"$list")
    there=$(nm "$target/release/rhailab" | sed -n 's/^[0-9a-f]* [tT] //p' | LC_ALL=C sort -u | LC_ALL=C comm -12 - "$list" | wc -l)
    echo "$list: $there of $all functions are in the program"
    [ "$((there * 10))" -ge "$((all * 9))" ] || exit 1
    exit 0
fi

need ip valgrind
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Without a guardian, which shares the run's memory: valgrind knows no such processes.
# shellcheck disable=SC2016 # expanded inside
RHAILAB_STATE_DIR=$work/state scripts/lib/sandbox.sh sh -ec '
    trace="valgrind --tool=callgrind --demangle=no --callgrind-out-file=$1/trace.%p"
    ip link add uplink type bridge
    ip addr add 192.0.2.1/24 dev uplink
    ip link set uplink up
    ip route add default via 192.0.2.254
    $trace "$2" up benches/recipes/article.rhai --host --no-guardian --name order
    $trace "$2" down order
' sh "$work" "$target/release/rhailab"
sed -nE "s/^c?fn=\([0-9]+\) (_[RZ][^ ']*).*/\1/p" "$work"/trace.* | LC_ALL=C sort -u >"$list"
echo "$list: $(wc -l <"$list") functions"
