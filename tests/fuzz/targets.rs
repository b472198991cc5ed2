//! What is fuzzed: everything that reads bytes which somebody else wrote.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use keylint::baseline::Baseline;
use keylint::blob::Provenance;
use keylint::cli::MigrateArgs;
use keylint::config::{Config, tree::Tree};
use keylint::fix::{self, Literal, Outcome};
use keylint::hygiene::envs::Kind;
use keylint::migrate::migrate;
use keylint::progress::Progress;
use keylint::rule::set::{RuleSet, RuleText, builtin_files};
use keylint::scan::details::{self, Options};
use keylint::scan::{Candidate, Engine, linehash, resolve::resolve};
use keylint::span::Span;
use keylint::syntax::{self, Lang, js};
use keylint::{marker, text};

use super::{Seen, drive};

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(RuleSet::builtin().unwrap()).unwrap());

pub(super) fn hash(value: impl std::hash::Hash) -> Seen {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// An error's text without its numbers and names: its kind.
pub(super) fn kind(text: &str) -> String {
    text.split(['`', '"', ':'])
        .next()
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_alphabetic())
        .collect()
}

/// Every example and negative of the shipped rules.
pub(super) fn examples() -> Vec<Vec<u8>> {
    let set = RuleSet::new(&builtin_files(), &[]).unwrap();
    let texts = set.rules().iter().flat_map(|c| c.rule.examples.iter().chain(&c.rule.negatives));
    texts.map(|text| text.clone().into_bytes()).collect()
}

/// Scans and holds what must be true of any bytes.
fn scan(bytes: &[u8]) -> Seen {
    let bytes = text::decode(bytes);
    let all = ENGINE.scanner().scan(&bytes);
    for candidate in &all {
        assert!(candidate.secret.end <= bytes.len() && candidate.whole.end <= bytes.len());
        assert!(candidate.secret.start <= candidate.secret.end);
    }
    let path = b"src/deep/config.py";
    let kept = resolve(ENGINE.rules(), &all, Some(path));
    for pair in kept.windows(2) {
        assert!(pair[0].secret <= pair[1].secret, "not sorted");
    }
    let provenance = Provenance::File { shown: "config.py".into(), path: path.as_slice().into() };
    let options = Options { show_secrets: false, line_hash: true, foreign_markers: true };
    let found = details::findings(&ENGINE, &bytes, (&kept, &all), &provenance, options);
    for (candidate, finding) in kept.iter().zip(&found) {
        hidden(&bytes, candidate, &finding.location.excerpt.text);
    }
    // It counts a lone carriage return as the end of a line, as GitHub does.
    assert!(linehash::line_hashes(&bytes).len() >= bytes.split(|&b| b == b'\n').count());
    let rules: std::collections::BTreeSet<_> =
        all.iter().map(|c| (c.rule, c.decoded.is_some())).collect();
    hash((rules, marker::find(&bytes, true).len()))
}

/// No eight bytes of the secret stand in the excerpt; the first and last four may.
fn hidden(bytes: &[u8], candidate: &Candidate, excerpt: &str) {
    let secret = candidate.secret.slice(bytes);
    if secret.len() < 12 || !secret.is_ascii() || secret.iter().any(|b| !b.is_ascii_graphic()) {
        return;
    }
    // A word that stands elsewhere on the line, too, is no secret.
    for window in secret.windows(9) {
        let count = memchr::memmem::find_iter(bytes, window).count();
        let shown = memchr::memmem::find(excerpt.as_bytes(), window).is_some();
        assert!(!shown || count > 1, "an excerpt shows a secret");
    }
}

#[test]
fn scan_blob() {
    drive("scan_blob", examples(), 2000, scan);
}

