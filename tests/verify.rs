//! Verification against a vendor on loopback: every answer, every fault, and what must never leak.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Place, key, keylint, stderr, stdout};
use crate::mock::{Mock, Reply, Seen, json};

/// The `n`th synthetic OpenRouter key.
pub(crate) fn nth(n: u64) -> String {
    let mut body = String::new();
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
    for _ in 0..4 {
        x = (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (x >> 32);
        body += &format!("{x:016x}");
    }
    ["sk-or-", "v1-", &body].concat()
}

pub(crate) fn bare(n: u64) -> String {
    ["s", "k-", &nth(n)[9..41]].concat()
}

/// Options that point `provider` to `mock`.
pub(crate) fn at(mock: &Mock, place: &Place, provider: &str) -> Vec<String> {
    let (url, ca) = (mock.url(), mock.ca(place.path()));
    let ca = ca.display().to_string();
    ["--verify-endpoint".to_owned(), format!("{provider}={url}"), "--ca-cert".to_owned(), ca].into()
}

/// `keylint ARGS < lines`, at a pace that tests can wait for.
pub(crate) fn feed(place: &Place, args: &[String], env: &[(&str, &str)], lines: &str) -> Output {
    let paced = [args, &words("--verify-rate 500")].concat();
    feed_as_is(place, &paced, env, lines)
}

/// `keylint ARGS < lines`.
pub(crate) fn feed_as_is(
    place: &Place,
    args: &[String],
    env: &[(&str, &str)],
    lines: &str,
) -> Output {
    let mut child = keylint(place.path())
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub(crate) fn verify(place: &Place, more: &[String], lines: &str) -> Output {
    let args = [&["verify".to_owned()], more].concat();
    feed(place, &args, &[], lines)
}

pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Status and detail of every key, from the JSON report.
pub(crate) fn verdicts(place: &Place, more: &[String], lines: &str) -> Vec<(String, String)> {
    let output = verify(place, &[more, &words("-f json")].concat(), lines);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let verdict = |f: &Value| {
        let v = &f["verification"];
        (text(&v["status"]), text(&v["detail"]) + &text(&v["reason"]))
    };
    report["findings"].as_array().unwrap().iter().map(verdict).collect()
}

pub(crate) fn names(verdicts: &[(String, String)]) -> Vec<&str> {
    verdicts.iter().map(|(name, _)| name.as_str()).collect()
}

/// The key that a request carries as a bearer token.
pub(crate) fn bearer(seen: &Seen) -> &str {
    seen.header("authorization").trim_start_matches("Bearer ")
}

#[test]
fn every_status_of_nbpro_has_its_meaning_and_no_request_can_generate() {
    let place = Place::new();
    let statuses = [200, 400, 402, 422, 403, 401, 429, 500, 503, 404];
    let mock = Mock::start(move |seen| {
        let at = (0..10).find(|n| bare(*n) == bearer(seen)).unwrap();
        json(statuses[at as usize], "{\"error\":\"any\"}")
    });
    let lines: String = (0..10).map(|n| format!("nbpro-api-key {key}\n", key = bare(n))).collect();
    let more = [at(&mock, &place, "nbpro"), words("--verify-retries 0")].concat();
    let found = verdicts(&place, &more, &lines);
    assert_eq!(
        names(&found),
        [
            "live",
            "live",
            "live",
            "live",
            "live-restricted",
            "revoked",
            "unknown",
            "unknown",
            "unknown",
            "unknown"
        ]
    );
    assert_eq!(found[2].1, "no credits or subscription");
    assert_eq!(mock.seen().len(), 10);
    for seen in mock.seen() {
        assert_eq!(seen.call, "POST /api/ai/nano-banana/generate");
        assert_eq!((seen.body.as_str(), seen.header("content-type")), ("{}", "application/json"));
    }
}

#[test]
fn each_distinct_key_is_asked_about_once_and_all_its_findings_know() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{\"data\":{}}"));
    let key = key("openrouter");
    for file in ["a.py", "b.py", "c/d.py"] {
        place.write(file, format!("key = \"{key}\"\n"));
    }
    let args = [words("scan . -f json --verify"), at(&mock, &place, "openrouter")].concat();
    let output = keylint(place.path()).args(&args).output().unwrap();
    // Exit codes are those of the scan.
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|f| f["verification"]["status"] == "live"));
    let seen = mock.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].call.as_str(), bearer(&seen[0])), ("GET /api/v1/key", key.as_str()));
    assert!(seen[0].header("user-agent").starts_with("keylint/"));
}

