//! The language server, as an editor speaks to it: the real program over standard input and output.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]
#![allow(clippy::needless_pass_by_value, reason = "a message is written where it is sent")]

mod support;

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use support::{Home, User};

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// An editor.
struct Client {
    child: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Diagnostics that came before they were asked for.
    seen: VecDeque<Value>,
    next: i64,
}

impl Client {
    /// Starts the server in a home, and says hello.
    fn new(home: &Home) -> Client {
        let mut child = home.rhailab(&["lsp"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (send, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut client = Client { child, input, messages, seen: VecDeque::new(), next: 0 };
        let capabilities =
            json!({ "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } });
        let hello =
            client.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        assert_eq!(hello["serverInfo"]["name"], "rhailab");
        assert_eq!(hello["capabilities"]["textDocumentSync"]["change"], 2);
        assert!(hello["capabilities"]["positionEncoding"].is_null(), "positions are UTF-16");
        client.tell("initialized", json!({}));
        client
    }

    fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).and_then(|()| input.flush()).unwrap();
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    fn receive(&mut self) -> Value {
        self.messages.recv_timeout(PATIENCE).unwrap()
    }

    /// A request's response, whole.
    fn request(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            self.seen.push_back(message);
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let mut response = self.request(method, params);
        assert!(response.get("error").is_none(), "{response}");
        response["result"].take()
    }

    /// The next diagnostics of a document, as `line:character-line:character code`.
    fn diagnostics(&mut self, uri: &str) -> Vec<String> {
        loop {
            let message = self.seen.pop_front().unwrap_or_else(|| self.receive());
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                return message["params"]["diagnostics"].as_array().unwrap().iter().map(shown).collect();
            }
        }
    }

    fn open(&mut self, uri: &str, text: &str) -> Vec<String> {
        let document = json!({ "uri": uri, "languageId": "rhai", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        self.diagnostics(uri)
    }

    fn at(&mut self, method: &str, uri: &str, line: u32, character: u32) -> Value {
        let position = json!({ "line": line, "character": character });
        self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }))
    }

    fn labels(&mut self, uri: &str, line: u32, character: u32) -> Vec<String> {
        let found = self.at("textDocument/completion", uri, line, character);
        let items = found["items"].as_array().unwrap_or_else(|| panic!("{found}"));
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    /// Says goodbye; returns the exit code.
    fn end(mut self) -> Option<i32> {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    let mut text = vec![0; length];
    output.read_exact(&mut text).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn shown(diagnostic: &Value) -> String {
    let place = |place: &Value| format!("{}:{}", place["line"], place["character"]);
    let range = &diagnostic["range"];
    format!("{}-{} {}", place(&range["start"]), place(&range["end"]), diagnostic["code"].as_str().unwrap())
}

/// The URI of a file in a home.
fn uri(home: &Home, name: &str) -> String {
    format!("file://{}", home.path(name).display())
}

#[test]
fn a_session_from_hello_to_goodbye() {
    let home = Home::new(User::Me);
    home.write("part.rhai", "/// Makes a bridge.\nfn make(name) { bridge(name) }\n");
    let web = uri(&home, "web.rhai");
    let mut editor = Client::new(&home);

    // An astral character counts as two.
    let text = "import \"part\" as part;\nlet name = \"é😀\"; let br = brigde(name);\npart::make(name);\n";
    assert_eq!(editor.open(&web, text), ["1:22-1:24 unused::variable", "1:27-1:33 script::unknown_function"]);

    // `brigde` becomes `bridge`, and something is done with it.
    let change = |start: (u32, u32), end: (u32, u32), text: &str| {
        let place = |(line, character): (u32, u32)| json!({ "line": line, "character": character });
        json!({ "range": { "start": place(start), "end": place(end) }, "text": text })
    };
    let changes = [change((1, 30), (1, 32), "dg"), change((3, 0), (3, 0), "br.\n")];
    let document = json!({ "uri": web, "version": 2 });
    editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    assert_eq!(editor.diagnostics(&web), ["3:2-3:3 script::syntax"]);

    let members = editor.labels(&web, 3, 3);
    assert!(members.contains(&"addr".to_owned()) && !members.contains(&"attach".to_owned()), "{members:?}");
    let names = editor.labels(&web, 2, 2);
    assert!(["part", "name", "br", "netns", "let"].iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    assert_eq!(editor.labels(&web, 2, 6), ["make"], "what is in the module");
    let paths = editor.labels(&web, 0, 8);
    assert!(paths.contains(&"part".to_owned()) && paths.contains(&"std/topo".to_owned()), "{paths:?}");

    let hover = editor.at("textDocument/hover", &web, 1, 29);
    assert!(hover["contents"]["value"].as_str().unwrap().contains("Makes an Ethernet bridge."), "{hover}");
    assert_eq!(hover["range"]["start"], json!({ "line": 1, "character": 27 }));
    assert_eq!(editor.at("textDocument/hover", &web, 1, 13), Value::Null, "in a text");

    let help = editor.at("textDocument/signatureHelp", &web, 1, 34);
    assert_eq!(help["signatures"][0]["label"], "bridge(name: interface name, options?: options) -> link");
    assert_eq!(help["signatures"][0]["parameters"][0]["label"], json!([7, 27]));

    let variable = editor.at("textDocument/definition", &web, 1, 35);
    assert_eq!((&variable["uri"], &variable["range"]["start"]["character"]), (&json!(web), &json!(4)));
    let function = editor.at("textDocument/definition", &web, 2, 8);
    assert_eq!(function["uri"], json!(uri(&home, "part.rhai")));
    assert_eq!(function["range"]["start"], json!({ "line": 1, "character": 3 }));

    let symbols = editor.ask("textDocument/documentSymbol", json!({ "textDocument": { "uri": web } }));
    let names: Vec<&str> = symbols.as_array().unwrap().iter().map(|symbol| symbol["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["part", "br"]);

    let options = json!({ "tabSize": 2, "insertSpaces": true });
    let edits =
        editor.ask("textDocument/formatting", json!({ "textDocument": { "uri": web }, "options": options.clone() }));
    assert_eq!(edits, json!([]), "it is laid out already");
    let loose = uri(&home, "loose.rhai");
    editor.open(&loose, "if true {\nprint(`😀\n`);\n}");
    editor.diagnostics(&web);
    let edits = editor.ask("textDocument/formatting", json!({ "textDocument": { "uri": loose }, "options": options }));
    assert_eq!(edits[0]["newText"], "if true {\n    print(`😀\n`);\n}\n");
    assert_eq!(edits[0]["range"]["end"], json!({ "line": 3, "character": 1 }));

    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": web } }));
    assert_eq!(editor.diagnostics(&web), Vec::<String>::new());
    assert_eq!(editor.at("textDocument/hover", &web, 1, 30), Value::Null, "nothing is known of what is closed");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn what_is_completed_can_be_put_into_the_text() {
    let home = Home::new(User::Me);
    let web = uri(&home, "a b.rhai").replace(' ', "%20");
    let mut editor = Client::new(&home);
    editor.open(&web, "let é = netns(\"w\").at\nbridge(\"b\", #{ mt })");
    let item = |found: Value, label: &str| {
        let items = found["items"].as_array().unwrap().clone();
        items.into_iter().find(|item| item["label"] == label).unwrap_or_else(|| panic!("{label} in {found}"))
    };
    let attach = item(editor.at("textDocument/completion", &web, 0, 21), "attach");
    let range = json!({ "start": { "line": 0, "character": 19 }, "end": { "line": 0, "character": 21 } });
    assert_eq!(attach["textEdit"], json!({ "range": range, "newText": "attach($0)" }));
    assert_eq!((&attach["insertTextFormat"], &attach["documentation"]["kind"]), (&json!(2), &json!("markdown")));
    let mtu = item(editor.at("textDocument/completion", &web, 1, 17), "mtu");
    assert_eq!((&mtu["textEdit"]["newText"], &mtu["detail"]), (&json!("mtu: "), &json!("int")));
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn a_name_is_found_wherever_it_is_used_and_can_be_changed() {
    let home = Home::new(User::Me);
    let web = uri(&home, "web.rhai");
    let mut editor = Client::new(&home);
    editor.open(&web, "let br = bridge(\"b\");\nprint(`😀 ${br}`);\nbr.up();\n");
    let place = |line: u32, from: u32, to: u32| json!({ "start": { "line": line, "character": from }, "end": { "line": line, "character": to } });
    let all = [place(0, 4, 6), place(1, 12, 14), place(2, 0, 2)];

    let highlights = editor.at("textDocument/documentHighlight", &web, 2, 1);
    let kinds: Vec<&Value> = highlights.as_array().unwrap().iter().map(|highlight| &highlight["kind"]).collect();
    assert_eq!(kinds, [3, 2, 2], "written once, read twice");
    for (declaration, wanted) in [(true, &all[..]), (false, &all[1..])] {
        let found = editor.ask(
            "textDocument/references",
            json!({
                "textDocument": { "uri": web }, "position": { "line": 1, "character": 13 },
                "context": { "includeDeclaration": declaration },
            }),
        );
        let wanted: Vec<Value> = wanted.iter().map(|range| json!({ "uri": web, "range": range })).collect();
        assert_eq!(found, json!(wanted));
    }

    assert_eq!(editor.at("textDocument/prepareRename", &web, 1, 12), all[1]);
    assert_eq!(editor.at("textDocument/prepareRename", &web, 0, 10), Value::Null, "a function of the language");
    let rename = |name: &str| json!({ "textDocument": { "uri": web }, "position": { "line": 2, "character": 0 }, "newName": name });
    let edit = editor.ask("textDocument/rename", rename("lan"));
    let wanted: Vec<Value> = all.iter().map(|range| json!({ "range": range, "newText": "lan" })).collect();
    assert_eq!(edit, json!({ "changes": { web.clone(): wanted } }));
    let refused = editor.request("textDocument/rename", rename("for"));
    assert_eq!(refused["error"]["code"], -32803);
    assert!(refused["error"]["message"].as_str().unwrap().contains("`for` is not a name"), "{refused}");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn a_module_that_is_being_written_counts_as_it_is_there() {
    let home = Home::new(User::Me);
    home.write("part.rhai", "fn make() { }\n");
    let (web, part) = (uri(&home, "web.rhai"), uri(&home, "part.rhai"));
    let mut editor = Client::new(&home);
    let recipe = "import \"part\" as part;\npart::made();\n";
    assert_eq!(editor.open(&web, recipe), ["1:0-1:10 script::unknown_function"]);
    assert_eq!(editor.open(&part, "fn made() { }\n"), Vec::<String>::new());
    assert_eq!(editor.diagnostics(&web), Vec::<String>::new(), "nothing is saved yet");
    // A mistake in it is told where it is imported, too.
    let document = json!({ "uri": part, "version": 2 });
    let changes = json!([{ "text": "fn made() { net_ns() }\n" }]);
    editor.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes }));
    assert_eq!(editor.diagnostics(&part), ["0:12-0:18 script::unknown_function"]);
    editor.tell("textDocument/didSave", json!({ "textDocument": { "uri": part } }));
    editor.diagnostics(&part);
    assert_eq!(editor.diagnostics(&web), ["0:7-0:13 script::unknown_function"]);
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": part } }));
    editor.tell("textDocument/didSave", json!({ "textDocument": { "uri": web } }));
    assert_eq!(editor.diagnostics(&web), ["1:0-1:10 script::unknown_function"], "the file counts again");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn the_standard_library_can_be_looked_at() {
    let home = Home::new(User::Me);
    let mut editor = Client::new(&home);
    let new = "untitled:Untitled-1";
    let found = editor.open(new, "import \"std/topo\" as topo;\ntopo::star(\"a\", 2, subnet(\"10.0.0.0/24\"));\n");
    assert_eq!(found, Vec::<String>::new(), "a text may be in no file");
    let place = editor.at("textDocument/definition", new, 1, 8);
    let file = place["uri"].as_str().unwrap().strip_prefix("file://").unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let line = usize::try_from(place["range"]["start"]["line"].as_u64().unwrap()).unwrap();
    assert!(text.lines().nth(line).unwrap().starts_with("fn star("), "{place}");
    assert!(file.starts_with(home.path(".cache").to_str().unwrap()), "{file}");
    assert_eq!(editor.end(), Some(0));
}

#[test]
fn nonsense_is_survived() {
    let home = Home::new(User::Me);
    let mut editor = Client::new(&home);
    editor.raw(b"Content-Length: 5\r\n\r\n{no}!");
    assert_eq!(editor.receive()["error"]["code"], -32700);
    editor.raw(b"Content-Length: 2\r\n\r\n{}");
    assert_eq!(editor.receive()["error"]["code"], -32700);
    editor.raw(b"hello\r\n");
    assert_eq!(editor.receive()["error"]["code"], -32700);
    assert_eq!(editor.request("textDocument/moniker", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.request("textDocument/rename", json!({}))["error"]["code"], -32602);
    assert_eq!(editor.request("textDocument/hover", json!([1]))["error"]["code"], -32602);
    editor.tell("textDocument/didOpen", json!({ "textDocument": 5 }));
    editor.tell("$/nothing", json!(null));
    let ghost = uri(&home, "ghost.rhai");
    assert_eq!(editor.at("textDocument/completion", &ghost, 0, 0), Value::Null);
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": ghost, "version": 2 }, "contentChanges": [] }),
    );
    editor.open(&ghost, "((((\u{0}\u{feff}`${`${\"\\");
    for (line, character) in [(0, 9), (0, 4_294_967_295_u32), (4_294_967_295, 0)] {
        for method in ["completion", "hover", "signatureHelp", "definition", "documentHighlight", "prepareRename"] {
            editor.at(&format!("textDocument/{method}"), &ghost, line, character);
        }
    }
    let deep = "#{a:[".repeat(3000);
    let found = editor.open(&ghost, &deep);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(editor.end(), Some(0));

    let mut rude = Client::new(&home);
    rude.tell("exit", Value::Null);
    assert_eq!(rude.child.wait().unwrap().code(), Some(1), "without a goodbye");
    let mut gone = Client::new(&home);
    gone.input.take();
    assert_eq!(gone.child.wait().unwrap().code(), Some(1));
}
