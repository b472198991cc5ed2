//! The language server, spoken to over standard input and output as an editor does.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Place, json as scan, key, run};
use crate::lsp_client::{Client, uri};

fn codes(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().filter_map(|diagnostic| diagnostic["code"].as_str()).collect()
}

/// `text` with the edits for `path` of an action, whose columns are bytes.
fn edited(text: &str, path: &Path, action: &Value) -> String {
    let edits = match action["edit"]["documentChanges"].as_array() {
        Some(all) => {
            all.iter().find(|c| c["textDocument"]["uri"] == uri(path)).unwrap()["edits"].clone()
        }
        None => action["edit"]["changes"][uri(path)].clone(),
    };
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let byte = |position: &Value| {
        let number = |key: &str| usize::try_from(position[key].as_u64().unwrap()).unwrap();
        starts[number("line")] + number("character")
    };
    let edit = |edit: &Value| {
        let range = &edit["range"];
        (byte(&range["start"]), byte(&range["end"]), edit["newText"].as_str().unwrap().to_owned())
    };
    let mut edits: Vec<(usize, usize, String)> =
        edits.as_array().unwrap().iter().map(edit).collect();
    edits.sort();
    let mut text = text.to_owned();
    for (start, end, new) in edits.iter().rev() {
        text.replace_range(*start..*end, new);
    }
    text
}

const UTF8: &str = r#"{"general": {"positionEncodings": ["utf-8", "utf-16"]}}"#;

fn utf8() -> Value {
    serde_json::from_str(UTF8).unwrap()
}

#[test]
fn diagnostics_come_and_go_as_one_types() {
    let place = Place::new();
    let file = place.write("src/a b.py", "");
    let mut client = Client::ready(&place, json!({}));
    assert_eq!(client.open(&file, "x = '😀'\n"), Vec::<Value>::new());
    // After the emoji, which is two units of UTF-16 and four bytes.
    let (at, key) = (json!({"line": 0, "character": 8}), key("slack"));
    let insert = json!([{"range": {"start": at, "end": at}, "text": format!("; k = '{key}'")}]);
    let found = client.change(&file, 2, insert);
    assert_eq!(codes(&found), ["slack-bot-token"]);
    let length = u64::try_from(key.len()).unwrap();
    let range = json!({
        "start": {"line": 0, "character": 15},
        "end": {"line": 0, "character": 15 + length},
    });
    assert_eq!(found[0]["range"], range);
    assert_eq!((&found[0]["severity"], &found[0]["source"]), (&json!(1), &json!("keylint")));
    assert!(found[0]["codeDescription"]["href"].as_str().unwrap().starts_with("https://"));
    assert!(found[0]["message"].as_str().unwrap().contains("xoxb…"));
    let cut = json!([{"range": range, "text": ""}]);
    assert_eq!(client.change(&file, 3, cut), Vec::<Value>::new());
    let whole = json!([{"text": format!("k = '{key}'\n")}]);
    assert_eq!(client.change(&file, 4, whole).len(), 1);
    // Nothing of a closed document stays on the screen.
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": uri(&file)}}));
    let closed = client.until(&|m| m["method"] == "textDocument/publishDiagnostics");
    assert_eq!(closed["params"]["diagnostics"], json!([]));
    assert!(!json!(client.heard).to_string().contains(&key), "a key was sent");
    assert_eq!(client.end(), Some(0));
}

#[test]
fn positions_are_in_the_encoding_that_both_know() {
    let place = Place::new();
    let file = place.write("a.py", "");
    for (capabilities, name, column) in [
        (json!({}), "utf-16", 11),
        (utf8(), "utf-8", 13),
        (json!({"general": {"positionEncodings": ["utf-32"]}}), "utf-16", 11),
    ] {
        let mut client = Client::start(place.path(), &[]);
        let result = client.initialize(&[place.path()], capabilities);
        assert_eq!(result["capabilities"]["positionEncoding"], name);
        let found = client.open(&file, &format!("😀 = 1; k='{}'\n", key("slack")));
        assert_eq!(found[0]["range"]["start"]["character"], column);
        client.end();
    }
}

