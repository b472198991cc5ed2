//! What names say: whether a variable holds a secret, whether a framework publishes it, and which
//! hosts are AI services. The words are data, in `rules/hygiene.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::rule::{RuleError, data};
use crate::scan::entropy::shannon;
use crate::scan::generic::Words;
use crate::scan::placeholder::Placeholders;

/// The data of `rules/hygiene.toml`, and the tests of placeholder values.
pub struct Names {
    data: Data,
    placeholders: Placeholders,
    words: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    prefixes: BTreeMap<String, String>,
    names: Phrases,
    hosts: Hosts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    sure: Vec<String>,
    likely: Vec<String>,
    providers: Vec<String>,
    describing: Vec<String>,
    public: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hosts {
    ai: Vec<String>,
}

/// How sure a name is that its value is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secrecy {
    /// `TOKEN`, `API_KEY`: some vendors make public ones.
    Likely,
    /// `PASSWORD`, `OPENAI_API_KEY`.
    Sure,
}

/// A prefix that publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published<'n> {
    /// The prefix.
    pub prefix: &'n str,
    /// Who publishes it.
    pub framework: &'n str,
}

impl Names {
    /// Reads the shipped data.
    ///
    /// # Errors
    /// [`RuleError`] when it is broken; a test holds that it is not.
    pub fn load() -> Result<Self, RuleError> {
        let data = data("hygiene.toml")?;
        Ok(Self { data, placeholders: Placeholders::load()?, words: Words::load()? })
    }

    /// Whether `name` says that its value is secret; `None` also for keys that are public by design.
    pub fn secrecy(&self, name: &str) -> Option<Secrecy> {
        let bare = self.published(name).map_or(name, |found| &name[found.prefix.len()..]);
        let words = words(bare);
        let known = &self.data.names;
        let any = |list: &[String]| list.iter().any(|phrase| holds(&words, phrase));
        let last = words.last().map(String::as_str).unwrap_or_default();
        if known.describing.iter().any(|word| word == last) {
            return None;
        }
        if any(&known.sure) {
            return Some(Secrecy::Sure);
        }
        if !any(&known.likely) {
            return None;
        }
        match any(&known.providers) {
            true => Some(Secrecy::Sure),
            false => (!any(&known.public) && words.len() > 1).then_some(Secrecy::Likely),
        }
    }

    /// The prefix of `name` that makes a framework publish its value.
    pub fn published(&self, name: &str) -> Option<Published<'_>> {
        let found = self.data.prefixes.iter().find(|(prefix, _)| name.starts_with(*prefix))?;
        let published = Published { prefix: found.0, framework: found.1 };
        (name.len() > published.prefix.len()).then_some(published)
    }

    /// The AI service in the URL `url`.
    pub fn ai_host(&self, url: &str) -> Option<&str> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let end = rest.find(['/', '?', '#', ':', '`', '$']).unwrap_or(rest.len());
        let host = &rest[..end];
        let is = |known: &&String| {
            host.strip_suffix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        self.data.hosts.ai.iter().find(is).map(String::as_str)
    }

    /// All AI hosts, for a cheap test of whether one is named at all.
    pub fn ai_hosts(&self) -> &[String] {
        &self.data.hosts.ai
    }

    /// All prefixes that publish.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.data.prefixes.keys().map(String::as_str)
    }

    /// True for a value that looks generated.
    pub fn is_token(&self, value: &str) -> bool {
        let bytes = value.as_bytes();
        bytes.len() >= 10
            && shannon(bytes) >= 3.0
            && self.words.is_random(bytes)
            && !value.split(',').all(is_port)
    }

    /// True for a value that somebody could sign in with: no placeholder, reference, number, path
    /// or word.
    pub fn is_real(&self, value: &str) -> bool {
        let plain = |word: &str| {
            ["true", "false", "yes", "no", "on", "off", "null", "none"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        };
        let bytes = value.as_bytes();
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
        let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
        let reference = value.contains("${") || value.contains("{{") || value.starts_with('$');
        let address = value.starts_with('/')
            || value.starts_with("./")
            || (value.contains("://") && !value.contains('@'));
        bytes.len() >= 8
            && letters > 0
            && (digits > 0 || bytes.len() >= 16)
            && !value.contains(' ')
            && !reference
            && !address
            && !plain(value)
            && !self.placeholders.matches(bytes)
    }
}

