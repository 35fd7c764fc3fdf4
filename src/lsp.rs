//! A language server for recipes, over the Language Server Protocol 3.17: what `check`, completion and the reference
//! know, in an editor. <https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/>
//!
//! One thread answers one message after another: everything it says takes milliseconds. A message that makes no sense is
//! answered with an error, and the next one is read.

mod answers;
mod documents;
mod position;
mod report;

use crate::script::page::{Around, Live};
use crate::script::vocabulary::Vocabulary;
use crate::script::{Near, Session};
use documents::{Document, Documents, path_of};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::notification::{self as notice, Notification as _};
use lsp_types::request::{self as ask, Request as _};
use lsp_types::{
    ClientCapabilities, CompletionOptions, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DidSaveTextDocumentParams, HoverProviderCapability, InitializeParams, OneOf,
    PublishDiagnosticsParams, ReferenceParams, RenameOptions, RenameParams, ServerCapabilities, SignatureHelpOptions,
    TextDocumentIdentifier, TextDocumentPositionParams, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri, WorkDoneProgressOptions,
};
use position::Lines;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{BufRead, ErrorKind, Result, Write};
use std::path::Path;

/// Serves one client until it says goodbye or is gone, and returns the exit code.
pub fn serve(session: &Session, input: &mut impl BufRead, output: &mut dyn Write) -> i32 {
    let vocabulary = session.vocabulary();
    let mut server = Server {
        session,
        vocabulary: &vocabulary,
        output,
        documents: Documents::default(),
        client: ClientCapabilities::default(),
        is_over: false,
    };
    loop {
        let message = match Message::read(input) {
            Ok(Some(message)) => message,
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                let answer = json!({
                    "jsonrpc": "2.0",
                    "id": null,
                    "error": { "code": ErrorCode::ParseError as i32, "message": error.to_string() },
                });
                if server.write_raw(&answer).is_err() {
                    return 1;
                }
                continue;
            }
            // The client is gone without a word.
            Ok(None) | Err(_) => return 1,
        };
        let done = match message {
            Message::Request(request) => server.request(request),
            Message::Notification(notice) if notice.method == notice::Exit::METHOD => {
                return i32::from(!server.is_over);
            }
            Message::Notification(notice) => server.notice(notice),
            // We ask nothing of the client.
            Message::Response(_) => Ok(()),
        };
        // Nobody reads our answers any more.
        if done.is_err() {
            return 1;
        }
    }
}

struct Server<'s> {
    session: &'s Session,
    vocabulary: &'s Vocabulary<'s>,
    output: &'s mut dyn Write,
    documents: Documents,
    /// What the client can do.
    client: ClientCapabilities,
    /// Whether the client has asked us to shut down.
    is_over: bool,
}

/// The outcome of a request.
type Answer = std::result::Result<Value, (ErrorCode, String)>;

