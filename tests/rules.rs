//! Invariants over the shipped rules.

use keylint::finding::Confidence;
use keylint::rule::set::{RuleSet, RuleText, builtin_files};
use keylint::rule::verify::{Means, Method};
use keylint::scan::Engine;
use keylint::selftest;

fn engine() -> Engine {
    Engine::new(RuleSet::new(&builtin_files(), &[]).unwrap()).unwrap()
}

#[test]
fn every_rule_finds_its_examples_and_not_its_negatives() {
    let faults = selftest::check(&engine(), &|_| true);
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(engine().rules().rules().len() >= 40);
}

#[test]
fn the_prefilter_loses_nothing() {
    let engine = engine();
    let mut scanner = engine.scanner();
    let mut text = String::new();
    for rule in engine.rules().rules() {
        for example in rule.rule.examples.iter().chain(&rule.rule.negatives) {
            text += example;
            // Far enough that no context rule sees its neighbour.
            text += &"\n \n".repeat(400);
        }
    }
    let key = |c: &keylint::scan::Candidate| (c.rule, c.secret);
    let mut fast = scanner.scan(text.as_bytes());
    fast.retain(|c| c.decoded.is_none());
    let mut slow = scanner.scan_all(text.as_bytes());
    fast.sort_by_key(key);
    slow.sort_by_key(key);
    let name =
        |c: &keylint::scan::Candidate| (engine.rules().get(c.rule).rule.id().to_owned(), c.secret);
    let fast: std::collections::BTreeSet<_> = fast.iter().map(name).collect();
    let slow: std::collections::BTreeSet<_> = slow.iter().map(name).collect();
    let differ: Vec<_> = fast.symmetric_difference(&slow).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn a_wrong_checksum_lowers_the_confidence() {
    let engine = engine();
    let mut scanner = engine.scanner();
    let mut tried = 0;
    for (index, rule) in (0..).zip(engine.rules().rules()) {
        if rule.rule.checksum.is_none() {
            continue;
        }
        for example in &rule.rule.examples {
            let found = scanner.scan(example.as_bytes());
            let own = found.iter().find(|c| c.rule == index).unwrap();
            assert_eq!(own.confidence, rule.rule.confidence, "{}", rule.rule.id());
            // Change one character of the body, next to the last ten.
            let mut bytes = example.clone().into_bytes();
            let at = own.secret.end - 12;
            bytes[at] = if bytes[at] == b'q' { b'w' } else { b'q' };
            let changed = scanner.scan(&bytes);
            if let Some(own) = changed.iter().find(|c| c.rule == index) {
                assert_eq!(own.confidence, Confidence::Low, "{}", rule.rule.id());
            }
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
}

#[test]
fn rule_files_name_no_registry_host() {
    for RuleText { name, text } in builtin_files() {
        for host in ["pypi.org", "npmjs.org", "crates.io", "rubygems.org", "nuget.org"] {
            assert!(!text.contains(host), "{name} names {host}");
        }
    }
}

#[test]
fn examples_are_not_written_in_clear() {
    // A high-confidence example must not be found in the file's own text: an escape breaks it up.
    let engine = engine();
    for RuleText { name, text } in builtin_files() {
        let found = engine.scanner().scan(text.as_bytes());
        let clear = found.iter().find(|c| {
            let rule = &engine.rules().get(c.rule).rule;
            rule.confidence == Confidence::High
                && !rule.id().starts_with("private-key")
                && !rule.generic
                && c.decoded.is_none()
        });
        assert!(
            clear.is_none(),
            "{name}: {:?}",
            clear.map(|c| engine.rules().get(c.rule).rule.id())
        );
    }
}

#[test]
fn a_rule_finds_its_secret_under_each_of_its_names() {
    let engine = engine();
    let mut scanner = engine.scanner();
    let (mut tried, mut lost) = (0, Vec::new());
    for (index, rule) in (0..).zip(engine.rules().rules()) {
        // The secrets of the examples, and the matches around them, as of an address.
        let mut values = Vec::new();
        for example in &rule.rule.examples {
            let found = scanner.scan(example.as_bytes());
            for own in found.iter().filter(|c| c.rule == index && c.decoded.is_none()) {
                values.extend([own.secret, own.whole].map(|span| &example[span.start..span.end]));
            }
        }
        if values.is_empty() {
            continue;
        }
        for name in &rule.rule.env {
            tried += 1;
            let found = values.iter().any(|value| {
                let found = scanner.scan(format!("{name}={value}\n").as_bytes());
                found.iter().any(|c| c.rule == index)
            });
            if !found {
                lost.push(format!("{} {name}", rule.rule.id()));
            }
        }
    }
    assert!(tried >= 1000, "{tried}");
    // Only a neighbour tells such a key from those of other vendors.
    assert_eq!(lost, ["openai-unmarked-key OPENAI_API_KEY"]);
}

/// Rule files of which no page is known where a key is made or replaced, so that they name the
/// vendor's homepage. A new file names a page; who finds one for these takes it off the list.
const NO_ROTATION_PAGE: [&str; 10] = [
    "alconost",
    "bulbul",
    "cashboard",
    "collect2",
    "diggernaut",
    "formbucket",
    "geocodify",
    "nbpro",
    "owlbot",
    "simvoly",
];

/// The host of an address that is nothing but one.
fn bare_host(page: &str) -> Option<&str> {
    let host = page.strip_prefix("https://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    (!host.contains(['/', '?', '#'])).then(|| host.strip_prefix("www.").unwrap_or(host))
}

#[test]
fn a_rotation_page_is_not_the_homepage() {
    let mut without = Vec::new();
    for RuleText { name, text } in builtin_files() {
        let table: toml::Table = text.parse().unwrap();
        let Some(vendor) = table.get("vendor") else { continue };
        let page = |of: &toml::Value, key: &str| Some(of.get(key)?.as_str()?.to_owned());
        let home = page(vendor, "homepage");
        let rules = table["rule"].as_array().unwrap();
        for rotate in rules.iter().chain([vendor]).filter_map(|of| page(of, "rotate")) {
            assert!(rotate.starts_with("https://"), "{name}: {rotate}");
            if bare_host(&rotate)
                .is_some_and(|host| home.as_deref().and_then(bare_host) == Some(host))
            {
                without.push(name.rsplit('/').next().unwrap().trim_end_matches(".toml").to_owned());
            }
        }
    }
    without.dedup();
    assert_eq!(without, NO_ROTATION_PAGE);
}

/// Rules whose verification reads with a POST, looked at one by one: GraphQL queries, AWS' and
/// Slack's calls that name the caller, NVIDIA's description of a key, and NB Pro without a prompt.
const POSTS: [&str; 10] = [
    "aws-secret-access-key",
    "linear-api-key",
    "nbpro-api-key",
    "nvidia-api-key",
    "runpod-api-key",
    "slack-bot-token",
    "slack-legacy-token",
    "slack-user-token",
    "wandb-api-key",
    "wandb-legacy-key",
];

#[test]
fn verify_blocks_only_read() {
    let set = RuleSet::builtin().unwrap();
    let with: Vec<_> = set
        .rules()
        .iter()
        .filter_map(|compiled| Some((compiled, compiled.rule.verify.as_ref()?)))
        .collect();
    assert!(with.len() >= 60, "{}", with.len());
    let posts: Vec<&str> = with
        .iter()
        .filter(|(_, verify)| verify.method == Method::Post)
        .map(|(compiled, _)| compiled.rule.id())
        .collect();
    let mut sorted = posts.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, POSTS);
    for (compiled, verify) in &with {
        let id = compiled.rule.id();
        assert!(compiled.shipped, "{id}");
        assert!(!compiled.rule.public, "{id} is public by design");
        // Nothing that names a generating call, whatever the method, but NB Pro's.
        for word in
            ["/generate", "/messages", "/images", "/responses", "/search", "generateContent"]
        {
            assert!(!verify.url().contains(word) || id == "nbpro-api-key", "{id}: {word}");
        }
        for registry in ["npm", "pypi", "cargo", "rubygems", "nuget", "clojars"] {
            assert!(!id.starts_with(registry), "{id}: a package registry's token");
        }
        assert!(!verify.call.is_empty() && verify.cost == "nothing", "{id}");
    }
}

#[test]
fn nbpro_is_asked_exactly_as_agreed() {
    let engine = engine();
    let rules = engine.rules().rules();
    let rule = rules.iter().find(|compiled| compiled.rule.id() == "nbpro-api-key").unwrap();
    let verify = rule.rule.verify.as_ref().unwrap();
    assert_eq!(verify.url(), "https://nano-banana-pro.net/api/ai/nano-banana/generate");
    assert_eq!((verify.method, verify.body.as_deref()), (Method::Post, Some("{}")));
    assert_eq!((&verify.live[..], &verify.restricted[..]), (&[200, 400, 422][..], &[403][..]));
    assert_eq!(verify.revoked, [401]);
    assert_eq!((&verify.answers[0].status[..], verify.answers[0].means), (&[402][..], Means::Live));
}

#[test]
fn an_id_of_a_shipped_rule_is_taken_also_where_that_one_is_disabled() {
    let text = "[vendor]\nname = \"Own\"\n[[rule]]\nid = \"sendgrid-api-key\"\ndescription = \"Own.\"\n\
                severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"own_\"]\npattern = 'own_[a-z]{20}'\n";
    let own = |text: &str| [RuleText { name: "own.toml".to_owned(), text: text.to_owned() }];
    for disabled in [&[][..], &["sendgrid-api-key".to_owned()]] {
        let taken = RuleSet::with_builtin(&own(text), disabled).err().unwrap().to_string();
        assert!(taken.contains("`sendgrid-api-key` stands twice"), "{taken}");
    }
    let twice = format!("{text}{rule}", rule = &text[text.find("[[rule]]").unwrap()..]);
    let taken = RuleSet::new(&own(&twice), &[]).err().unwrap().to_string();
    assert!(taken.contains("in own.toml and own.toml"), "{taken}");
    let renamed = text.replace("sendgrid-api-key", "own-key");
    assert!(RuleSet::with_builtin(&own(&renamed), &[]).unwrap().knows("own-key"));
    let broken = renamed.replace("pattern =", "alone = '(['\npattern =");
    let refused = RuleSet::with_builtin(&own(&broken), &[]).err().unwrap().to_string();
    assert!(refused.contains("own.toml:") && refused.contains("`([` is no regex"), "{refused}");
}

#[test]
fn a_match_that_is_longer_than_its_pattern_says_is_none() {
    let head = "[vendor]\nname = \"Own\"\n[[rule]]\nid = \"own-token\"\ndescription = \"Own.\"\n\
                severity = \"high\"\nconfidence = \"high\"\nkeywords = [\"own_\"]\n";
    // The second pattern starts before its keyword, in more than one way.
    for pattern in ["own_[a-z0-9_]{20,2000}", "(?:x|[a-c]y)own_[a-z0-9_]{20,2000}"] {
        let text = format!("{head}pattern = '{pattern}'\n");
        let own = RuleText { name: "own.toml".to_owned(), text };
        let engine = Engine::new(RuleSet::new(&[own], &[]).unwrap()).unwrap();
        let found = |body: &str| {
            let text = format!("token: xown_{body} ok\nand ayown_{body}\n");
            engine.scanner().scan(text.as_bytes()).len()
        };
        let mut state = 7_u32;
        let mut long = |len: usize| -> String {
            let mut digit = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b"k7q2mx9dh4"[(state >> 24) as usize % 10])
            };
            (0..len).map(|_| digit()).collect()
        };
        for (len, count) in [(16, 0), (20, 2), (2000, 2), (2002, 0), (40_000, 0)] {
            let count = if pattern.starts_with("own") { 0 } else { count };
            assert_eq!(found(&long(len)), count, "{pattern} {len}");
        }
        let mut alone = |len: usize| {
            let text = format!("token: own_{body}\n", body = long(len));
            engine.scanner().scan(text.as_bytes()).len()
        };
        let own = usize::from(pattern.starts_with("own"));
        assert_eq!([20, 2000, 2001, 40_000].map(&mut alone), [own, own, 0, 0], "{pattern}");
        // Keywords in a run that is too long for each of them.
        assert_eq!(found(&"own_k7q2".repeat(9000)), 0);
    }
}
