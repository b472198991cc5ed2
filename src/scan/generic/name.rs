//! What the name says that a value is assigned to.

use super::part::Part;

/// Last words of names of things that are about a secret and are none.
#[rustfmt::skip] // a word a line would be most of the file
const ABOUT: &[&str] = &[
    "action", "address", "age", "alg", "algo", "algorithm", "allowed", "api", "arn", "attempts",
    "attr", "attribute", "attributes", "audience", "backend", "bits", "bytes", "button", "chain", "change",
    "changed", "charset", "check", "checker", "checksum", "class", "client", "code", "codes",
    "col", "column", "command", "config", "confirmation", "context", "controller", "cookie",
    "count", "created", "data", "date", "def", "desc", "description", "digest", "dir",
    "directory", "disabled", "doc", "docs", "domain", "email", "enabled", "encoding", "endpoint",
    "entry", "enum", "env", "error", "errors", "event", "events", "exists", "exp", "expiration",
    "expire", "expired", "expires", "expiry", "factory", "field", "fields", "file", "filename",
    "filter", "fingerprint", "flag", "flow", "folder", "form", "format", "func", "function",
    "generator", "grant", "group", "guard", "guid", "handler", "hash", "header", "headers",
    "help", "hint", "host", "icon", "id", "identifier", "ids", "index", "info", "input",
    "interval", "issuer", "item", "kind", "label", "labels", "len", "length", "level", "lifespan",
    "lifetime", "link", "list", "loc", "location", "login", "max", "mechanism", "message", "messages", "metadata",
    "method", "methods", "middleware", "min", "mode", "model", "module", "msg", "name", "names",
    "namespace", "num", "number", "offset", "option", "options", "order", "output", "page",
    "param", "parameter", "parameters", "params", "parser", "path", "paths", "pattern",
    "placeholder", "plugin", "policy", "port", "prefix", "profile", "prompt", "property",
    "protocol", "provider", "providers", "query", "reader", "realm", "ref", "reference", "regex",
    "regexp", "region", "request", "required", "reset", "resource", "response", "result", "role",
    "roles", "route", "rule", "rules", "scheme", "schema", "scope", "scopes", "selector",
    "server", "service", "session", "settings", "size", "source", "spec", "state", "status",
    "store", "strategy", "strength", "style", "subject", "suffix", "tab", "table", "target",
    "template", "term", "test", "text", "time", "timeout", "title", "ttl", "type", "types", "uid",
    "uri", "url", "urls", "usage", "use", "user", "username", "validation", "validator",
    "version", "view", "volume", "warning", "widget", "window",
];

/// Last words of names of identifiers, which are no secrets.
const IDENTIFIERS: &[&str] = &[
    "id",
    "ids",
    "guid",
    "uid",
    "uuid",
    "identifier",
    "fingerprint",
    "username",
    "user",
    "userid",
    "thumbprint",
    "kid",
];

/// Words anywhere in a name that say the value is public or derived.
const PUBLIC: &[&str] = &[
    "public",
    "pub",
    "pubkey",
    "hash",
    "hashed",
    "checksum",
    "fingerprint",
    "sha",
    "md",
    "digest",
    "publishable",
    "gpg",
    "pgp",
    "integrity",
    "foreign",
    "primary",
    "sort",
    "cache",
    "partition",
    "keyboard",
    "shortcut",
    "hotkey",
    "keyword",
    "keywords",
    "translation",
    "i18n",
    "author",
    "authors",
    "csrf",
    "xsrf",
    "authenticity",
];

/// Words before a key or token that is for everyone.
const PUBLISHED: &[&str] = &["public", "publishable", "published"];

/// Words that qualify a key as one that opens something.
const OPENS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "encryption",
    "encrypt",
    "auth",
    "signing",
    "sign",
    "master",
    "aes",
    "des",
    "hmac",
    "jwt",
    "app",
    "application",
    "account",
    "consumer",
    "client",
    "license",
    "shared",
    "session",
    "service",
    "admin",
    "cipher",
    "crypto",
    "deploy",
    "root",
    "storage",
    "server",
    "rsa",
    "security",
    "registration",
    "subscription",
    "write",
    "ssh",
];

