//! A tolerant parser of Rhai text: a tree with the bytes of everything, for any input at all.
//!
//! Rhai's own tree has start positions only and exists only for texts without a mistake. What is said of a text that
//! is being written (completion, the editor's server), and what is known of values before a run, comes from this one.
//! Rhai alone decides what is legal: this parser never complains.

mod expr;
mod literal;
mod parse;
mod walk;

use std::ops::Range;

pub use parse::parse;
pub use walk::{Part, children, each, each_statement, statement_parts};

/// A text as a tree.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// The statements outside of functions.
    pub body: Block,
    /// The functions, in order.
    pub functions: Vec<Function>,
}

/// A piece of text that is a name. It is empty where a name is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ident {
    /// The name, unquoted.
    pub name: String,
    /// Its bytes.
    pub at: Range<usize>,
}

/// Statements between braces, or those of a whole text.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// Its bytes, the braces included.
    pub at: Range<usize>,
    /// Its statements.
    pub statements: Vec<Statement>,
}

/// A function of the script's own.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Ident>,
    /// What it does.
    pub body: Block,
    /// All of its bytes, from `fn` or `private` on.
    pub at: Range<usize>,
    /// Whether a module keeps it to itself.
    pub is_private: bool,
    /// Whether it is a method of one type: `fn int.twice()`. Whoever imports it has it without the module's name.
    pub is_method: bool,
    /// The text of the `///` comments before it.
    pub doc: String,
}

/// A statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its bytes, without the semicolon.
    pub at: Range<usize>,
    /// What it is.
    pub kind: StatementKind,
}

/// What a statement is.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// `let` or `const`.
    Let {
        /// What it declares.
        name: Ident,
        /// The value, where one is given.
        value: Option<Expr>,
        /// Whether it can never change.
        is_const: bool,
        /// Whether a module offers it to its importers.
        is_exported: bool,
    },
    /// `import PATH as NAME`.
    Import {
        /// Where from.
        path: Expr,
        /// The name it gets here.
        alias: Option<Ident>,
    },
    /// `export NAME as NAME`.
    Export {
        /// What is exported.
        names: Vec<Ident>,
    },
    /// `return`, `throw`, `break` or `continue`.
    Leave {
        /// Whether it leaves the function with its value.
        is_return: bool,
        /// Whether it leaves a loop or one of its rounds; else it is `throw`.
        is_of_loop: bool,
        /// The value.
        value: Option<Expr>,
    },
    /// `while`, `until`, `loop` and `do`.
    Loop {
        /// The condition.
        condition: Option<Expr>,
        /// What is repeated.
        body: Block,
    },
    /// `for NAME in …`, or `for (NAME, COUNTER) in …`.
    For {
        /// The variable.
        name: Ident,
        /// The variable that counts.
        counter: Option<Ident>,
        /// What it goes through.
        over: Expr,
        /// What is repeated.
        body: Block,
    },
    /// `try … catch (NAME) …`.
    Try {
        /// What may fail.
        body: Block,
        /// The variable with the error.
        caught: Option<Ident>,
        /// What happens then.
        handler: Block,
    },
    /// An expression for its own sake; the value of its block where it is the last and no semicolon follows.
    Expr {
        /// The expression.
        value: Expr,
        /// Whether a semicolon follows.
        is_ended: bool,
    },
}

/// An expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// Its bytes.
    pub at: Range<usize>,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub enum ExprKind {
    /// Nothing, where something is due, or something that is no expression.
    Missing,
    /// `()`.
    Unit,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A string; none where its value is not plain.
    Str(Option<String>),
    /// A character.
    Char,
    /// Text in back-ticks, as its texts and the code between them.
    Template(Vec<Piece>),
    /// A variable.
    Name(String),
    /// `this`.
    This,
    /// `module::NAME`.
    Path {
        /// The modules, outermost first; `global` is one.
        modules: Vec<Ident>,
        /// What is meant in them.
        name: Ident,
    },
    /// A call of a function or a method.
    Call(Box<Call>),
    /// `value.name`.
    Property {
        /// The value.
        on: Box<Expr>,
        /// The property.
        name: Ident,
    },
    /// `value[index]`.
    Index {
        /// The value.
        on: Box<Expr>,
        /// The index.
        index: Box<Expr>,
    },
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `#{ key: value }`.
    Map(Vec<MapEntry>),
    /// `|a, b| …`.
    Closure {
        /// Its parameters.
        params: Vec<Ident>,
        /// What it does.
        body: Box<Expr>,
    },
    /// An operator before its operand.
    Unary {
        /// The operator.
        operator: String,
        /// The operand.
        operand: Box<Expr>,
    },
    /// An operator between its operands, ranges included.
    Binary {
        /// The operator.
        operator: String,
        /// What is left of it.
        left: Box<Expr>,
        /// What is right of it.
        right: Box<Expr>,
    },
    /// `target = value` and its like.
    Assign {
        /// What is changed.
        target: Box<Expr>,
        /// Whether the old value matters, as with `+=`.
        is_compound: bool,
        /// The value.
        value: Box<Expr>,
    },
    /// `if … else …`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// What is done where it holds.
        then: Block,
        /// What is done where it does not: a block or another `if`.
        otherwise: Option<Box<Expr>>,
    },
    /// `switch … { … }`.
    Switch {
        /// What it looks at.
        on: Box<Expr>,
        /// Each pattern with its guard, and what is done.
        arms: Vec<(Vec<Expr>, Expr)>,
    },
    /// A block.
    Block(Block),
    /// A statement where an expression is due, as in an arm of a switch.
    Statement(Box<Statement>),
}

/// A piece of a template.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text, unescaped.
    Text(String),
    /// Code between `${` and `}`.
    Code(Block),
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What a method is called on.
    pub on: Option<Expr>,
    /// The modules before the name, outermost first.
    pub modules: Vec<Ident>,
    /// The function's name.
    pub name: Ident,
    /// The arguments.
    pub args: Vec<Expr>,
    /// The bytes between the brackets; to where the arguments end where the closing one is missing.
    pub inside: Range<usize>,
}

/// An entry of a map.
#[derive(Debug, Clone)]
pub struct MapEntry {
    /// Its key.
    pub key: Ident,
    /// Its value.
    pub value: Expr,
}

impl Expr {
    /// An expression.
    pub fn new(at: Range<usize>, kind: ExprKind) -> Expr {
        Expr { at, kind }
    }
}

impl Block {
    /// The expression whose value the block has.
    pub fn tail(&self) -> Option<&Expr> {
        match &self.statements.last()?.kind {
            StatementKind::Expr { value, is_ended: false } => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
