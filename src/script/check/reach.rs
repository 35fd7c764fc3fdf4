//! Which parts of a recipe every run goes through that comes to its end.
//!
//! What is wrong in such a part is an error, for no run can go well. What is wrong anywhere else is only a warning: in a
//! branch, in a loop that may do nothing, after a `return`, in a function that may not be called, where errors are caught.

use crate::script::bindings::{BindingKind, Bindings};
use crate::script::modules::Library;
use crate::script::syntax::{
    Block, Call, Expr, ExprKind, Function, Part, Statement, StatementKind, children, statement_parts,
};
use crate::script::unit::Unit;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// The parts of one text that a run may leave out.
#[derive(Debug, Default)]
pub struct Doubts(Vec<Range<usize>>);

impl Doubts {
    /// Whether every run goes through what starts at a byte.
    pub fn is_sure(&self, at: usize) -> bool {
        !self.0.iter().any(|range| range.contains(&at))
    }
}

/// The doubts about each of a recipe's texts, which are in the order of their imports, the recipe last.
pub fn doubts(
    units: &[Unit],
    bindings: &[Bindings<'_>],
    library: &Library,
    text_of: &dyn Fn(&str) -> Arc<str>,
) -> Vec<Doubts> {
    let mut due = match units.len().checked_sub(1) {
        Some(main) => vec![(main, None)],
        None => Vec::new(),
    };
    let mut seen: BTreeSet<(usize, Option<usize>)> = due.iter().copied().collect();
    let mut found: Vec<Vec<Range<usize>>> = units.iter().map(|_| Vec::new()).collect();
    while let Some((number, function)) = due.pop() {
        let (Some(unit), Some(bindings), Some(doubts)) =
            (units.get(number), bindings.get(number), found.get_mut(number))
        else {
            continue;
        };
        let tree = &unit.compiled.tree;
        let text = text_of(&unit.compiled.source);
        let mut walk = Walk { text: &text, functions: &tree.functions, doubts, calls: Vec::new(), imports: Vec::new() };
        match function.and_then(|function| tree.functions.get(function)) {
            Some(function) => drop(walk.block(&function.body)),
            None => drop(walk.block(&tree.body)),
        }
        let Walk { calls, imports, .. } = walk;
        let module = |path: &str| {
            let module = library.get(&unit.compiled.source, path)?;
            units.iter().position(|unit| unit.compiled.source == module.source)
        };
        let mut next: Vec<(usize, Option<usize>)> =
            imports.into_iter().filter_map(|path| Some((module(path)?, None))).collect();
        for call in calls {
            let at = match call.modules.as_slice() {
                [] => Some(number),
                [name] => bindings.at(name.at.start).and_then(|at| match bindings.all.get(at)?.kind {
                    BindingKind::Import(Expr { kind: ExprKind::Str(Some(path)), .. }) => module(path),
                    _ => None,
                }),
                _ => None,
            };
            let named = at.and_then(|at| Some((at, function_of(&units.get(at)?.compiled.tree.functions, call)?)));
            next.extend(named.map(|(at, function)| (at, Some(function))));
        }
        due.extend(next.into_iter().filter(|part| seen.insert(*part)));
    }
    // What was gone through is in doubt only as far as that was found; what was not, as a whole.
    let of_unit = |((number, unit), found): ((usize, &Unit), Vec<Range<usize>>)| {
        let tree = &unit.compiled.tree;
        // The whole text holds its functions, too; where it is not run, none of them is sure either.
        debug_assert!(found.iter().all(|range| range.end <= tree.body.at.end));
        let functions = tree.functions.iter().enumerate().map(|(at, function)| (Some(at), &function.at));
        let parts = std::iter::once((None, &tree.body.at)).chain(functions);
        let left_out = parts.filter(|(part, _)| !seen.contains(&(number, *part))).map(|(_, at)| at.clone());
        Doubts(left_out.chain(found).collect())
    };
    units.iter().enumerate().zip(found).map(of_unit).collect()
}

/// The function of a text that a call means.
fn function_of(functions: &[Function], call: &Call) -> Option<usize> {
    functions
        .iter()
        .position(|it| it.name.name == call.name.name && it.params.len() == call.args.len() && !it.is_method)
}

/// How a part may end before it is through.
#[derive(Debug, Clone, Copy, Default)]
struct Leaves {
    /// By `return`.
    function: bool,
    /// By `break` or `continue`.
    round: bool,
}

impl Leaves {
    fn or(self, other: Leaves) -> Leaves {
        Leaves { function: self.function || other.function, round: self.round || other.round }
    }

    fn any(self) -> bool {
        self.function || self.round
    }

    /// Outside of the loop.
    fn out_of_loop(self) -> Leaves {
        Leaves { round: false, ..self }
    }
}

/// The way through one function, or through what is outside of functions.
struct Walk<'w> {
    text: &'w str,
    functions: &'w [Function],
    doubts: &'w mut Vec<Range<usize>>,
    /// The calls on the way that are not of methods.
    calls: Vec<&'w Call>,
    /// The paths of the imports on the way.
    imports: Vec<&'w str>,
}

