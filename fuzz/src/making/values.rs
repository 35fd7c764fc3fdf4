//! Values of a type, of all kinds of expressions.

use super::{Maker, Ty};

impl Maker<'_> {
    /// A value of a type.
    pub(super) fn value(&mut self, ty: Ty) {
        if self.depth > 7 || self.words.len() > 2500 {
            return self.plain(ty);
        }
        self.depth += 1;
        match self.pick(10) {
            0..=3 => self.plain(ty),
            4 | 5 => self.known(ty),
            6 => self.called(ty),
            7 => {
                self.say("if");
                self.value(Ty::Bool);
                self.say("{");
                self.value(ty);
                self.say("} else {");
                self.value(ty);
                self.say("}");
            }
            _ => self.compound(ty),
        }
        self.depth -= 1;
    }

    /// A variable of a type, if there is one.
    fn known(&mut self, ty: Ty) {
        let near = |name: &str| self.variables.iter().rev().find(|it| it.0 == name).map(|it| it.1);
        let all: Vec<String> =
            self.variables.iter().filter(|it| it.1 == ty && near(&it.0) == Some(ty)).map(|it| it.0.clone()).collect();
        let number = self.pick(all.len().max(1));
        match all.get(number) {
            Some(name) => self.word(name.clone()),
            None => self.plain(ty),
        }
    }

    /// A call of one of the script's functions, if one returns such a value.
    fn called(&mut self, ty: Ty) {
        let all: Vec<String> = self.functions.iter().filter(|it| it.1 == ty).map(|it| it.0.clone()).collect();
        let number = self.pick(all.len().max(1));
        let Some(name) = all.get(number) else { return self.plain(ty) };
        self.word(name.clone());
        self.say("(");
        self.value(Ty::Int);
        self.say(")");
    }

    /// A literal, or what is as plain.
    fn plain(&mut self, ty: Ty) {
        let number = self.pick(6);
        match (ty, number) {
            (Ty::Int, 5) if self.in_function => self.say("global :: TOP"),
            (Ty::Int, _) => self.word(["1", "2", "0xf", "1_0", "-3", "0b11"][number]),
            (Ty::Str, _) => self.word(
                [
                    "\"a\"",
                    "`b ${1 +\n 1}`",
                    "#\"r\n  \"#",
                    "\"c\\\n      d\"",
                    "\"e\\\n  \\\n f\\x41\"",
                    "`\n  g ``\n`",
                ][number],
            ),
            (Ty::Bool, _) => self.say(["true", "false", "1 > 2", "! false", "2 in [ 2 ]", "true && false"][number]),
            (Ty::List, _) => {
                self.say(
                    ["[ ]", "[ 1 ]", "[ 1 , 2 , ]", "[ 3 ] + [ 4 ]", "[ 1 ] . map ( |y| y )", "[ 5 , 6 ]"][number],
                );
            }
            (Ty::Map, 0) => self.say("#{ }"),
            (Ty::Map, _) => self.say("#{ a : 1 , \"b c\" : 2 , `t` : 3 , up : | z | z , ping : | z | this . a + z }"),
            (Ty::Fun, _) => self.say(
                [
                    "| y | y",
                    "| y | { y + 1 }",
                    "| y | y * 2",
                    "| y | if y > 1 { 1 } else { 2 }",
                    "| _y | 3",
                    "| y | -y",
                ][number],
            ),
            (Ty::Ns, _) => {
                let name = self.name("n");
                self.word(format!("netns(\"{name}\")"));
            }
            (Ty::Bridge, _) => {
                let name = self.name("b");
                let option = ["", ", #{ mtu: 1400 }", ", #{ `mtu`: 1400 }", ", #{\n}", "", ""][number];
                self.word(format!("bridge(\"{name}\"{option})"));
            }
        }
    }

    /// A value in parentheses, with what is done to it.
    fn on(&mut self, ty: Ty, then: &str) {
        self.say("(");
        self.value(ty);
        self.say(&format!(") {then}"));
    }

    /// A value that is made of others.
    fn compound(&mut self, ty: Ty) {
        match (ty, self.pick(4)) {
            (Ty::Int, 0) => {
                self.value(Ty::Int);
                self.say("+");
                self.value(Ty::Int);
            }
            (Ty::Int, 1) => {
                self.on(Ty::Fun, ". call (");
                self.value(Ty::Int);
                self.say(")");
            }
            (Ty::Int, 2) => self.say("#{ a : 2 , ping : | z | this . a + z } . ping ( 1 )"),
            (Ty::Int, _) => self.on(Ty::Str, ". len ( )"),
            (Ty::Str, 0) => self.on(Ty::Ns, ". name"),
            (Ty::Str, _) => {
                self.value(Ty::Str);
                self.say("+");
                let other = self.ty();
                let other = if matches!(other, Ty::Int | Ty::Bool | Ty::Ns) { other } else { Ty::Str };
                self.value(other);
            }
            (Ty::Bool, 0) => {
                self.value(Ty::Bool);
                let operator = if self.pick(2) == 0 { "&&" } else { "||" };
                self.say(operator);
                self.value(Ty::Bool);
            }
            (Ty::Bool, _) => {
                self.value(Ty::Int);
                self.say("<");
                self.value(Ty::Int);
            }
            (Ty::List, _) => {
                self.on(Ty::List, ". map (");
                self.value(Ty::Fun);
                self.say(")");
            }
            (Ty::Bridge, 0) => self.on(Ty::Bridge, ". up ( )"),
            (Ty::Bridge, 1) => {
                self.say("up (");
                self.value(Ty::Bridge);
                self.say(")");
            }
            (Ty::Map | Ty::Ns | Ty::Fun | Ty::Bridge, _) => {
                self.say("{");
                self.value(ty);
                self.say("}");
            }
        }
    }
}
