//! A client of the language server: starts it, speaks LSP over its standard input and output, and
//! keeps everything it hears.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Place, keylint};

/// Longer than any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client and the server that it started.
pub(crate) struct Client {
    pub(crate) server: Child,
    pub(crate) stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// Everything that the server said.
    pub(crate) heard: Vec<Value>,
    id: i64,
}

impl Client {
    pub(crate) fn start(folder: &Path, args: &[&str]) -> Self {
        let mut server = keylint(folder)
            .arg("lsp")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if stdout.read_line(&mut line).unwrap() == 0 {
                        return;
                    }
                    match line.trim().split_once(": ") {
                        Some((_, number)) => length = number.parse().unwrap(),
                        None => break,
                    }
                }
                let mut body = vec![0; length];
                stdout.read_exact(&mut body).unwrap();
                if sender.send(serde_json::from_slice(&body).unwrap()).is_err() {
                    return;
                }
            }
        });
        let stdin = server.stdin.take();
        Self { server, stdin, messages, heard: Vec::new(), id: 0 }
    }

    /// Starts the server in `place`, which is its only workspace folder.
    pub(crate) fn ready(place: &Place, capabilities: Value) -> Self {
        let mut client = Self::start(place.path(), &["--stdio"]);
        client.initialize(&[place.path()], capabilities);
        client
    }

    pub(crate) fn initialize(&mut self, folders: &[&Path], capabilities: Value) -> Value {
        let folders: Vec<Value> =
            folders.iter().map(|path| json!({"uri": uri(path), "name": "x"})).collect();
        let answer = self.ask(
            "initialize",
            json!({"processId": null, "capabilities": capabilities, "workspaceFolders": folders}),
        );
        self.tell("initialized", json!({}));
        answer["result"].clone()
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub(crate) fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let id = self.id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.until(&|message| message["id"] == id)
    }

    /// The next message that is `wanted`.
    pub(crate) fn until(&mut self, wanted: &dyn Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("an answer in time");
            self.heard.push(message.clone());
            if wanted(&message) {
                return message;
            }
        }
    }

    pub(crate) fn open(&mut self, path: &Path, text: &str) -> Vec<Value> {
        self.tell(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": uri(path), "languageId": "x", "version": 1, "text": text}}),
        );
        self.diagnostics(path, 1)
    }

    pub(crate) fn change(&mut self, path: &Path, version: i64, changes: Value) -> Vec<Value> {
        self.tell(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri(path), "version": version}, "contentChanges": changes}),
        );
        self.diagnostics(path, version)
    }

    /// What is published for `version` of `path`.
    pub(crate) fn diagnostics(&mut self, path: &Path, version: i64) -> Vec<Value> {
        let uri = uri(path);
        let of = |message: &Value| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"] == version
        };
        self.until(&of)["params"]["diagnostics"].as_array().unwrap().clone()
    }

    pub(crate) fn actions(&mut self, path: &Path, range: &Value, context: &Value) -> Vec<Value> {
        let answer = self.ask(
            "textDocument/codeAction",
            json!({"textDocument": {"uri": uri(path)}, "range": range, "context": context}),
        );
        answer["result"].as_array().unwrap().clone()
    }

    /// Ends the conversation; gives the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        let answer = self.ask("shutdown", Value::Null);
        assert_eq!(answer["result"], Value::Null);
        self.tell("exit", Value::Null);
        self.server.wait().unwrap().code()
    }
}

pub(crate) fn uri(path: &Path) -> String {
    format!("file://{}", path.display()).replace(' ', "%20")
}
