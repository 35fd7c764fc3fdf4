//! iptables' own words, as an escape from the functions of this language.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{IPTABLES_EXISTS, IPTABLES_FAILED, IPTABLES_MISSING, IPTABLES_REFUSED};
use super::rules::commit;
use super::value::Value;
use crate::model::error::{OpError, OpResult};
use crate::model::family::Family;
use crate::model::names::ChainName;
use crate::model::rule::Rule;
use crate::model::rules::{RuleEdit, Table, bad_chain};

/// The functions of this family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "iptables",
    kind: FnKind::InNs,
    params: &[
        FnParam {
            name: "rule",
            ty: Ty::Argv,
            default: None,
            doc: "the words after `iptables`: `-t`, one of `-A`, `-I` (with a place, if it is not the first) and `-N`, and the rule",
        },
        FnParam {
            name: "options",
            ty: Ty::Options(&[Opt { name: "ipv6", ty: Ty::Bool, default: "false", doc: "ip6tables instead" }]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Rules,
    summary: "Adds one rule or chain in iptables' own words; it is undone like every other.",
    details: "Deleting, flushing and policies are not taken, because they could not be undone without harming others' rules: call `.del()` on what a function returned.",
    example: r#"iptables(["-t", "filter", "-A", "INPUT", "-p", "tcp", "--dport", "23", "-j", "DROP"]);"#,
    errors: &[
        Error { code: "iptables::verb", when: "it is none of -A, -I and -N" },
        Error { code: "iptables::table", when: "there is no such table" },
        Error { code: "iptables::chain", when: "no chain can have that name, or that place in it" },
        Error { code: "name::chain", when: "no chain can have that name" },
        IPTABLES_EXISTS,
        IPTABLES_MISSING,
        IPTABLES_REFUSED,
        IPTABLES_FAILED,
    ],
    run: Action::Op(iptables),
}];

fn iptables(call: &mut Call<'_>) -> OpResult<Value> {
    let words: Vec<String> = call.args.req("rule")?;
    let family = if call.args.or("ipv6", false)? { Family::V6 } else { Family::V4 };
    let (table, edit) = raw_rule(&words)?;
    let rules = commit(call, words.join(" "), table, &[family], &[edit])?;
    // The words are the user's own, so what iptables says to them is said here and now.
    call.lab.settle()?;
    Ok(rules)
}

/// Takes iptables' own words apart: the table, and what to add.
fn raw_rule(given: &[String]) -> OpResult<(Table, RuleEdit)> {
    let refuse = |code, message: String| OpError::new(code, message).arg("rule");
    let mut table = Table::Filter;
    let mut verb: Option<(&str, String)> = None;
    let mut at = 1;
    let mut words = Vec::new();
    let mut rest = given.iter().peekable();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-t" | "--table" => {
                let name = rest.next().map_or("", String::as_str);
                table = Table::parse(name).ok_or_else(|| {
                    let names: Vec<&str> = Table::ALL.iter().map(|(_, name)| *name).collect();
                    refuse("iptables::table", format!("There is no iptables table {name:?}."))
                        .help(format!("The tables are {}.", names.join(", ")))
                })?;
            }
            "-A" | "--append" | "-I" | "--insert" | "-N" | "--new-chain" | "--new" if verb.is_none() => {
                let chain = rest.next().cloned().ok_or_else(|| {
                    refuse("iptables::chain", format!("`{word}` wants the name of a chain after it."))
                })?;
                if let Some(why) = bad_chain(&chain) {
                    return Err(refuse("iptables::chain", format!("There is no chain {chain:?}: its name {why}."))
                        .help("Give each word of the rule as one item of the list."));
                }
                if matches!(word.as_str(), "-I" | "--insert")
                    && let Some(place) = rest.next_if(|next| next.bytes().all(|byte| byte.is_ascii_digit()))
                {
                    let number = place.parse().ok().filter(|number| *number > 0);
                    at = number.ok_or_else(|| {
                        refuse("iptables::chain", format!("There is no place {place} in a chain."))
                            .help("The first rule of a chain has the place 1.")
                    })?;
                }
                verb = Some((word, chain));
            }
            "-P" | "--policy" => {
                return Err(refuse(
                    "iptables::verb",
                    format!("`iptables` adds rules and chains; it does not take `{word}`."),
                )
                .help("`policy(\"FORWARD\", \"DROP\")` sets the policy of a chain, and puts back what it was."));
            }
            "-D" | "--delete" | "-R" | "--replace" | "-F" | "--flush" | "-X" | "--delete-chain" | "-Z" | "--zero"
            | "-E" | "--rename-chain" | "-L" | "--list" | "-S" | "--list-rules" | "-C" | "--check" => {
                return Err(refuse("iptables::verb", format!("`iptables` adds rules and chains; it does not take `{word}`."))
                    .help("To delete a rule that the recipe made, call `.del()` on what the function returned. To read rules, `exec([\"iptables\", \"-S\"])`."));
            }
            "-w" | "--wait" | "-n" | "-v" => {}
            other => words.push(other.to_owned()),
        }
    }
    let Some((verb, chain)) = verb else {
        return Err(refuse("iptables::verb", "The rule names no chain to add to.".into())
            .help("Begin with `-A CHAIN`, `-I CHAIN` or `-N CHAIN`."));
    };
    let edit = match verb {
        "-A" | "--append" => RuleEdit::Append { chain, rule: Rule::from(words) },
        "-I" | "--insert" => RuleEdit::Insert { chain, at, rule: Rule::from(words) },
        _ if words.is_empty() => RuleEdit::NewChain(ChainName::new(&chain).map_err(|e| OpError::from(e).arg("rule"))?),
        _ => return Err(refuse("iptables::verb", format!("`{verb} {chain}` takes no further words."))),
    };
    Ok((table, edit))
}
