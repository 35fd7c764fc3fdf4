//! The functions that need the engine: parameters, waiting, assertions, help.

use super::context::Context;
use super::convert::handles::Caught;
use super::convert::{Due, describe, take};
use super::place::Raised;
use super::scan;
use super::spans::call_at;
use crate::kernel::interrupt;
use crate::model::error::{OpError, OpResult, closest};
use crate::model::names::Ns;
use crate::ops::{self, FnDef, FromValue, reference};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, NativeCallContext, Position};
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A call of one of these functions.
struct Builtin<'a> {
    cx: &'a Context,
    call: &'a NativeCallContext<'a>,
    def: &'static FnDef,
    args: &'a [Dynamic],
}

/// Why one of these functions ended without a value: an error of ours, or one of the closure that it called.
enum Stop {
    Ours(OpError),
    Theirs(Box<EvalAltResult>),
}

impl From<OpError> for Stop {
    fn from(error: OpError) -> Stop {
        Stop::Ours(error)
    }
}

impl From<Box<EvalAltResult>> for Stop {
    fn from(error: Box<EvalAltResult>) -> Stop {
        Stop::Theirs(error)
    }
}

type Ended<T> = Result<T, Stop>;
type Run = fn(&Builtin<'_>) -> Ended<Dynamic>;

/// What carries out each [`Action::Script`](crate::ops::Action::Script) definition.
const RUNS: &[(&str, Run)] =
    &[("param", param), ("wait_until", wait_until), ("assert", assert), ("assert_eq", assert_eq), ("help", help)];

/// Calls the function that `def` defines.
pub fn call(cx: &Context, call: &NativeCallContext<'_>, def: &'static FnDef, args: &[Dynamic]) -> Raised<Dynamic> {
    let ended = match RUNS.iter().find(|(name, _)| *name == def.name) {
        Some((_, run)) => run(&Builtin { cx, call, def, args }),
        None => Err(OpError::new("internal::builtin", format!("`{}` does nothing yet.", def.name)).into()),
    };
    ended.or_else(|stop| match stop {
        Stop::Ours(error) => cx.raise(call, error),
        Stop::Theirs(error) => Err(error),
    })
}

impl Builtin<'_> {
    /// An argument, if it was given.
    fn opt<T: FromValue>(&self, at: usize) -> OpResult<Option<T>> {
        let (Some(value), Some(param)) = (self.args.get(at), self.def.params.get(at)) else { return Ok(None) };
        let due = Due { function: self.def.name, name: param.name, here: &Ns::Host };
        Ok(T::from_value(take(value, param.ty, &due)?))
    }

    /// A required argument.
    fn req<T: FromValue>(&self, at: usize) -> OpResult<T> {
        let lost = || OpError::new("internal::argument", format!("`{}` has lost an argument.", self.def.name));
        self.opt(at)?.ok_or_else(lost)
    }

    fn closure(&self, at: usize) -> OpResult<FnPtr> {
        let value = self.args.get(at).cloned().unwrap_or_default();
        value.clone().try_cast::<FnPtr>().ok_or_else(|| {
            let message = format!("`{}` cannot take {}; it takes a closure.", self.def.name, describe(&value));
            let error = OpError::new("value::type", message).help("Write it as `|| …`.");
            match self.def.params.get(at) {
                Some(param) => error.arg(param.name),
                None => error,
            }
        })
    }

    fn is_rehearsal(&self) -> bool {
        self.cx.lab.borrow().is_rehearsal()
    }

    /// The text of an argument in the source.
    fn source_of(&self, at: usize) -> Option<String> {
        let site = self.cx.site(self.call);
        let text = self.cx.sources.text(&site.source)?;
        let span = call_at(&text, scan::offset(&text, site.line, site.col));
        Some(text.get(span.args.get(at)?.clone())?.to_string())
    }

    fn inspect(&self, value: &Dynamic) -> String {
        let shown = self.call.call_native_fn::<ImmutableString>("to_debug", (value.clone(),));
        shown.map_or_else(|_| value.to_string(), |text| text.to_string())
    }
}

/// The value was bound before the recipe started; see `params`.
fn param(builtin: &Builtin<'_>) -> Ended<Dynamic> {
    let name: String = builtin.req(0)?;
    let bound = builtin.cx.params.borrow().get(&name).cloned();
    Ok(bound.ok_or_else(|| {
        OpError::new("param::unknown", format!("The parameter `{name}` is not one that the recipe declares."))
            .help("Give its name, default and description as literals.")
    })?)
}

/// In a rehearsal the closure is called once, for the changes it makes and the mistakes in it; what it returns
/// or throws is not judged, because it rests on made-up observations.
fn wait_until(builtin: &Builtin<'_>) -> Ended<Dynamic> {
    let timeout: Duration = builtin.req(0)?;
    let closure = builtin.closure(1)?;
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let mut asked = None;
        let last = match closure.call_within_context::<Dynamic>(builtin.call, ()) {
            Ok(value) if builtin.is_rehearsal() || is_yes(&value) => return Ok(value),
            Ok(value) => format!("returned {}", builtin.inspect(&value)),
            Err(error) => match thrown(&error) {
                Some(_) if interrupt::pending() => return Err(error.into()),
                Some(Thrown::Value(_)) if builtin.is_rehearsal() => return Ok(Dynamic::UNIT),
                Some(Thrown::Value(value)) => format!("threw {}", builtin.inspect(&value)),
                Some(Thrown::Failure(failure)) if !builtin.is_rehearsal() && !is_mistake(&failure) => {
                    asked.clone_from(&failure.0.asked);
                    format!("failed: {failure}")
                }
                _ => return Err(error.into()),
            },
        };
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            let time = humantime::format_duration(timeout);
            let last = last.trim_end_matches('.');
            let message = format!("The condition did not come true within {time}; at last its closure {last}.");
            let mut error = OpError::new("wait::timeout", message);
            error.0.asked = asked;
            return Err(error.help("Give it more time, or look at why it does not come true.").into());
        }
        builtin.cx.lab.borrow_mut().sleep(pause.min(left))?;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// Whether a closure's value ends the wait: anything but `false` and `()`.
