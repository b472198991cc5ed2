//! What verification must never do: send a key where it does not belong, show it, spend, hang.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use keylint::rule::set::RuleSet;
use keylint::rule::verify::{Auth, Method, VerifySpec};
use serde_json::Value;

use crate::common::{Place, key, keylint, stderr, stdout};
use crate::mock::{Mock, Proxy, Reply, json, plain};
use crate::verify::{at, bare, bearer, feed, names, nth, verdicts, verify, words};

#[test]
fn a_host_from_text_is_contacted_only_when_allowed_and_never_a_private_one() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{}"));
    let rule = "[vendor]\nname = \"Acme\"\n[[rule]]\nid = \"acme-key\"\ndescription = \"x\"\n\
        severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"acme_\"]\n\
        pattern = 'acme_[a-z0-9]{20}'\n[rule.verify]\ncall = \"x\"\n";
    place.write("text.toml", format!("{rule}url = \"https://{{part:host}}/me\"\n"));
    place.write(
        "own.toml",
        rule.replace("acme", "emca") + &format!("url = \"{}/me\"\n", mock.url()),
    );
    place.write("keylint.toml", "[rules]\nfiles = [\"text.toml\", \"own.toml\"]\n");
    let ca = mock.ca(place.path()).display().to_string();
    let line = |host: &str| {
        format!(
            "{{\"rule\": \"acme-key\", \"secret\": \"acme_0123\", \"parts\": {{\"host\": \"{host}\"}}}}\n\
             emca-key emca_q8r4t1\n"
        )
    };
    let local = format!("localhost:{}", mock.port);
    let ask = |host: &str, more: &str| {
        let more = [words(more), vec!["--ca-cert".to_owned(), ca.clone()]].concat();
        verdicts(&place, &more, &line(host))
    };
    let found = ask(&local, "");
    assert_eq!(names(&found), ["not-tried", "not-tried"]);
    assert!(found[0].1.contains("comes from the scanned text"), "{found:?}");
    assert!(found[1].1.contains("does not ship with keylint"), "{found:?}");
    let found = ask(&local, "--verify-allow-host localhost");
    assert_eq!(names(&found), ["not-tried", "not-tried"]);
    assert!(found.iter().all(|(_, why)| why.contains("private address")), "{found:?}");
    for host in ["169.254.169.254", "[::1]", "127.0.0.1", "2130706433", "0x7f.1", "10.0.0.7"] {
        let allow = format!("--verify-allow-host {}", host.replace("0x7f.1", "127.0.0.1"));
        assert_eq!(ask(host, &allow)[0].0, "not-tried", "{host}");
    }
    for host in ["a b", "x@localhost", "localhost/..", "", "evil\\\\host"] {
        assert_ne!(ask(host, "")[0].0, "live", "{host}");
    }
    assert!(mock.seen().is_empty());
    // The user's own endpoint may be private.
    let end = format!("--verify-endpoint acme-key={}", mock.url());
    assert_eq!(ask("evil.example", &end)[0].0, "live");
    assert_eq!(mock.seen().len(), 1);
}

#[test]
fn a_proxy_sees_host_names_only() {
    let place = Place::new();
    let (mock, proxy) = (Mock::start(|_| json(200, "{}")), Proxy::start());
    let line = nth(8);
    let args = [words("verify"), at(&mock, &place, "openrouter")].concat();
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let output = feed(&place, &args, &[("HTTPS_PROXY", &address)], &line);
    assert!(stdout(&output).contains("live"), "{}", stdout(&output));
    let read = String::from_utf8_lossy(&proxy.read()).into_owned();
    assert!(read.starts_with(&format!("CONNECT localhost:{}", mock.port)), "{read}");
    assert!(!read.contains(&line) && !read.contains("api/v1/key"));
    assert_eq!(mock.seen().len(), 1);
}

