//! `keylint lsp`: a language server that shows the findings of open documents as they are typed.
//!
//! A thread reads messages. The server takes all that are there before it judges a document, so that
//! fast typing costs one run and not one a letter. A message that is wrong gets an error and the
//! next one is read.

mod actions;
mod diagnostics;
mod documents;
mod ignore;
mod text;
mod wire;

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::FilterArgs;
use documents::Documents;
use text::{Encoding, Range};
use wire::Incoming;

/// Messages that are taken before documents are judged, when a client does not pause.
const BATCH: usize = 256;

/// Errors of JSON-RPC 2.0 and of the protocol: `(code, message)`.
type Fault = (i32, String);
const PARSE: i32 = -32700;
const INVALID: i32 = -32600;
const UNKNOWN: i32 = -32601;
const PARAMS: i32 = -32602;
const INTERNAL: i32 = -32603;
const TOO_EARLY: i32 = -32002;
const CANCELLED: i32 = -32800;

/// Where the conversation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Ready,
    ShutDown,
}

/// What the client can do.
#[derive(Clone, Copy, Default)]
struct Client {
    encoding: Encoding,
    /// Tells of changed files when asked to.
    watches: bool,
    /// Shows related places.
    related: bool,
    /// Takes edits of several documents with their versions.
    document_changes: bool,
}

/// The server.
struct Server<W> {
    out: W,
    phase: Phase,
    client: Client,
    documents: Documents,
    /// What the user was told already.
    told: BTreeSet<String>,
    /// Requests of this batch that the client does not want answered any more.
    cancelled: Vec<Value>,
}

/// Serves the client at `input` and `out` until it says `exit` or goes away. True when it said
/// `shutdown` before.
///
/// # Errors
/// Whatever `input` and `out` give.
pub fn serve(
    filter: FilterArgs,
    input: impl Read + Send + 'static,
    out: impl Write,
) -> io::Result<bool> {
    let (sender, messages) = mpsc::channel();
    std::thread::spawn(move || {
        let mut input = BufReader::new(input);
        loop {
            let read = wire::read(&mut input).transpose();
            let end = !matches!(read, Some(Ok(_)));
            if read.is_some_and(|read| sender.send(read).is_err()) || end {
                return;
            }
        }
    });
    let mut server = Server {
        out,
        phase: Phase::New,
        client: Client::default(),
        documents: Documents::new(filter),
        told: BTreeSet::new(),
        cancelled: Vec::new(),
    };
    while let Ok(first) = messages.recv() {
        let rest = std::iter::from_fn(|| messages.try_recv().ok());
        let batch = std::iter::once(first).chain(rest.take(BATCH));
        let batch: Vec<Incoming> = batch.collect::<io::Result<_>>()?;
        server.cancelled = batch.iter().filter_map(cancelled).cloned().collect();
        for message in batch {
            if server.take(message)? {
                return Ok(server.phase == Phase::ShutDown);
            }
        }
        server.judge()?;
    }
    Ok(server.phase == Phase::ShutDown)
}

/// The request that `message` cancels.
fn cancelled(message: &Incoming) -> Option<&Value> {
    let Incoming::Message(message) = message else { return None };
    (message["method"] == "$/cancelRequest").then(|| &message["params"]["id"])
}

/// The parameters of `method` in `message`. What is wrong with them is not said: it may hold text
/// of a document.
fn params<T: for<'de> Deserialize<'de>>(message: &Value) -> Result<T, Fault> {
    let method = message["method"].as_str().unwrap_or_default();
    T::deserialize(&message["params"])
        .map_err(|_| (PARAMS, format!("the parameters of {method} are not as LSP 3.17 has them")))
}

