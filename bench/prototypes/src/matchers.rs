//! Searches for the keywords of all rules, ASCII case ignored.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use aho_corasick::{AhoCorasick, AhoCorasickKind, packed};
use regex_automata::hybrid::dfa as lazy;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, hybrid, meta};

use crate::ALLOCATED;
use crate::corpus::Corpus;
use crate::rule::{Table, words};
use crate::table::{mib, ratios, spread};

/// What is found: how often, and a sum over words and their ends.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    pub count: u64,
    pub sum: u64,
}

impl Hits {
    #[inline]
    pub fn add(&mut self, word: usize, end: usize) {
        self.count += 1;
        self.sum = self.sum.wrapping_add((word as u64 + 1).wrapping_mul(end as u64));
    }
}

/// Searches one text.
pub type Search = Box<dyn FnMut(&[u8], &mut Hits)>;

/// A search, and what it takes where the allocator of Rust does not know it.
pub struct Built {
    pub search: Search,
    pub memory: Option<usize>,
}

impl Built {
    fn new(search: impl FnMut(&[u8], &mut Hits) + 'static) -> anyhow::Result<Self> {
        Ok(Self { search: Box::new(search), memory: None })
    }
}

/// What a search is built from: the words, and for each the four bytes of it that are rarest in the text.
struct Words {
    words: Vec<Vec<u8>>,
    rare: Vec<Vec<u8>>,
}

type Build = fn(&Words) -> anyhow::Result<Built>;

/// Which hits a search can give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    /// Every word at every place.
    All,
    /// Something else, in these words.
    Else(&'static str),
}

const LEFTMOST: Gives = Gives::Else("none inside another");
const GRAMS: Gives = Gives::Else("pieces, not words");

const SEARCHES: &[(&str, Build, Gives)] = &[
    ("keylint", table, Gives::All),
    ("aho-corasick, NFA", |words| aho(words, AhoCorasickKind::ContiguousNFA), Gives::All),
    ("aho-corasick, DFA", |words| aho(words, AhoCorasickKind::DFA), Gives::All),
    ("Teddy, the 64 rarest pieces", |words| teddy(&words.rare[..64]), GRAMS),
    ("Teddy, all pieces, 64 at a time", |words| teddy(&words.rare), GRAMS),
    ("regex-automata, meta", regex, LEFTMOST),
    ("regex-automata, lazy DFA", lazy_dfa, Gives::All),
    #[cfg(feature = "vectorscan")]
    ("vectorscan", vectorscan, Gives::All),
];

fn table(words: &Words) -> anyhow::Result<Built> {
    let table = Table::new(&words.words)?;
    Built::new(move |text, hits| table.find(text, |word, end| hits.add(word, end)))
}

fn aho(words: &Words, kind: AhoCorasickKind) -> anyhow::Result<Built> {
    let mut builder = AhoCorasick::builder();
    let automaton = builder.ascii_case_insensitive(true).kind(Some(kind)).build(&words.words)?;
    Built::new(move |text, hits| {
        for hit in automaton.find_overlapping_iter(text) {
            hits.add(hit.pattern().as_usize(), hit.end());
        }
    })
}

/// Teddy knows no case, so the text is folded first. It takes few patterns: there are as many searchers as are needed.
fn teddy(pieces: &[Vec<u8>]) -> anyhow::Result<Built> {
    let config = packed::Config::new();
    let build = |pieces: &[Vec<u8>]| {
        let mut builder = config.clone().only_teddy(true).builder();
        builder.extend(pieces).build().ok_or_else(|| anyhow::anyhow!("Teddy does not take them"))
    };
    let searchers: Vec<_> = pieces.chunks(64).map(build).collect::<anyhow::Result<_>>()?;
    let mut folded = Vec::new();
    Built::new(move |text, hits| {
        folded.clear();
        folded.extend_from_slice(text);
        folded.make_ascii_lowercase();
        for searcher in &searchers {
            for hit in searcher.find_iter(&folded) {
                hits.add(hit.pattern().as_usize(), hit.end());
            }
        }
    })
}

/// The words as patterns.
pub fn escaped(words: &[Vec<u8>]) -> Vec<String> {
    let escape = |word: &Vec<u8>| word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    words.iter().map(escape).collect()
}

/// Bytes, case ignored.
pub fn bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).case_insensitive(true)
}

fn regex(words: &Words) -> anyhow::Result<Built> {
    let one = escaped(&words.words).join("|");
    let regex = meta::Regex::builder()
        .syntax(bytes())
        .configure(meta::Config::new().utf8_empty(false).nfa_size_limit(Some(1 << 30)))
        .build(&one)?;
    Built::new(move |text, hits| regex.find_iter(text).for_each(|hit| hits.add(0, hit.end())))
}

/// An NFA of bytes that is not anchored.
pub fn nfa() -> thompson::Config {
    thompson::Config::new().utf8(false).shrink(false)
}

fn lazy_dfa(words: &Words) -> anyhow::Result<Built> {
    let config = lazy::Config::new().match_kind(MatchKind::All).cache_capacity(64 << 20);
    let dfa = lazy::DFA::builder()
        .configure(config)
        .syntax(bytes())
        .thompson(nfa())
        .build_many(&escaped(&words.words))?;
    let mut cache = dfa.create_cache();
    Built::new(move |text, hits| {
        let (input, mut state) = (Input::new(text), hybrid::dfa::OverlappingState::start());
        loop {
            dfa.try_search_overlapping_fwd(&mut cache, &input, &mut state).expect("never quits");
            let Some(hit) = state.get_match() else { break };
            hits.add(hit.pattern().as_usize(), hit.offset());
        }
    })
}

