//! What the client asks about a document, answered in the protocol's types.

use super::documents::{Document, uri_of};
use super::position::Lines;
use crate::script::complete::{self, Candidate, CandidateKind};
use crate::script::describe::{self, SymbolKind as Kind, UseKind};
use crate::script::page::Around;
use crate::script::{format, stdlib};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionList, CompletionTextEdit, DocumentHighlight, DocumentHighlightKind,
    DocumentSymbol, Documentation, Hover, HoverContents, InsertTextFormat, Location, MarkupContent, MarkupKind,
    ParameterInformation, ParameterLabel, Range, SignatureHelp, SignatureInformation, SymbolKind, TextEdit, Uri,
    WorkspaceEdit,
};
use std::fs;
use std::path::{Path, PathBuf};

fn markdown(value: String) -> MarkupContent {
    MarkupContent { kind: MarkupKind::Markdown, value }
}

/// What can be written at a place.
pub fn completion(document: &Document, offset: usize, around: &dyn Around, snippets: bool) -> CompletionList {
    let completion = complete::complete(&document.page, offset, around);
    let range = Lines::of(&document.page.text).range(&completion.range);
    let item = |(number, candidate): (usize, Candidate)| {
        let (new_text, format) = inserted(&candidate, snippets);
        CompletionItem {
            kind: Some(match candidate.kind {
                CandidateKind::Variable => CompletionItemKind::VARIABLE,
                CandidateKind::Constant => CompletionItemKind::CONSTANT,
                CandidateKind::Function { .. } => CompletionItemKind::FUNCTION,
                CandidateKind::Property => CompletionItemKind::PROPERTY,
                CandidateKind::Option => CompletionItemKind::FIELD,
                CandidateKind::Module => CompletionItemKind::MODULE,
                CandidateKind::Path => CompletionItemKind::FILE,
                CandidateKind::Name => CompletionItemKind::VALUE,
                CandidateKind::Keyword => CompletionItemKind::KEYWORD,
            }),
            detail: Some(candidate.detail).filter(|detail| !detail.is_empty()),
            documentation: Some(candidate.doc)
                .filter(|doc| !doc.is_empty())
                .map(|doc| Documentation::MarkupContent(markdown(doc))),
            // Ours come in an order of their own.
            sort_text: Some(format!("{number:04}")),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
            insert_text_format: Some(format),
            label: candidate.label,
            ..CompletionItem::default()
        }
    };
    let items = completion.candidates.into_iter().enumerate().map(item).collect();
    CompletionList { is_incomplete: false, items }
}

/// What a candidate writes.
fn inserted(candidate: &Candidate, snippets: bool) -> (String, InsertTextFormat) {
    let label = &candidate.label;
    let plain = |text: String| (text, InsertTextFormat::PLAIN_TEXT);
    match candidate.kind {
        CandidateKind::Function { takes: true } if snippets => (format!("{label}($0)"), InsertTextFormat::SNIPPET),
        CandidateKind::Function { takes: false } => plain(format!("{label}()")),
        CandidateKind::Option => plain(format!("{label}: ")),
        CandidateKind::Module => plain(format!("{label}::")),
        _ => plain(label.clone()),
    }
}

/// What the name at a place means.
pub fn hover(document: &Document, offset: usize, around: &dyn Around) -> Option<Hover> {
    let said = describe::hover(&document.page, offset, around)?;
    let range = Some(Lines::of(&document.page.text).range(&said.range));
    Some(Hover { contents: HoverContents::Markup(markdown(said.text)), range })
}

/// How the call around a place goes on.
pub fn signatures(document: &Document, offset: usize, around: &dyn Around) -> Option<SignatureHelp> {
    let found = describe::signatures(&document.page, offset, around)?;
    let argument = u32::try_from(found.argument).ok();
    let signatures = found.all.into_iter().map(|signature| {
        let text = signature.label;
        let lines = Lines::of(&text);
        let units = |byte: usize| lines.position(byte).character;
        let params = signature.params.iter().map(|(range, doc)| ParameterInformation {
            label: ParameterLabel::LabelOffsets([units(range.start), units(range.end)]),
            documentation: Some(doc.clone()).filter(|doc| !doc.is_empty()).map(Documentation::String),
        });
        SignatureInformation {
            parameters: Some(params.collect()),
            documentation: Some(Documentation::MarkupContent(markdown(signature.doc))),
            active_parameter: argument,
            label: text.clone(),
        }
    });
    let signatures = signatures.collect();
    Some(SignatureHelp { signatures, active_signature: Some(0), active_parameter: argument })
}

