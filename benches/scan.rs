//! The inner loops: prefilter and gates on text without hits, with many, and on one long line.
#![allow(missing_docs, reason = "criterion's macros write functions without any")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use keylint::rule::set::RuleSet;
use keylint::scan::Engine;

fn corpora() -> Vec<(&'static str, Vec<u8>)> {
    let prose = "fn main() { let total = items.iter().map(|item| item.size).sum(); } // adds\n";
    let near =
        "task-9f86d081884c7d659a2feaa0c55ad015 password = get(token) secret: none; sk-circle\n";
    vec![
        ("no hits", prose.repeat(10_000).into_bytes()),
        ("near misses", near.repeat(10_000).into_bytes()),
        ("one long line", near.replace('\n', ";").repeat(10_000).into_bytes()),
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

fn start(c: &mut Criterion) {
    c.bench_function("compile the rule set", |b| b.iter(|| RuleSet::builtin().expect("rules")));
}

criterion_group!(benches, scan, start);
criterion_main!(benches);
