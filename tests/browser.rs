//! A headless Chromium, driven over a pipe: each message is JSON and ends with a zero byte.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Names under which systems have it; `.ci/setup` installs the first where there is none.
const NAMES: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
];

pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
    session: Option<String>,
    /// What the page said or asked for: console, errors, broken policy, requests.
    pub(crate) events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Opens `file`, with what stands after it in the address, and waits until it is loaded.
    pub(crate) fn open(file: &Path, rest: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let has = |name: &&&str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        };
        let name = NAMES.iter().find(has).expect("no Chromium; .ci/setup installs one");
        // The browser reads commands from its descriptor 3 and answers on 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-extensions", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut browser = Self {
            child,
            to,
            from: BufReader::new(from),
            last: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let id = &target["targetId"];
        let made =
            browser.call("Target.attachToTarget", json!({ "targetId": id, "flatten": true }));
        browser.session = Some(made["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.navigate", json!({ "url": format!("file://{}{rest}", file.display()) }));
        browser.wait("document.readyState === 'complete' && location.protocol === 'file:'");
        browser
    }

    /// Sends a command and gives its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(message.to_string().as_bytes()).unwrap();
        self.to.write_all(&[0]).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser ended");
            let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    /// The value of an expression in the page.
    pub(crate) fn eval(&mut self, code: &str) -> Value {
        let params = json!({ "expression": code, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{code}: {result}");
        result["result"]["value"].take()
    }

    /// Waits until an expression holds.
    pub(crate) fn wait(&mut self, code: &str) {
        for _ in 0..600 {
            if self.eval(code) == json!(true) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("never true: {code}");
    }

    /// Presses and releases a key that types `text`.
    pub(crate) fn press(&mut self, key: &str, text: &str) {
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": key, "text": text }));
        self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
    }

    /// Fails when the page wrote to the console, threw, broke its policy or asked for more than
    /// the file itself.
    pub(crate) fn assert_quiet(&mut self) {
        self.eval("1");
        for event in &self.events {
            let method = event["method"].as_str().unwrap();
            let loud = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
            assert!(!loud.contains(&method), "{event}");
            if method == "Network.requestWillBeSent" {
                let url = event["params"]["request"]["url"].as_str().unwrap();
                assert!(url.starts_with("file://"), "{event}");
                assert_eq!(event["params"]["type"], "Document", "{event}");
            }
        }
        assert!(
            self.events.iter().any(|event| event["method"] == "Network.requestWillBeSent"),
            "requests are seen"
        );
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