#[test]
fn a_document_has_the_findings_of_a_scan_of_its_file() {
    let place = Place::new();
    place.init();
    let slack = key("slack");
    let texts = [
        ("app.py", format!("a = '{}'\nb = '{slack}'\n", key("openrouter"))),
        (".env", format!("SLACK_TOKEN={slack}\n")),
        ("compose.yml", format!("services:\n  a:\n    environment:\n      T: {slack}\n")),
        ("web.js", "new OpenAI({ dangerouslyAllowBrowser: true, apiKey: 'k' })\n".to_owned()),
        (
            "ok.py",
            format!("k = '{slack}'  # keylint:allow slack-bot-token -- old\n# keylint:allow\n"),
        ),
    ];
    for (path, text) in &texts {
        place.write(path, text);
    }
    place.git(&["add", "-A"]);
    let mut client = Client::ready(&place, utf8());
    for (path, text) in &texts {
        let file = place.path().join(path);
        let report = scan(place.path(), &["scan", path]);
        let of_scan = |f: &Value| {
            let line = f["start"][0].as_u64().unwrap() - 1;
            (f["check"].as_str().unwrap().to_owned(), line)
        };
        let want: Vec<(String, u64)> =
            report["findings"].as_array().unwrap().iter().map(of_scan).collect();
        let found = client.open(&file, text);
        let of_client = |d: &Value| {
            let line = d["range"]["start"]["line"].as_u64().unwrap();
            Some((d["code"].as_str()?.to_owned(), line))
        };
        let have: Vec<(String, u64)> = found.iter().filter_map(of_client).collect();
        assert_eq!(have, want, "{path}");
        assert_eq!(have.is_empty(), *path == "ok.py", "{path}: {have:?}");
        if *path == "ok.py" {
            // The marker that allows nothing is faded.
            assert_eq!((found.len(), &found[0]["tags"]), (1, &json!([1])), "{found:?}");
        }
    }
    client.end();
}

#[test]
fn parts_of_a_credential_are_related_places() {
    let place = Place::new();
    let id = ["AKIA", "Q3EGV5RTNLBYXW7M"].concat();
    let secret = ["wJq8ZtK5vL2mXrB7nHs4", "Jd9fGcQe3Yw6Pz1RtV0b"].concat();
    let text = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    let file = place.write("a.ini", &text);
    let related = json!({"textDocument": {"publishDiagnostics": {"relatedInformation": true}}});
    let mut client = Client::ready(&place, related);
    let found = client.open(&file, &text);
    let with = found.iter().find(|d| d.get("relatedInformation").is_some());
    let with = &with.unwrap_or_else(|| panic!("{found:#?}"))["relatedInformation"][0];
    assert_eq!(with["location"]["range"]["start"], json!({"line": 0, "character": 20}));
    assert!(!with["message"].as_str().unwrap().contains(&id));
    client.end();
}