impl Server<'_> {
    fn write(&mut self, message: &Message) -> Result<()> {
        message.write(&mut self.output)
    }

    /// Writes an answer that the protocol's types have no place for.
    fn write_raw(&mut self, message: &Value) -> Result<()> {
        let text = message.to_string();
        write!(self.output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        self.output.flush()
    }

    fn request(&mut self, request: Request) -> Result<()> {
        let Request { id, method, params } = request;
        if self.is_over {
            return self.answer(id, Err((ErrorCode::InvalidRequest, "The server is shutting down.".into())));
        }
        let answer = match method.as_str() {
            ask::Initialize::METHOD => self.initialize(params),
            ask::Shutdown::METHOD => {
                self.is_over = true;
                Ok(Value::Null)
            }
            ask::Completion::METHOD => {
                let snippets = self.takes_snippets();
                self.at(params, |document, offset, around| answers::completion(document, offset, around, snippets))
            }
            ask::HoverRequest::METHOD => self.at(params, answers::hover),
            ask::SignatureHelpRequest::METHOD => self.at(params, answers::signatures),
            ask::GotoDefinition::METHOD => self.at(params, answers::definition),
            ask::References::METHOD => self.references(params),
            ask::DocumentHighlightRequest::METHOD => self.at(params, answers::highlights),
            ask::PrepareRenameRequest::METHOD => self.at(params, answers::renamable),
            ask::Rename::METHOD => self.rename(params),
            ask::DocumentSymbolRequest::METHOD => self.of(params, answers::symbols),
            ask::Formatting::METHOD => self.of(params, |document, _| answers::formatting(document)),
            other => Err((ErrorCode::MethodNotFound, format!("The server does not know `{other}`."))),
        };
        self.answer(id, answer)
    }

    fn answer(&mut self, id: RequestId, answer: Answer) -> Result<()> {
        let response = match answer {
            Ok(value) => Response::new_ok(id, value),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        };
        self.write(&response.into())
    }

    fn initialize(&mut self, params: Value) -> Answer {
        let params: InitializeParams = parsed(params)?;
        self.client = params.capabilities;
        let capabilities = ServerCapabilities {
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                ..TextDocumentSyncOptions::default()
            })),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some([".", ":", "\"", "/", "{"].map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            signature_help_provider: Some(SignatureHelpOptions {
                trigger_characters: Some(["(", ","].map(str::to_owned).to_vec()),
                ..SignatureHelpOptions::default()
            }),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            document_highlight_provider: Some(OneOf::Left(true)),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: WorkDoneProgressOptions::default(),
            })),
            document_symbol_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            ..ServerCapabilities::default()
        };
        valued(&json!({
            "capabilities": capabilities,
            "serverInfo": { "name": "rhailab", "version": env!("CARGO_PKG_VERSION") },
        }))
    }

    fn takes_snippets(&self) -> bool {
        let completion = self.client.text_document.as_ref().and_then(|document| document.completion.as_ref());
        let item = completion.and_then(|completion| completion.completion_item.as_ref());
        item.and_then(|item| item.snippet_support).unwrap_or(false)
    }

    fn references(&self, params: Value) -> Answer {
        let ReferenceParams { text_document_position: place, context, .. } = parsed(params)?;
        let declares = context.include_declaration;
        let found =
            self.asked_at(place, |document, offset, around| answers::references(document, offset, around, declares));
        valued(&found)
    }

    fn rename(&self, params: Value) -> Answer {
        let RenameParams { text_document_position: place, new_name, .. } = parsed(params)?;
        let edit =
            self.asked_at(place, |document, offset, around| answers::rename(document, offset, around, &new_name));
        valued(&edit.transpose().map_err(|why| (ErrorCode::RequestFailed, why))?)
    }

    /// Answers a question about a place in a document.
    fn at<T: Serialize>(&self, params: Value, ask: impl FnOnce(&Document, usize, &dyn Around) -> T) -> Answer {
        valued(&self.asked_at(parsed(params)?, ask))
    }

    /// Answers a question about a whole document.
    fn of<T: Serialize>(&self, params: Value, ask: impl FnOnce(&Document, &dyn Around) -> T) -> Answer {
        /// What all such requests have; how a client would indent is not asked.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Whole {
            text_document: TextDocumentIdentifier,
        }
        let Whole { text_document } = parsed(params)?;
        valued(&self.asked(&text_document.uri, ask))
    }

    fn asked_at<T>(
        &self,
        TextDocumentPositionParams { text_document, position }: TextDocumentPositionParams,
        ask: impl FnOnce(&Document, usize, &dyn Around) -> T,
    ) -> Option<T> {
        self.asked(&text_document.uri, |document, around| {
            ask(document, Lines::of(&document.page.text).offset(position), around)
        })
    }

    /// Nothing is known of documents that are not open.
    fn asked<T>(&self, uri: &Uri, ask: impl FnOnce(&Document, &dyn Around) -> T) -> Option<T> {
        let document = self.documents.get(uri)?;
        Some(ask(document, &self.near(&document.file)))
    }

    fn near(&self, file: &Path) -> Near<'_> {
        self.session.near(file, self.vocabulary, Live::default())
    }

    fn notice(&mut self, notice: Notification) -> Result<()> {
        let Notification { method, params } = notice;
        // A notification has no answer, so what makes no sense is passed over.
        match method.as_str() {
            notice::DidOpenTextDocument::METHOD => {
                let Ok(DidOpenTextDocumentParams { text_document: opened }) = parsed(params) else { return Ok(()) };
                self.documents.open(&opened.uri, opened.version, &opened.text);
                self.overlay(&opened.uri);
                self.report_all()
            }
            notice::DidChangeTextDocument::METHOD => {
                let Ok(DidChangeTextDocumentParams { text_document, content_changes }) = parsed(params) else {
                    return Ok(());
                };
                self.documents.change(&text_document.uri, text_document.version, &content_changes);
                self.overlay(&text_document.uri);
                self.report(&text_document.uri)
            }
            notice::DidSaveTextDocument::METHOD => {
                let Ok(DidSaveTextDocumentParams { .. }) = parsed(params) else { return Ok(()) };
                self.report_all()
            }
            notice::DidCloseTextDocument::METHOD => {
                let Ok(DidCloseTextDocumentParams { text_document }) = parsed(params) else { return Ok(()) };
                self.documents.close(&text_document.uri);
                if let Some(file) = path_of(&text_document.uri) {
                    self.session.overlay(&file, None);
                }
                self.publish(text_document.uri, Vec::new(), None)
            }
            _ => Ok(()),
        }
    }

    /// Makes what imports a document see its text as it is now.
    fn overlay(&self, uri: &Uri) {
        if let (Some(file), Some(document)) = (path_of(uri), self.documents.get(uri)) {
            self.session.overlay(&file, Some(document.page.text.to_string()));
        }
    }

    /// Says what is wrong with a document.
    fn report(&mut self, uri: &Uri) -> Result<()> {
        let Some(document) = self.documents.get(uri) else { return Ok(()) };
        let (found, version) = (report::diagnostics(self.session, document), document.version);
        self.publish(uri.clone(), found, Some(version))
    }

    /// Says what is wrong with every document: a module may be open with what imports it.
    fn report_all(&mut self) -> Result<()> {
        for uri in self.documents.uris() {
            self.report(&uri)?;
        }
        Ok(())
    }

    fn publish(&mut self, uri: Uri, diagnostics: Vec<lsp_types::Diagnostic>, version: Option<i32>) -> Result<()> {
        let params = PublishDiagnosticsParams { uri, diagnostics, version };
        self.write(&Notification::new(notice::PublishDiagnostics::METHOD.to_owned(), params).into())
    }
}

fn parsed<T: DeserializeOwned>(params: Value) -> std::result::Result<T, (ErrorCode, String)> {
    serde_json::from_value(params).map_err(|error| (ErrorCode::InvalidParams, error.to_string()))
}

fn valued(answer: &impl Serialize) -> Answer {
    serde_json::to_value(answer).map_err(|error| (ErrorCode::InternalError, error.to_string()))
}
