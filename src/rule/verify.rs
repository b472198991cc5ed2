//! The `verify` block of a rule: one call that asks the vendor whether a key is live, and what its
//! answers mean. Blocks that could spend, mint or rotate are refused here, whoever wrote them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rule::matcher::compile;

/// Path segments of calls that make the vendor do paid work. A POST to one of them is refused.
const GENERATING: [&str; 40] = [
    "answer",
    "ask",
    "audio",
    "charges",
    "chat",
    "complete",
    "completion",
    "completions",
    "converse",
    "crawl",
    "create",
    "delete",
    "edits",
    "embed",
    "embeddings",
    "extract",
    "generate",
    "generations",
    "images",
    "infer",
    "inference",
    "invoke",
    "messages",
    "orders",
    "payments",
    "predict",
    "predictions",
    "rerank",
    "responses",
    "run",
    "scrape",
    "send",
    "speech",
    "synthesize",
    "text-to-speech",
    "tokenizer",
    "transcribe",
    "transcriptions",
    "transfers",
    "translate",
];
/// Path segments that are refused with any method: searches cost, the others change a credential.
const NEVER: [&str; 10] = [
    "exchange",
    "refresh",
    "regenerate",
    "renew",
    "reset",
    "revoke",
    "rotate",
    "roll",
    "search",
    "token",
];
/// Query fields with which a GET asks for paid work.
const ASKING: [&str; 6] = ["input", "messages", "prompt", "q", "query", "text"];
/// The one generating endpoint that may be asked, with a body that has no prompt and so cannot
/// generate: NB Pro has no other call that takes a key.
const PROMPTLESS: (&str, &str) = ("https://nano-banana-pro.net/api/ai/nano-banana/generate", "{}");

/// How to ask whether a key is live. In `url`, `basic`, `headers` and `body` stand `{secret}`,
/// `{part:NAME}` (another part of a paired credential), `{capture:NAME}` and, in the URL, `{host}`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// What the call does, for docs and `--verify-plan`.
    pub call: String,
    /// What it costs the owner of the key.
    #[serde(default = "nothing")]
    pub cost: String,
    /// HTTP method.
    #[serde(default)]
    pub method: Method,
    /// `https` address.
    pub url: String,
    /// Regional hosts for `{host}`, asked in turn: the key is revoked only when all refuse it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// How the request proves itself.
    #[serde(default)]
    pub auth: Auth,
    /// `user:password` for `auth = "basic"`.
    pub basic: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of a POST; JSON when it starts with `{`, else a form.
    pub body: Option<String>,
    /// Regexes on the secret; the first group is `{capture:NAME}`.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// Regexes on the text around the secret; the first group is `{part:NAME}`.
    #[serde(default)]
    pub near: BTreeMap<String, String>,
    /// Statuses that say the key works.
    #[serde(default = "ok")]
    pub live: Vec<u16>,
    /// Statuses that say it works but may not do this.
    #[serde(default = "forbidden")]
    pub restricted: Vec<u16>,
    /// Statuses that say it does not work.
    #[serde(default = "unauthorized")]
    pub revoked: Vec<u16>,
    /// Answers with a meaning of their own, tried in order before the statuses.
    #[serde(default)]
    pub answers: Vec<Meaning>,
    /// True where keys of the same form are also made by instances that others run: a refusal by
    /// the vendor's own host proves nothing then.
    #[serde(default)]
    pub self_hosted: bool,
    /// False where the vendor does not answer in JSON. Otherwise a live or restricted answer that
    /// is no JSON counts for nothing: it may be from a proxy or a login page.
    #[serde(default = "yes")]
    pub json: bool,
}

/// Methods of calls that only read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD.
    Head,
    /// POST, for vendors whose reading calls want one.
    Post,
}