impl<'w> Walk<'w> {
    fn block(&mut self, block: &'w Block) -> Leaves {
        self.parts(block.statements.iter().map(Part::Statement))
    }

    /// Goes through parts one after the other; what comes after one that may leave is in doubt.
    fn parts(&mut self, parts: impl IntoIterator<Item = Part<'w>>) -> Leaves {
        let mut leaves = Leaves::default();
        for part in parts {
            leaves = leaves.or(if leaves.any() { self.doubt(part) } else { self.part(part) });
        }
        leaves
    }

    fn part(&mut self, part: Part<'w>) -> Leaves {
        match part {
            Part::Expr(expr) => self.expr(expr),
            Part::Block(block) => self.block(block),
            Part::Statement(statement) => self.statement(statement),
        }
    }

    /// Notes that a part may be left out.
    fn doubt(&mut self, part: Part<'w>) -> Leaves {
        self.doubts.push(match part {
            Part::Expr(expr) => expr.at.clone(),
            Part::Block(block) => block.at.clone(),
            Part::Statement(statement) => statement.at.clone(),
        });
        leaves(part)
    }

    fn doubt_all(&mut self, parts: impl IntoIterator<Item = Part<'w>>) -> Leaves {
        parts.into_iter().fold(Leaves::default(), |all, part| all.or(self.doubt(part)))
    }

    fn statement(&mut self, statement: &'w Statement) -> Leaves {
        match &statement.kind {
            StatementKind::Import { path, .. } => {
                if let ExprKind::Str(Some(path)) = &path.kind {
                    self.imports.push(path);
                }
                Leaves::default()
            }
            StatementKind::Leave { value, .. } => {
                let on_the_way = self.parts(value.iter().map(Part::Expr));
                on_the_way.or(leaves(Part::Statement(statement)))
            }
            StatementKind::Loop { condition: Some(condition), body } if condition.at.start < body.at.start => {
                let first = self.expr(condition);
                first.or(self.doubt(Part::Block(body))).out_of_loop()
            }
            // `loop`, and `do` with its condition behind it.
            StatementKind::Loop { condition, body } => {
                let parts = [Part::Block(body)].into_iter().chain(condition.iter().map(Part::Expr));
                self.parts(parts).out_of_loop()
            }
            StatementKind::For { over, body, .. } => {
                let first = self.expr(over);
                let rest =
                    if first.any() || !has_items(over) { self.doubt(Part::Block(body)) } else { self.block(body) };
                first.or(rest.out_of_loop())
            }
            StatementKind::Try { body, handler, .. } => self.doubt_all([Part::Block(body), Part::Block(handler)]),
            StatementKind::Let { .. } | StatementKind::Export { .. } | StatementKind::Expr { .. } => {
                self.parts(statement_parts(statement))
            }
        }
    }