#[test]
fn reports_show_the_verdict() {
    let place = Place::new();
    place.write("a.py", format!("key = \"{}\"\n", key("openrouter")));
    let mock = Mock::start(|_| json(401, "{\"error\":{}}"));
    let scan = |format: &str| {
        let args = [words("scan . --verify --no-cache -f"), words(format)].concat();
        let args = [args, at(&mock, &place, "openrouter")].concat();
        stdout(&keylint(place.path()).args(&args).output().unwrap())
    };
    let human = scan("human");
    assert!(human.contains("= revoked\n") && human.contains("verified: 1 revoked"), "{human}");
    let sarif: Value = serde_json::from_str(&scan("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["verification"], "revoked");
    // Without --verify nobody is asked and nothing is said.
    let before = mock.seen().len();
    let plain = stdout(&keylint(place.path()).args(["scan", "-f", "json"]).output().unwrap());
    assert!(!plain.contains("verification"));
    assert_eq!(mock.seen().len(), before);
}

#[test]
fn faults_of_the_network_prove_nothing() {
    let place = Place::new();
    let faults = |seen: &Seen| {
        match (0..6).find(|n| nth(*n) == bearer(seen)).unwrap() {
        0 => Reply::Slow(Duration::from_secs(5)),
        1 => Reply::Raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"da".to_vec(),
        ),
        2 => Reply::Raw(b"\x00\x01\x02 this is no HTTP".to_vec()),
        3 => Reply::Raw(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>Hi</html>"
                .to_vec(),
        ),
        4 => Reply::Huge,
        _ => json(200, "{\"data\":{}}"),
    }
    };
    let mock = Mock::start(faults);
    let lines: String = (0..6).map(|n| nth(n) + "\n").collect();
    let more = [at(&mock, &place, "openrouter"), words("--verify-retries 0 --verify-timeout 2")];
    let start = Instant::now();
    let found = verdicts(&place, &more.concat(), &lines);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(names(&found), ["unknown", "unknown", "unknown", "unknown", "unknown", "live"]);
    assert!(found[0].1.contains("no answer within 2 s"), "{found:?}");
    assert!(found[1].1.contains("cut off"), "{found:?}");
    assert!(found[3].1.contains("login page"), "{found:?}");
}

#[test]
fn a_host_without_a_trusted_certificate_is_told_nothing() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{}"));
    let own = at(&mock, &place, "openrouter");
    let found = verdicts(&place, &own[..2], &nth(1));
    assert_eq!(names(&found), ["unknown"]);
    assert!(found[0].1.contains("certificate is not trusted"), "{found:?}");
    assert!(found[0].1.contains("--ca-cert"), "{found:?}");
    assert!(mock.seen().is_empty());
    // A file that is no certificate is refused before anything is sent.
    place.write("none.pem", "nothing");
    let output = verify(&place, &words("--ca-cert none.pem"), &nth(1));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("none.pem"), "{}", stderr(&output));
}

#[test]
fn redirects_stay_on_their_host() {
    let place = Place::new();
    let thief = Mock::start(|_| json(200, "{}"));
    let away =
        format!("HTTP/1.1 302 Found\r\nLocation: {}/x\r\nContent-Length: 0\r\n\r\n", thief.url());
    let mock = Mock::start(move |seen| match (seen.call.as_str(), nth(1) == bearer(seen)) {
        ("GET /api/v1/key", true) => Reply::Raw(away.clone().into_bytes()),
        ("GET /api/v1/key", false) => Reply::Json(307, "Location: /v2/key\r\n", String::new()),
        _ => json(200, "{}"),
    });
    let url = format!("openrouter={}", mock.url());
    let both =
        [fs::read(mock.ca(place.path())).unwrap(), fs::read(thief.ca(place.path())).unwrap()];
    place.write("both.pem", both.concat());
    let more = [words("--verify-endpoint"), vec![url], words("--ca-cert both.pem")].concat();
    let found = verdicts(&place, &more, &format!("{}\n{}\n", nth(1), nth(2)));
    assert_eq!(names(&found), ["unknown", "live"]);
    assert!(found[0].1.contains("another host"), "{found:?}");
    assert!(thief.seen().is_empty());
}

#[test]
fn retry_after_is_kept_and_a_storm_of_429_ends() {
    let place = Place::new();
    let calm = Mock::start(|_| json(200, "{}"));
    let count = std::sync::atomic::AtomicUsize::new(0);
    let once =
        Mock::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::Json(429, "Retry-After: 1\r\n", "{}".to_owned()),
            _ => json(200, "{}"),
        });
    let found =
        verdicts(&place, &at(&once, &place, "nbpro"), &format!("nbpro-api-key {}", bare(1)));
    assert_eq!(names(&found), ["live"]);
    let seen = once.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(950));

    let storm = Mock::start(|_| Reply::Json(429, "Retry-After: 0\r\n", "{}".to_owned()));
    let lines: String = (0..200).map(|n| format!("nbpro-api-key {}\n", bare(n))).collect();
    let start = Instant::now();
    let found = verdicts(&place, &at(&storm, &place, "nbpro"), &lines);
    assert!(found.iter().all(|(name, _)| name == "unknown"), "{found:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
    // The host is left alone long before every key was tried three times.
    assert!(storm.seen().len() < 60, "{}", storm.seen().len());
    assert!(calm.seen().is_empty());
}

