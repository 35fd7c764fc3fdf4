# Gets Rust where cargo is missing or older than Cargo.toml wants it, for this user only. install.sh sources it.
# shellcheck shell=sh

# Prints the version of a cargo; nothing where it is not there or does not run, as rustup's does without a toolchain.
cargo_version() {
    "${1:-cargo}" --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'
}

# Prints the oldest version that builds this.
wanted_version() {
    sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml
}

# Whether the cargo of that name is new enough.
is_new_enough() {
    local wanted
    wanted=$(wanted_version)
    [ "$(printf '%s\n' "$wanted" "$(cargo_version "$1")" | sort -V | head -n 1)" = "$wanted" ]
}

# Looks for cargo where rustup puts it, too: that folder is on the PATH from the next login on only.
find_cargo() {
    local bin=${CARGO_HOME:-${HOME-}/.cargo}/bin
    if ! is_new_enough cargo && [ -x "$bin/cargo" ]; then
        PATH=$bin:$PATH
    fi
}

# Prints what is wrong with cargo; nothing where nothing is.
cargo_trouble() {
    is_new_enough cargo && return
    if ! command -v cargo >/dev/null; then
        echo "there is no cargo"
    elif [ -z "$(cargo_version)" ]; then
        echo "there is a cargo, but it does not run"
    else
        echo "cargo is $(cargo_version)"
    fi
}

# Prints where Rust will come from, for somebody who can, or cannot, install packages.
rust_source() {
    if command -v rustup >/dev/null; then
        echo "by the rustup that is here"
    elif [ "$1" = packages ]; then
        echo "by the distribution's package rustup if it can be had, else by the installer at https://sh.rustup.rs"
    else
        echo "by the installer at https://sh.rustup.rs"
    fi
}

# Gets a new enough Rust with what is given of its components: get_rust MANAGER packages|alone COMPONENT…
get_rust() {
    local manager=$1 means=$2
    shift 2
    if ! is_new_enough cargo; then
        get_toolchain "$manager" "$means" >&2 || return 1
        find_cargo
    fi
    [ $# = 0 ] || rustup component add "$@" >&2
}

get_toolchain() {
    if ! command -v rustup >/dev/null && [ "$2" = packages ]; then
        # Where it would take the place of the distribution's own cargo, which is everybody's, it is refused too.
        # shellcheck disable=SC2046 # one word for each package
        as_root_installs "$1" $(packages rustup "$1") >/dev/null 2>&1 || echo "The distribution's rustup cannot be had."
    fi
    if command -v rustup >/dev/null; then
        rustup toolchain install stable --profile minimal || return 1
        # What somebody has chosen stays as it is, and only is not used here.
        if rustup default 2>/dev/null | grep -q .; then
            export RUSTUP_TOOLCHAIN=stable
        else
            rustup default stable
        fi
    elif command -v rustup-init >/dev/null; then
        # Fedora's and Alpine's package is only the installer.
        rustup_init rustup-init
    else
        by_official_installer
    fi
}

# Runs rustup's installer. It would ask, and refuse to stand beside a cargo that is older.
rustup_init() {
    RUSTUP_INIT_SKIP_PATH_CHECK=yes "$@" -y --no-modify-path --profile minimal --default-toolchain stable || return 1
    echo "For cargo in your own shell:  . \"${CARGO_HOME:-$HOME/.cargo}/env\""
}

by_official_installer() {
    local installer
    # Whole before any of it is run.
    if command -v curl >/dev/null; then
        installer=$(curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs) || return 1
    else
        installer=$(wget -qO- https://sh.rustup.rs) || return 1
    fi
    rustup_init sh -c "$installer" sh
}
