//! Keys in encoded text, through the real program: each is found once, at the bytes that hold it.

use crate::common::{Place, json, key};

fn base64(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for n in 0..4 {
            let index = (bits >> (18 - 6 * n) & 63) as usize;
            out.push(if n as usize <= group.len() { char::from(alphabet[index]) } else { '=' });
        }
    }
    out
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

/// The bytes of `text` under the single finding, and its notes.
fn under(name: &str, text: &str, check: &str) -> String {
    let place = Place::new();
    place.write(name, text);
    let report = json(place.path(), &["scan", "--show-secrets", "."]);
    let found = report["findings"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    assert_eq!(found[0]["check"], check, "{text}");
    let bytes = &found[0]["bytes"];
    let (start, end) = (bytes[0].as_u64().unwrap(), bytes[1].as_u64().unwrap());
    text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()].to_owned()
}

#[test]
fn base64_at_every_alignment_and_depth() {
    let secret = key("openrouter");
    for before in ["", "k", "ke", "key", "key="] {
        let text = format!("blob: {}\n", base64(&format!("{before} {secret}")));
        let span = under("a.txt", &text, "openrouter-api-key");
        assert!(span.len() >= secret.len() * 4 / 3 && span.len() <= secret.len() * 4 / 3 + 4);
    }
    let url = base64(&format!("?> {secret}")).replace('+', "-").replace('/', "_");
    under("a.txt", &format!("u = '{url}'"), "openrouter-api-key");
    let mut text = secret;
    for _ in 0..2 {
        text = base64(&text);
    }
    under("a.txt", &format!("twice: {text}\n"), "openrouter-api-key");
    under("a.txt", &format!("hex: {}\n", hex(&base64(&key("anthropic")))), "anthropic-api-key");
}

#[test]
fn base64_that_is_wrapped_into_lines() {
    let secret = key("anthropic");
    let code = base64(&format!("[app]\nname = acme\nkey = {secret}\nregion = north-1\n"));
    let lines: Vec<&str> =
        code.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (name, before, indent, end) in [
        ("a.b64", "", "", "\n"),
        ("a.yaml", "config: |\n    ", "    ", "\nother: x\n"),
        ("a.sh", "CONFIG=\"$(cat <<EOF\n", "", "\nEOF\n)\"\n"),
        ("a.eml", "Content-Transfer-Encoding: base64\r\n\r\n", "\r", "\r\n--x--\r\n"),
    ] {
        let seam = if indent == "\r" { "\r\n".to_owned() } else { format!("\n{indent}") };
        let text = [before, &lines.join(&seam), end].concat();
        let span = under(name, &text, "anthropic-api-key");
        assert!(span.contains(&seam), "{span}");
        // A history reads the same.
        let place = Place::new();
        place.init().commit(1, name, &text);
        place.commit(2, name, &format!("{text}# more\n"));
        let past = json(place.path(), &["scan", "--history"]);
        assert_eq!(past["findings"].as_array().unwrap().len(), 1, "{past:#}");
    }
}

#[test]
fn every_nesting_of_three_is_decoded() {
    for order in 0..8 {
        let mut text = key("openrouter");
        for layer in 0..3 {
            text = if order >> layer & 1 == 1 { hex(&text) } else { base64(&text) };
        }
        let found = under("a.txt", &format!("nested: {text}\n"), "openrouter-api-key");
        // The padding of each layer stands behind the key.
        assert!(text.starts_with(&found) && text.len() <= found.len() + 16, "{order}: {found}");
    }
}

#[test]
fn hex_percent_and_escapes() {
    let secret = key("openrouter");
    let text = format!("h = \"{}\"", hex(&secret));
    assert_eq!(under("a.txt", &text, "openrouter-api-key"), hex(&secret));
    let percent = secret.replace('-', "%2D");
    let text = format!("https://x.test/?k={percent}&b=1");
    assert_eq!(under("a.txt", &text, "openrouter-api-key"), percent);
    let escaped = secret.replacen("sk", "\\x73\\u006b", 1);
    assert_eq!(under("a.js", &format!("k = '{escaped}'"), "openrouter-api-key"), escaped);
}

#[test]
fn literals_that_are_put_together() {
    let secret = key("openrouter");
    let (head, tail) = secret.split_at(30);
    for joint in ["\" + \"", "\" .\n   \"", "\"\n        \"", "\" .. \"", "\" & \"", "\" \\\n  \""]
    {
        let text = format!("k = \"{head}{joint}{tail}\";\nz = 1\n");
        assert_eq!(under("a.txt", &text, "openrouter-api-key"), format!("{head}{joint}{tail}"));
    }
    let text = format!("k = ['{head}', '{tail}']");
    let place = Place::new();
    place.write("a.py", text);
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0);
    let text = format!("sk = 'sk-' + '{}'", &secret["sk-".len()..]);
    under("a.py", &text, "openrouter-api-key");
}

#[test]
fn secret_manifests_and_notebooks() {
    let yaml = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ndata:\n  DEEPSEEK_API_KEY: {}\n  \
         other: bm90aGluZyBzZWNyZXQ=\n",
        base64(&["sk", "-2bec33e8bb38544c8ee3879a2ee0c1e4"].concat())
    );
    under("secret.yaml", &yaml, "deepseek-api-key");
    let secret = key("openrouter");
    let (head, tail) = secret.split_at(40);
    let cell = format!(
        "{{\"cells\": [{{\"source\": [\n  \"key = (\\\"{head}\\\"\\n\",\n  \"       \\\"{tail}\\\")\\n\"\n]}}], \
         \"nbformat\": 4}}\n"
    );
    under("a.ipynb", &cell, "openrouter-api-key");
}

#[test]
fn encoded_text_without_a_secret_is_silent() {
    let place = Place::new();
    place.write(
        "a.txt",
        format!("{}\n{}\n", base64("api_key = os.environ['KEY']"), hex("password: none")),
    );
    place
        .write("b.js", "x = '\\x00\\x01\\u0041'; y = \"token\" + \" expired\"; z = 'a%3Db%2Dc';\n");
    let report = json(place.path(), &["scan", "."]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 0, "{report:#}");
}