#[cfg(feature = "vectorscan")]
fn vectorscan(words: &Words) -> anyhow::Result<Built> {
    use vectorscan_rs::{Flag, Pattern};
    let pattern = |(number, text): (u32, String)| {
        Pattern::new(text.into_bytes(), Flag::CASELESS, Some(number))
    };
    database((0..).zip(escaped(&words.words)).map(pattern).collect())
}

/// A search of vectorscan for patterns with numbers.
#[cfg(feature = "vectorscan")]
pub fn database(patterns: Vec<vectorscan_rs::Pattern>) -> anyhow::Result<Built> {
    use vectorscan_rs::{BlockDatabase, Scan};
    // As a program would have it: one for the whole run.
    let database: &'static BlockDatabase = Box::leak(Box::new(BlockDatabase::new(patterns)?));
    let mut scanner = database.create_scanner()?;
    let search = move |text: &[u8], hits: &mut Hits| {
        let scanned = scanner.scan(text, |pattern, _, end, _| {
            hits.add(pattern as usize, end as usize);
            Scan::Continue
        });
        scanned.expect("scans");
    };
    Ok(Built { search: Box::new(search), memory: Some(database.size()?) })
}

/// The piece of four bytes of each word that is rarest in `texts`, each piece once, long and rare ones first.
fn rare(words: &[Vec<u8>], texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut counts: HashMap<Vec<u8>, usize> = HashMap::new();
    for word in words {
        for piece in word.windows(word.len().min(4)) {
            counts.insert(piece.to_vec(), 0);
        }
    }
    for text in texts {
        let text = text.to_ascii_lowercase();
        for size in 2..=4 {
            for piece in text.windows(size) {
                if let Some(count) = counts.get_mut(piece) {
                    *count += 1;
                }
            }
        }
    }
    let rarest = |word: &Vec<u8>| {
        word.windows(word.len().min(4)).min_by_key(|piece| counts[*piece]).map(<[u8]>::to_vec)
    };
    let mut pieces: Vec<Vec<u8>> = words.iter().filter_map(rarest).collect();
    pieces.sort_by_key(|piece| (4 - piece.len(), counts[piece], piece.clone()));
    pieces.dedup();
    pieces
}

/// A search that has taken so long does not get the rest of the texts.
const LONGEST: Duration = Duration::from_secs(4);

/// What is known of one search.
#[derive(Default)]
struct Row {
    build: Vec<f64>,
    memory: usize,
    /// Seconds a byte.
    scan: Vec<f64>,
    /// How much was searched.
    size: usize,
    hits: Hits,
}

/// Builds a search and runs it over all texts.
fn once(build: Build, words: &Words, texts: &[Vec<u8>], row: &mut Row) -> anyhow::Result<()> {
    let before = ALLOCATED.current_usage();
    let start = Instant::now();
    let Built { mut search, memory } = build(words)?;
    row.build.push(start.elapsed().as_secs_f64() * 1e3);
    // A lazy automaton grows while it runs, so its memory is taken afterwards.
    row.hits = Hits::default();
    let start = Instant::now();
    row.size = 0;
    for text in texts.iter().take_while(|_| start.elapsed() < LONGEST) {
        search(text, &mut row.hits);
        row.size += text.len();
    }
    row.scan.push(start.elapsed().as_secs_f64() / row.size as f64);
    row.memory = memory.unwrap_or_else(|| ALLOCATED.current_usage().saturating_sub(before));
    Ok(())
}

/// Times all searches in turn.
pub fn compare(corpora: &[Corpus], runs: usize) -> anyhow::Result<()> {
    let words = words()?;
    let mut out = format!("{} keywords\n\n", words.len());
    out += "| text | search | ns a byte | times keylint's | hits | build ms | MiB |\n";
    out += "|---|---|---|---|---|---|---|\n";
    for corpus in corpora {
        let words = Words { rare: rare(&words, &corpus.texts), words: words.clone() };
        let mut rows: Vec<Row> = SEARCHES.iter().map(|_| Row::default()).collect();
        for _ in 0..runs {
            for ((name, build, _), row) in SEARCHES.iter().zip(&mut rows) {
                once(*build, &words, &corpus.texts, row)
                    .map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
            }
        }
        let (size, files) = (corpus.size(), corpus.texts.len());
        let name = format!(
            "{} ({files} texts, {} MiB, {} pieces)",
            corpus.name,
            mib(size),
            words.rare.len()
        );
        show(&mut out, (&name, size), &rows)?;
    }
    std::io::stdout().write_all(out.as_bytes())?;
    Ok(())
}

fn show(out: &mut String, (name, size): (&str, usize), rows: &[Row]) -> anyhow::Result<()> {
    let (ours, all) = (&rows[0].scan, rows[0].hits);
    for ((search, _, gives), row) in SEARCHES.iter().zip(rows) {
        let ns = row.scan.iter().map(|seconds| seconds * 1e9).collect();
        let note = match gives {
            _ if row.size < size => format!(" (in {} MiB)", mib(row.size)),
            Gives::All if row.hits == all => String::new(),
            Gives::All => " (differ)".to_owned(),
            Gives::Else(what) => format!(" ({what})"),
        };
        writeln!(
            out,
            "| {name} | {search} | {ns} | {ratio} | {hits}{note} | {build} | {memory} |",
            ns = spread(ns, 2),
            ratio = spread(ratios(&row.scan, ours), 1),
            hits = row.hits.count,
            build = spread(row.build.clone(), 1),
            memory = mib(row.memory),
        )?;
    }
    Ok(())
}