#[test]
fn decode() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let mut seeds = Vec::new();
    for (at, example) in examples().into_iter().step_by(23).enumerate() {
        let lossy = String::from_utf8_lossy(&example);
        seeds.push(match at % 7 {
            0 => STANDARD.encode(&example).into_bytes(),
            1 => format!("x: '{}'", URL_SAFE_NO_PAD.encode(&example)).into_bytes(),
            2 => text::hex(&example).into_bytes(),
            3 => example.iter().flat_map(|b| format!("%{b:02X}").into_bytes()).collect(),
            4 => example.iter().flat_map(|b| format!("\\u00{b:02x}").into_bytes()).collect(),
            5 => format!("kind: Secret\ndata:\n  a: {}\n", STANDARD.encode(&example)).into_bytes(),
            _ => format!("{{\"nbformat\": 4, \"source\": [\"k = \\\"{lossy}\\\"\\n\",\n \"x\"]}}")
                .into_bytes(),
        });
        let (head, tail) = lossy.split_at(lossy.floor_char_boundary(lossy.len() / 2));
        seeds.push(format!("k = \"{head}\" +\n  \"{tail}\";").into_bytes());
    }
    let wide = "key = äö\n".encode_utf16();
    seeds.push(std::iter::once(0xfeff).chain(wide).flat_map(u16::to_le_bytes).collect());
    drive("decode", seeds, 1000, scan);
}

#[test]
fn rule_file() {
    let files = builtin_files().into_iter().filter(|f| f.text.len() < 12_000).step_by(6);
    let seeds = files.map(|file| file.text.into_bytes()).collect();
    drive("rule_file", seeds, 150, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return 0 };
        let file = RuleText { name: "rules/mine.toml".to_owned(), text: text.to_owned() };
        match RuleSet::new(&[file], &[]) {
            Err(error) => hash(kind(&error.to_string())),
            Ok(set) => {
                let engine = Engine::new(set).unwrap();
                let faults = keylint::selftest::check(&engine, &|_| true);
                hash((
                    engine.rules().rules().len(),
                    faults.len(),
                    engine.scanner().scan(bytes).len(),
                ))
            }
        }
    });
}

/// A folder in which one file is written over and over.
fn with_file(name: &'static str) -> impl Fn(&[u8]) -> PathBuf {
    let place = crate::common::Place::new();
    move |bytes| place.write(name, bytes)
}

fn migration(name: &'static str, report: bool) -> impl Fn(&[u8]) -> Seen {
    let write = with_file(name);
    move |bytes| {
        let file = write(bytes);
        let args = MigrateArgs {
            path: file.parent().unwrap().to_owned(),
            gitleaks_config: None,
            gitleaks_defaults: None,
            report: if report { vec![file] } else { Vec::new() },
            dry_run: true,
            force: false,
        };
        match migrate(&args, &Progress::default()) {
            Ok(outcome) => hash(outcome.notes.iter().map(|note| kind(note)).collect::<Vec<_>>()),
            Err(error) => hash(kind(&error.to_string().replace(args.path.to_str().unwrap(), ""))),
        }
    }
}

#[test]
fn gitleaks_config() {
    let seeds = [
        "[extend]\nuseDefault = true\ndisabledRules = ['a']\n[allowlist]\npaths = ['a/.*', '(?i)x$']\n\
         commits = ['abc']\nregexTarget = 'line'\nregexes = ['x']\nstopwords = ['y']\n",
        "title = 'x'\n[[rules]]\nid = 'one'\ndescription = 'd'\nregex = '''(?i)(?:key)[\\w.-]{0,20}['\"]([a-z0-9]{20,40})\\b'''\n\
         secretGroup = 1\nentropy = 3.5\nkeywords = ['key']\npath = '\\.env$'\ntags = ['t']\n\
         [[rules.allowlists]]\ncondition = 'AND'\npaths = ['a']\nregexes = ['b']\n[[rules.required]]\nid = 'two'\nwithinLines = 3\n\
         [[rules]]\nid = 'two'\nregex = '\\p{Greek}+\\Q.+\\E(?P<n>x)\\pL{2}\\z[[:alpha:]]'\n",
        "[[allowlists]]\ntargetRules = ['one']\nstopwords = ['x']\n[[rules]]\nid = 'one'\npath = 'x'\n",
    ];
    let seeds = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    drive("gitleaks_config", seeds, 500, migration(".gitleaks.toml", false));
}

