//! Functions of the script itself: parameters, waiting, assertions, help, and the errors it catches.

use super::{Action, Call, Error, FnDef, FnKind, FnParam, Ty, Value};
use crate::model::error::{Fault, OpResult};

/// The family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "param",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "name", ty: Ty::Str, default: None, doc: "the name, as `-p NAME=VALUE` gives it" },
            FnParam {
                name: "default",
                ty: Ty::Any,
                default: None,
                doc: "the value where none is given, whose type is the parameter's; `()` makes it required",
            },
            FnParam { name: "doc", ty: Ty::Str, default: None, doc: "what it is for, for `--help`" },
        ],
        returns: Ty::Any,
        summary: "Declares a parameter of the recipe and returns its value.",
        details: "All three arguments must be literals, because `rhailab run RECIPE --help` lists the parameters \
                  without running the recipe. A value given as text is read as the default's type. Everybody \
                  on the machine can read it, in the arguments of `-p` and with `rhailab ls --json`: of a secret, let a \
                  parameter name the file or the variable (`secret`).",
        example: r#"let n = param("n", 3, "how many hosts");
let lan = subnet(param("lan", "10.0.0.0/24", "the hosts' network"));
print(`${n} hosts in ${lan}`);"#,
        errors: &[
            Error { code: "param::unknown", when: "a value was given for a parameter that the recipe does not have" },
            Error { code: "param::missing", when: "a required parameter was not given" },
            Error { code: "param::type", when: "the value given is not of the default's type" },
            Error { code: "param::literal", when: "an argument is not a literal" },
            Error { code: "param::duplicate", when: "the recipe declares the parameter twice" },
        ],
        run: Action::Script,
    },
    FnDef {
        name: "wait_until",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "timeout", ty: Ty::Duration, default: None, doc: "how long to wait at the most" },
            FnParam {
                name: "condition",
                ty: Ty::Closure,
                default: None,
                doc: "a closure without parameters that is called until it returns something else than `false` or `()`",
            },
        ],
        returns: Ty::Any,
        summary: "Calls a closure again and again until it says yes, and returns what it returned.",
        details: "The pause between two calls grows from 1 ms to 100 ms. An error in the closure counts as \"not \
                  yet\", unless it is a mistake that waiting cannot mend, such as a wrong argument. In a rehearsal \
                  (`rhailab plan`) the closure is called once and its answer is not judged.",
        example: r#"let tries = 0;
let n = wait_until("1s", || { tries += 1; if tries == 3 { tries } });
assert_eq(n, 3);"#,
        errors: &[Error {
            code: "wait::timeout",
            when: "the time is over; the message says what the closure did last",
        }],
        run: Action::Script,
    },
    FnDef {
        name: "assert",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "condition", ty: Ty::Bool, default: None, doc: "what must be true" },
            FnParam {
                name: "message",
                ty: Ty::Str,
                default: Some("the condition's text"),
                doc: "what to say if it is not",
            },
        ],
        returns: Ty::Unit,
        summary: "Fails if a condition is false.",
        details: "In a rehearsal (`rhailab plan`) nothing is judged.",
        example: r#"let lan = subnet("10.0.0.0/24");
assert(lan.contains("10.0.0.7"), "the server is outside its network");"#,
        errors: &[Error { code: "assert::failed", when: "the condition is false" }],
        run: Action::Script,
    },
    FnDef {
        name: "assert_eq",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "a", ty: Ty::Any, default: None, doc: "one value" },
            FnParam { name: "b", ty: Ty::Any, default: None, doc: "the other" },
            FnParam { name: "message", ty: Ty::Str, default: Some("the values"), doc: "what to say if they differ" },
        ],
        returns: Ty::Unit,
        summary: "Fails if two values differ, and shows both.",
        details: "An address, subnet, time or rate equals the text that means the same. In a rehearsal \
                  (`rhailab plan`) nothing is judged.",
        example: r#"assert_eq(subnet("10.0.0.0/24").host(1), "10.0.0.1/24");"#,
        errors: &[Error { code: "assert::differ", when: "the values differ" }],
        run: Action::Script,
    },
    FnDef {
        name: "help",
        kind: FnKind::Free,
        params: &[FnParam {
            name: "name",
            ty: Ty::Str,
            default: Some("every function in one line"),
            doc: "a function's name",
        }],
        returns: Ty::Unit,
        summary: "Prints what a function does, or lists all functions.",
        details: "",
        example: "help(\"subnet\");",
        errors: &[Error { code: "help::unknown", when: "there is no function of that name" }],
        run: Action::Script,
    },
    property(
        "code",
        Ty::Str,
        "The error's stable code, such as `value::subnet`.",
        "try { subnet(\"10.0.0.1/24\") } catch (e) { assert_eq(e.code, \"value::subnet\"); }",
        |call| Ok(Value::Str(fault(call)?.code.to_string())),
    ),
    property(
        "message",
        Ty::Str,
        "What went wrong, in one sentence; a thrown string has it too, and it is the string.",
        "try { throw \"no\" } catch (e) { assert_eq(e.message, \"no\"); }",
        |call| Ok(Value::Str(fault(call)?.message)),
    ),
    property(
        "help",
        Ty::Str,
        "What to do about it; `()` where there is no advice.",
        "try { subnet(\"10.0.0.1/24\") } catch (e) { print(e.help); }",
        |call| Ok(fault(call)?.help.map_or(Value::Unit, Value::Str)),
    ),
    property(
        "errno",
        Ty::Int,
        "The kernel's error number; `()` where the kernel was not asked.",
        "try { subnet(\"10.0.0.1/24\") } catch (e) { assert_eq(e.errno, ()); }",
        |call| Ok(fault(call)?.errno.map_or(Value::Unit, |errno| Value::Int(errno.into()))),
    ),
    property(
        "line",
        Ty::Int,
        "The line of the call that failed.",
        "try { subnet(\"10.0.0.1/24\") } catch (e) { assert_eq(e.line, 1); }",
        |call| Ok(fault(call)?.site.map_or(Value::Unit, |site| Value::Int(site.line.into()))),
    ),
    property(
        "source",
        Ty::Str,
        "The file of the call that failed.",
        "try { subnet(\"10.0.0.1/24\") } catch (e) { print(e.source); }",
        |call| Ok(fault(call)?.site.map_or(Value::Unit, |site| Value::Str(site.source.to_string()))),
    ),
];

/// A property of a caught error.
const fn property(
    name: &'static str,
    returns: Ty,
    summary: &'static str,
    example: &'static str,
    run: Planner,
) -> FnDef {
    FnDef {
        name,
        kind: FnKind::Property(Ty::Error),
        params: &[],
        returns,
        summary,
        details: "",
        example,
        errors: &[],
        run: Action::Op(run),
    }
}

type Planner = fn(&mut Call<'_>) -> OpResult<Value>;

fn fault(call: &Call<'_>) -> OpResult<Fault> {
    match &call.this {
        Value::Error(error) => Ok((*error.0).clone()),
        _ => Err(call.misused("an error")),
    }
}
