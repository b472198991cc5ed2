//! Fills `{secret}`, `{part:NAME}`, `{capture:NAME}` and `{host}` into the templates of a `verify`
//! block, escaped for the place where they stand.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::rule::matcher::compile;
use crate::rule::verify::VerifySpec;
use crate::secret::Secret;

/// Text that holds a secret: wiped when dropped, never printed.
pub type Clear = Zeroizing<String>;

/// The place a value is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The host of an address.
    Host,
    /// Path or query of an address.
    Url,
    /// A header, as it is.
    Header,
    /// A JSON string.
    Json,
    /// A form field.
    Form,
}

/// The values that stand for the placeholders.
pub struct Values {
    secret: Clear,
    parts: BTreeMap<String, Clear>,
    captures: BTreeMap<String, Clear>,
    /// The host that `{host}` stands for.
    pub host: String,
}

impl Values {
    /// The values for one key.
    ///
    /// # Errors
    /// What is missing or cannot be sent, fit for a report.
    pub fn new(
        spec: &VerifySpec,
        secret: &Secret,
        parts: &BTreeMap<String, Secret>,
    ) -> Result<Self, String> {
        if let Some(name) = spec.needs().into_iter().find(|name| !parts.contains_key(*name)) {
            return Err(format!(
                "the {part} that belongs to it was not found",
                part = spoken(name)
            ));
        }
        let text = |secret: &Secret| clear(secret).ok_or("it is not text");
        let mut captures = BTreeMap::new();
        let own = text(secret)?;
        for (name, pattern) in &spec.capture {
            let regex = compile(pattern)?;
            let mut groups = regex.create_captures();
            regex.captures(own.as_bytes(), &mut groups);
            let span = groups.get_group(1).ok_or("it does not say where it belongs")?;
            captures.insert(name.clone(), Clear::new(own[span.start..span.end].to_owned()));
        }
        let parts = parts.iter().map(|(name, part)| Ok((name.clone(), text(part)?)));
        let parts = parts.collect::<Result<_, &str>>()?;
        Ok(Self { secret: own, parts, captures, host: String::new() })
    }

    /// The secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Another part of the credential.
    pub fn part(&self, name: &str) -> Option<&str> {
        self.parts.get(name).map(|part| part.as_str())
    }

    /// Everything that must not be seen.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.secret()).chain(self.parts.values().map(|part| part.as_str()))
    }

    /// `template` with its placeholders filled for `place`.
    pub fn fill(&self, template: &str, place: Place) -> Clear {
        let mut out = Clear::new(String::with_capacity(template.len() + 2 * self.secret.len()));
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let end = rest.find('}').unwrap_or(0);
            match self.value(rest.get(1..end).unwrap_or_default()) {
                Some(value) => {
                    escape(value, place, &mut out);
                    rest = &rest[end + 1..];
                }
                None => {
                    out.push('{');
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    fn value(&self, name: &str) -> Option<&str> {
        match name.split_once(':') {
            Some(("part", name)) => self.part(name),
            Some(("capture", name)) => self.captures.get(name).map(|value| value.as_str()),
            None if name == "secret" => Some(&self.secret),
            None if name == "host" => Some(&self.host),
            _ => None,
        }
    }
}

/// `client_email` as people say it.
fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

#[expect(clippy::disallowed_methods, reason = "the vendor that issued it is asked with it")]
fn clear(secret: &Secret) -> Option<Clear> {
    std::str::from_utf8(secret.expose()).ok().map(|text| Clear::new(text.to_owned()))
}

fn escape(value: &str, place: Place, out: &mut String) {
    match place {
        Place::Header => out.push_str(value),
        Place::Host => {
            // `https://a.example/` and `a.example` name the same host.
            let bare = value.split_once("://").map_or(value, |(_, rest)| rest);
            out.push_str(bare.split('/').next().unwrap_or_default());
        }
        Place::Form => percent(value, out),
        Place::Url => {
            // Paths may hold these two, and Telegram and Google want them as they are.
            let mut rest = value;
            while let Some(at) = rest.find([':', '@']) {
                percent(&rest[..at], out);
                out.push_str(&rest[at..=at]);
                rest = &rest[at + 1..];
            }
            percent(rest, out);
        }
        Place::Json => {
            for c in value.chars() {
                match c {
                    '"' | '\\' => out.extend(['\\', c]),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
                    c => out.push(c),
                }
            }
        }
    }
}

/// Appends `value` with everything but RFC 3986's unreserved characters percent-encoded.
pub fn percent(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(extra: &str) -> VerifySpec {
        toml::from_str(&format!("call = \"x\"\nurl = \"https://a.example/\"\n{extra}")).unwrap()
    }

    #[test]
    fn values_are_escaped_for_their_place() {
        let parts = BTreeMap::from([("host".to_owned(), Secret::new(b"https://h.example/x"))]);
        let values = Values::new(&spec(""), &Secret::new(b"a/b?c\"\n-us12"), &parts).unwrap();
        assert_eq!(*values.fill("x/{secret}", Place::Url), "x/a%2Fb%3Fc%22%0A-us12");
        assert_eq!(
            *values.fill("{\"k\":\"{secret}\"}", Place::Json),
            "{\"k\":\"a/b?c\\\"\\n-us12\"}"
        );
        assert_eq!(*values.fill("{part:host}", Place::Host), "h.example");
        assert_eq!(
            *values.fill("{ viewer { id } } {part:no}", Place::Json),
            "{ viewer { id } } {part:no}"
        );
    }

    #[test]
    fn captures_come_from_the_secret() {
        let spec = spec("headers = { x = \"{capture:dc}\" }\ncapture = { dc = '-(us[0-9]+)$' }");
        let none = BTreeMap::new();
        let values = Values::new(&spec, &Secret::new(b"0123-us12"), &none).unwrap();
        assert_eq!(*values.fill("{capture:dc}.api.example", Place::Host), "us12.api.example");
        assert!(Values::new(&spec, &Secret::new(b"0123"), &none).is_err());
    }

    #[test]
    fn a_missing_part_is_said() {
        let spec = spec("auth = \"aws-sigv4\"");
        let error = Values::new(&spec, &Secret::new(b"x"), &BTreeMap::new()).err().unwrap();
        assert_eq!(error, "the access key id that belongs to it was not found");
    }
}