#[test]
fn a_thousand_keys_keep_the_pace_and_show_progress() {
    let place = Place::new();
    let odd = |key: &str| key.as_bytes()[20] % 2 == 1;
    let mock = Mock::start(move |seen| match odd(bearer(seen)) {
        true => json(401, "{}"),
        false => json(200, "{}"),
    });
    let keys: Vec<String> = (0..1000).map(nth).collect();
    let lines = keys.join("\n");
    let more = [at(&mock, &place, "openrouter"), words("-f json --no-cache")].concat();
    let pace = words("--verify-concurrency 8 --verify-rate 200");
    let args = [words("verify"), more, pace].concat();
    let start = Instant::now();
    let output = feed_as_is(&place, &args, &[], &lines);
    let took = start.elapsed();

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1000);
    for (key, finding) in keys.iter().zip(findings) {
        let wanted = if odd(key) { "revoked" } else { "live" };
        assert_eq!(finding["verification"]["status"], wanted);
    }
    let mut seen = mock.seen();
    seen.sort_by_key(|seen| seen.at);
    assert_eq!(seen.len(), 1000);
    let mut asked: Vec<&str> = seen.iter().map(bearer).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 1000);
    // 200 a second: 1,000 take 5 s at least, and no second sees more, but for late arrivals.
    assert!(took >= Duration::from_millis(4900), "{took:?}");
    for pair in seen.windows(230) {
        assert!(pair[229].at - pair[0].at >= Duration::from_secs(1));
    }
    let told = stderr(&output);
    assert!(told.contains("of 1000 keys"), "{told}");
}

#[test]
fn all_regions_are_asked_before_a_key_counts_as_revoked() {
    let place = Place::new();
    let east = Mock::start(|_| json(401, "{}"));
    let west = Mock::start(|seen| match (0..3).find(|n| bare(*n) == bearer(seen)) {
        Some(0) => json(200, "{}"),
        Some(1) => json(401, "{}"),
        _ => json(500, "{}"),
    });
    let ca = [fs::read(east.ca(place.path())).unwrap(), fs::read(west.ca(place.path())).unwrap()];
    place.write("both.pem", ca.concat());
    let end = |mock: &Mock| ["--verify-endpoint".to_owned(), format!("dashscope={}", mock.url())];
    let more = [&end(&east)[..], &end(&west), &words("--ca-cert both.pem --verify-retries 0")];
    let lines: String = (0..3).map(|n| format!("dashscope-api-key {}\n", bare(n))).collect();
    let found = verdicts(&place, &more.concat(), &lines);
    assert_eq!(names(&found), ["live", "revoked", "unknown"]);
    assert_eq!(found[1].1, "refused at all 2 hosts");
}

#[test]
fn likely_providers_are_asked_only_on_demand_and_after_a_warning() {
    let place = Place::new();
    let key = bare(5);
    // Both names are near, so that neither is evident.
    place.write("a.txt", format!("deepseek and qwen\n\nk = \"{key}\"\n"));
    let mock = Mock::start(|seen| match seen.call.as_str() {
        "GET /user/balance" => json(200, "{}"),
        _ => json(401, "{}"),
    });
    let ends = [
        words("--verify --no-cache -f json --verify-retries 0"),
        at(&mock, &place, "deepseek"),
        words("--verify-endpoint"),
        vec![format!("dashscope={}", mock.url())],
    ]
    .concat();
    let scan = |more: &str| {
        let args = [words("scan ."), ends.clone(), words(more)].concat();
        let output = keylint(place.path()).args(args).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (report["findings"][0].clone(), stderr(&output))
    };
    let (finding, told) = scan("");
    assert_eq!(finding["check"], "sk-unattributed", "{finding}");
    assert_eq!(finding["verification"]["status"], "not-tried");
    assert!(mock.seen().is_empty() && !told.contains("warning"), "{told}");

    let (finding, told) = scan("--verify-candidates");
    assert!(told.contains("warning: --verify-candidates"), "{told}");
    let asked: Vec<String> = mock.seen().into_iter().map(|seen| seen.call).collect();
    let ranked = finding["candidates"].as_array().unwrap();
    assert!(asked.len() <= ranked.len(), "{asked:?} {ranked:?}");
    assert!(asked.contains(&"GET /user/balance".to_owned()), "{asked:?}");
    let verdict = &finding["verification"];
    assert_eq!((&verdict["status"], &verdict["detail"]), (&"live".into(), &"at DeepSeek".into()));
}