fn is_yes(value: &Dynamic) -> bool {
    !value.is_unit() && value.as_bool() != Ok(false)
}

/// What a script's closure ended with, if it was thrown and not a defect of the script.
enum Thrown {
    /// An error of one of our functions.
    Failure(OpError),
    /// A value that the script threw itself.
    Value(Dynamic),
}

fn thrown(error: &EvalAltResult) -> Option<Thrown> {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => Some(match value.read_lock::<Caught>() {
            Some(caught) => Thrown::Failure((*caught.0).clone()),
            None => Thrown::Value(value.clone()),
        }),
        _ => None,
    }
}

/// Whether waiting cannot mend it.
fn is_mistake(error: &OpError) -> bool {
    ["value::", "args::", "name::", "internal::"].iter().any(|class| error.0.code.starts_with(class))
}

fn assert(builtin: &Builtin<'_>) -> Ended<Dynamic> {
    let holds: bool = builtin.req(0)?;
    let message: Option<String> = builtin.opt(1)?;
    if holds || builtin.is_rehearsal() {
        return Ok(Dynamic::UNIT);
    }
    let what = builtin.source_of(0).map_or_else(String::new, |text| format!(" `{text}`"));
    let message = message.unwrap_or_else(|| format!("The assertion{what} does not hold."));
    Err(OpError::new("assert::failed", message).into())
}

fn assert_eq(builtin: &Builtin<'_>) -> Ended<Dynamic> {
    let message: Option<String> = builtin.opt(2)?;
    let (Some(a), Some(b)) = (builtin.args.first(), builtin.args.get(1)) else { return Ok(Dynamic::UNIT) };
    if builtin.is_rehearsal() || same(builtin.call, a, b) {
        return Ok(Dynamic::UNIT);
    }
    let values = format!("the first is {}, the second is {}.", builtin.inspect(a), builtin.inspect(b));
    let message = message.unwrap_or_else(|| "The values differ".into());
    Err(OpError::new("assert::differ", format!("{}: {values}", message.trim_end_matches('.'))).into())
}

/// Whether two values are equal, in lists and maps too. Rhai compares values of different types as unequal
/// without a word, so ours are compared with their text.
fn same(call: &NativeCallContext<'_>, a: &Dynamic, b: &Dynamic) -> bool {
    if let (Ok(a), Ok(b)) = (a.as_array_ref(), b.as_array_ref()) {
        return a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(call, a, b));
    }
    if let (Ok(a), Ok(b)) = (a.as_map_ref(), b.as_map_ref()) {
        return a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(call, a, b)));
    }
    let is_plain = |value: &Dynamic| {
        value.is_unit() || value.is_bool() || value.is_int() || value.is_float() || value.is_string() || value.is_char()
    };
    if a.type_name() == b.type_name() && is_plain(a) {
        return a.to_string() == b.to_string();
    }
    call.call_native_fn("==", (a.clone(), b.clone())).unwrap_or(false)
}

fn help(builtin: &Builtin<'_>) -> Ended<Dynamic> {
    let text = match builtin.opt::<String>(0)? {
        None => reference::summary(),
        Some(name) => reference::definition(&name).ok_or_else(|| {
            let error = OpError::new("help::unknown", format!("There is no function `{name}`.")).arg("name");
            match closest(&name, ops::all().map(|def| def.name)) {
                Some(near) => error.help(format!("Did you mean `{near}`?")),
                None => error.help("`help()` lists them all."),
            }
        })?,
    };
    (builtin.cx.print)(&text);
    Ok(Dynamic::UNIT)
}

/// Registers what Rhai's own types lack: `map` of a range, and on a thrown string the properties of an error.
pub fn register(engine: &mut Engine) {
    engine.register_fn("map", |call: NativeCallContext<'_>, range: Range<i64>, f: FnPtr| map(&call, range, &f));
    engine
        .register_fn("map", |call: NativeCallContext<'_>, range: RangeInclusive<i64>, f: FnPtr| map(&call, range, &f));
    engine.register_fn("exit", exit);
    engine.register_fn("exit", |_: Dynamic| exit());
    engine.register_get("message", |text: &mut ImmutableString| text.clone());
    engine.register_get("code", |_: &mut ImmutableString| ImmutableString::from(THROWN));
}

/// In place of Rhai's own, which ends a script as if it had come to its end.
fn exit() -> Raised<()> {
    let error = OpError::new("script::unknown_function", "Recipes cannot call `exit`.").help(NO_EXIT);
    Err(Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(Caught(Rc::new(error))), Position::NONE)))
}

/// What to do instead of `exit`.
pub const NO_EXIT: &str = "An early end would look like a success: use `return` in a function and `throw` to fail.";

/// The code of an error that a script throws as a string.
pub const THROWN: &str = "script::throw";

fn map(call: &NativeCallContext<'_>, range: impl Iterator<Item = i64>, f: &FnPtr) -> Raised<Array> {
    range.map(|number| f.call_within_context(call, (number,))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_function_is_carried_out_and_nothing_else() {
        let mut defined: Vec<&str> =
            ops::all().filter(|def| matches!(def.run, ops::Action::Script)).map(|def| def.name).collect();
        let mut carried_out: Vec<&str> = RUNS.iter().map(|(name, _)| *name).collect();
        defined.sort_unstable();
        carried_out.sort_unstable();
        assert_eq!(defined, carried_out);
    }
}
