//! Slips of the pen: names, types and numbers that are not what they should be.

use super::{Case, all_fail_well};

#[test]
fn a_name_that_no_function_or_option_has() {
    all_fail_well(&[
        Case {
            what: "an unknown function",
            recipe: "netns(\"a\");\nlet br = brige(\"br0\");\n",
            code: 2,
            line: 2,
            blamed: "brige",
            says: &["There is no function `brige`."],
            help: "Did you mean `bridge`?",
        },
        Case {
            what: "an unknown method",
            recipe: "let web = netns(\"web\");\nweb.exce(\"true\");\n",
            code: 2,
            line: 2,
            blamed: "exce",
            says: &["There is no method `exce`"],
            help: "Did you mean `exec`?",
        },
        Case {
            what: "a typo in an option",
            recipe: "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nnetns(\"web\").attach(br, \"10.0.0.2/24\", #{ nmae: \"e\" });\n",
            code: 2,
            line: 2,
            blamed: "nmae",
            says: &["`attach` has no option `nmae`."],
            help: "Did you mean `name`? Its options are",
        },
        Case {
            what: "an unknown variable",
            recipe: "let lan = subnet(\"10.0.0.0/24\");\nbridge(\"br0\").addr(lam.host(1));\n",
            code: 2,
            line: 2,
            blamed: "lam",
            says: &["There is no variable `lam` here."],
            help: "Did you mean `lan`?",
        },
        Case {
            what: "an unknown interface",
            recipe: "let br = bridge(\"br0\");\nveth(\"a\", \"b\").a.master(\"br1\");\n",
            code: 1,
            line: 2,
            blamed: "\"br1\"",
            says: &["There is no interface `br1`", "root namespace", "ip link set dev a master br1"],
            help: "Did you mean `br0`?",
        },
        Case {
            what: "an unknown namespace",
            recipe: "netns(\"web\");\nns(\"wbe\").ping(\"127.0.0.1\");\n",
            code: 1,
            line: 2,
            blamed: "\"wbe\"",
            says: &["There is no namespace `wbe`."],
            help: "Did you mean `web`?",
        },
        Case {
            what: "an unknown sysctl",
            recipe: "netns(\"a\").sysctl(\"net.ipv4.ip_forwrd\", 1);\n",
            code: 1,
            line: 1,
            blamed: "\"net.ipv4.ip_forwrd\"",
            says: &["There is no sysctl `net.ipv4.ip_forwrd` in namespace `a`."],
            help: "Did you mean `net.ipv4.ip_forward`?",
        },
    ]);
}

#[test]
fn a_name_that_the_kernel_would_not_take() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 2, line: 2, blamed, says, help };
    // What is told only when it is reached.
    let late = |what, recipe, blamed, says, help| Case { code: 1, ..case(what, recipe, blamed, says, help) };
    all_fail_well(&[
        case(
            "too long",
            "netns(\"a\");\nveth(\"veth_to_the_web_server\", \"eth0\");\n",
            "\"veth_to_the_web_server\"",
            &["`veth_to_the_web_server` has 22 bytes; the kernel allows 15 bytes."],
            "Shorten it, for example to `veth_to_th-c965`.",
        ),
        case(
            "a slash",
            "bridge(\"x\");\nnetns(\"a/b\");\n",
            "\"a/b\"",
            &["\"a/b\" contains '/'."],
            "Use ASCII letters",
        ),
        case(
            "dots",
            "bridge(\"x\");\nnetns(\"..\");\n",
            "\"..\"",
            &["The namespace name \"..\" starts"],
            "Use ASCII letters",
        ),
        case("a dash", "bridge(\"x\");\nbridge(\"-br0\");\n", "\"-br0\"", &["starts with '-'."], "Use ASCII letters"),
        case(
            "a newline",
            "bridge(\"x\");\nbridge(\"br\\n0\");\n",
            "\"br\\n0\"",
            &["contains '\\n'."],
            "Use ASCII letters",
        ),
        case(
            "nothing",
            "bridge(\"x\");\nnetns(\"\");\n",
            "\"\"",
            &["A namespace name cannot be empty."],
            "Use ASCII letters",
        ),
        late(
            "a process",
            "bridge(\"x\");\nstart(\"sleep 1000\", #{ name: \"../x\" });\n",
            "name: \"../x\"",
            &["A process cannot be called \"../x\""],
            "Use letters",
        ),
        late(
            "a chain",
            "bridge(\"x\");\niptables(\"-N INPUT\");\n",
            "\"-N INPUT\"",
            &["it is a built-in chain"],
            "Pick",
        ),
    ]);
}

