//! Texts in the language, made from bytes: whichever they are, it is one that Rhai can read, and mostly one that runs to its
//! end. What cannot go well is put where a run may leave it out, and sometimes elsewhere.

mod values;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ty {
    Int,
    Str,
    Bool,
    List,
    Map,
    /// A function of one number.
    Fun,
    Ns,
    Bridge,
}

const TYPES: [Ty; 8] = [Ty::Int, Ty::Str, Ty::Bool, Ty::List, Ty::Map, Ty::Fun, Ty::Ns, Ty::Bridge];

/// What no run can do; `$` is a word for a variable.
const WRONG: [&str; 14] = [
    "nope ( 1 )",
    "bridge ( \"a-name-that-is-much-too-long\" )",
    "netns ( \"a b\" )",
    "bridge ( \"b\" , #{ mut : 1 } )",
    "bridge ( \"b\" ) . addr ( \"10.0.0.300/24\" )",
    "netns ( \"a\" ) . up ( )",
    "netns ( \"a\" ) . nope ( )",
    "bridge ( \"b\" ) . nmae",
    "subnet ( \"10.0.0.0/24\" ) . host ( 300 )",
    "exit ( )",
    "global :: NOPE",
    "\"x\" . nope ( 1 )",
    "throw 1",
    "sleep ( \"soon\" )",
];

/// What a run leaves out, or survives: what stands before and after it.
const LEFT_OUT: [(&str, &str); 9] = [
    ("if false {", "}"),
    ("while 1 > 2 {", "}"),
    ("for x in [ ] {", "}"),
    ("try {", "} catch { }"),
    ("switch 1 { 2 => {", "} _ => () }"),
    ("for x in [ 1 ] { if x == 1 { continue ; }", "}"),
    ("loop { break ;", "}"),
    ("let q = || {", "} ;"),
    ("do { if true { break ; }", "} while false ;"),
];

/// What stands between two words.
const SPACES: [&str; 10] = [" ", " ", " ", " ", "\n", "\n   ", "\n\t\t", " /* c */ ", " // c }\n", "  \n\n\n "];

/// So many bytes that look like chance, the same for a seed.
#[must_use]
pub fn noise(seed: u32, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(byte).collect()
}

/// A text that is being made.
pub struct Maker<'d> {
    data: &'d [u8],
    at: usize,
    pieces: &'d [String],
    words: Vec<String>,
    /// The variables that can be used, with what they are; constants cannot be assigned.
    variables: Vec<(String, Ty, bool)>,
    /// The functions, each of one number that returns a value of a type.
    functions: Vec<(String, Ty)>,
    next: usize,
    depth: usize,
    in_loop: bool,
    in_function: bool,
}