    fn expr(&mut self, expr: &'w Expr) -> Leaves {
        match &expr.kind {
            ExprKind::Closure { .. } => self.doubt(Part::Expr(expr)),
            ExprKind::If { condition: on, .. } | ExprKind::Switch { on, .. } => {
                let first = self.expr(on);
                first.or(self.doubt_all(children(expr).into_iter().skip(1)))
            }
            ExprKind::Binary { operator, left, right } if matches!(operator.as_str(), "&&" | "||" | "??") => {
                let first = self.expr(left);
                first.or(self.doubt(Part::Expr(right)))
            }
            ExprKind::Call(call) => {
                if let Some(on) = &call.on {
                    return self.link(expr, on, call.name.at.start);
                }
                self.calls.push(call);
                if self.waits(call) { self.wait(call) } else { self.parts(children(expr)) }
            }
            ExprKind::Property { on, name } => self.link(expr, on, name.at.start),
            ExprKind::Index { on, index } => self.link(expr, on, index.at.start),
            _ => self.parts(children(expr)),
        }
    }

    /// A link of a chain, which is left out from the first `?.` or `?[` on that follows nothing.
    fn link(&mut self, expr: &'w Expr, on: &'w Expr, next: usize) -> Leaves {
        let first = self.expr(on);
        if self.may_end(on) || self.between(on, next).contains('?') {
            self.doubts.push(on.at.end..expr.at.end);
            return children(expr).into_iter().skip(1).fold(first, |all, part| all.or(leaves(part)));
        }
        let rest = children(expr).into_iter().skip(1);
        if first.any() { first.or(self.doubt_all(rest)) } else { self.parts(rest) }
    }

    /// Whether a chain has a `?.` or `?[`.
    fn may_end(&self, expr: &Expr) -> bool {
        let (on, next) = match &expr.kind {
            ExprKind::Call(call) => match &call.on {
                Some(on) => (on, call.name.at.start),
                None => return false,
            },
            ExprKind::Property { on, name } => (&**on, name.at.start),
            ExprKind::Index { on, index } => (&**on, index.at.start),
            _ => return false,
        };
        self.between(on, next).contains('?') || self.may_end(on)
    }

    fn between(&self, before: &Expr, after: usize) -> &str {
        self.text.get(before.at.end..after).unwrap_or_default()
    }

    /// Whether a call is one of our `wait_until` with a closure, which is called at least once.
    fn waits(&self, call: &Call) -> bool {
        call.name.name == "wait_until"
            && call.modules.is_empty()
            && matches!(call.args.as_slice(), [_, Expr { kind: ExprKind::Closure { .. }, .. }])
            && function_of(self.functions, call).is_none()
    }

    fn wait(&mut self, call: &'w Call) -> Leaves {
        let mut all = Leaves::default();
        for arg in &call.args {
            match &arg.kind {
                // What leaves the closure goes on after the call.
                ExprKind::Closure { body, .. } => drop(self.expr(body)),
                _ => all = all.or(self.expr(arg)),
            }
        }
        all
    }
}

/// Whether `for` certainly finds something in a value.
fn has_items(over: &Expr) -> bool {
    match &over.kind {
        ExprKind::List(items) => !items.is_empty(),
        ExprKind::Binary { operator, left, right } => match (&left.kind, &right.kind) {
            (ExprKind::Int(from), ExprKind::Int(to)) => {
                (operator == ".." && from < to) || (operator == "..=" && from <= to)
            }
            _ => false,
        },
        _ => false,
    }
}

/// How a part may end before it is through, wherever in it.
fn leaves(part: Part<'_>) -> Leaves {
    let of_all = |parts: Vec<Part<'_>>| parts.into_iter().map(leaves).fold(Leaves::default(), Leaves::or);
    match part {
        Part::Expr(Expr { kind: ExprKind::Closure { .. }, .. }) => Leaves::default(),
        Part::Expr(expr) => of_all(children(expr)),
        Part::Block(block) => of_all(block.statements.iter().map(Part::Statement).collect()),
        Part::Statement(statement) => {
            let inner = of_all(statement_parts(statement));
            match &statement.kind {
                StatementKind::Loop { .. } | StatementKind::For { .. } => inner.out_of_loop(),
                // An error that is thrown ends the run, for where it is caught everything is in doubt.
                StatementKind::Leave { is_return, is_of_loop, .. } => {
                    inner.or(Leaves { function: *is_return, round: *is_of_loop })
                }
                _ => inner,
            }
        }
    }
}