#[test]
fn a_value_of_the_wrong_type_or_out_of_range() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 2, line: 2, blamed, says, help };
    // What is told only when it is reached.
    let late = |what, recipe, blamed, says, help| Case { code: 1, ..case(what, recipe, blamed, says, help) };
    all_fail_well(&[
        case(
            "a text as a port",
            "let w = netns(\"web\");\nw.http_serve(\"eighty\");\n",
            "\"eighty\"",
            &["`http_serve` cannot take \"eighty\" as its `port`"],
            "Ports are numbers from 1 to 65535.",
        ),
        case(
            "port 0",
            "let w = netns(\"web\");\nw.http_serve(0);\n",
            "0",
            &["the number 0"],
            "Ports are numbers from 1",
        ),
        case(
            "port 65536",
            "let w = netns(\"web\");\nw.http_serve(65536);\n",
            "65536",
            &["65536"],
            "Ports are numbers from 1",
        ),
        case(
            "a list as an address",
            "let w = netns(\"web\");\nw.ping([1, 2]);\n",
            "[1, 2]",
            &["cannot take a list of 2 as its `to`"],
            "Its signature is",
        ),
        case(
            "an option of the wrong type",
            "let w = netns(\"web\");\nbridge(\"br0\", #{ mtu: \"big\" });\n",
            "mtu: \"big\"",
            &["cannot take \"big\" as its `mtu`; it takes a whole number."],
            "",
        ),
        case(
            "a negative time",
            "let w = netns(\"web\");\nsleep(-1);\n",
            "-1",
            &["a time is not negative"],
            "Write it with",
        ),
        case(
            "no such unit",
            "let w = netns(\"web\");\nsleep(\"5x\");\n",
            "\"5x\"",
            &["unknown time unit \"x\""],
            "Write it",
        ),
        late(
            "an MTU of 10",
            "let b = bridge(\"br0\");\nb.mtu(10);\n",
            "10",
            &["An MTU of 10 bytes"],
            "Choose 68 to 65535",
        ),
        case("a MAC", "let b = bridge(\"br0\");\nb.mac(\"zz:00\");\n", "\"zz:00\"", &["hexadecimal"], "Write it as"),
        late(
            "signal 99",
            "let p = start(\"sleep 1000\");\np.kill(99);\n",
            "99",
            &["There is no signal 99."],
            "Choose 1 to 64",
        ),
        late(
            "the item of a for_each",
            "let names = [\"a\", \"b\"];\nnames.for_each(|n| netns(n));\n",
            "n",
            &["the number 0", "in a closure that this calls"],
            "In `for_each` the item is `this`",
        ),
        late(
            "nothing",
            "let m = #{ a: 1 };\nm.b.up();\n",
            "up",
            &["`up` is not a method of `()`."],
            "A missing key of a map",
        ),
        late(
            "an item too many",
            "let l = [1, 2];\nprint(l[5]);\n",
            "5",
            &["no item 5 in a list of 2"],
            "Items are counted",
        ),
        late(
            "an operator",
            "let s = \"a\";\nlet x = s - 1;\n",
            "-",
            &["`-` does not work on a string and an int."],
            "",
        ),
    ]);
}

#[test]
fn a_text_that_is_no_recipe() {
    let case = |what, recipe, line, blamed, says, help| Case { what, recipe, code: 2, line, blamed, says, help };
    all_fail_well(&[
        case("no semicolon", "let a = 1\nlet b = 2;\n", 1, "1", &["Expected `;`"], ""),
        case("no bracket", "let a = netns(\"a\"\nlet b = 2;\n", 1, "\"a\"", &["Expected `,` or `)`", "`netns`"], ""),
        case("no brace", "fn f() {\n    print(1);\n", 2, ";", &["Expected `}`"], ""),
        case("an open string", "print(\"hello);\n", 1, "\"hello);", &["A string is not closed"], "Texts of several"),
        case(
            "an open comment",
            "print(1); /* and so on\n",
            1,
            "/*",
            &["A comment is not closed."],
            "Close it with `*/`",
        ),
        case(
            "a reserved word",
            "let new = 1;\n",
            1,
            "new",
            &["`new` is a word that the language keeps"],
            "Use another name",
        ),
        case(
            "a constant",
            "const A = 1;\nA = 2;\n",
            2,
            "A",
            &["The constant `A` cannot be changed."],
            "Declare it with",
        ),
        case(
            "no list",
            "for x in 5 { print(x); }\n",
            1,
            "5",
            &["`for` cannot go through a number."],
            "It goes through",
        ),
        case("no condition", "if 1 { print(2); }\n", 1, "1", &["not a number"], "Compare it"),
        case("eval", "eval(\"1\");\n", 1, "eval", &["Recipes cannot evaluate text."], "Everything a recipe calls"),
        case(
            "too few arguments",
            "fn f(a, b) { a }\nf(1);\n",
            2,
            "f(1)",
            &["`f` cannot be called with 1 argument."],
            "It is",
        ),
        case(
            "too few, of ours",
            "veth(\"a\");\n",
            1,
            "veth(\"a\")",
            &["cannot be called with 1 argument"],
            "It is called as",
        ),
    ]);
}
