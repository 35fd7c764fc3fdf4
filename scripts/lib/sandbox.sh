#!/bin/sh
# Runs a command where it can change networks, mounts, /run and /etc without touching the machine's: sandbox.sh COMMAND…
# As root; else as root of a user namespace; where these are forbidden, through sudo.
set -eu
PATH=$PATH:/usr/sbin:/sbin

if [ "${1-}" = --inside ]; then
    shift
    mount -t tmpfs tmpfs /run
    mkdir /run/netns /run/etc
    # A copy, not an overlay: rhailab lays an overlay of its own on it, and file systems stack two deep only.
    # What cannot be read or owned (shadow, as an ordinary user) is left out.
    cp -a /etc/. /run/etc 2>/dev/null || :
    mount --bind /run/etc /etc
    # The ordinary user of the tests. Here, because of two useradd at a time the later one gives the user a new number.
    # Without a home: `/home` is the machine's, where it would stay.
    id lab >/dev/null 2>&1 || useradd --no-create-home lab || :
    ip link set lo up
    # Where Ctrl-C was ignored from the start, as in the background of a script, tests that press it would wait for ever.
    if env --default-signal=INT true 2>/dev/null; then
        exec env --default-signal=INT "$@"
    fi
    exec "$@"
fi

spaces="unshare --net --mount --propagation private"
# shellcheck disable=SC2086 # several words each
if [ "$(id -u)" = 0 ]; then
    exec $spaces "$0" --inside "$@"
fi
for map in "--map-root-user --map-auto" --map-root-user; do
    # shellcheck disable=SC2086
    if unshare --user $map --net --mount true 2>/dev/null; then
        exec $spaces --user $map "$0" --inside "$@"
    fi
done
# sudo drops the environment; this is what the tests read of it.
# shellcheck disable=SC2086
exec sudo env "PATH=$PATH" "CI=${CI-}" "CARGO_MANIFEST_DIR=${CARGO_MANIFEST_DIR-}" \
    "INSTA_WORKSPACE_ROOT=${INSTA_WORKSPACE_ROOT-}" $spaces "$0" --inside "$@"