#[test]
fn no_key_is_in_any_log_error_or_report() {
    let place = Place::new();
    let secrets = [nth(11), nth(12), nth(13), bare(14), ["key_", &nth(15)[9..]].concat()];
    let bot = ["731905284:AA", &nth(16)[9..42]].concat();
    let basic = base64(&format!("{}:", secrets[4]));
    let mock = Mock::start({
        let slow = secrets[1].clone();
        move |seen| match bearer(seen) {
            key if key == slow => Reply::Slow(Duration::from_secs(4)),
            key if key.starts_with("sk-or") => json(500, "{}"),
            _ => json(401, "{}"),
        }
    });
    let lines = format!(
        "{}\n{}\n{}\nnbpro-api-key {}\ncursor-api-key {}\ntelegram-bot-token {bot}\nnbpro-api-key {}\u{1}\n",
        secrets[0], secrets[1], secrets[2], secrets[3], secrets[4], secrets[3]
    );
    let mut args =
        [words("verify --verify-timeout 1 --verify-retries 1"), at(&mock, &place, "openrouter")];
    for provider in ["nbpro", "cursor", "telegram"] {
        args[1].extend(["--verify-endpoint".to_owned(), format!("{provider}={}", mock.url())]);
    }
    let mut logged = String::new();
    for format in ["human", "json", "sarif"] {
        let args = [args.concat(), words("--no-cache -f"), words(format)].concat();
        let output =
            feed(&place, &args, &[("KEYLINT_LOG", "trace"), ("RUST_BACKTRACE", "full")], &lines);
        logged += &stdout(&output);
        logged += &stderr(&output);
    }
    // The log is there, and says nothing.
    assert!(logged.contains("TRACE") && logged.contains("rustls"), "no trace output");
    for secret in secrets.iter().chain([&bot, &basic]) {
        for part in [secret.as_str(), &secret[8..32], &secret[secret.len() - 20..]] {
            assert!(!logged.contains(part), "a key is in the output");
        }
    }
    // A request with each key did go out, so that there was something to leak.
    let seen = mock.seen();
    assert!(seen.iter().any(|s| s.call.contains(&bot)));
    assert!(seen.iter().any(|s| s.header("authorization").contains(&basic)));
}

/// Base64, to look for keys in that form.
fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

/// The shipped `verify` blocks by rule id.
fn shipped(set: &RuleSet) -> Vec<(&str, &VerifySpec)> {
    set.rules().iter().filter_map(|c| Some((c.rule.id(), c.rule.verify.as_ref()?))).collect()
}

#[test]
fn the_vendors_that_matter_have_a_block_and_every_post_is_a_known_one() {
    let set = RuleSet::builtin().unwrap();
    let all = shipped(&set);
    assert!(all.len() >= 60, "{}", all.len());
    for vendor in [
        "openai",
        "anthropic",
        "openrouter",
        "deepseek",
        "dashscope",
        "moonshot",
        "groq",
        "xai",
        "huggingface",
        "gemini",
        "mistral",
        "cohere",
        "perplexity",
        "replicate",
        "stripe",
        "github",
        "gitlab",
        "slack",
        "sendgrid",
        "aws",
        "azure",
        "gcp-service-account",
        "nbpro",
    ] {
        let own = |(id, _): &(&str, &VerifySpec)| id.starts_with(vendor);
        assert!(all.iter().any(own), "no rule of {vendor} can be verified");
    }
    // A POST can change something. Each of these was looked at: it reads, or has no prompt.
    let posts: BTreeSet<&str> = all
        .iter()
        .filter(|(_, spec)| spec.method == Method::Post)
        .map(|(_, spec)| spec.url())
        .collect();
    let known = [
        "https://api.linear.app/graphql",
        "https://api.ngc.nvidia.com/v3/keys/get-caller-info",
        "https://api.runpod.io/graphql",
        "https://api.wandb.ai/graphql",
        "https://nano-banana-pro.net/api/ai/nano-banana/generate",
        "https://slack.com/api/auth.test",
        "https://{host}/",
    ];
    assert_eq!(posts, known.into());
}

/// A line for `keylint verify` with all that the call needs.
fn line(id: &str, spec: &VerifySpec) -> String {
    let secret = ["q8r4t1z7", &nth(40)[9..41], "-us12"].concat();
    let part = |name: &str| match name {
        "host" | "shop" => format!("{}.shop.example", id.replace('_', "-")),
        _ => "AC0123456789".to_owned(),
    };
    let parts: serde_json::Map<String, Value> =
        spec.needs().into_iter().map(|name| (name.to_owned(), part(name).into())).collect();
    serde_json::json!({ "rule": id, "secret": secret, "parts": parts }).to_string() + "\n"
}