/// Where what the name at a place means is declared.
pub fn definition(document: &Document, offset: usize, around: &dyn Around) -> Option<Location> {
    let declared = describe::definition(&document.page, offset, around)?;
    let Some(source) = declared.source else {
        return Some(Location::new(document.uri.clone(), Lines::of(&document.page.text).range(&declared.range)));
    };
    let (uri, text) = match stdlib::text(&source) {
        Some(text) => (shown(&source, text)?, text.to_owned()),
        None => (uri_of(&absolute(Path::new(&source)))?, fs::read_to_string(&source).ok()?),
    };
    Some(Location::new(uri, Lines::of(&text).range(&declared.range)))
}

/// Where what the name at a place means is used in the document.
pub fn references(document: &Document, offset: usize, around: &dyn Around, declaration: bool) -> Option<Vec<Location>> {
    let uses = describe::uses(&document.page, offset, around)?;
    let lines = Lines::of(&document.page.text);
    let wanted = uses.iter().filter(|place| declaration || place.kind != UseKind::Declares);
    Some(wanted.map(|place| Location::new(document.uri.clone(), lines.range(&place.range))).collect())
}

/// The same, to be shown in the text.
pub fn highlights(document: &Document, offset: usize, around: &dyn Around) -> Option<Vec<DocumentHighlight>> {
    let uses = describe::uses(&document.page, offset, around)?;
    let lines = Lines::of(&document.page.text);
    let highlight = |place: &describe::Use| DocumentHighlight {
        range: lines.range(&place.range),
        kind: Some(match place.kind {
            UseKind::Declares | UseKind::Writes => DocumentHighlightKind::WRITE,
            UseKind::Reads => DocumentHighlightKind::READ,
        }),
    };
    Some(uses.iter().map(highlight).collect())
}

/// The name at a place, if it can be changed.
pub fn renamable(document: &Document, offset: usize, around: &dyn Around) -> Option<Range> {
    let uses = describe::uses(&document.page, offset, around)?;
    let place = uses.iter().find(|place| place.is_at(offset))?;
    Some(Lines::of(&document.page.text).range(&place.range))
}

/// What gives another name to what the name at a place means.
pub fn rename(document: &Document, offset: usize, around: &dyn Around, name: &str) -> Result<WorkspaceEdit, String> {
    let uses = describe::rename(&document.page, offset, name, around)?;
    let lines = Lines::of(&document.page.text);
    let edits = uses.iter().map(|place| TextEdit::new(lines.range(&place.range), name.to_owned())).collect();
    Ok(WorkspaceEdit::new([(document.uri.clone(), edits)].into()))
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A file with the text of a module of the standard library, which is in none, for the client to open.
fn shown(source: &str, text: &str) -> Option<Uri> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute()).or_else(home)?;
    let path = cache.join("rhailab").join(env!("CARGO_PKG_VERSION")).join(format!("{source}.rhai"));
    if fs::read_to_string(&path).ok().as_deref() != Some(text) {
        fs::create_dir_all(path.parent()?).ok()?;
        fs::write(&path, text).ok()?;
    }
    uri_of(&path)
}

/// What the document declares.
pub fn symbols(document: &Document, around: &dyn Around) -> Vec<DocumentSymbol> {
    let lines = Lines::of(&document.page.text);
    let symbol = |symbol: describe::Symbol| {
        #[expect(deprecated, reason = "a field of the type that has to be filled in")]
        DocumentSymbol {
            name: symbol.name,
            detail: Some(symbol.detail).filter(|detail| !detail.is_empty()),
            kind: match symbol.kind {
                Kind::Function => SymbolKind::FUNCTION,
                Kind::Param => SymbolKind::VARIABLE,
                Kind::Module => SymbolKind::MODULE,
                Kind::Object => SymbolKind::OBJECT,
                Kind::Constant => SymbolKind::CONSTANT,
            },
            tags: None,
            deprecated: None,
            range: lines.range(&symbol.range),
            selection_range: lines.range(&symbol.selection),
            children: None,
        }
    };
    describe::symbols(&document.page, around).into_iter().map(symbol).collect()
}

/// What lays the document out: nothing where it is, or where its brackets do not match.
pub fn formatting(document: &Document) -> Vec<TextEdit> {
    let text = &document.page.text;
    match format::format(text) {
        Some(new_text) if new_text != **text => {
            vec![TextEdit { range: Lines::of(text).range(&(0..text.len())), new_text }]
        }
        _ => Vec::new(),
    }
}