impl Method {
    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// How a request proves itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// `Authorization: Bearer` with the secret.
    #[default]
    Bearer,
    /// `Authorization: Basic` with `basic`.
    Basic,
    /// AWS Signature Version 4; needs the part `access_key_id`, takes `session_token`. Service and
    /// region are read from the host, `SERVICE.REGION.…`.
    AwsSigv4,
    /// A JWT signed with the private key of a Google service account, which is the secret; needs
    /// the parts `client_email` and `private_key_id`. Nothing is exchanged for a token.
    GoogleJwt,
    /// Nothing: `url`, `headers` or `body` hold the secret.
    None,
}

/// One answer and its meaning. All given conditions hold.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// Statuses; any when empty.
    #[serde(default)]
    pub status: Vec<u16>,
    /// Text that the body contains.
    pub contains: Option<String>,
    /// JSON pointer into the body.
    pub at: Option<String>,
    /// What stands there; anything but null when not given.
    pub is: Option<serde_json::Value>,
    /// What it means.
    pub means: Means,
    /// What to tell a person.
    pub says: Option<String>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    /// The key works.
    Live,
    /// It works but may not do this.
    Restricted,
    /// It does not work.
    Revoked,
    /// Neither is shown.
    Unknown,
}

fn nothing() -> String {
    "nothing".to_owned()
}
fn ok() -> Vec<u16> {
    vec![200]
}
fn forbidden() -> Vec<u16> {
    vec![403]
}
fn unauthorized() -> Vec<u16> {
    vec![401]
}
fn yes() -> bool {
    true
}

