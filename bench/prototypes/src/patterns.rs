//! The patterns of all rules in one automaton.

use std::io::Write as _;
use std::time::Instant;

use regex_automata::dfa::dense;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet, meta};

use crate::corpus::Corpus;
use crate::matchers::{bytes as folded, escaped, nfa as unanchored};
use crate::rule::{patterns, words};
use crate::table::mib;

/// Tries each way once and says what it takes.
pub fn compare(corpora: &[Corpus], limit: usize) -> anyhow::Result<()> {
    let patterns = patterns()?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} patterns, {} MiB of text",
        patterns.len(),
        mib(corpora.iter().map(Corpus::size).sum())
    )?;
    let bytes = syntax::Config::new().unicode(false).utf8(false);
    let start = Instant::now();
    let nfa = thompson::Compiler::new()
        .syntax(bytes)
        .configure(thompson::Config::new().utf8(false))
        .build_many(&patterns)?;
    let (states, memory) = (nfa.states().len(), mib(nfa.memory_usage()));
    writeln!(out, "NFA: {:.2} s, {states} states, {memory} MiB", start.elapsed().as_secs_f64())?;
    let start = Instant::now();
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .dfa_size_limit(Some(limit))
        .determinize_size_limit(Some(limit))
        // What tells letters from other bytes needs no Unicode here.
        .unicode_word_boundary(false);
    let built = dense::Builder::new().configure(config).build_from_nfa(&nfa);
    let seconds = start.elapsed().as_secs_f64();
    match built {
        Ok(dfa) => writeln!(out, "dense DFA: {seconds:.2} s, {} MiB", mib(dfa.memory_usage()))?,
        Err(error) => writeln!(out, "dense DFA: after {seconds:.2} s: {error}")?,
    }
    whole(&patterns, corpora, &mut out)?;
    #[cfg(feature = "vectorscan")]
    vectorscan(&patterns, corpora, &mut out)?;
    keywords(limit, &mut out)
}

/// One dense DFA of the keywords, as regex-automata makes it from an NFA.
fn keywords(limit: usize, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let start = Instant::now();
    let config = dense::Config::new()
        .match_kind(MatchKind::All)
        .dfa_size_limit(Some(limit))
        .determinize_size_limit(Some(limit));
    let built = dense::Builder::new()
        .configure(config)
        .syntax(folded())
        .thompson(unanchored())
        .build_many(&escaped(&words()?));
    let seconds = start.elapsed().as_secs_f64();
    match built {
        Ok(dfa) => {
            writeln!(out, "keywords, dense DFA: {seconds:.2} s, {} MiB", mib(dfa.memory_usage()))?;
        }
        Err(error) => writeln!(out, "keywords, dense DFA: after {seconds:.2} s: {error}")?,
    }
    Ok(())
}

/// Bytes that are searched at a time.
const PART: usize = 4096;

/// regex-automata's meta engine on all patterns.
fn whole(
    patterns: &[String],
    corpora: &[Corpus],
    out: &mut impl std::io::Write,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let regex = meta::Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(
            meta::Config::new()
                .utf8_empty(false)
                .nfa_size_limit(None)
                .match_kind(MatchKind::All)
                // Places of groups would take gigabytes.
                .which_captures(WhichCaptures::None),
        )
        .build_many(patterns)?;
    let mut found = PatternSet::new(patterns.len());
    writeln!(out, "meta engine: built in {:.2} s", start.elapsed().as_secs_f64())?;
    for corpus in corpora {
        // Only which patterns match: where would take another search. It is slow: a part tells enough.
        let (mut size, mut hits, start) = (0, 0, Instant::now());
        let parts = corpus.texts.iter().flat_map(|text| text.chunks(PART));
        for part in parts.take_while(|_| start.elapsed().as_secs() < 10) {
            found.clear();
            regex.which_overlapping_matches(&Input::new(part), &mut found);
            hits += found.len();
            size += part.len();
        }
        let ns = start.elapsed().as_secs_f64() * 1e9 / size as f64;
        writeln!(
            out,
            "meta engine, {}: {ns:.1} ns a byte in {} MiB, {hits} hits",
            corpus.name,
            mib(size)
        )?;
    }
    Ok(())
}

/// vectorscan on all patterns that it takes.
#[cfg(feature = "vectorscan")]
fn vectorscan(
    patterns: &[String],
    corpora: &[Corpus],
    out: &mut impl std::io::Write,
) -> anyhow::Result<()> {
    use vectorscan_rs::{Error, Flag, Pattern};
    let pattern = |(number, text): (u32, &String)| {
        Pattern::new(text.clone().into_bytes(), Flag::empty(), Some(number))
    };
    let mut taken: Vec<Pattern> = (0..).zip(patterns).map(pattern).collect();
    // It names the first pattern that it does not take.
    let (mut built, start) = loop {
        let start = Instant::now();
        match crate::matchers::database(taken.clone()) {
            Ok(built) => break (built, start),
            Err(error) => match error.downcast_ref() {
                Some(Error::HyperscanCompile(_, at)) if *at >= 0 => {
                    taken.remove(*at as usize);
                }
                _ => return Err(error),
            },
        }
    };
    let count = taken.len();
    let seconds = start.elapsed().as_secs_f64();
    let memory = mib(built.memory.unwrap_or(0));
    writeln!(out, "vectorscan: {count} patterns built in {seconds:.2} s, {memory} MiB")?;
    for corpus in corpora {
        let (mut hits, start) = (crate::matchers::Hits::default(), Instant::now());
        corpus.texts.iter().for_each(|text| (built.search)(text, &mut hits));
        let ns = start.elapsed().as_secs_f64() * 1e9 / corpus.size() as f64;
        writeln!(out, "vectorscan, {}: {ns:.2} ns a byte, {} hits", corpus.name, hits.count)?;
    }
    Ok(())
}
