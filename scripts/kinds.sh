#!/bin/sh
# Writes the lists of kinds from the files that there are: kinds.sh [--check]
# A new kind of change, or of interface, is a file in each of the folders below and no line anywhere else; this script puts it
# on the lists. With --check it only says which list is out of date.
set -eu
cd "$(dirname "$0")/.."
status=0

# write FILE: takes its new text from standard input.
write() {
    new=$(mktemp)
    rustfmt --edition 2024 --config-path rustfmt.toml >"$new"
    if cmp -s "$new" "$1"; then
        :
    elif [ "${check-}" ]; then
        echo "$1 is out of date: run scripts/kinds.sh"
        status=1
    else
        cp "$new" "$1"
        echo "wrote $1"
    fi
    rm "$new"
}

# The kinds in a folder, in order.
names() {
    for file in "$1"/*.rs; do
        if [ -e "$file" ]; then basename "$file" .rs; fi
    done
}

# each FOLDER FORMAT: a line for each kind in a folder, its name in place of each %s.
each() {
    for name in $(names "$1"); do
        echo "$2" | sed "s/%s/$name/g"
    done
}

# The path below `crate::model` and the type of each kind of change: `route AddRoute`.
changes() {
    grep -so '^impl Kind for [A-Za-z]*' src/model/*.rs src/model/kinds/*.rs | sed -n 's/.*\/\(.*\)\.rs:impl Kind for /\1 /p' |
        grep -v ' Change$' | sort -k 2
}

# The first line of a type's documentation.
summary() {
    cat src/model/*.rs src/model/kinds/*.rs 2>/dev/null | awk -v type="$1" '
        /^\/\/\/ / { if (!doc) doc = $0; next }
        /^#\[/ { next }
        $0 ~ "^pub struct " type "[ ({]" { print doc; exit }
        { doc = "" }'
}

modules() {
    each "$1" "${2-mod} %s;"
}

[ "${1-}" = --check ] && check=yes

{
    echo '//! The kinds of change. Written by `scripts/kinds.sh` from the files that there are; do not edit.'
    echo
    changes | while read -r file type; do
        if [ -e "src/model/kinds/$file.rs" ]; then
            echo "use $file::$type;"
        else
            echo "use crate::model::$file::$type;"
        fi
    done | sort
    echo 'use serde::{Deserialize, Serialize};'
    echo
    modules src/model/kinds 'pub mod'
    echo
    echo '/// One change. A closed set of kinds, each of which has a file of its own.'
    echo '#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]'
    echo '#[serde(tag = "do", rename_all = "snake_case")]'
    echo 'pub enum Change {'
    changes | while read -r file type; do
        echo "    $(summary "$type")"
        echo "    $type($type),"
    done
    echo '}'
    echo
    echo '/// The one place that tells kinds of change apart: `$body` with `$kind` bound to the own struct of the change.'
    echo 'macro_rules! each_kind {'
    echo '    ($change:expr, $kind:ident => $body:expr) => {'
    echo '        match $change {'
    changes | while read -r file type; do
        echo "            \$crate::model::kinds::Change::$type(\$kind) => \$body,"
    done
    echo '        }'
    echo '    };'
    echo '}'
    echo
    echo 'pub(crate) use each_kind;'
} | write src/model/kinds.rs

{
    echo '//! The kinds of interface. Written by `scripts/kinds.sh` from the files that there are; do not edit.'
    echo
    echo 'use super::LinkDef;'
    echo
    modules src/model/link/kinds 'pub mod'
    echo
    echo '/// All of them.'
    echo 'pub const ALL: &[&LinkDef] = &['
    each src/model/link/kinds '    &%s::DEF,'
    echo '];'
} | write src/model/link/kinds.rs

{
    echo '//! Kinds of change on this machine. Written by `scripts/kinds.sh` from the files that there are; do not edit.'
    echo
    modules src/kernel/linux/kinds
} | write src/kernel/linux/kinds.rs

{
    echo '//! What encodes and reads the attributes of each kind of interface. Written by `scripts/kinds.sh` from the files that there'
    echo '//! are; do not edit.'
    echo
    echo 'use super::encode::{Encode, OwnLower};'
    echo
    modules src/kernel/linux/link/encoders
    echo
    echo '/// All of them, by the name of the kind.'
    echo 'pub(super) const ALL: &[(&str, Encode, OwnLower)] = &['
    each src/kernel/linux/link/encoders '    ("%s", %s::encode, %s::lower),'
    echo '];'
} | write src/kernel/linux/link/encoders.rs

{
    echo '//! The functions of kinds that have a family of their own. Written by `scripts/kinds.sh` from the files that there are; do'
    echo '//! not edit.'
    echo
    echo 'use super::FnDef;'
    echo
    modules src/ops/kinds
    echo
    echo '/// All of them, each with its title.'
    echo 'pub const FAMILIES: &[(&str, &[FnDef])] = &['
    each src/ops/kinds '    (%s::TITLE, %s::DEFS),'
    echo '];'
} | write src/ops/kinds.rs

exit $status