impl<W: Write> Server<W> {
    /// Takes one message; true when it is the last one.
    fn take(&mut self, message: Incoming) -> io::Result<bool> {
        let message = match message {
            Incoming::Message(message) => message,
            Incoming::Bad(why) => {
                return self.reply(&Value::Null, Err((PARSE, why))).map(|()| false);
            }
        };
        let Some(method) = message["method"].as_str() else {
            // Answers to what this server asks need nothing.
            let answer = message.get("result").is_some() || message.get("error").is_some();
            if !answer {
                let fault = (INVALID, "a message needs a method".to_owned());
                self.reply(&Value::Null, Err(fault))?;
            }
            return Ok(false);
        };
        if method == "exit" {
            return Ok(true);
        }
        // A fault of the program must not take the editor's session with it.
        let done = catch_unwind(AssertUnwindSafe(|| match message.get("id") {
            Some(id)
                if self.cancelled.contains(id)
                    && method != "initialize"
                    && method != "shutdown" =>
            {
                Err((CANCELLED, format!("{method} was cancelled")))
            }
            Some(_) => self.request(method, &message),
            None => self.notification(method, &message).map(|()| Value::Null),
        }));
        let done = done.unwrap_or_else(|_| Err((INTERNAL, format!("{method} failed"))));
        match (message.get("id"), done) {
            (Some(id), done) => self.reply(id, done)?,
            (None, Err((_, why))) => self.say(2, &why)?,
            (None, Ok(_)) => {}
        }
        if method == "initialized" && self.client.watches {
            self.watch()?;
        }
        Ok(false)
    }

