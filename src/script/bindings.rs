//! Which name means which variable: every declaration of a text with its scope and its uses.

use super::syntax::{Block, Expr, ExprKind, Ident, Part, Statement, StatementKind, Tree, children};
use std::collections::BTreeMap;
use std::ops::Range;

/// A variable, constant, parameter or imported module.
#[derive(Debug)]
pub struct Binding<'t> {
    /// Its name and where it is declared.
    pub ident: &'t Ident,
    /// What declares it.
    pub kind: BindingKind<'t>,
    /// Where it can be used, in bytes.
    pub scope: Range<usize>,
    /// The function it is declared in, by its number; none outside of functions.
    pub function: Option<usize>,
    /// Where it is read.
    pub reads: Vec<Range<usize>>,
    /// The values it is assigned later; none for those that build on the old one.
    pub writes: Vec<Option<&'t Expr>>,
    /// What may change it in place.
    pub touched: Vec<Touch<'t>>,
}

/// Something that may change a variable in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch<'t> {
    /// A method that is called on it.
    Method(&'t str),
    /// A function whose first argument it is.
    Function(&'t str),
    /// Something that is done to a part of it.
    Part,
}

/// What declares a name.
#[derive(Debug, Clone, Copy)]
pub enum BindingKind<'t> {
    /// `let`, with its value.
    Let(Option<&'t Expr>),
    /// `const`, with its value.
    Const(Option<&'t Expr>),
    /// `for`, with what it goes through.
    Item(&'t Expr),
    /// The number in a `for`.
    Counter,
    /// `catch`.
    Caught,
    /// A function's parameter.
    Param,
    /// A closure's parameter.
    ClosureParam,
    /// `import`, with its path.
    Import(&'t Expr),
}

/// The declarations of a text.
#[derive(Debug, Default)]
pub struct Bindings<'t> {
    /// All of them, in the order of the text; those of functions come last.
    pub all: Vec<Binding<'t>>,
    /// The declaration that is meant, by where a name starts.
    uses: BTreeMap<usize, usize>,
}

impl<'t> Bindings<'t> {
    /// Finds them.
    pub fn of(tree: &'t Tree) -> Bindings<'t> {
        let mut walk = Walk { bindings: Bindings::default(), visible: Vec::new(), function: None };
        walk.block(&tree.body, false);
        // Functions see the modules that the script imports, and through `global` its constants.
        let top = walk.visible.clone();
        walk.visible.retain(|at| matches!(walk.bindings.all[*at].kind, BindingKind::Import(_)));
        let modules = walk.visible.clone();
        for (number, function) in tree.functions.iter().enumerate() {
            walk.function = Some(number);
            walk.visible.clone_from(&modules);
            for param in &function.params {
                walk.declare(param, BindingKind::Param, function.body.at.end);
            }
            walk.block(&function.body, true);
        }
        walk.global(tree, &top);
        walk.bindings
    }

    /// The declaration that the name starting at a byte means, or declares.
    pub fn at(&self, start: usize) -> Option<usize> {
        self.uses.get(&start).copied()
    }

    /// Every place where a name is used, by where it begins, with the declaration that is meant.
    pub fn uses(&self) -> impl Iterator<Item = (usize, usize)> {
        self.uses.iter().map(|(start, at)| (*start, *at))
    }

    /// What can be used at a byte of the text; of two with one name the nearer one.
    pub fn visible(&self, tree: &Tree, offset: usize) -> Vec<usize> {
        let function = tree.functions.iter().position(|function| {
            function.at.start < offset && (offset < function.at.end || offset <= function.body.at.end)
        });
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, binding) in self.all.iter().enumerate() {
            let is_here = binding.scope.start < offset && offset <= binding.scope.end && binding.function == function;
            let is_module = matches!(binding.kind, BindingKind::Import(_)) && binding.function.is_none();
            if is_here || (is_module && function.is_some()) {
                found.insert(&binding.ident.name, at);
            }
        }
        found.into_values().collect()
    }
}

struct Walk<'t> {
    bindings: Bindings<'t>,
    /// What can be used now, nearest last.
    visible: Vec<usize>,
    function: Option<usize>,
}

impl<'t> Walk<'t> {
    fn declare(&mut self, ident: &'t Ident, kind: BindingKind<'t>, end: usize) {
        if ident.name.is_empty() {
            return;
        }
        let at = self.bindings.all.len();
        let start = match kind {
            // A value does not see the variable that it is for.
            BindingKind::Let(Some(value)) | BindingKind::Const(Some(value)) => value.at.end,
            _ => ident.at.end,
        };
        self.bindings.uses.insert(ident.at.start, at);
        self.bindings.all.push(Binding {
            ident,
            kind,
            scope: start..end.max(start),
            function: self.function,
            reads: Vec::new(),
            writes: Vec::new(),
            touched: Vec::new(),
        });
        self.visible.push(at);
    }

    /// The declaration of a name that is used at a place.
    fn find(&mut self, name: &str, start: usize) -> Option<&mut Binding<'t>> {
        let all = &mut self.bindings.all;
        let at = *self.visible.iter().rev().find(|at| all[**at].ident.name == name)?;
        self.bindings.uses.insert(start, at);
        all.get_mut(at)
    }

    fn read(&mut self, name: &str, at: &Range<usize>) {
        if let Some(binding) = self.find(name, at.start) {
            binding.reads.push(at.clone());
        }
    }

    fn block(&mut self, block: &'t Block, is_scope: bool) {
        let outer = self.visible.len();
        for statement in &block.statements {
            self.statement(statement, block.at.end);
        }
        if is_scope {
            self.visible.truncate(outer);
        }
    }

    fn statement(&mut self, statement: &'t Statement, end: usize) {
        let outer = self.visible.len();
        match &statement.kind {
            StatementKind::Let { name, value, is_const, is_exported } => {
                self.maybe(value.as_ref());
                let value = value.as_ref();
                let kind = if *is_const { BindingKind::Const(value) } else { BindingKind::Let(value) };
                self.declare(name, kind, end);
                if *is_exported {
                    self.read(&name.name, &name.at);
                }
            }
            StatementKind::Import { path, alias } => {
                self.expr(path);
                if let Some(alias) = alias {
                    self.declare(alias, BindingKind::Import(path), end);
                }
            }
            StatementKind::Export { names } => names.iter().for_each(|name| self.read(&name.name, &name.at)),
            StatementKind::Leave { value, .. } => self.maybe(value.as_ref()),
            StatementKind::Loop { condition, body } => {
                self.maybe(condition.as_ref());
                self.block(body, true);
            }
            StatementKind::For { name, counter, over, body } => {
                self.expr(over);
                self.declare(name, BindingKind::Item(over), body.at.end);
                if let Some(counter) = counter {
                    self.declare(counter, BindingKind::Counter, body.at.end);
                }
                self.block(body, true);
                self.visible.truncate(outer);
            }
            StatementKind::Try { body, caught, handler } => {
                self.block(body, true);
                if let Some(caught) = caught {
                    self.declare(caught, BindingKind::Caught, handler.at.end);
                }
                self.block(handler, true);
                self.visible.truncate(outer);
            }
            StatementKind::Expr { value, .. } => self.expr(value),
        }
    }

    fn maybe(&mut self, expr: Option<&'t Expr>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    fn expr(&mut self, expr: &'t Expr) {
        match &expr.kind {
            ExprKind::Name(name) => self.read(name, &expr.at),
            ExprKind::Path { modules, .. } => self.module(modules),
            ExprKind::Closure { params, body } => {
                let outer = self.visible.len();
                for param in params {
                    self.declare(param, BindingKind::ClosureParam, body.at.end);
                }
                self.expr(body);
                self.visible.truncate(outer);
            }
            ExprKind::Assign { target, is_compound, value } => {
                self.expr(value);
                self.assign(target, if *is_compound { None } else { Some(value) });
            }
            ExprKind::Call(call) => {
                self.module(&call.modules);
                match (&call.on, call.args.first()) {
                    (Some(on), _) => self.touch(on, Touch::Method(&call.name.name)),
                    // Rhai's own functions may change their first argument: `truncate(x, 5)` is `x.truncate(5)`.
                    (None, Some(first)) if call.modules.is_empty() => {
                        self.touch(first, Touch::Function(&call.name.name));
                    }
                    (None, _) => {}
                }
                self.parts(expr);
            }
            _ => self.parts(expr),
        }
    }

    fn parts(&mut self, expr: &'t Expr) {
        for part in children(expr) {
            match part {
                Part::Expr(expr) => self.expr(expr),
                Part::Block(block) => self.block(block, true),
                Part::Statement(statement) => self.statement(statement, expr.at.end),
            }
        }
    }

    fn module(&mut self, modules: &'t [Ident]) {
        if let Some(first) = modules.first() {
            self.read(&first.name, &first.at);
        }
    }

    fn assign(&mut self, target: &'t Expr, value: Option<&'t Expr>) {
        if let ExprKind::Name(name) = &target.kind {
            if let Some(binding) = self.find(name, target.at.start) {
                binding.writes.push(value);
            }
        } else {
            self.touch(target, Touch::Part);
            self.expr(target);
        }
    }

    /// Notes what may change a variable or a part of it.
    fn touch(&mut self, on: &'t Expr, touch: Touch<'t>) {
        match &on.kind {
            ExprKind::Name(name) => {
                if let Some(binding) = self.find(name, on.at.start) {
                    binding.touched.push(touch);
                }
            }
            ExprKind::Property { on, .. } | ExprKind::Index { on, .. } => self.touch(on, Touch::Part),
            _ => {}
        }
    }

    /// `global::NAME`, which is a constant of the script wherever it is written.
    fn global(&mut self, tree: &'t Tree, top: &[usize]) {
        self.visible = top.to_vec();
        self.visible.retain(|at| matches!(self.bindings.all[*at].kind, BindingKind::Const(_)));
        let mut found: Vec<&'t Ident> = Vec::new();
        super::syntax::each(tree, &mut |expr| {
            if let ExprKind::Path { modules, name } = &expr.kind
                && matches!(modules.as_slice(), [only] if only.name == "global")
            {
                found.push(name);
            }
        });
        for name in found {
            self.read(&name.name, &name.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::syntax::parse;
    use super::*;

    /// How often each variable is read and written, in the order of the text.
    fn counts(text: &str) -> Vec<(String, usize, usize)> {
        let tree = parse(text);
        let bindings = Bindings::of(&tree);
        bindings.all.iter().map(|it| (it.ident.name.clone(), it.reads.len(), it.writes.len())).collect()
    }

    #[test]
    fn a_name_means_the_nearest_declaration() {
        let found = counts("let a = 1; { let a = a; print(a); } let b = a; a = 2; for (x, i) in b { x.c(i); }");
        let expected = [("a", 2, 1), ("a", 1, 0), ("b", 1, 0), ("x", 1, 0), ("i", 1, 0)];
        assert_eq!(found, expected.map(|(name, reads, writes)| (name.to_owned(), reads, writes)));
    }

    #[test]
    fn functions_see_parameters_modules_and_global_constants_only() {
        let found = counts("import \"m\" as m; const N = 1; let v = 2; fn f(v) { m::g(v, global::N) } `${v}`");
        let expected = [("m", 1, 0), ("N", 1, 0), ("v", 1, 0), ("v", 1, 0)];
        assert_eq!(found, expected.map(|(name, reads, writes)| (name.to_owned(), reads, writes)));
    }

    #[test]
    fn closures_and_templates_read_what_is_around_them() {
        let found = counts("let a = 1; let f = |x| `${a + x} ${|| a}`; try { f.call(1) } catch (e) { e }");
        let expected = [("a", 2, 0), ("f", 1, 0), ("x", 1, 0), ("e", 1, 0)];
        assert_eq!(found.len(), 4);
        for (name, reads, writes) in expected {
            assert!(found.contains(&(name.to_owned(), reads, writes)), "{name}: {found:?}");
        }
    }

    #[test]
    fn what_is_visible_ends_with_its_block_and_stays_out_of_functions() {
        let text = "let a = 1; if a > 0 { let b = 2; /*1*/ } /*2*/ fn f(p) { /*3*/ } let c = 3;";
        let tree = parse(text);
        let bindings = Bindings::of(&tree);
        let names = |mark: &str| -> Vec<&str> {
            let visible = bindings.visible(&tree, text.find(mark).unwrap());
            visible.into_iter().map(|at| bindings.all[at].ident.name.as_str()).collect()
        };
        assert_eq!((names("/*1*/"), names("/*2*/"), names("/*3*/")), (vec!["a", "b"], vec!["a"], vec!["p"]));
    }
}