impl<'d> Maker<'d> {
    /// One that goes by these bytes, and may use these texts as blocks.
    #[must_use]
    pub fn new(data: &'d [u8], pieces: &'d [String]) -> Maker<'d> {
        Maker {
            data,
            at: 0,
            pieces,
            words: Vec::new(),
            variables: Vec::new(),
            functions: Vec::new(),
            next: 0,
            depth: 0,
            in_loop: false,
            in_function: false,
        }
    }

    /// The text.
    #[must_use]
    pub fn text(mut self) -> String {
        for _ in 0..self.pick(4) {
            self.function();
        }
        self.say("const TOP = 7 ;");
        while self.at < self.data.len() && self.words.len() < 1500 {
            self.statement();
        }
        let mut text = String::new();
        let (data, words) = (self.data, std::mem::take(&mut self.words));
        for (number, word) in words.iter().enumerate() {
            text.push_str(word);
            let byte = data.get(data.len().saturating_sub(1 + number % data.len().max(1))).copied().unwrap_or(0);
            text.push_str(SPACES[(usize::from(byte) + number / data.len().max(1)) % SPACES.len()]);
        }
        text
    }

    fn pick(&mut self, count: usize) -> usize {
        let byte = self.data.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % count
    }

    /// Says words with blanks between them.
    fn say(&mut self, words: &str) {
        self.words.extend(words.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
    }

    /// Says one word, which may have blanks in it.
    fn word(&mut self, word: impl Into<String>) {
        self.words.push(word.into());
    }

    fn name(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    fn ty(&mut self) -> Ty {
        TYPES[self.pick(TYPES.len())]
    }

    fn function(&mut self) {
        let (name, param, ty) = (self.name("f"), self.name("p"), self.ty());
        if self.pick(4) == 0 {
            self.say("private");
        }
        self.word("fn");
        self.word(name.clone());
        self.word(format!("({param})"));
        let outside = std::mem::replace(&mut self.variables, vec![(param, Ty::Int, true)]);
        let before = std::mem::replace(&mut self.in_function, true);
        self.say("{");
        for _ in 0..self.pick(3) {
            self.statement();
        }
        if self.pick(4) == 0 {
            self.say("if");
            self.value(Ty::Bool);
            self.say("{ return");
            self.value(ty);
            self.say("; }");
        }
        self.value(ty);
        self.say("}");
        self.in_function = before;
        self.variables = outside;
        self.functions.push((name, ty));
    }

    /// Statements in braces.
    fn block(&mut self, count: usize) {
        let known = self.variables.len();
        self.say("{");
        for _ in 0..count {
            self.statement();
        }
        self.variables.truncate(known);
        self.say("}");
    }

    fn wrong(&mut self) {
        let wrong = WRONG[self.pick(WRONG.len())];
        self.say(wrong);
        self.say(";");
    }

    /// Something wrong where a run does not come, or does so in vain.
    fn left_out(&mut self) {
        let (open, close) = LEFT_OUT[self.pick(LEFT_OUT.len())];
        self.say(open);
        self.wrong();
        self.say(close);
    }

    fn statement(&mut self) {
        if self.depth > 5 || self.words.len() > 2000 {
            return self.say("print ( 0 ) ;");
        }
        self.depth += 1;
        self.any_statement();
        self.depth -= 1;
    }

    fn any_statement(&mut self) {
        match self.pick(20) {
            0..=2 => {
                let (ty, is_const) = (self.ty(), self.pick(6) == 0);
                // One name may be declared again and again.
                let name = if self.pick(3) == 0 { "x".to_owned() } else { self.name("v") };
                self.say(if is_const { "const" } else { "let" });
                self.word(name.clone());
                self.say("=");
                self.value(ty);
                self.say(";");
                self.variables.push((name, ty, !is_const));
            }
            3 | 4 => {
                self.say("print (");
                let ty = self.ty();
                self.value(ty);
                self.say(") ;");
            }
            5 => self.assign(),
            6 => {
                self.say("if");
                self.value(Ty::Bool);
                let count = self.pick(3);
                self.block(count);
                if self.pick(2) == 0 {
                    self.say("else");
                    self.block(1);
                }
            }
            7 => self.for_loop(),
            8 => {
                let before = std::mem::replace(&mut self.in_loop, true);
                self.say("loop {");
                let known = self.variables.len();
                self.statement();
                self.variables.truncate(known);
                self.say("break ; }");
                self.in_loop = before;
            }
            9 => {
                let count = self.pick(3);
                self.say("try");
                self.block(count);
                self.say("catch ( e )");
                self.block(1);
            }
            10 => self.switch(),
            11 | 12 => self.left_out(),
            13 if self.pick(12) == 0 => self.wrong(),
            14 if self.in_loop => {
                self.say("if");
                self.value(Ty::Bool);
                let word = if self.pick(2) == 0 { "{ continue ; }" } else { "{ break ; }" };
                self.say(word);
            }
            15 if self.pick(6) == 0 => {
                self.say("if");
                self.value(Ty::Bool);
                self.say("{ return ; }");
            }
            16 if !self.pieces.is_empty() => {
                let pieces = self.pieces;
                let high = self.pick(256);
                let piece = &pieces[(high * 256 + self.pick(256)) % pieces.len()];
                self.word(format!("{{\n{piece}\n}}"));
            }
            17 => self.change(),
            18 => {
                let count = self.pick(3);
                self.block(count);
            }
            _ => {
                let ty = self.ty();
                self.value(ty);
                self.say(";");
            }
        }
    }

    fn assign(&mut self) {
        let known: Vec<(String, Ty)> = self.variables.iter().filter(|it| it.2).map(|it| (it.0.clone(), it.1)).collect();
        let Some((name, ty)) = known.get(self.pick(known.len().max(1))).cloned() else { return self.say(";") };
        // The nearest of the name may be another one.
        if self.variables.iter().rev().find(|it| it.0 == name).is_none_or(|it| !it.2 || it.1 != ty) {
            return self.say(";");
        }
        self.word(name);
        let adds = matches!(ty, Ty::Int | Ty::Str) && self.pick(2) == 0;
        self.say(if adds { "+=" } else { "=" });
        self.value(ty);
        self.say(";");
    }

    /// Rhai's own functions that change what they are given.
    fn change(&mut self) {
        let nearest = |ty: Ty| {
            let near = |name: &str| self.variables.iter().rev().find(|it| it.0 == name).map(|it| (it.1, it.2));
            let mut all = self.variables.iter().rev().filter(|it| it.1 == ty && near(&it.0) == Some((ty, true)));
            all.next().map(|it| it.0.clone())
        };
        let (string, list) = (nearest(Ty::Str), nearest(Ty::List));
        let change = match (self.pick(6), string, list) {
            (0, Some(it), _) => format!("truncate ( {it} , 3 ) ;"),
            (1, Some(it), _) => format!("{it} . trim ( ) ;"),
            (2, Some(it), _) => format!("{it} . pad ( 30 , '-' ) ; bridge ( {it} . sub_string ( 0 , 3 ) ) ;"),
            (3, _, Some(it)) => format!("push ( {it} , 4 ) ;"),
            (4, _, Some(it)) => format!("{it} . clear ( ) ;"),
            (_, Some(it), _) => format!("let g = || {it} = \"s\" ; g . call ( ) ; bridge ( {it} ) ;"),
            _ => "; ;".to_owned(),
        };
        self.say(&change);
    }

    fn for_loop(&mut self) {
        let name = self.name("i");
        self.say("for");
        if self.pick(3) == 0 {
            self.word(format!("({name}, n)"));
        } else {
            self.word(name.clone());
        }
        self.say("in");
        match self.pick(4) {
            0 => self.say("0 .. 2"),
            1 => self.say("[ 1 , 2 ]"),
            2 => self.say("[ ]"),
            _ => self.value(Ty::List),
        }
        let before = std::mem::replace(&mut self.in_loop, true);
        let known = self.variables.len();
        self.variables.push((name, Ty::Int, true));
        let count = self.pick(3);
        self.block(count);
        self.variables.truncate(known);
        self.in_loop = before;
    }

    fn switch(&mut self) {
        self.say("switch");
        self.value(Ty::Int);
        self.say("{ 1 | 2 =>");
        self.block(1);
        if self.pick(2) == 0 {
            self.say("3 if");
            self.value(Ty::Bool);
            self.say("=> print ( 3 ) , 4 .. 9 => () ,");
        }
        self.say("_ =>");
        self.block(1);
        self.say("}");
    }
}
