//! Going through a tree.

use super::{Block, Expr, ExprKind, Piece, Statement, StatementKind, Tree};

/// A part of an expression or a statement.
#[derive(Debug, Clone, Copy)]
pub enum Part<'t> {
    /// An expression.
    Expr(&'t Expr),
    /// A block, which is a scope of its own.
    Block(&'t Block),
    /// A statement where an expression is due.
    Statement(&'t Statement),
}

/// What an expression is made of, in order.
pub fn children(expr: &Expr) -> Vec<Part<'_>> {
    use Part::Expr as E;
    match &expr.kind {
        ExprKind::Template(pieces) => pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Code(block) => Some(Part::Block(block)),
                Piece::Text(_) => None,
            })
            .collect(),
        ExprKind::Call(call) => call.on.iter().chain(&call.args).map(E).collect(),
        ExprKind::Property { on, .. } => vec![E(on)],
        ExprKind::Index { on, index } => vec![E(on), E(index)],
        ExprKind::List(items) => items.iter().map(E).collect(),
        ExprKind::Map(entries) => entries.iter().map(|entry| E(&entry.value)).collect(),
        ExprKind::Closure { body, .. } => vec![E(body)],
        ExprKind::Unary { operand, .. } => vec![E(operand)],
        ExprKind::Binary { left, right, .. } => vec![E(left), E(right)],
        ExprKind::Assign { target, value, .. } => vec![E(target), E(value)],
        ExprKind::If { condition, then, otherwise } => {
            let mut parts = vec![E(condition), Part::Block(then)];
            parts.extend(otherwise.as_deref().map(E));
            parts
        }
        ExprKind::Switch { on, arms } => {
            let mut parts = vec![E(on)];
            for (patterns, value) in arms {
                parts.extend(patterns.iter().chain([value]).map(E));
            }
            parts
        }
        ExprKind::Block(block) => vec![Part::Block(block)],
        ExprKind::Statement(statement) => vec![Part::Statement(statement)],
        _ => Vec::new(),
    }
}

/// What a statement is made of, in order.
pub fn statement_parts(statement: &Statement) -> Vec<Part<'_>> {
    match &statement.kind {
        StatementKind::Let { value, .. } | StatementKind::Leave { value, .. } => value.iter().map(Part::Expr).collect(),
        StatementKind::Import { path, .. } => vec![Part::Expr(path)],
        StatementKind::Export { .. } => Vec::new(),
        StatementKind::Loop { condition, body } => {
            condition.iter().map(Part::Expr).chain([Part::Block(body)]).collect()
        }
        StatementKind::For { over, body, .. } => vec![Part::Expr(over), Part::Block(body)],
        StatementKind::Try { body, handler, .. } => vec![Part::Block(body), Part::Block(handler)],
        StatementKind::Expr { value, .. } => vec![Part::Expr(value)],
    }
}

/// Calls `see` for every expression of a tree, outer ones first.
pub fn each<'t>(tree: &'t Tree, see: &mut dyn FnMut(&'t Expr)) {
    for block in std::iter::once(&tree.body).chain(tree.functions.iter().map(|function| &function.body)) {
        part(Part::Block(block), see);
    }
}

/// Calls `see` for every statement of a block and those in it.
pub fn each_statement<'t>(block: &'t Block, see: &mut dyn FnMut(&'t Statement)) {
    statements(Part::Block(block), see);
}

fn statements<'t>(here: Part<'t>, see: &mut dyn FnMut(&'t Statement)) {
    match here {
        Part::Expr(expr) => children(expr).into_iter().for_each(|child| statements(child, see)),
        Part::Block(block) => block.statements.iter().for_each(|statement| statements(Part::Statement(statement), see)),
        Part::Statement(statement) => {
            see(statement);
            for child in statement_parts(statement) {
                statements(child, see);
            }
        }
    }
}

fn part<'t>(here: Part<'t>, see: &mut dyn FnMut(&'t Expr)) {
    match here {
        Part::Expr(expr) => {
            see(expr);
            for child in children(expr) {
                part(child, see);
            }
        }
        Part::Block(block) => {
            for statement in &block.statements {
                part(Part::Statement(statement), see);
            }
        }
        Part::Statement(statement) => {
            for child in statement_parts(statement) {
                part(child, see);
            }
        }
    }
}