#[test]
fn the_quick_fix_is_what_keylint_fix_does() {
    let place = Place::new();
    place.init();
    place.write(".env.example", "A=1\n");
    place.write(".gitignore", "node_modules\n");
    // What is open differs from what is on disk: the edits are for what is open.
    let file = place.write("app.py", "");
    let example = place.path().join(".env.example");
    let text = format!("client = Client(\"{}\")\n", key("openrouter"));
    let capabilities = json!({
        "general": {"positionEncodings": ["utf-8"]},
        "workspace": {"workspaceEdit": {"documentChanges": true}},
    });
    let mut client = Client::ready(&place, capabilities);
    client.open(&example, "A=1\nB=2\n");
    let found = client.open(&file, &text);
    let actions = client.actions(&file, &found[0]["range"], &json!({"diagnostics": found}));
    assert_eq!(actions[0]["title"], "Read the value from OPENROUTER_API_KEY (keylint fix)");
    assert_eq!(actions[0]["diagnostics"][0]["code"], "openrouter-api-key");
    assert_eq!(actions[0]["edit"]["documentChanges"][0]["textDocument"]["version"], 1);
    assert_eq!(edited("A=1\nB=2\n", &example, &actions[0]), "A=1\nB=2\nOPENROUTER_API_KEY=\n");
    let ignore = place.path().join(".gitignore");
    let ignored = edited("node_modules\n", &ignore, &actions[0]);
    let fixed = edited(&text, &file, &actions[0]);
    fs::write(&file, &text).unwrap();
    run(place.path(), &["fix", "--write"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), fixed);
    assert_eq!(fs::read_to_string(&ignore).unwrap(), ignored);
    assert_eq!(client.change(&file, 2, json!([{"text": fixed}])), Vec::<Value>::new());
    // Elsewhere in the file, or for other kinds of action, there is nothing.
    client.change(&file, 3, json!([{"text": format!("\n\n{text}")}]));
    let top = json!({"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}});
    assert!(client.actions(&file, &top, &json!({"diagnostics": []})).is_empty());
    let all = json!({"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}});
    let only = json!({"diagnostics": [], "only": ["refactor"]});
    assert!(client.actions(&file, &all, &only).is_empty());
    assert!(!json!(client.heard).to_string().contains(&key("openrouter")));
    client.end();
}

#[test]
fn a_comment_allows_a_finding_where_comments_can_stand() {
    let place = Place::new();
    let slack = key("slack");
    let all = json!({"start": {"line": 0, "character": 0}, "end": {"line": 9, "character": 0}});
    let mut client = Client::ready(&place, utf8());
    for (path, text, want) in [
        (
            "a.py",
            format!("if x:\n    k = '{slack}'\n"),
            format!("if x:\n    # keylint:allow slack-bot-token\n    k = '{slack}'\n"),
        ),
        (
            "b.py",
            format!("k = '''\n{slack}'''\n"),
            format!("k = '''\n{slack}'''  # keylint:allow slack-bot-token\n"),
        ),
        (
            "c.go",
            format!("package c\n\nvar k = \"{slack}\"\n"),
            format!("package c\n\n// keylint:allow slack-bot-token\nvar k = \"{slack}\"\n"),
        ),
    ] {
        let file = place.write(path, &text);
        assert_eq!(codes(&client.open(&file, &text)), ["slack-bot-token"], "{path}");
        let actions = client.actions(&file, &all, &json!({"diagnostics": []}));
        let allow = actions.iter().find(|a| a["title"].as_str().unwrap().starts_with("Allow"));
        let new = edited(&text, &file, allow.unwrap());
        assert_eq!(new, want, "{path}");
        assert!(client.change(&file, 2, json!([{"text": new}])).is_empty(), "{path}");
    }
    let text = format!("{{\"k\": \"{slack}\"}}\n");
    let file = place.write("d.json", &text);
    assert_eq!(client.open(&file, &text).len(), 1);
    assert!(client.actions(&file, &all, &json!({"diagnostics": []})).is_empty());
    client.end();
}

#[test]
fn configuration_baseline_and_git_decide_as_in_a_scan() {
    let place = Place::new();
    place.init().write(".gitignore", "private/\n");
    let text = format!("k = '{}'\n", key("slack"));
    place.write("sub/keylint.toml", "[rules]\ndisable = [\"slack-bot-token\"]\n");
    let config = place.write("keylint.toml", "[scan]\nexclude = [\"vendor\"]\n");
    let files = ["a.py", "sub/b.py", "vendor/c.py", "private/d.py", "old.py"];
    let files = files.map(|path| place.write(path, &text));
    let baseline = ["baseline", "create", "old.py"];
    assert_eq!(run(place.path(), &baseline).status.code(), Some(0));
    let mut client = Client::ready(&place, json!({}));
    let counts = files.each_ref().map(|file| client.open(file, &text).len());
    assert_eq!(counts, [1, 0, 0, 0, 0]);
    // What is passed over is in the log.
    let logged: Vec<&str> = client
        .heard
        .iter()
        .filter(|message| message["method"] == "window/logMessage")
        .map(|message| message["params"]["message"].as_str().unwrap())
        .collect();
    let passed = |file: &Path, why: &str| format!("{uri}: not looked at: {why}", uri = uri(file));
    let excluded = passed(&files[2], "excluded by keylint.toml");
    assert_eq!(logged, [excluded, passed(&files[3], "ignored by git or an ignore file")]);
    // The entry is for its file: the same key in a new one counts although the old one is there.
    // Saving a keylint.toml, and news of a changed one, judge everything again.
    fs::write(&config, "[scan]\nexclude = [\"a.py\"]\n").unwrap();
    client.tell("textDocument/didSave", json!({"textDocument": {"uri": uri(&config)}}));
    assert_eq!(client.diagnostics(&files[0], 1).len(), 0);
    assert_eq!(client.diagnostics(&files[2], 1).len(), 1);
    fs::write(&config, "[scan]\nexclud = []\n").unwrap();
    let changed = json!({"changes": [{"uri": uri(&config), "type": 2}]});
    client.tell("workspace/didChangeWatchedFiles", changed.clone());
    let said = client.until(&|m| m["method"] == "window/showMessage");
    let said = said["params"]["message"].as_str().unwrap();
    assert!(said.contains("keylint.toml:2") && said.contains("exclude"), "{said}");
    fs::write(&config, "").unwrap();
    client.tell("workspace/didChangeWatchedFiles", changed);
    client.until(&|m| {
        m["params"]["uri"] == uri(&files[0]) && m["params"]["diagnostics"] != json!([])
    });
    client.end();
}

#[test]
fn every_workspace_folder_has_its_own_configuration() {
    let place = Place::new();
    let text = format!("k = '{}'\n", key("slack"));
    place.write("one/keylint.toml", "[rules.severity]\nslack-bot-token = \"info\"\n");
    let (one, two) = (place.write("one/a.py", &text), place.write("two/a.py", &text));
    let folder = |name: &str| place.path().join(name);
    let mut client = Client::start(place.path(), &[]);
    let watch = json!({"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}});
    client.initialize(&[&folder("one")], watch);
    let asked = client.until(&|m| m["method"] == "client/registerCapability");
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": null}));
    assert_eq!(client.open(&one, &text)[0]["severity"], 4);
    // A file outside of all folders is judged from its own.
    assert_eq!(client.open(&two, &text)[0]["severity"], 1);
    place.write("two/keylint.toml", "[rules.severity]\nslack-bot-token = \"medium\"\n");
    let event = json!({
        "added": [{"uri": uri(&folder("two")), "name": "two"}],
        "removed": [{"uri": uri(&folder("one")), "name": "one"}],
    });
    client.tell("workspace/didChangeWorkspaceFolders", json!({"event": event}));
    assert_eq!(client.diagnostics(&two, 1)[0]["severity"], 2);
    client.end();
}

#[test]
fn bad_messages_get_errors_and_the_next_one_is_read() {
    let place = Place::new();
    let secret = key("openrouter");
    let mut client = Client::start(place.path(), &[]);
    let early = client.ask("textDocument/codeAction", json!({}));
    assert_eq!(early["error"]["code"], -32002);
    client.raw(b"Content-Length: 9\r\n\r\n{\"id\": 1,");
    assert_eq!(client.until(&|m| m["id"].is_null())["error"]["code"], -32700);
    client.raw(b"hello\r\nContent-Length: many\r\n\r\n");
    client.send(&json!([1, 2]));
    assert_eq!(client.until(&|m| m["id"].is_null())["error"]["code"], -32600);
    client.initialize(&[place.path()], json!({}));
    assert_eq!(client.ask("initialize", json!({}))["error"]["code"], -32600);
    assert_eq!(client.ask("no/such", json!({}))["error"]["code"], -32601);
    let wrong = client.ask("textDocument/codeAction", json!({"range": secret}));
    assert_eq!(wrong["error"]["code"], -32602);
    client.tell("textDocument/didOpen", json!({"textDocument": secret}));
    client.tell("$/setTrace", json!({"value": "off"}));
    // A document that is not open, and a range that is none.
    let change = json!([{"range": {"start": {"line": 9, "character": 9}, "end": {"line": 0, "character": 0}}, "text": ""}]);
    let named = json!({"uri": "file:///no", "version": 1});
    client.tell("textDocument/didChange", json!({"textDocument": named, "contentChanges": change}));
    let file = place.write("a.py", "");
    client.open(&file, "x = 1\n");
    assert!(client.change(&file, 2, change).is_empty());
    let named = Path::new("/new folder/not saved.py");
    assert_eq!(client.open(named, &format!("k = '{secret}'\n")).len(), 1);
    let nameless = json!({"uri": "untitled:Untitled-1", "languageId": "x", "version": 1, "text": format!("k = '{secret}'\n")});
    client.tell("textDocument/didOpen", json!({"textDocument": nameless}));
    let found = client.until(&|m| m["params"]["uri"] == "untitled:Untitled-1");
    assert_eq!(found["params"]["diagnostics"].as_array().unwrap().len(), 1);
    assert!(!json!(client.heard).to_string().contains(&secret));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_cancelled_request_is_answered_once() {
    let place = Place::new();
    let file = place.write("a.py", "");
    let mut client = Client::ready(&place, json!({}));
    let text = format!("k = '{}'\n", key("slack"));
    client.open(&file, &text);
    let at = json!({"line": 0, "character": 9});
    let params = json!({
        "textDocument": {"uri": uri(&file)},
        "range": {"start": at, "end": at},
        "context": {"diagnostics": []},
    });
    // Whether the server reads the second message before it answers the first is up to the system.
    let mut cancelled = 0;
    for id in 100..200 {
        let ask = json!({"jsonrpc": "2.0", "id": id, "method": "textDocument/codeAction", "params": params});
        let cancel = json!({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": id}});
        let both = [ask, cancel].map(|message| {
            let body = message.to_string();
            format!("Content-Length: {}\r\n\r\n{body}", body.len())
        });
        client.raw(both.concat().as_bytes());
        let answer = client.until(&|message| message["id"] == id);
        match answer["result"].as_array() {
            Some(actions) => assert!(!actions.is_empty()),
            None => assert_eq!(answer["error"]["code"], -32800),
        }
        cancelled += usize::from(answer["result"].is_null());
    }
    assert!(cancelled > 0);
    let answers = |id: i64| client.heard.iter().filter(|message| message["id"] == id).count();
    assert!((100..200).all(|id| answers(id) == 1));
    client.end();
}

#[test]
fn a_value_in_a_file_name_is_redacted_in_what_is_said() {
    let place = Place::new();
    place.init();
    let secret = key("slack");
    // The name is in the message of the check and in the comment that allows nothing.
    let file = place.write(&format!("{secret}/.env.local"), "");
    let mut client = Client::ready(&place, json!({}));
    let found = client.open(&file, &format!("# keylint:allow {secret}\nT={secret}\n"));
    assert!(found.len() > 1, "{found:#?}");
    // The name of the document is the client's own.
    assert!(!json!(found).to_string().contains(&secret), "{found:#?}");
    client.end();
}

#[test]
fn a_client_that_goes_away_ends_the_server() {
    let place = Place::new();
    let mut client = Client::ready(&place, json!({}));
    drop(client.stdin.take());
    assert_eq!(client.server.wait().unwrap().code(), Some(1));
    let mut client = Client::ready(&place, json!({}));
    client.tell("exit", Value::Null);
    assert_eq!(client.server.wait().unwrap().code(), Some(1));
}
