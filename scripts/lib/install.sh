# Installs what is missing, and only that. To be sourced by scripts; then: need COMMAND…
# shellcheck shell=sh

# An ordinary user's PATH often lacks the folders where ip and iptables are.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Prints the packages that hold a command, for a package manager.
packages() {
    case $1:$2 in
        cc:apt-get) echo gcc libc6-dev ;;
        cc:apk) echo gcc musl-dev ;;
        cc:*) echo gcc ;;
        c++:dnf) echo gcc-c++ ;;
        c++:pacman) echo gcc ;;
        c++:*) echo g++ ;;
        ip:dnf) echo iproute ;;
        ip:*) echo iproute2 ;;
        iptables-nft:dnf) echo iptables-nft ;;
        iptables-legacy:dnf | iptables-legacy:apk) echo iptables-legacy ;;
        iptables-*:*) echo iptables ;;
        newuidmap:apt-get) echo uidmap ;;
        newuidmap:dnf) echo shadow-utils ;;
        newuidmap:pacman) echo shadow ;;
        newuidmap:apk) echo shadow-uidmap ;;
        nft:*) echo nftables ;;
        python3:pacman) echo python ;;
        script:apt-get) echo bsdutils ;;
        script:dnf) echo util-linux-script ;;
        script:*) echo util-linux ;;
        sysctl:apt-get) echo procps ;;
        sysctl:dnf | sysctl:pacman) echo procps-ng ;;
        sysctl:apk) echo procps ;;
        unshare:*) echo util-linux ;;
        useradd:apt-get) echo passwd ;;
        useradd:dnf) echo shadow-utils ;;
        useradd:*) echo shadow ;;
        *) echo "$1" ;;
    esac
}

# Prints the commands among those given that are not here.
missing() {
    for command in "$@"; do
        command -v "$command" >/dev/null || echo "$command"
    done
}

# Makes sure that these commands are here.
need() {
    local lacking manager names
    if ! command -v cargo >/dev/null; then
        echo "cargo is not on the PATH: install Rust from https://rustup.rs" >&2
        return 1
    fi
    lacking=$(missing "$@")
    [ -n "$lacking" ] || return 0
    for manager in apt-get dnf pacman apk none; do
        command -v "$manager" >/dev/null && break
    done
    names=$(for command in $lacking; do packages "$command" "$manager"; done | tr ' ' '\n' | sort -u)
    # shellcheck disable=SC2116,SC2086 # one line of words
    echo "Missing: $(echo $lacking). Installing: $(echo $names)" >&2
    # shellcheck disable=SC2086 # one word for each package
    case $manager in
        apt-get) as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $names ;;
        dnf) as_root dnf install -y -q $names ;;
        pacman) as_root pacman -S --needed --noconfirm $names || as_root pacman -Sy --needed --noconfirm $names ;;
        apk) as_root apk add -q --update-cache $names ;;
        none) echo "apt-get, dnf, pacman and apk are all missing too: install these by hand." >&2; return 1 ;;
    esac >/dev/null || return 1
    # shellcheck disable=SC2086
    lacking=$(missing $lacking)
    # shellcheck disable=SC2116,SC2086
    [ -z "$lacking" ] || { echo "Still missing after that: $(echo $lacking)" >&2 && return 1; }
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "This needs root, and there is no sudo: $*" >&2
        return 1
    fi
}