/// The words of a name, in lower case: parts between `_`, `-`, `.` and before capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                words.push(String::new());
            }
            if let Some(last) = words.last_mut() {
                last.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// True when the words of `phrase` stand in `words` in a row.
fn holds(words: &[String], phrase: &str) -> bool {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|part| part == phrase.as_slice())
}

/// True for a machine and its port: `queue1:9092`.
fn is_port(text: &str) -> bool {
    let host = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.rsplit_once(':').is_some_and(|(name, port)| {
        !name.is_empty() && name.bytes().all(host) && port.parse::<u16>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        let names = Names::load().unwrap();
        for (name, want) in [
            ("NEXT_PUBLIC_OPENAI_API_KEY", Some(Secrecy::Sure)),
            ("VITE_NB_PRO_API_KEY", Some(Secrecy::Sure)),
            ("VITE_WEATHER_API_KEY", Some(Secrecy::Likely)),
            ("DB_PASSWORD", Some(Secrecy::Sure)),
            ("clientSecret", Some(Secrecy::Sure)),
            ("SUPABASE_SERVICE_ROLE_KEY", Some(Secrecy::Sure)),
            ("NEXT_PUBLIC_SUPABASE_ANON_KEY", None),
            ("NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY", None),
            ("VITE_FIREBASE_API_KEY", None),
            ("VITE_GOOGLE_MAPS_API_KEY", None),
            ("NEXT_PUBLIC_RECAPTCHA_SITE_KEY", None),
            ("OPENAI_MAX_TOKENS", None),
            ("TOKEN_URL", None),
            ("CLIENT_SECRET_NAME", None),
            ("VITE_APP_TITLE", None),
            ("PUBLIC_KEY", None),
            ("KEY", None),
        ] {
            assert_eq!(names.secrecy(name), want, "{name}");
        }
    }

    #[test]
    fn prefixes_and_hosts() {
        let names = Names::load().unwrap();
        assert_eq!(names.published("VITE_X").unwrap().framework, "Vite");
        assert!(names.published("VITE_").is_none() && names.published("INVITE_X").is_none());
        let host = |url| names.ai_host(url);
        assert_eq!(
            host("https://nano-banana-pro.net/api/ai/nano-banana/generate"),
            Some("nano-banana-pro.net")
        );
        assert_eq!(host("https://my.openai.azure.com/x"), Some("openai.azure.com"));
        assert_eq!(host("https://evil-nano-banana-pro.net/"), None);
        assert_eq!(host("/api/generate"), None);
    }

    #[test]
    fn machines_and_ports_are_no_tokens() {
        let names = Names::load().unwrap();
        assert!(names.is_token(concat!("q9Zr4Tn7", "Wb2Xk8Vd")));
        assert!(!names.is_token("kfkx1qz:10091,kfkx2qz:10092"));
        assert!(is_port("db.local:5432") && !is_port("db.local") && !is_port("a:q9Zr"));
    }

    #[test]
    fn real_values() {
        let names = Names::load().unwrap();
        for value in ["q9Zr4Tn7Wb2Xk8Vd5Jm3", "summer24rain", "correcthorsebatterystaple"] {
            assert!(names.is_real(value), "{value}");
        }
        for value in [
            "",
            "changeme",
            "true",
            "5432",
            "${X}",
            "your-api-key",
            "http://localhost:3000",
            "/run/x/y12345",
        ] {
            assert!(!names.is_real(value), "{value}");
        }
    }
}