impl VerifySpec {
    /// The address, a template.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The authority of the address: what stands between `https://` and the path.
    pub fn authority(&self) -> &str {
        let rest = self.url().split_once("://").map_or(self.url(), |(_, rest)| rest);
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// True where the host is made of text around the key, so that whoever wrote that text could
    /// choose who gets the key.
    pub fn host_from_text(&self) -> bool {
        self.authority().contains("{part:")
    }

    /// Names of the parts that the call needs besides the secret.
    pub fn needs(&self) -> BTreeSet<&str> {
        let mut names: BTreeSet<&str> =
            self.templates().flat_map(|text| names(text, "{part:")).collect();
        names.extend(match self.auth {
            Auth::AwsSigv4 => &["access_key_id"][..],
            Auth::GoogleJwt => &["client_email", "private_key_id"],
            Auth::Bearer | Auth::Basic | Auth::None => &[],
        });
        names
    }

    fn templates(&self) -> impl Iterator<Item = &str> {
        let own = [Some(self.url()), self.basic.as_deref(), self.body.as_deref()];
        own.into_iter().flatten().chain(self.headers.values().map(String::as_str))
    }

    /// What is wrong with the block, if anything.
    pub(crate) fn fault(&self) -> Option<String> {
        let faults =
            [self.form_fault(), self.address_fault(), self.answer_fault(), self.harm_fault()];
        faults.into_iter().flatten().next()
    }

    fn form_fault(&self) -> Option<String> {
        if self.call.trim().is_empty() {
            return Some("`call` says what the request does; it is empty".to_owned());
        }
        if (self.auth == Auth::Basic) != self.basic.is_some() {
            return Some(
                "`auth = \"basic\"` and `basic = \"user:password\"` go together".to_owned(),
            );
        }
        if self.body.is_some() && self.method != Method::Post {
            return Some("only a POST has a `body`".to_owned());
        }
        let holds = self.templates().any(|text| text.contains("{secret}"));
        let proves = !matches!(self.auth, Auth::Basic | Auth::None);
        if !holds && !proves {
            return Some("nothing in the block holds `{secret}`".to_owned());
        }
        for (name, pattern) in self.capture.iter().chain(&self.near) {
            match compile(pattern) {
                Err(error) => return Some(format!("the pattern of `{name}` is no regex: {error}")),
                Ok(regex) if regex.captures_len() != 2 => {
                    return Some(format!("the pattern of `{name}` needs one group"));
                }
                Ok(_) => {}
            }
        }
        let captures = self.templates().flat_map(|text| names(text, "{capture:"));
        let mut missing = captures.filter(|name| !self.capture.contains_key(*name));
        missing.next().map(|name| format!("`{{capture:{name}}}` has no pattern in `capture`"))
    }

    fn address_fault(&self) -> Option<String> {
        let (url, authority) = (self.url(), self.authority());
        if !url.starts_with("https://") || authority.contains('@') {
            return Some(format!("`url` is an https address without a user, not `{url}`"));
        }
        if authority.contains("{host}") == self.hosts.is_empty() {
            return Some("`hosts` and `{host}` in the host of `url` go together".to_owned());
        }
        if authority.contains("{secret}") || url.matches("{host}").count() > 1 {
            return Some("the host of `url` cannot hold the secret".to_owned());
        }
        if let Some((_, behind)) = authority.rsplit_once("{capture:") {
            let fixed = behind.split_once('}').map_or("", |(_, fixed)| fixed);
            if !fixed.starts_with('.') || fixed.matches('.').count() < 2 {
                let text = "a capture in the host of `url` needs a fixed domain behind it";
                return Some(text.to_owned());
            }
        }
        let stray = url
            .split('{')
            .skip(1)
            .map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name))
            .find(|name| {
                let known = ["part:", "capture:"].iter().any(|kind| name.starts_with(kind));
                !known && *name != "secret" && *name != "host"
            });
        stray.map(|name| format!("`{{{name}}}` is no placeholder of `url`"))
    }

    fn answer_fault(&self) -> Option<String> {
        let sets = [&self.live, &self.restricted, &self.revoked];
        let all: Vec<u16> = sets.into_iter().flatten().copied().collect();
        let twice = all.iter().find(|status| all.iter().filter(|s| s == status).count() > 1);
        if let Some(status) = twice {
            return Some(format!("status {status} has two meanings"));
        }
        if let Some(status) = all.iter().find(|status| !(200..500).contains(*status)) {
            return Some(format!("status {status} says nothing about a key"));
        }
        if self.revoked.contains(&429) || self.revoked.iter().any(|status| *status < 400) {
            return Some("`revoked` takes refusals only: 4xx but 429".to_owned());
        }
        let bare = |m: &Meaning| m.status.is_empty() && m.contains.is_none() && m.at.is_none();
        if self.answers.iter().any(bare) {
            return Some("an entry of `answers` has no condition".to_owned());
        }
        let lone = |m: &Meaning| m.is.is_some() && m.at.is_none();
        let lone = self.answers.iter().any(lone);
        lone.then(|| "`is` in `answers` needs `at`, a JSON pointer".to_owned())
    }

    /// Refuses calls that could spend, mint or rotate.
    fn harm_fault(&self) -> Option<String> {
        let (url, body) = (self.url(), self.body.as_deref().unwrap_or_default());
        if (url, body) == PROMPTLESS && self.headers.is_empty() {
            return None;
        }
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = rest.split_once('/').map_or("", |(_, path)| path).to_ascii_lowercase();
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        // Another spelling of a path, such as `%67enerate`, would pass the words below.
        let odd = path.chars().find(|c| !c.is_ascii_alphanumeric() && !"-._~/:@{}".contains(*c));
        if let Some(c) = odd {
            return Some(format!("the path of `url` holds {c:?}; write it without escapes"));
        }
        // `model:generateContent` is a path segment and a verb.
        let mut words = path.split(['/', ':', '.']);
        let harmful = words.find(|word| {
            let posts = self.method == Method::Post && GENERATING.contains(word);
            NEVER.contains(word) || posts || word.starts_with("generate")
        });
        let field = |field: &&str| {
            let name = field.split_once('=').map_or(*field, |(name, _)| name);
            ASKING.contains(&name)
        };
        if let Some(word) = harmful.or_else(|| query.split('&').find(field)) {
            return Some(format!(
                "`{word}` in `url` names a call that spends, mints or changes something; \
                 a verify block only reads"
            ));
        }
        let body = body.to_ascii_lowercase();
        let form: Vec<&str> = body.split('&').filter(|part| part.contains('=')).collect();
        let says = |word: &&&str| body.contains(**word);
        let words = ["grant_type", "\"prompt\"", "\"messages\"", "\"model\"", "mutation"];
        words.iter().find(says).copied().or_else(|| form.into_iter().find(field)).map(|word| {
            format!("`{word}` in `body` asks for more than reading; a verify block only reads")
        })
    }
}

