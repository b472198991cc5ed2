//! AWS Signature Version 4 of one request, after the description in the AWS General Reference.

use ring::hmac;
use sha2::{Digest as _, Sha256};

use crate::text::hex;
use crate::verify::template::{Clear, percent};

/// What is signed.
pub struct Unsigned<'r> {
    /// HTTP method.
    pub method: &'r str,
    /// Host as the `Host` header has it.
    pub host: &'r str,
    /// Path and query.
    pub target: &'r str,
    /// Body; empty without one.
    pub body: &'r str,
    /// `SERVICE.REGION.…`, which names service and region.
    pub scope: &'r str,
}

/// Who signs.
pub struct Signer<'k> {
    /// Access key id.
    pub id: &'k str,
    /// Secret access key.
    pub secret: &'k str,
    /// Session token of a temporary credential.
    pub token: Option<&'k str>,
}

/// The headers that sign `request` at `time`, `YYYYMMDDTHHMMSSZ`.
pub fn sign(request: &Unsigned<'_>, signer: &Signer<'_>, time: &str) -> Vec<(String, Clear)> {
    let mut labels = request.scope.split('.');
    let service = labels.next().unwrap_or_default();
    let region = labels.next().unwrap_or_default();
    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");

    let mut signed = vec![("host", request.host), ("x-amz-date", time)];
    signed.extend(signer.token.map(|token| ("x-amz-security-token", token)));
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
    let canonical = Clear::new(format!(
        "{method}\n{path}\n{query}\n{lines}\n{names}\n{hash}",
        method = request.method,
        query = sorted(query),
        hash = hex(&Sha256::digest(request.body))
    ));
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
    let start = Clear::new(format!("AWS4{secret}", secret = signer.secret));
    let mut key = mac(start.as_bytes(), day.as_bytes());
    for step in [region, service, "aws4_request"] {
        key = mac(key.as_ref(), step.as_bytes());
    }
    let signature = hex(mac(key.as_ref(), text.as_bytes()).as_ref());
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}",
        id = signer.id
    );
    let mut headers = vec![
        ("authorization".to_owned(), Clear::new(value)),
        ("x-amz-date".to_owned(), Clear::new(time.to_owned())),
    ];
    let token = signer.token.map(|token| Clear::new(token.to_owned()));
    headers.extend(token.map(|token| ("x-amz-security-token".to_owned(), token)));
    headers
}

/// The query with its fields sorted; values are encoded already.
fn sorted(query: &str) -> String {
    let mut fields: Vec<String> = query
        .split('&')
        .filter(|field| !field.is_empty())
        .map(|field| match field.contains('=') {
            true => field.to_owned(),
            false => {
                let mut name = String::new();
                percent(field, &mut name);
                name + "="
            }
        })
        .collect();
    fields.sort_unstable();
    fields.join("&")
}

fn mac(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla` and `get-vanilla-query-order-key-case` of AWS' published test suite, whose
    /// key is one of documentation.
    #[test]
    fn signatures_are_those_of_the_published_vectors() {
        let secret = ["wJalrXUtnFEMI/K7MDENG", "+bPxRfiCYEXAMPLEKEY"].concat();
        let signer = Signer { id: "AKIDEXAMPLE", secret: &secret, token: None };
        for (target, signature) in [
            ("/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "/?Param2=value2&Param1=value1",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
        ] {
            let request = Unsigned {
                method: "GET",
                host: "example.amazonaws.com",
                target,
                body: "",
                scope: "service.us-east-1.amazonaws.com",
            };
            let headers = sign(&request, &signer, "20150830T123600Z");
            assert!(headers[0].1.ends_with(signature), "{target}");
        }
    }

    #[test]
    fn a_session_token_is_signed_and_sent() {
        let signer = Signer { id: "ASIDEXAMPLE", secret: "x", token: Some("t") };
        let request = Unsigned {
            method: "POST",
            host: "sts.us-east-1.amazonaws.com",
            target: "/",
            body: "Action=GetCallerIdentity",
            scope: "sts.us-east-1.amazonaws.com",
        };
        let headers = sign(&request, &signer, "20250101T000000Z");
        assert!(headers[0].1.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
        assert!(headers[0].1.contains("/20250101/us-east-1/sts/aws4_request"));
        assert_eq!(headers[2].0, "x-amz-security-token");
    }
}