#[test]
fn aws_requests_are_signed_and_pairs_come_from_the_scan() {
    let place = Place::new();
    let id = ["AK", "IAURLX5MNY5DID6RXV"].concat();
    place.write(
        "credentials",
        format!("aws_access_key_id = {id}\naws_secret_access_key = nBQWsXYakF2b/8XWafG1m5saVL3YkCEzsUIJeUXO\n"),
    );
    let mock = Mock::start(|_| {
        Reply::Json(403, "", "<Error><Code>InvalidClientTokenId</Code></Error>".to_owned())
    });
    let args = [words("scan . --verify -f json"), at(&mock, &place, "aws")].concat();
    let output = keylint(place.path()).args(args).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["check"], "aws-secret-access-key");
    assert_eq!(finding["verification"]["status"], "revoked", "{finding}");
    let seen = &mock.seen()[0];
    let proof = seen.header("authorization");
    assert!(proof.starts_with(&format!("AWS4-HMAC-SHA256 Credential={id}/")), "{proof}");
    assert!(
        proof.contains("/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date,"),
        "{proof}"
    );
    assert_eq!(seen.body, "Action=GetCallerIdentity&Version=2011-06-15");
    // Alone it cannot be asked about.
    let found =
        verdicts(&place, &[], "aws-secret-access-key nBQWsXYakF2b/8XWafG1m5saVL3YkCEzsUIJeUXO");
    assert_eq!(names(&found), ["not-tried"]);
    assert!(found[0].1.contains("access key id"), "{found:?}");
}

#[test]
fn exit_codes_of_the_verify_command() {
    let place = Place::new();
    let mock = Mock::start(|seen| json(if bearer(seen) == nth(1) { 200 } else { 401 }, "{}"));
    let more = at(&mock, &place, "openrouter");
    let code = |lines: &str| verify(&place, &more, lines).status.code();
    assert_eq!(code(&nth(1)), Some(1));
    assert_eq!(code(&nth(2)), Some(0));
    assert_eq!(code("what is this\n"), Some(2));
    assert_eq!(code(""), Some(0));
    assert_eq!(code("{\"rule\": \"no-rule\", \"secret\": \"x\"}"), Some(2));
    let output = verify(&place, &more, &format!("{}\nhush-this-text\n", nth(1)));
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(text.contains("line 2") && !text.contains("hush"), "{text}");
    let wrong = verify(&place, &words("--verify-endpoint nobody=https://x.example"), "");
    assert!(stderr(&wrong).contains("no rule of `nobody`"), "{}", stderr(&wrong));
    let scan = keylint(place.path()).args(["scan", "--verify-candidates"]).output().unwrap();
    assert!(stderr(&scan).contains("need --verify"), "{}", stderr(&scan));
}

#[test]
fn the_plan_names_the_calls_and_sends_nothing() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{}"));
    let more = [at(&mock, &place, "openrouter"), words("--verify-plan")].concat();
    let found = verdicts(&place, &more, &nth(1));
    assert_eq!(names(&found), ["not-tried"]);
    assert!(found[0].1.starts_with("would ask GET https://localhost:"), "{found:?}");
    assert!(mock.seen().is_empty());
    // What would not be asked is said, too.
    let azure = |parts: &str| {
        format!("{{\"rule\": \"azure-openai-key\", \"secret\": \"q8r4\", \"parts\": {{{parts}}}}}")
    };
    let named = azure("\"host\": \"acme.openai.azure.com\"");
    let lines = format!("{}\n{named}\n", azure(""));
    let found = verdicts(&place, &words("--verify-plan"), &lines);
    assert!(found[0].1.contains("would not ask: the host that belongs to it"), "{found:?}");
    assert!(found[1].1.contains("would not ask: the host acme.openai.azure.com"), "{found:?}");
    let allow = words("--verify-plan --verify-allow-host *.openai.azure.com");
    let found = verdicts(&place, &allow, &named);
    assert!(found[0].1.contains("GET https://acme.openai.azure.com/openai/models"), "{found:?}");
    assert_eq!(verify(&place, &allow, &named).status.code(), Some(0));
}

#[test]
fn a_block_that_could_spend_is_refused_with_file_and_line() {
    let place = Place::new();
    place.write(
        "keylint.toml",
        "[[rule]]\nid = \"acme-key\"\ndescription = \"x\"\nseverity = \"high\"\nconfidence = \"high\"\n\
         pattern = 'acme_[a-z0-9]{20}'\n[rule.verify]\ncall = \"x\"\nmethod = \"POST\"\n\
         url = \"https://api.acme.example/v1/chat/completions\"\n",
    );
    let output = keylint(place.path()).args(["scan", "."]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("keylint.toml:10: rule `acme-key`: verify:"), "{told}");
}
