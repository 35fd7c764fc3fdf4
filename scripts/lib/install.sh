# Installs what is missing, and only that. To be sourced by scripts, in the folder of the project; then: need COMMAND…
#
# It takes the first of a script's words away, where that is `-y`: yes to all that may be asked. For `--help` it prints what
# stands at the head of the script.
# shellcheck shell=sh

. scripts/lib/rust.sh

again="$0 -y${*:+ $*}"
is_sure=
case ${1-} in
    -y | --yes) is_sure=true; shift ;;
    -h | --help) sed -n '1d; /^#/!q; s/^# \{0,1\}//p' "scripts/${0##*/}"; exit ;;
esac

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
        cargo-clippy:apt-get | cargo-clippy:apk) echo rust-clippy ;;
        cargo-clippy:dnf) echo clippy ;;
        cargo-clippy:pacman | rustfmt:pacman) echo rust ;;
        curl:*) echo curl ca-certificates ;;
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
        rustup:apt-get) echo rustup ca-certificates ;;
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
    local command
    for command in "$@"; do
        case $command in
            # rustup puts their names on the PATH whether or not they are installed.
            cargo-clippy) cargo clippy --version ;;
            rustfmt) cargo fmt --version ;;
            *) command -v "$command" ;;
        esac >/dev/null 2>&1 || echo "$command"
    done
}

# Makes sure that these commands are here, and a cargo that is new enough. What is missing is said at once, and before
# anything is done.
need() {
    local lacking trouble components manager names means
    find_cargo
    trouble=$(cargo_trouble)
    lacking=$(missing "$@")
    components=
    # What comes with Rust is a component where rustup is, or will be, and a package elsewhere.
    if [ "$trouble" ] || command -v rustup >/dev/null; then
        components=$(echo "$lacking" | sed -n 's/^cargo-clippy$/clippy/p; s/^rustfmt$/rustfmt/p')
        lacking=$(echo "$lacking" | sed '/^cargo-clippy$/d; /^rustfmt$/d')
    fi
    if [ "$trouble" ] && ! command -v rustup >/dev/null && ! command -v curl >/dev/null && ! command -v wget >/dev/null; then
        lacking="$lacking curl"
    fi
    # shellcheck disable=SC2086,SC2116 # one line of words, here and below
    lacking=$(echo $lacking) components=$(echo $components)
    [ "$lacking$trouble$components" ] || return 0

    for manager in apt-get dnf pacman apk none; do
        command -v "$manager" >/dev/null && break
    done
    names=$(for command in $lacking; do packages "$command" "$manager"; done | tr ' ' '\n' | sort -u)
    # shellcheck disable=SC2086,SC2116
    names=$(echo $names)
    tell_missing "Missing" "$lacking $components" "$trouble"
    if [ "$lacking" ]; then
        if [ "$manager" = none ] || ! can_be_root; then
            ask_an_administrator "$manager" "$names" "$trouble$components"
            return 1
        fi
        echo "To install: $names" >&2
    fi
    means=alone
    if [ "$manager" != none ] && may_be_root; then means=packages; fi
    if [ "$trouble$components" ]; then
        echo "Rust comes $(rust_source $means), for this user only: in ${CARGO_HOME:-~/.cargo} and ${RUSTUP_HOME:-~/.rustup}." >&2
        agreed || return 1
    fi

    # shellcheck disable=SC2086 # one word for each package and component
    {
        [ -z "$names" ] || as_root_installs "$manager" $names >/dev/null || return 1
        [ -z "$trouble$components" ] || get_rust "$manager" $means $components || return 1
    }
    lacking=$(missing "$@")
    trouble=$(cargo_trouble)
    # shellcheck disable=SC2086,SC2116
    [ -z "$lacking$trouble" ] || { tell_missing "Still missing after that" "$(echo $lacking)" "$trouble"; return 1; }
}

# tell_missing INTRODUCTION COMMANDS TROUBLE: a line about all that is missing.
tell_missing() {
    local all=${2% }
    [ -z "$3" ] || all="${all:+$all and }Rust $(wanted_version) or newer ($3)"
    echo "$1: ${all# }" >&2
}

# ask_an_administrator MANAGER PACKAGES TROUBLE: says what somebody else has to do.
ask_an_administrator() {
    case $1 in
        none) echo "apt-get, dnf, pacman and apk are all missing too: install these by hand." ;;
        pacman) echo "An administrator of this machine has to run:  pacman -S --needed $2" ;;
        apk) echo "An administrator of this machine has to run:  apk add $2" ;;
        dnf) echo "An administrator of this machine has to run:  dnf install $2" ;;
        *) echo "An administrator of this machine has to run:  apt-get update && apt-get install $2" ;;
    esac >&2
    [ -z "$3" ] || echo "Rust needs none: started again after that, this gets it $(rust_source alone), for you only." >&2
    echo "Nothing was installed." >&2
}

# Whether Rust may be installed.
agreed() {
    local answer=
    [ -z "$is_sure" ] || return 0
    if [ -t 0 ]; then
        printf 'Go on? [y/N] ' >&2
        read -r answer || echo >&2
        case $answer in
            [yY] | [yY][eE][sS]) return 0 ;;
        esac
        echo "Nothing was installed." >&2
    elif [ "${CI-}" = true ]; then
        return 0
    else
        echo "Nothing was installed, as there is no terminal to ask at. This does not ask:  $again" >&2
    fi
    return 1
}

# Installs packages: as_root_installs MANAGER PACKAGE…
as_root_installs() {
    local manager=$1
    shift
    case $manager in
        # What is there may be somebody's: it does not make way for what is missing.
        apt-get) as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends --no-remove "$@" ;;
        dnf) as_root dnf install -y -q "$@" ;;
        pacman) as_root pacman -S --needed --noconfirm "$@" || as_root pacman -Sy --needed --noconfirm "$@" ;;
        apk) as_root apk add -q --update-cache "$@" ;;
    esac
}

# Whether this user is root, or might become it.
may_be_root() {
    [ "$(id -u)" = 0 ] || command -v sudo >/dev/null
}

# Whether this user is root, or becomes it if asked for a password.
can_be_root() {
    [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { [ -t 0 ] && may_be_root && sudo -v; }
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Ends a script that is given words and takes none.
takes_no_words() {
    [ $# = 0 ] || { echo "$0 does not take \`$1\`; see $0 --help." >&2; exit 2; }
}