/// Words that say the value is for tests or shows a form.
const SHOWN: &[&str] = &[
    "example",
    "sample",
    "dummy",
    "fake",
    "mock",
    "invalid",
    "wrong",
    "bad",
    "incorrect",
    "expected",
];

/// Words that say the value is a text to show.
const TEXTS: &[&str] = &[
    "label",
    "placeholder",
    "message",
    "error",
    "title",
    "text",
    "help",
    "hint",
    "prompt",
    "tooltip",
    "msg",
    "heading",
    "caption",
    "button",
    "description",
    "forgot",
    "reset",
    "lbl",
];

/// Last words that say no other thing than the word before them: `secret_key_base`.
const KIND_ENDS: &[&str] = &["value", "string", "hex", "base", "salt"];

/// First words of names that say what is done with a password or whether there is one.
const ACTIONS: &[&str] = &[
    "allow", "ask", "change", "check", "disable", "enable", "force", "forgot", "generate", "has",
    "hide", "is", "no", "prompt", "require", "requires", "reset", "show", "update", "use", "uses",
    "validate", "with",
];

/// True for the words of a name that say nothing else than whose password it is: `db.password`. A mere `pass`
/// also says that a test has passed.
pub(super) fn is_password(words: &[String]) -> bool {
    let Some((last, before)) = words.split_last() else { return false };
    let short = ["pass", "pw", "psw"].contains(&last.as_str());
    of_kind(last) == Some(Part::NamePassword)
        && last != "identified"
        && !last.ends_with("words")
        && !(short && before.is_empty())
        && !before.first().is_some_and(|word| ACTIONS.contains(&word.as_str()))
}

/// True for the words of a name that says secret at its end.
pub(super) fn is_secret(words: &[String]) -> bool {
    words.last().is_some_and(|last| of_kind(last) == Some(Part::NameSecret))
}

