//! The inner loops: prefilter and gates on text without hits, with many, on one long line, encoded, and
//! on a version of a known text.
#![allow(missing_docs, reason = "criterion's macros write functions without any")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keylint::rule::set::RuleSet;
use keylint::scan::Engine;
use keylint::span::{Copied, Span};

fn corpora() -> Vec<(&'static str, Vec<u8>)> {
    let prose = "fn main() { let total = items.iter().map(|item| item.size).sum(); } // adds\n";
    let near =
        "task-9f86d081884c7d659a2feaa0c55ad015 password = get(token) secret: none; sk-circle\n";
    vec![
        ("no hits", prose.repeat(10_000).into_bytes()),
        ("near misses", near.repeat(10_000).into_bytes()),
        ("one long line", near.replace('\n', ";").repeat(10_000).into_bytes()),
        (
            "encoded",
            "data: cGFzc3dvcmQ9aHVudGVyMjsgdG9rZW49bm9uZTsgc2VjcmV0PW5vbmU=\n"
                .repeat(2_000)
                .into_bytes(),
        ),
    ]
}

fn scan(c: &mut Criterion) {
    let engine = Engine::new(RuleSet::builtin().expect("shipped rules")).expect("placeholders");
    let mut group = c.benchmark_group("scan");
    group.sample_size(20);
    for (name, bytes) in corpora() {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        let mut scanner = engine.scanner();
        group.bench_function(name, |b| b.iter(|| scanner.scan(black_box(&bytes))));
    }
    group.finish();
}

/// A text whose hits are known, and the next version of it as git stores it: a line in a hundred is new.
fn version(c: &mut Criterion) {
    let engine = Engine::new(RuleSet::builtin().expect("shipped rules")).expect("placeholders");
    let line = "task-9f86d081884c7d659a2f password = get(token) secret: none; sk-circle\n";
    let base = line.repeat(10_000).into_bytes();
    let (mut next, mut copies) = (Vec::new(), Vec::new());
    for part in 0..100 {
        next.extend_from_slice(format!("password_{part} = read(line)\n").as_bytes());
        let (from, len) = (part * line.len() * 100, line.len() * 99);
        copies.push(Copied { from, to: Span::new(next.len(), next.len() + len) });
        next.extend_from_slice(&base[from..from + len]);
    }
    let mut group = c.benchmark_group("version");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(next.len() as u64));
    let mut scanner = engine.scanner();
    let (_, hits) = scanner.scan_version(&base, None);
    group.bench_function("on its own", |b| {
        b.iter(|| scanner.scan_version(black_box(&next), None).0);
    });
    group.bench_function("of a known text", |b| {
        b.iter(|| scanner.scan_version(black_box(&next), Some((&hits, &copies))).0);
    });
    group.finish();
}

fn start(c: &mut Criterion) {
    c.bench_function("compile the rule set", |b| b.iter(|| RuleSet::builtin().expect("rules")));
}

criterion_group!(benches, scan, version, start);
criterion_main!(benches);