#[test]
fn every_shipped_call_can_be_sent_and_goes_to_its_vendor_only() {
    let place = Place::new();
    let set = RuleSet::builtin().unwrap();
    // The service account's key is no PEM here; jwt.rs tests that one.
    let all: Vec<_> =
        shipped(&set).into_iter().filter(|(_, spec)| spec.auth != Auth::GoogleJwt).collect();
    let mut hosts = BTreeSet::new();
    for (id, spec) in &all {
        let own = match spec.authority() {
            "{host}" => spec.hosts.clone(),
            "{part:host}" | "{part:shop}" => vec![format!("{id}.shop.example")],
            authority => vec![authority.replace("{capture:dc}", "us12")],
        };
        hosts.extend(own);
    }
    let mock = Mock::start_as(hosts.iter().cloned().collect(), |_| json(404, "{}"));
    // All of it through a proxy that leads to the mock, so that the real hosts are named.
    let proxy = Proxy::start_to(Some(mock.port));
    let lines: String = all.iter().map(|(id, spec)| line(id, spec)).collect();
    let args = [
        words("verify -f json --no-cache --verify-allow-host *.shop.example --ca-cert"),
        vec![mock.ca(place.path()).display().to_string()],
    ];
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let output = feed(&place, &args.concat(), &[("HTTPS_PROXY", &address)], &lines);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        let told = &finding["verification"];
        let text = told["reason"].as_str().unwrap_or_default();
        assert!(text.contains("status 404"), "{}: {told}", finding["check"]);
    }
    let read = String::from_utf8_lossy(&proxy.read()).into_owned();
    let asked: BTreeSet<String> = read
        .split("CONNECT ")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(":443 ")?.0.to_owned()))
        .collect();
    assert_eq!(asked, hosts);
    for seen in mock.seen() {
        let generates = seen.call.starts_with("POST") && seen.call.contains("generate");
        assert!(!generates || seen.body == "{}", "{}", seen.call);
    }
}

#[test]
fn dashscope_counts_as_revoked_only_when_every_region_refuses() {
    let place = Place::new();
    let set = RuleSet::builtin().unwrap();
    let (_, spec) = shipped(&set).into_iter().find(|(id, _)| *id == "dashscope-api-key").unwrap();
    let last = spec.hosts.last().unwrap().clone();
    let mock = Mock::start_as(spec.hosts.clone(), move |seen| {
        match (seen.header("host") == last, (0..3).find(|n| bare(*n) == bearer(seen))) {
            (true, Some(0)) => json(200, "{}"),
            (true, Some(1)) => json(500, "{}"),
            _ => json(401, "{}"),
        }
    });
    let proxy = Proxy::start_to(Some(mock.port));
    let lines: String = (0..3).map(|n| format!("dashscope-api-key {}\n", bare(n))).collect();
    let ca = mock.ca(place.path()).display().to_string();
    let args = [words("verify -f json --verify-retries 0 --no-cache --ca-cert"), vec![ca]].concat();
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let output = feed(&place, &args, &[("HTTPS_PROXY", &address)], &lines);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let status = |n: usize| &report["findings"][n]["verification"];
    assert_eq!(status(0)["status"], "live");
    assert_eq!(status(1)["status"], "unknown");
    assert_eq!(status(2)["status"], "revoked");
    assert_eq!(status(2)["detail"], format!("refused at all {} hosts", spec.hosts.len()));
}

#[test]
fn a_key_has_one_question_and_one_verdict_whatever_found_it() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{}"));
    let google = ["AI", "zaSyD3fK9q8r4t1z7Lm2Nx5Vb6Wc0Yh-JpQsTu"].concat();
    let sk = bare(7);
    let ends =
        |provider: &str| ["--verify-endpoint".to_owned(), format!("{provider}={}", mock.url())];
    let more = [&at(&mock, &place, "gcp")[..], &ends("gemini"), &ends("deepseek")].concat();
    let lines = format!(
        "gcp-api-key {google}\ngemini-api-key {google}\ndeepseek-api-key {sk}\nkey = \"{sk}\"\n"
    );
    let found = verdicts(&place, &more, &lines);
    assert_eq!(names(&found), ["live", "live", "live", "live"], "{found:?}");
    assert_eq!(found[3].1, "as deepseek-api-key");
    let calls: Vec<String> = mock.seen().into_iter().map(|seen| seen.call).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
}