    fn request(&mut self, method: &str, message: &Value) -> Result<Value, Fault> {
        match (self.phase, method) {
            (Phase::New, "initialize") => self.initialize(message),
            (Phase::New, _) => Err((TOO_EARLY, "`initialize` comes first".to_owned())),
            (Phase::ShutDown, _) | (_, "initialize") => {
                Err((INVALID, format!("{method} has no place here")))
            }
            (_, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (_, "textDocument/codeAction") => {
                let asked: actions::Asked = params(message)?;
                Ok(actions::answer(&mut self.documents, self.client, &asked))
            }
            _ => Err((UNKNOWN, format!("{method} is not known here"))),
        }
    }

    fn initialize(&mut self, message: &Value) -> Result<Value, Fault> {
        let asked: Initialize = params(message)?;
        let can = &message["params"]["capabilities"];
        let has = |pointer: &str| can.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let offered = &can["general"]["positionEncodings"];
        let offered = Vec::<String>::deserialize(offered).unwrap_or_default();
        self.client = Client {
            encoding: Encoding::agree(&offered),
            watches: has("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            related: has("/textDocument/publishDiagnostics/relatedInformation"),
            document_changes: has("/workspace/workspaceEdit/documentChanges"),
        };
        let roots =
            asked.workspace_folders.unwrap_or_default().into_iter().map(|folder| folder.uri);
        let mut roots: Vec<String> = roots.collect();
        if roots.is_empty() {
            roots.extend(asked.root_uri);
        }
        self.documents.folders(&roots, &[]);
        self.phase = Phase::Ready;
        Ok(json!({
            "serverInfo": {"name": "keylint", "version": env!("CARGO_PKG_VERSION")},
            "capabilities": {
                "positionEncoding": self.client.encoding.name(),
                "textDocumentSync": {"openClose": true, "change": 2, "save": {"includeText": false}},
                "codeActionProvider": {"codeActionKinds": ["quickfix"]},
                "workspace": {
                    "workspaceFolders": {"supported": true, "changeNotifications": true},
                },
            },
        }))
    }

    fn notification(&mut self, method: &str, message: &Value) -> Result<(), Fault> {
        if self.phase != Phase::Ready {
            return Ok(());
        }
        match method {
            "textDocument/didOpen" => {
                let asked: Opened = params(message)?;
                let OpenedDocument { uri, version, text } = asked.text_document;
                self.documents.open(uri, version, &text);
            }
            "textDocument/didChange" => {
                let asked: Changed = params(message)?;
                let Versioned { uri, version } = asked.text_document;
                let changes = asked.content_changes.iter();
                let changes = changes.map(|change| (change.range, change.text.as_str()));
                self.documents.change((&uri, version), changes, self.client.encoding);
            }
            "textDocument/didSave" => {
                let asked: Named = params(message)?;
                if self.documents.saved(&asked.text_document.uri) {
                    self.told.clear();
                }
            }
            "textDocument/didClose" => {
                let asked: Named = params(message)?;
                let uri = asked.text_document.uri;
                self.documents.close(&uri);
                let empty = json!({"uri": uri, "diagnostics": []});
                self.notify("textDocument/publishDiagnostics", &empty).map_err(lost)?;
            }
            "workspace/didChangeWatchedFiles" | "workspace/didChangeConfiguration" => {
                self.told.clear();
                self.documents.reload();
            }
            "workspace/didChangeWorkspaceFolders" => {
                let asked: FoldersChanged = params(message)?;
                let uris = |folders: Vec<Uri>| -> Vec<String> {
                    folders.into_iter().map(|folder| folder.uri).collect()
                };
                self.documents.folders(&uris(asked.event.added), &uris(asked.event.removed));
            }
            _ => {}
        }
        Ok(())
    }

    /// Judges the documents that changed and publishes what there is to say of them.
    fn judge(&mut self) -> io::Result<()> {
        if self.phase != Phase::Ready {
            return Ok(());
        }
        for uri in self.documents.changed() {
            let documents = &mut self.documents;
            let client = self.client;
            let done = catch_unwind(AssertUnwindSafe(|| {
                let faults = documents.judge(&uri);
                (faults, documents.get(&uri).map(|document| diagnostics::of(document, client)))
            }));
            let (faults, found) = done.unwrap_or_else(|_| {
                (vec![format!("{uri}: the scan failed; this is a fault of keylint")], None)
            });
            for fault in faults {
                if self.told.insert(fault.clone()) {
                    self.say(1, &format!("keylint: {fault}"))?;
                }
            }
            if let Some(found) = found {
                self.notify("textDocument/publishDiagnostics", &found)?;
            }
            let unseen = self.documents.get(&uri).and_then(|document| document.unseen);
            if let Some(text) = unseen.map(|why| format!("{uri}: not looked at: {why}"))
                && self.told.insert(text.clone())
            {
                // For the log: what git ignores is no surprise.
                self.notify("window/logMessage", &json!({"type": 3, "message": text}))?;
            }
        }
        Ok(())
    }

    /// Asks the client to tell when files change that decide what counts.
    fn watch(&mut self) -> io::Result<()> {
        let watchers: Vec<Value> =
            ["**/keylint.toml", "**/keylint-baseline.jsonl", "**/.gitignore"]
                .map(|glob| json!({"globPattern": glob}))
                .into();
        let registration = json!({
            "id": "keylint-files",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": {"watchers": watchers},
        });
        let message = json!({
            "jsonrpc": "2.0",
            "id": "keylint-watch",
            "method": "client/registerCapability",
            "params": {"registrations": [registration]},
        });
        wire::write(&mut self.out, &message)
    }

    fn reply(&mut self, id: &Value, done: Result<Value, Fault>) -> io::Result<()> {
        let message = match done {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
            }
        };
        wire::write(&mut self.out, &message)
    }

    fn notify(&mut self, method: &str, params: &Value) -> io::Result<()> {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        wire::write(&mut self.out, &message)
    }

    /// Shows `text` to the user; 1 is an error, 2 a warning.
    fn say(&mut self, kind: u8, text: &str) -> io::Result<()> {
        self.notify("window/showMessage", &json!({"type": kind, "message": text}))
    }
}

fn lost(error: io::Error) -> Fault {
    (INTERNAL, error.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialize {
    workspace_folders: Option<Vec<Uri>>,
    root_uri: Option<String>,
}

#[derive(Deserialize)]
struct Uri {
    uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    text_document: Uri,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    text_document: OpenedDocument,
}

#[derive(Deserialize)]
struct OpenedDocument {
    uri: String,
    version: i64,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    text_document: Versioned,
    content_changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Versioned {
    uri: String,
    version: i64,
}

#[derive(Deserialize)]
struct Change {
    range: Option<Range>,
    text: String,
}

#[derive(Deserialize)]
struct FoldersChanged {
    event: Folders,
}

#[derive(Deserialize)]
struct Folders {
    added: Vec<Uri>,
    removed: Vec<Uri>,
}

/// The path that a `file:` URI names, without links as far as it exists.
fn path_of(uri: &str) -> Option<PathBuf> {
    let path = url::Url::parse(uri).ok()?.to_file_path().ok()?;
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    // A file that is not saved yet.
    let folder = path.parent()?.canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// The URI of `path`.
fn uri_of(path: &std::path::Path) -> Option<String> {
    url::Url::from_file_path(path).ok().map(String::from)
}