/// Names of all placeholders of `kind` in `text`.
fn names<'t>(text: &'t str, kind: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(kind).skip(1).filter_map(|rest| Some(rest.split_once('}')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<String> {
        toml::from_str::<VerifySpec>(text).unwrap().fault()
    }

    #[test]
    fn calls_that_spend_or_mint_are_refused() {
        let get = "call = \"x\"\nurl = \"https://api.example.com/v1/models\"";
        assert_eq!(fault(get), None);
        for (method, path) in [
            ("POST", "v1/chat/completions"),
            ("POST", "v1/messages"),
            ("POST", "v1beta/models/m:generateContent"),
            ("POST", "api/ai/nano-banana/generate"),
            ("POST", "v1/images/generations"),
            ("GET", "res/v1/web/search"),
            ("POST", "oauth2/token"),
            ("POST", "v1/keys/rotate"),
            ("POST", "v1/audio/transcriptions"),
            ("POST", "v1/Chat/Completions"),
            ("GET", "generate/a-cat"),
            ("GET", "v1/image?size=1&prompt=cat"),
        ] {
            let text = format!(
                "call = \"x\"\nmethod = \"{method}\"\nurl = \"https://api.example.com/{path}\""
            );
            assert!(fault(&text).unwrap().contains("only reads"), "{path}");
        }
        for path in ["v1/chat%2Fcompletions", "v1/%67enerate", "v1\\\\completions", "gen\\terate"] {
            let text = format!("call = \"x\"\nurl = \"https://api.example.com/{path}\"");
            assert!(fault(&text).unwrap().contains("without escapes"), "{path}");
        }
        let form = "call = \"x\"\nmethod = \"POST\"\nurl = \"https://api.example.com/v1/me\"";
        for body in ["a=1&prompt=cat", "{\"Prompt\": 1}", "grant_type=refresh_token", "mutation {}"]
        {
            let text = format!("{form}\nbody = '{body}'");
            assert!(fault(&text).unwrap().contains("more than reading"), "{body}");
        }
        // Listing jobs of a generating endpoint is reading.
        let list = "call = \"x\"\nurl = \"https://api.example.com/async/chat/completions\"";
        assert_eq!(fault(list), None);
    }

    #[test]
    fn nbpro_may_be_asked_without_a_prompt_only() {
        let text = |body: &str| {
            format!("call = \"x\"\nmethod = \"POST\"\nurl = \"{}\"\nbody = '{body}'", PROMPTLESS.0)
        };
        assert_eq!(fault(&text("{}")), None);
        assert!(fault(&text("{\"prompt\": \"a cat\"}")).is_some());
        assert!(fault(&text("{ }")).is_some());
    }

    #[test]
    fn blocks_that_cannot_work_are_refused() {
        let url = "url = \"https://api.example.com/v1/models\"";
        for (text, word) in [
            ("call = \"x\"\nurl = \"http://api.example.com/\"".to_owned(), "https"),
            (format!("call = \"x\"\n{url}\nauth = \"none\""), "{secret}"),
            (format!("call = \"x\"\n{url}\nauth = \"basic\""), "go together"),
            (format!("call = \"x\"\n{url}\nlive = [200, 401]"), "two meanings"),
            (format!("call = \"x\"\n{url}\nlive = [500]"), "says nothing"),
            (format!("call = \"x\"\n{url}\nhosts = [\"a.example\"]"), "go together"),
            ("call = \"x\"\nurl = \"https://{secret}.example.com/\"".to_owned(), "the secret"),
            ("call = \"x\"\nurl = \"https://a.example/{sekret}\"".to_owned(), "placeholder"),
            (format!("call = \"x\"\n{url}\nbody = \"a\""), "POST"),
        ] {
            let found = fault(&text).unwrap_or_default();
            assert!(found.contains(word), "{text}: {found}");
        }
        assert!(toml::from_str::<VerifySpec>(&format!("call = \"x\"\n{url}\nurll = 1")).is_err());
    }
}