#[test]
fn other_baselines() {
    let ignore =
        b"# c\n0123456789012345678901234567890123456789:src/a.py:rule-id:12\nsrc/a.py:rule:3\n"
            .to_vec();
    drive("gitleaks_ignore", vec![ignore], 1000, migration(".gitleaksignore", false));
    let detect = br#"{"version": "1.5.0", "plugins_used": [{"name": "A"}], "results": {"a.py": [{"type": "Secret Keyword",
        "filename": "a.py", "hashed_secret": "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "is_verified": false,
        "is_secret": false, "line_number": 3}]}}"#;
    drive("detect_secrets", vec![detect.to_vec()], 1000, migration(".secrets.baseline", false));
    let report = br#"[{"RuleID": "generic-api-key", "Secret": "abc", "Match": "k=abc", "File": "a.py", "StartLine": 3,
        "Commit": "", "Fingerprint": "a.py:generic-api-key:3"}]"#;
    drive("gitleaks_report", vec![report.to_vec()], 1000, migration("report.json", true));
}

#[test]
fn env_files() {
    let texts = [
        ".env",
        "A=1\nexport B='x # y'\nC=\"l1\nl2\\n\"\nD=${X:-d}\nE=`a`\n",
        "compose.yml",
        "services:\n  a:\n    environment:\n      A: 'x'\n      - B=y\n    env_file: .env\n",
        ".github/workflows/a.yml",
        "env:\n  A: ${{ secrets.X }}\njobs:\n  a:\n    env: {B: \"x\", C: y}\n",
        "a.service",
        "[Service]\nEnvironment=\"A=1 2\" 'B=x' C=3 \\\n  D=4\n",
        "Dockerfile",
        "FROM a\nENV A=1 B=\"x y\" \\\n  C='z'\nENV D e f\nARG K=v\n",
        "vercel.json",
        "{\"env\": {\"A\": \"x\"}, \"build\": {\"env\": {\"B\": \"\\u0041\"}}}",
    ];
    let paths: Vec<&str> = texts.iter().step_by(2).copied().collect();
    let seeds = texts.iter().skip(1).step_by(2).map(|text| text.as_bytes().to_vec()).collect();
    drive("env_files", seeds, 4000, |bytes| {
        let mut seen = Vec::new();
        for path in &paths {
            let found = Kind::of(path.as_bytes()).unwrap().variables(bytes);
            for variable in &found {
                assert!(variable.span.end <= bytes.len() && variable.at.end <= bytes.len());
                assert!(variable.span.start <= variable.span.end);
                assert!(!variable.name.is_empty(), "{path}");
            }
            seen.push(found.len().min(6));
        }
        hash(seen)
    });
}

#[test]
fn baseline() {
    let seed = "{\"keylint-baseline\":1,\"salt\":\"0123456789abcdef0123\",\"memory\":8,\"passes\":1}\n\
         {\"path\":\"src/app.py\",\"rule\":\"slack-bot-token\",\"id\":\"0c61c4f5\",\"reason\":\"old\"}\n\
         {\"path\":\"b\",\"rule\":\"r\",\"id\":\"~0c6\"}\n";
    let write = with_file("keylint-baseline.jsonl");
    drive("baseline", vec![seed.as_bytes().to_vec()], 2000, |bytes| {
        let path = write(bytes);
        match Baseline::read(&path) {
            Err(error) => hash(kind(&error.to_string().replace(path.to_str().unwrap(), ""))),
            Ok(read) => {
                read.write(&path).unwrap();
                let again = Baseline::read(&path).unwrap();
                assert_eq!(read.entries(), again.entries(), "what is written is read the same");
                hash(read.entries().len())
            }
        }
    });
}