#[test]
fn a_long_retry_after_leaves_the_host_alone() {
    let place = Place::new();
    let mock = Mock::start(|_| Reply::Json(429, "Retry-After: 3600\r\n", "{}".to_owned()));
    let lines: String = (0..60).map(|n| format!("nbpro-api-key {}\n", bare(n))).collect();
    let start = Instant::now();
    let found = verdicts(&place, &at(&mock, &place, "nbpro"), &lines);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(found.iter().all(|(name, _)| name == "unknown"), "{found:?}");
    assert!(found[59].1.contains("asks to wait 3600 s"), "{found:?}");
    assert!(mock.seen().len() <= 4, "{}", mock.seen().len());
}

#[test]
fn retry_after_holds_the_next_key_back_where_429_means_live() {
    let place = Place::new();
    let mock = Mock::start(|_| Reply::Json(429, "Retry-After: 1\r\n", "{}".to_owned()));
    let lines = format!("{}\n{}\n{}\n", nth(1), nth(2), nth(3));
    let more = [at(&mock, &place, "openrouter"), words("--verify-concurrency 1")].concat();
    assert_eq!(names(&verdicts(&place, &more, &lines)), ["live", "live", "live"]);
    let seen = mock.seen();
    assert_eq!(seen.len(), 3);
    for pair in seen.windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(950));
    }
}

#[test]
fn answers_without_end_are_cut() {
    let place = Place::new();
    let mock = Mock::start(|seen| match bearer(seen) == nth(0) {
        true => Reply::Drip,
        false => Reply::Headers,
    });
    let lines = format!("{}\n{}\n", nth(0), nth(1));
    let more = [at(&mock, &place, "openrouter"), words("--verify-retries 0 --verify-timeout 1")];
    let start = Instant::now();
    let found = verdicts(&place, &more.concat(), &lines);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert_eq!(names(&found), ["unknown", "unknown"], "{found:?}");
    assert!(found[0].1.contains("no answer within 1 s"), "{found:?}");
}

#[test]
fn an_endpoint_without_tls_is_not_asked_through_a_proxy() {
    let place = Place::new();
    let ((port, asked), proxy) = (plain(), Proxy::start());
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let args =
        [words("verify --verify-endpoint"), vec![format!("telegram=http://127.0.0.1:{port}")]];
    let bot = ["731905284:AA", &nth(21)[9..42]].concat();
    let env = [("http_proxy", &*address), ("HTTPS_PROXY", &address), ("ALL_PROXY", &address)];
    let output = feed(&place, &args.concat(), &env, &format!("telegram-bot-token {bot}\n"));
    assert!(stdout(&output).contains("live"), "{}", stdout(&output));
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(proxy.read().is_empty());
}

#[test]
fn redirects_proxies_and_failures_log_no_key() {
    let place = Place::new();
    let bots: Vec<String> =
        (0..5).map(|n| ["731905284:AA", &nth(30 + n)[9..42]].concat()).collect();
    let mock = Mock::start(|seen| match seen.call.chars().nth_back(0) {
        _ if seen.call.contains("/again/") => json(200, "{}"),
        _ if seen.body.contains("never") => json(200, "{}"),
        _ => Reply::Raw(
            format!(
                "HTTP/1.1 307 Moved\r\nLocation: /again/{}\r\nContent-Length: 0\r\n\r\n",
                seen.call.trim_start_matches("GET /")
            )
            .into_bytes(),
        ),
    });
    let proxy = Proxy::start_to(Some(mock.port));
    let password = "hush-Pr0xy-word";
    let address = format!("http://me:{password}@127.0.0.1:{}", proxy.port);
    let lines: String = bots.iter().map(|bot| format!("telegram-bot-token {bot}\n")).collect();
    let own = at(&mock, &place, "telegram");
    // A port where nobody listens, a certificate that nobody trusts, a proxy, and the mock itself.
    let nobody = words("--verify-endpoint telegram=https://localhost:1");
    let distrust = own[..2].to_vec();
    let mut logged = String::new();
    for (more, env) in [
        (&own, vec![]),
        (&own, vec![("HTTPS_PROXY", address.as_str())]),
        (&nobody, vec![]),
        (&distrust, vec![("HTTPS_PROXY", address.as_str())]),
    ] {
        let args = [words("verify --no-cache --verify-retries 0"), more.clone()].concat();
        let env = [env, vec![("KEYLINT_LOG", "trace"), ("RUST_BACKTRACE", "full")]].concat();
        let output = feed(&place, &args, &env, &lines);
        logged += &stdout(&output);
        logged += &stderr(&output);
    }
    assert!(mock.seen().iter().any(|seen| seen.call.contains("/again/")));
    assert!(logged.contains("TRACE") && logged.contains("live"), "{logged}");
    for bot in &bots {
        assert!(!logged.contains(&bot[10..]), "a key is in the output");
    }
    assert!(!logged.contains(password), "the proxy's password is in the output");
}

