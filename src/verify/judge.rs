//! What an answer means, by the `verify` block's own list first and by its status then.

use serde_json::Value;

use crate::finding::Verification;
use crate::rule::verify::{Meaning, Means, VerifySpec};
use crate::verify::http::Answer;

/// What `answer` shows about the key that was sent.
pub fn judge(spec: &VerifySpec, answer: &Answer) -> Verification {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if let Some(meaning) = spec.answers.iter().find(|m| holds(m, answer, body.as_ref())) {
        return verdict(meaning.means, meaning.says.clone(), answer.status);
    }
    let status = answer.status;
    let html = is_html(answer);
    if spec.revoked.contains(&status) {
        return if html { page(status) } else { verdict(Means::Revoked, None, status) };
    }
    let means = match (spec.live.contains(&status), spec.restricted.contains(&status)) {
        (true, _) => Means::Live,
        (_, true) => Means::Restricted,
        _ => return Verification::Unknown { reason: unlisted(status) },
    };
    // A login page or firewall can answer 200 or 403 for a vendor that never saw the key.
    let seen = spec.json && body.is_none() && !starts_as_json(answer);
    if html || seen {
        return page(status);
    }
    let limit = (status == 429).then(|| "at its rate limit or out of quota".to_owned());
    verdict(means, limit, status)
}

fn holds(meaning: &Meaning, answer: &Answer, body: Option<&Value>) -> bool {
    let status = meaning.status.is_empty() || meaning.status.contains(&answer.status);
    let contains = meaning.contains.as_deref().is_none_or(|text| {
        !is_html(answer) && memchr::memmem::find(&answer.body, text.as_bytes()).is_some()
    });
    let at = meaning.at.as_deref().is_none_or(|pointer| {
        let found = body.and_then(|body| body.pointer(pointer));
        match (found, &meaning.is) {
            (Some(found), Some(wanted)) => found == wanted,
            (Some(found), None) => !found.is_null(),
            (None, _) => false,
        }
    });
    status && contains && at
}

fn verdict(means: Means, detail: Option<String>, status: u16) -> Verification {
    match means {
        Means::Live => Verification::Live { detail },
        Means::Restricted => Verification::LiveRestricted { detail },
        Means::Revoked => Verification::Revoked { detail },
        Means::Unknown => {
            let reason = detail.unwrap_or_else(|| unlisted(status));
            Verification::Unknown { reason }
        }
    }
}

fn unlisted(status: u16) -> String {
    match status {
        300..400 => format!("status {status}: the vendor points to another host"),
        429 => "status 429: too many requests".to_owned(),
        500.. => format!("status {status}: the vendor's fault"),
        _ => format!("status {status} says nothing about the key"),
    }
}

fn page(status: u16) -> Verification {
    let reason = format!(
        "status {status}, but not in the vendor's form: a proxy, firewall or login page may have answered"
    );
    Verification::Unknown { reason }
}

fn is_html(answer: &Answer) -> bool {
    let start: Vec<u8> = answer.body.trim_ascii_start().iter().take(16).copied().collect();
    let start = start.to_ascii_lowercase();
    answer.kind.contains("html") || start.starts_with(b"<!doctype") || start.starts_with(b"<html")
}

/// True for JSON whose end was not read.
fn starts_as_json(answer: &Answer) -> bool {
    let first = answer.body.trim_ascii_start().first();
    answer.kind.contains("json") && matches!(first, Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(extra: &str) -> VerifySpec {
        toml::from_str(&format!("call = \"x\"\nurl = \"https://a.example/\"\n{extra}")).unwrap()
    }

    fn answer(status: u16, kind: &str, body: &str) -> Answer {
        Answer { status, kind: kind.to_owned(), body: body.into(), ..Answer::default() }
    }

    #[test]
    fn a_page_is_no_proof() {
        let spec = spec("");
        let name =
            |status, kind: &str, body: &str| judge(&spec, &answer(status, kind, body)).name();
        assert_eq!(name(200, "application/json", "{\"data\": []}"), "live");
        assert_eq!(name(200, "application/json", "{\"data\": [1, 2, "), "live");
        assert_eq!(name(403, "application/json", "{}"), "live-restricted");
        assert_eq!(name(401, "application/json", "{}"), "revoked");
        assert_eq!(name(401, "text/plain", ""), "revoked");
        assert_eq!(name(200, "text/html", "<html>Welcome"), "unknown");
        assert_eq!(name(200, "application/octet-stream", "\u{1}\u{2}garbage"), "unknown");
        assert_eq!(name(200, "", ""), "unknown");
        assert_eq!(name(403, "text/html; charset=utf-8", "<!DOCTYPE html>"), "unknown");
        assert_eq!(name(401, "text/html", "<html>"), "unknown");
        for status in [204, 302, 404, 429, 500, 503] {
            assert_eq!(name(status, "application/json", "{}"), "unknown", "{status}");
        }
    }

    #[test]
    fn markers_in_the_body_come_first() {
        let spec = spec(
            "revoked = []\nanswers = [\n\
             { at = \"/ok\", is = true, means = \"live\" },\n\
             { at = \"/error\", is = \"invalid_auth\", means = \"revoked\" },\n\
             { status = [402], means = \"live\", says = \"no credits\" },\n\
             { contains = \"Expired\", means = \"revoked\", says = \"expired\" },\n]",
        );
        let of = |status, body: &str| judge(&spec, &answer(status, "application/json", body));
        assert_eq!(of(200, "{\"ok\": true}"), Verification::Live { detail: None });
        assert_eq!(of(200, "{\"ok\": false, \"error\": \"invalid_auth\"}").name(), "revoked");
        assert_eq!(of(402, "{}"), Verification::Live { detail: Some("no credits".to_owned()) });
        assert_eq!(of(400, "Expired token").detail(), Some("expired"));
    }
}