#[test]
fn keylint_toml() {
    let seeds = [
        "root = true\nmin-confidence = 'low'\n[scan]\nexclude = ['a/**', '*.x']\nbaseline = 'b'\n\
         [rules]\ndisable = ['x']\nfiles = ['r.toml']\nbuiltin = false\n[rules.severity]\nx = 'low'\n",
        "[[allow]]\nrule = 'x'\npath = 'tests/**'\nreason = 'r'\n[[allow]]\npattern = 'a+'\nreason = 'q'\n\
         [[allow]]\nfingerprint = '0123456789abcdef0123456789abcdef'\nreason = 'z'\n",
    ];
    let write = with_file("keylint.toml");
    let seeds = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    drive("keylint_toml", seeds, 3000, |bytes| {
        let path = write(bytes);
        let folder = path.parent().unwrap().to_owned();
        let read = Config::read(&path)
            .and_then(|config| Tree::only(config, std::slice::from_ref(&folder), &folder));
        match read {
            Ok(tree) => hash(tree.layers().len()),
            Err(error) => hash(kind(&error.to_string().replace(path.to_str().unwrap(), ""))),
        }
    });
}

/// Programs of every language; `@` is the key.
const PROGRAMS: [(&str, &str); 15] = [
    (
        "a.py",
        "\"\"\"d\"\"\"\nfrom __future__ import annotations\nimport os, sys\n\ndef f(a='@'):\n    h = {'A': f\"Bearer @\", **x}\n    return os.getenv(\"K\", \"@\")\n",
    ),
    ("a.py", "k = ('a'\n     '@')\nb = b'@'\nr = r\"\"\"x\n@\"\"\"\nprint(f'{k:@}')\n"),
    (
        "a.js",
        "'use strict'\nconst k = process.env.K || '@'; f({ Authorization: 'Bearer @', '@': 1 })\nx = `a${b}@`\n",
    ),
    (
        "a.ts",
        "enum E { A = '@' }\nconst k: string = `@`; type T = '@'\nexport default { key: \"@\" } as const\n",
    ),
    ("a.tsx", "const a = <A k=\"@\" t='@'>@ {'@'}</A>\n"),
    (
        "a.go",
        "package a\n\nimport (\n\t\"fmt\"\n)\n\nconst k = \"@\"\nvar s = struct{ A string `json:\"@\"` }{\"@\"}\nfunc f() { g(\"Bearer @\", `@`) }\n",
    ),
    (
        "a.rs",
        "use std::fmt;\nconst K: &str = \"@\";\nfn f() { let k = \"@\"; g(\"@\".to_owned(), b\"@\", r#\"@\"#); println!(\"@ {k}\") }\n",
    ),
    (
        "A.java",
        "package a;\nclass A { static final String K = \"@\"; @B(k = \"x\") void f() { switch (s) { case \"@\": } g(\"Bearer @\"); } }\n",
    ),
    ("a.rb", "k = \"@\"\nh = { key: '@', \"@\" => 1 }\nj = <<~E\n  a @ b\nE\nl = %w[@ b]\n"),
    (
        "a.php",
        "<html><?php $k = '@'; f(\"Bearer @ $x\"); class A { const K = '@'; private $k = '@'; } ?>@",
    ),
    (
        "A.cs",
        "using System;\nclass A { const string K = \"@\"; string H = $\"Bearer {x} @\"; string V = @\"@\"; [B(\"@\")] int x; }\n",
    ),
    (
        "a.sh",
        "#!/bin/bash\nexport K=@ L='@' M=\"x @\"\ncurl -H \"Authorization: Bearer @\" -H 'X: @ y' <<E\n@\nE\n",
    ),
    ("a.sh", "case $x in @) a ;; esac\nf() { local k=@; echo $(g @) \"${K:-@}\"; }\n"),
    ("a.mjs", "import a from 'b'\nexport const k = a ? '@' : \"@\" + '@'\n// @\n"),
    ("a.pyw", "class A:\n  k: str = '@'\n  match k:\n    case '@': pass\n"),
];

const KEY: &str = "KEY-0123456789abcdef";