/// The words of a name, in lower case: `apiKey`, `API_KEY` and `api-key` have the same.
pub(in crate::scan) fn words(name: &[u8]) -> Vec<String> {
    let joined = |a: &u8, b: &u8| {
        a.is_ascii_alphanumeric()
            && b.is_ascii_alphanumeric()
            && (!b.is_ascii_uppercase() || a.is_ascii_uppercase())
    };
    let chunks: Vec<&[u8]> =
        name.chunk_by(joined).filter(|c| c[0].is_ascii_alphanumeric()).collect();
    let mut words = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        // The last capital of `APIKey` begins the next word.
        let capitals = chunk.iter().take_while(|b| b.is_ascii_uppercase()).count();
        let split =
            if capitals > 1 && capitals < chunk.len() && chunk[capitals].is_ascii_lowercase() {
                capitals - 1
            } else {
                0
            };
        for part in [&chunk[..split], &chunk[split..]] {
            let word = String::from_utf8_lossy(part).to_ascii_lowercase();
            let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
            if !word.is_empty() {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// `name`, with the word before it where both are one name in prose: `api key: …`.
pub(super) fn spoken(before: &[u8], name: &[u8]) -> Vec<u8> {
    const FIRST: [&[u8]; 8] =
        [b"api", b"access", b"secret", b"license", b"private", b"public", b"gpg", b"pgp"];
    let word = before.strip_suffix(b" ").unwrap_or_default();
    let letters = word.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count();
    let word = word[word.len() - letters..].to_ascii_lowercase();
    let key = name.eq_ignore_ascii_case(b"key") || name.eq_ignore_ascii_case(b"token");
    match key && FIRST.contains(&word.as_slice()) {
        true => [&word, b"_".as_slice(), name].concat(),
        false => name.to_vec(),
    }
}

/// The name of a field of a form without what says that it is one: `passwordTextField.text`.
pub(super) fn of_field(name: &[u8]) -> &[u8] {
    const ENDS: [&[u8]; 10] = [
        b".text",
        b".Text",
        b".value",
        b".Value",
        b"TextField",
        b"Field",
        b"TextBox",
        b"Box",
        b"Input",
        b"_input",
    ];
    let mut rest = name;
    while let Some(shorter) = ENDS.iter().find_map(|end| rest.strip_suffix(*end)) {
        rest = shorter;
    }
    if rest.is_empty() { name } else { rest }
}

/// What `name` says, for and against.
pub(super) fn judge(name: &[u8], parts: &mut Vec<Part>) {
    let words = words(name);
    let Some(last) = words.last() else { return };
    let holds = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let kind = kind(&words);
    parts.push(kind);
    let of_password = kind == Part::NamePassword;
    let is_kind = of_kind(last).is_some() || KIND_ENDS.contains(&last.as_str());
    if !is_kind && IDENTIFIERS.contains(&last.as_str()) {
        parts.push(Part::NameIdentifier);
    } else if !is_kind && ABOUT.contains(&last.as_str()) {
        parts.push(Part::NameAbout);
    } else if !is_kind {
        parts.push(Part::NameGoesOn);
    }
    if holds(PUBLIC) {
        parts.push(Part::NamePublic);
    }
    if words
        .windows(2)
        .any(|pair| PUBLISHED.contains(&pair[0].as_str()) && of_kind(&pair[1]).is_some())
    {
        parts.push(Part::NamePublished);
    }
    if kind == Part::NameToken && is_forgery(name) {
        parts.push(Part::NameForgery);
    }
    if words.windows(2).any(|pair| pair[0] == "key" && pair[1] == "vault") && !of_password {
        parts.push(Part::NameAbout);
    }
    if holds(&["encrypted", "ciphertext", "sealed"]) {
        parts.push(Part::NameEncrypted);
    }
    if holds(&["hashed"]) || of_password && last == "hash" {
        parts.push(Part::NameHashed);
    }
    if holds(&["non"]) {
        parts.push(Part::NameNegated);
    }
    if holds(SHOWN) {
        parts.push(Part::NameShown);
    }
    if holds(TEXTS) {
        parts.push(Part::NameText);
    }
    if words.len() > 5 {
        parts.push(Part::NameLong);
    }
}

/// True for a name that is the code of Palau and a `value` that may be what it is called in some language:
/// `"countries.pw": "Palaos"`.
pub(super) fn is_territory(name: &[u8], value: &[u8]) -> bool {
    let words = words(name);
    let place =
        |word: &String| ["countr", "region", "territor"].iter().any(|of| word.starts_with(of));
    let code = words.last().is_some_and(|word| word == "pw");
    let code = code && (words.len() == 1 || words.iter().any(place));
    let rest = value.get(1..).unwrap_or_default();
    code && value.first().is_some_and(u8::is_ascii_uppercase)
        && rest.iter().all(|b| b.is_ascii_lowercase() || !b.is_ascii())
}

/// True for names of tokens that each page gets anew against forged requests.
fn is_forgery(name: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric().then(|| b.to_ascii_lowercase());
    let text: Vec<u8> = name.iter().filter_map(plain).collect();
    ["csrf", "xsrf", "authenticitytoken", "requestverification", "captchatoken", "themetoken"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some())
}

/// The likeliest kind of secret of the name.
fn kind(words: &[String]) -> Part {
    let kinds: Vec<Part> = words.iter().filter_map(|word| of_kind(word)).collect();
    for strong in [Part::NamePassword, Part::NameSecret, Part::NameToken, Part::NameOpeningKey] {
        if kinds.contains(&strong) {
            return strong;
        }
    }
    let opens = words.iter().any(|word| OPENS.contains(&word.as_str()));
    if kinds.contains(&Part::NameKey) {
        return if opens { Part::NameOpeningKey } else { Part::NameKey };
    }
    for weak in [Part::NameCredential, Part::NameAuth] {
        if kinds.contains(&weak) {
            return weak;
        }
    }
    Part::NameOther
}

/// What one word says.
fn of_kind(word: &str) -> Option<Part> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if ends(&[
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "passwords",
        "passwort",
        "passw",
        "userpass",
        "pswd",
    ]) || ["pass", "pw", "psw", "pswd", "dbpass", "rootpass", "mypass", "identified"]
        .contains(&word)
    {
        Some(Part::NamePassword)
    } else if ends(&["secret", "secrets"]) {
        Some(Part::NameSecret)
    } else if ends(&["token", "tokens"]) {
        Some(Part::NameToken)
    } else if ends(&[
        "apikey",
        "apikeys",
        "accesskey",
        "secretkey",
        "privatekey",
        "authkey",
        "aeskey",
        "appkey",
    ]) {
        Some(Part::NameOpeningKey)
    } else if ["key", "keys"].contains(&word) || word.ends_with("_key") {
        Some(Part::NameKey)
    } else if ["cred", "creds", "credential", "credentials"].contains(&word) {
        Some(Part::NameCredential)
    } else if ["auth", "authorization", "authentication", "oauth"].contains(&word) {
        Some(Part::NameAuth)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(name: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        judge(name.as_bytes(), &mut parts);
        parts
    }

    #[test]
    fn words_of_all_styles() {
        for name in ["myAPIKey", "my_api_key", "my-api-key", "MY.API.KEY", "MyApiKey2"] {
            assert_eq!(words(name.as_bytes()), ["my", "api", "key"], "{name}");
        }
    }

    #[test]
    fn fields_of_forms() {
        assert_eq!(of_field(b"passwordTextField.text"), b"password");
        assert_eq!(of_field(b"login.pass_input"), b"login.pass");
        assert_eq!(of_field(b"password"), b"password");
        assert_eq!(of_field(b"Field.text"), b"Field.text");
    }

    #[test]
    fn territories() {
        assert!(is_territory(b"country_mapping_PW", b"Palaos") && is_territory(b"PW", b"Palau"));
        assert!(!is_territory(b"pw", b"palaos") && !is_territory(b"db.pw", b"Palaos7"));
        assert!(!is_territory(b"password", b"Palaos") && !is_territory(b"pw", b""));
    }

    #[test]
    fn names_in_two_words() {
        assert_eq!(spoken(b"the API ", b"key"), b"api_key");
        assert_eq!(spoken(b"the sort ", b"key"), b"key");
        assert_eq!(spoken(b"api", b"key"), b"key");
    }

    #[test]
    fn names_say_what_they_hold() {
        assert_eq!(parts("DB_PASSWORD"), [Part::NamePassword]);
        assert_eq!(parts("clientSecret"), [Part::NameSecret]);
        assert_eq!(parts("apiKey"), [Part::NameOpeningKey]);
        assert_eq!(parts("key"), [Part::NameKey]);
        assert_eq!(parts("token_type"), [Part::NameToken, Part::NameAbout]);
        assert_eq!(parts("public_key"), [Part::NameKey, Part::NamePublic, Part::NamePublished]);
        assert_eq!(parts("nonMatchingToken"), [Part::NameToken, Part::NameNegated]);
        assert_eq!(parts("csrf_token"), [Part::NameToken, Part::NamePublic, Part::NameForgery]);
        assert_eq!(parts("keyVaultName"), [Part::NameKey, Part::NameAbout, Part::NameAbout]);
        let hashed = [Part::NameSecret, Part::NamePublic, Part::NameHashed];
        assert_eq!(parts("hashed_secret"), hashed);
        assert_eq!(parts("encryptedSecret"), [Part::NameSecret, Part::NameEncrypted]);
        assert_eq!(parts("encryptionKey"), [Part::NameOpeningKey]);
        assert_eq!(parts("passenger"), [Part::NameOther, Part::NameGoesOn]);
    }
}
