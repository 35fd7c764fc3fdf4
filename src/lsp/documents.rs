//! The documents that the client has open, and the files that they are in.

use super::position::Lines;
use crate::script::page::Page;
use lsp_types::{TextDocumentContentChangeEvent, Uri};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A document that is open.
#[derive(Debug)]
pub struct Document {
    /// What the client calls it.
    pub uri: Uri,
    /// The file that it is in; empty where it is in none yet.
    pub file: PathBuf,
    /// Its version, which the client counts.
    pub version: i32,
    /// Its text.
    pub page: Page,
}

/// All that are open, by their URIs.
#[derive(Debug, Default)]
pub struct Documents(BTreeMap<String, Document>);

impl Documents {
    /// Opens one, in place of one that is open under that URI.
    pub fn open(&mut self, uri: &Uri, version: i32, text: &str) {
        let file = path_of(uri).unwrap_or_default();
        let document = Document { uri: uri.clone(), file, version, page: Page::new(text) };
        self.0.insert(uri.as_str().to_owned(), document);
    }

    /// Changes one, if it is open.
    pub fn change(&mut self, uri: &Uri, version: i32, changes: &[TextDocumentContentChangeEvent]) {
        let Some(document) = self.0.get_mut(uri.as_str()) else { return };
        let mut text = document.page.text.to_string();
        for change in changes {
            match change.range {
                None => text.clone_from(&change.text),
                Some(range) => {
                    let lines = Lines::of(&text);
                    let start = lines.offset(range.start);
                    let end = lines.offset(range.end).max(start);
                    text.replace_range(start..end, &change.text);
                }
            }
        }
        document.page = Page::new(&text);
        document.version = version;
    }

    /// Closes one.
    pub fn close(&mut self, uri: &Uri) {
        self.0.remove(uri.as_str());
    }

    /// One of them.
    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.0.get(uri.as_str())
    }

    /// The URIs of all.
    pub fn uris(&self) -> Vec<Uri> {
        self.0.values().map(|document| document.uri.clone()).collect()
    }
}

/// The file that a URI names; none for what is in no file.
pub fn path_of(uri: &Uri) -> Option<PathBuf> {
    // Its host is empty or this machine.
    let path = uri.scheme().filter(|scheme| scheme.eq_lowercase("file")).map(|_| uri.path())?;
    path.is_absolute().then(|| OsString::from_vec(path.as_estr().decode().into_bytes().into_owned()).into())
}

/// The URI of a file (RFC 8089); none for a path that is not absolute.
pub fn uri_of(path: &Path) -> Option<Uri> {
    if !path.is_absolute() {
        return None;
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let encode = |byte: &u8| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: String = path.as_os_str().as_bytes().iter().map(encode).collect();
    Uri::from_str(&format!("file://{encoded}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_uris_agree() {
        for path in ["/a/b.rhai", "/mit leer/ä 100%.rhai", "/c:d"] {
            assert_eq!(path_of(&uri_of(Path::new(path)).unwrap()), Some(PathBuf::from(path)));
        }
        assert_eq!(uri_of(Path::new("/a b")).unwrap().as_str(), "file:///a%20b");
        let path = |text: &str| path_of(&Uri::from_str(text).unwrap());
        assert_eq!(path("file://localhost/a%C3%A9"), Some(PathBuf::from("/aé")));
        assert_eq!(path("FILE:/%FF/b%2fc"), Some(OsString::from_vec(b"/\xff/b/c".to_vec()).into()));
        assert_eq!(path("file:"), None);
        assert_eq!(path("untitled:Untitled-1"), None);
        assert_eq!(uri_of(Path::new("a")), None);
    }

    #[test]
    fn changes_are_made_in_order() {
        let uri = Uri::from_str("file:///a").unwrap();
        let mut documents = Documents::default();
        documents.open(&uri, 1, "ab\n😀c\n");
        let change = |start: (u32, u32), end: (u32, u32), text: &str| TextDocumentContentChangeEvent {
            range: Some(lsp_types::Range::new(
                lsp_types::Position::new(start.0, start.1),
                lsp_types::Position::new(end.0, end.1),
            )),
            range_length: None,
            text: text.into(),
        };
        documents.change(
            &uri,
            2,
            &[change((1, 2), (1, 3), "é"), change((0, 1), (1, 0), "-"), change((9, 9), (0, 0), "!")],
        );
        let document = documents.get(&uri).unwrap();
        assert_eq!((&*document.page.text, document.version), ("a-😀é\n!", 2));
        documents.change(
            &uri,
            3,
            &[TextDocumentContentChangeEvent { range: None, range_length: None, text: "x".into() }],
        );
        assert_eq!(&*documents.get(&uri).unwrap().page.text, "x");
    }
}