#[test]
fn fixes() {
    let seeds = PROGRAMS.iter().zip(0_u8..).map(|((_, text), at)| {
        let text = text.replace('@', KEY);
        [&[at], text.as_bytes()].concat()
    });
    drive("fixes", seeds.collect(), 150, |bytes| {
        let Some((first, bytes)) = bytes.split_first() else { return 0 };
        let path = PROGRAMS[usize::from(*first) % PROGRAMS.len()].0.as_bytes();
        let Ok(text) = std::str::from_utf8(bytes) else { return 1 };
        let literal =
            |(at, _)| Literal { span: Span::new(at, at + KEY.len()), name: "NAME".to_owned() };
        let literals: Vec<Literal> = text.match_indices(KEY).take(40).map(literal).collect();
        let outcomes = fix::rewrite(path, bytes, &literals);
        assert_eq!(outcomes.len(), literals.len());
        let after = fix::apply(bytes, &outcomes);
        let lang = Lang::of(path, bytes).unwrap();
        let faults =
            |bytes: &[u8]| syntax::parse(lang, bytes, &[]).map(|tree| syntax::faults(&tree));
        let (old, new) = (faults(bytes), faults(&after));
        assert!(new <= old, "a fix broke the file: {old:?} faults, then {new:?}");
        assert!(std::str::from_utf8(&after).is_ok());
        let done = outcomes.iter().filter(|o| matches!(o, Outcome::Rewritten { .. })).count();
        let left = memchr::memmem::find_iter(&after, KEY).count();
        let all = text.matches(KEY).count();
        assert!(
            left <= all - usize::from(done > 0),
            "{done} of {all} rewritten, {left} are still there"
        );
        hash((first, done.min(5), old.map(|n| n.min(3))))
    });
}

#[test]
fn pages() {
    let seeds = [
        "<html><script src=a.js></script><script type='module'>import x from './y'; const K = 'z'</script>",
        "'use client'\nimport { a as b } from \"../c\"\nexport * from 'd'\nconst A = 'x', B = `y`\nimport('e'); require('f')\n",
        "let o = {a: 'b', 'c': d, [e]: f, ...g, h() {}}",
    ];
    let seeds = seeds.iter().map(|text| text.as_bytes().to_vec()).collect();
    drive("pages", seeds, 60, |bytes| {
        let scripts = js::script_sources(bytes).len();
        let mut seen = vec![scripts.min(4)];
        for path in [b"a.html".as_slice(), b"a.tsx"] {
            let Some(module) = js::Script::parse(path, bytes) else { continue };
            seen.extend([module.imports(bytes).len().min(5), module.constants(bytes).len().min(5)]);
            syntax::each(module.root(), &mut |node| {
                let _ = (js::string(node, bytes), js::key(node, bytes));
                true
            });
        }
        hash(seen)
    });
}

/// A folder with built code and its source map, scanned as a whole with all checks.
#[test]
fn bundles() {
    let map = br#"{"version":3,"sources":["../src/a.ts"],"sourcesContent":["const k = 'x'"],"mappings":"AAAA"}"#;
    let seeds = vec![map.to_vec(), b"!function(){var e=\"x\"}();\n//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjozfQ==\n".to_vec()];
    let place = crate::common::Place::new();
    place.write("index.html", "<script src=dist/a.js></script>");
    drive("bundles", seeds, 12, |bytes| {
        place.write("dist/a.js", bytes);
        place.write("dist/a.js.map", bytes);
        let report = folder(place.path());
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        hash(report.findings.len())
    });
}

/// Scans a folder as `keylint scan` does.
pub(super) fn folder(path: &Path) -> keylint::finding::Report {
    use keylint::cli::{FilterArgs, InputArgs, OutputArgs, ScanArgs, VerifyArgs};
    let input = InputArgs { paths: vec![path.to_owned()], ..InputArgs::default() };
    let args = ScanArgs {
        input,
        filter: FilterArgs::default(),
        verify: false,
        verification: VerifyArgs::default(),
        output: OutputArgs::default(),
    };
    let mut plan = keylint::plan::Plan::new(args).unwrap();
    keylint::run::run(&mut plan, &Progress::default()).unwrap()
}