#[test]
fn a_key_that_no_request_can_hold_was_not_tried() {
    let place = Place::new();
    let mock = Mock::start(|_| json(200, "{}"));
    let more = at(&mock, &place, "nbpro");
    let found = verdicts(&place, &more, &format!("nbpro-api-key {}\u{1}\n", bare(1)));
    assert_eq!(names(&found), ["not-tried"], "{found:?}");
    assert!(found[0].1.contains("no header may hold"), "{found:?}");
    assert!(mock.seen().is_empty());
}

#[test]
fn options_out_of_bounds_are_refused() {
    let place = Place::new();
    for (args, word) in [
        ("--verify-rate 1e-300", "0.001 to 1000"),
        ("--verify-rate 0", "0.001 to 1000"),
        ("--verify-rate nan", "0.001 to 1000"),
        ("--verify-concurrency 0", "1..=256"),
        ("--verify-concurrency 5000", "1..=256"),
        ("--verify-timeout 0", "1..=600"),
        ("--verify-retries 11", "0..=10"),
        ("--verify-endpoint openai=ftp://a.example", "no https or http address"),
        ("--verify-endpoint openai=https://:pass@a.example", "no https or http address"),
        ("--verify-endpoint openai", "PROVIDER=URL"),
        ("--verify-allow-host *.com", "no host name"),
    ] {
        let mut child = keylint(place.path());
        let output = child.arg("verify").args(words(args)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(stderr(&output).contains(word), "{args}: {}", stderr(&output));
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_asking_and_keeps_what_is_known() {
    let place = Place::new();
    let mock = Mock::start(|seen| match bearer(seen) == nth(0) {
        true => json(401, "{}"),
        // Longer than the request's timeout, so that only the stop can end the wait.
        false => Reply::Slow(Duration::from_secs(20)),
    });
    let lines: String = (0..100).map(|n| nth(n) + "\n").collect();
    let two = words("verify -f json --no-cache --verify-concurrency 2");
    let args = [two, at(&mock, &place, "openrouter")].concat();
    let mut child = keylint(place.path())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while mock.seen().len() < 3 {
        assert!(Instant::now() < deadline, "nobody was asked");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(killed.success());
    let start = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["interrupted"], true);
    let found = report["findings"].as_array().unwrap();
    assert_eq!(found[0]["verification"]["status"], "revoked");
    assert_eq!(found[1]["verification"]["reason"], "interrupted before the answer came");
    assert_eq!(found[99]["verification"]["reason"], "interrupted");
    assert_eq!(mock.seen().len(), 3);
}

#[test]
fn reports_say_the_verdict_and_the_remedy() {
    let place = Place::new();
    place.write("a.py", format!("key = \"{}\"\n", key("openrouter")));
    let mock = Mock::start(|_| json(200, "{}"));
    let more = [at(&mock, &place, "openrouter"), words("--no-cache")].concat();
    let args = [words("scan . --verify -f sarif"), more.clone()].concat();
    let output = keylint(place.path()).args(&args).output().unwrap();
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let message = sarif["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
    assert!(message.ends_with(" The key is live."), "{message}");
    let text = stdout(&verify(&place, &more, &key("openrouter")));
    assert!(text.contains("live\n") && text.contains("fix: Delete the key"), "{text}");
    assert!(text.contains("https://openrouter.ai/settings/keys"), "{text}");
}
