//! The compiled rules: one table of keywords for all, one regex a rule, built when first needed.

use std::sync::{Arc, OnceLock};

use globset::GlobSet;
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};

use crate::rule::claims::Claims;
use crate::rule::exact;
use crate::rule::keywords::Keywords;
use crate::rule::kinds::{Kinds, globs};
use crate::rule::lazy::{self, Entry, Lazy, Shipped};
use crate::rule::load::{Loader, value_error};
use crate::rule::matcher::{Matcher, any_of, compile};
use crate::rule::pattern::{Anatomy, Parts, Shapes};
use crate::rule::probe::Probe;
use crate::rule::sign::Sign;
use crate::rule::token::Token;
use crate::rule::trigger::{self, Keyword, Trigger};
use crate::rule::verify::VerifySpec;
use crate::rule::{AllowOn, Form, PathKind, Rule, RuleError, Vendor, line_of};
use crate::span::Span;

/// Index of a rule in its set.
pub type RuleIdx = u32;

/// A rule ready to run.
pub struct Compiled {
    /// The rule as written.
    pub rule: Entry,
    /// Its vendor.
    pub vendor: Arc<Lazy<Vendor>>,
    /// The file it comes from.
    pub file: Arc<str>,
    /// True for a rule that ships with the program: nobody else chose whom its keys are sent to.
    pub shipped: bool,
    shapes: Arc<Shapes>,
    pattern: OnceLock<String>,
    matcher: OnceLock<Matcher>,
    allow: OnceLock<Vec<(Regex, AllowOn)>>,
    anatomy: OnceLock<Box<Anatomy>>,
    probe: OnceLock<Option<Box<Probe>>>,
    tokens: OnceLock<Vec<Token>>,
    paths: OnceLock<Option<Box<GlobSet>>>,
    pub(super) exact: Option<Box<exact::Compiled>>,
}

/// A rule file before it is compiled.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// Name for errors.
    pub name: String,
    /// The TOML.
    pub text: String,
}

/// Bytes before and behind a match by which it is judged.
const AROUND: (usize, usize) = (208, 96);
/// The same for a rule with exceptions about lines: how much of a line before and behind a match counts as
/// its line. A text of one line may hold thousands of secrets.
const LINE: usize = 4096;

/// All rules of a run.
pub struct RuleSet {
    rules: Vec<Compiled>,
    disabled: Vec<String>,
    keywords: Keywords,
    by_keyword: Vec<Vec<RuleIdx>>,
    signs: Vec<OnceLock<Box<[Sign]>>>,
    triggers: Vec<Keyword>,
    without_keyword: Vec<RuleIdx>,
    names_only: Vec<RuleIdx>,
    claims: Vec<(RuleIdx, OnceLock<Claims>)>,
    kinds: OnceLock<Kinds>,
    digest: [u8; 32],
}

fn digest(files: &[RuleText], disabled: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let texts = files.iter().flat_map(|RuleText { name, text }| [name, text]);
    for text in texts.chain(disabled) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update((files.len() as u64).to_le_bytes());
    hash.finalize().into()
}

impl Compiled {
    /// One of which nothing is compiled.
    pub(super) fn new(
        rule: Entry,
        shapes: Arc<Shapes>,
        (vendor, file): (Arc<Lazy<Vendor>>, Arc<str>),
        shipped: bool,
    ) -> Self {
        Self {
            rule,
            vendor,
            file,
            shipped,
            shapes,
            pattern: OnceLock::new(),
            matcher: OnceLock::new(),
            allow: OnceLock::new(),
            anatomy: OnceLock::new(),
            probe: OnceLock::new(),
            tokens: OnceLock::new(),
            paths: OnceLock::new(),
            exact: None,
        }
    }

    /// The pattern in full, its form filled in.
    ///
    /// # Panics
    /// Never for a rule that [`RuleSet::new`] accepted, nor for a shipped one: a test looks at each.
    pub fn pattern(&self) -> &str {
        self.pattern.get_or_init(|| match self.full_pattern() {
            Ok(pattern) => pattern,
            Err(error) => panic!("rule {id}: {error}", id = self.rule.id()),
        })
    }

    fn full_pattern(&self) -> Result<String, String> {
        if self.rule.is_names_only() {
            return Ok(String::new());
        }
        let rule: &Rule = &self.rule;
        self.shapes.pattern(&Parts {
            pattern: rule.pattern.as_deref(),
            context: rule.context.as_deref(),
            names: rule.names.as_deref(),
            value: rule.value.as_deref(),
            form: rule.form.name(),
        })
    }

    /// The regex. But for exact rules it may find matches that are longer than the pattern allows, which are
    /// none.
    ///
    /// # Panics
    /// Never for a rule that [`RuleSet::new`] accepted; the shipped rules are compiled by a test.
    pub fn regex(&self) -> &Regex {
        &self.matcher().regex
    }

    /// Bytes of the longest match that the pattern allows.
    pub(crate) fn longest(&self) -> usize {
        self.matcher().longest
    }

    fn matcher(&self) -> &Matcher {
        let matcher = || Matcher::of(self.pattern(), self.exact.is_some());
        self.matcher.get_or_init(|| match matcher() {
            Ok(matcher) => matcher,
            Err(error) => panic!("rule {id}: {error}", id = self.rule.id()),
        })
    }

    /// True when a match has the loose form of `rules/shapes.toml`: the vendor's name before a value
    /// and nothing that says it is secret.
    pub(crate) fn is_loose(&self, captures: &Captures) -> bool {
        let shaped = self.rule.context.is_some() && self.rule.form == Form::Assigned;
        shaped && captures.get_group(2).is_some()
    }

    /// The rule's exact part, where it is exact.
    pub(crate) fn exact(&self) -> Option<&exact::Compiled> {
        self.exact.as_deref()
    }

    /// What the pattern tells before it runs.
    pub(crate) fn anatomy(&self) -> &Anatomy {
        let read = || Anatomy::of(self.pattern(), &self.rule.keywords, self.rule.reach);
        self.anatomy.get_or_init(|| Box::new(self.rule.facts().unwrap_or_else(read)))
    }

    /// What is asked of the pattern at its keywords before it runs.
    pub(crate) fn probe(&self) -> Option<&Probe> {
        let probe = || {
            if self.rule.programs().nowhere {
                return None;
            }
            Probe::of(self.pattern(), &self.rule.keywords)
        };
        self.probe.get_or_init(|| probe().map(Box::new)).as_deref()
    }

    /// What a match at `whole` in a text of `len` bytes is judged by.
    pub(crate) fn around(&self, whole: Span, len: usize) -> Span {
        let line = self.rule.allow.iter().any(|allow| allow.on == AllowOn::Line);
        let (before, behind) = if line { (LINE, LINE) } else { AROUND };
        Span::new(whole.start.saturating_sub(before), whole.end.saturating_add(behind).min(len))
    }

    /// The forms of the secrets that it finds, where the pattern says them exactly.
    pub(crate) fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| Token::of(&self.rule, self.pattern()))
    }

    /// The rule's exceptions, compiled: one regex for each thing that they look at.
    pub fn allow(&self) -> &[(Regex, AllowOn)] {
        self.allow.get_or_init(|| {
            let of = |on: AllowOn| {
                let own = self.rule.allow.iter().filter(move |allow| allow.on == on);
                own.map(|allow| allow.pattern.as_str())
            };
            let compiled = |on| {
                of(on).next()?;
                Some((any_of(of(on)).ok()?, on))
            };
            let all = [AllowOn::Secret, AllowOn::Match, AllowOn::Line];
            all.into_iter().filter_map(compiled).collect()
        })
    }

    /// The files that the rule is for; `None` where it is for all.
    ///
    /// # Panics
    /// Never, as [`Compiled::pattern`].
    fn paths(&self) -> Option<&GlobSet> {
        let globs = || match globs(&self.rule.paths) {
            Ok(globs) => globs.map(Box::new),
            Err(error) => panic!("{id}: {error}", id = self.rule.id()),
        };
        self.paths.get_or_init(globs).as_deref()
    }

    /// Checks what compiles late, so that a bad user rule is refused before anything is scanned.
    pub(super) fn check(&self, text: &str) -> Result<(), RuleError> {
        let fail = |message: String| value_error(&self.file, text, &self.rule, message);
        let pattern = self.full_pattern().map_err(fail)?;
        let regex = compile(&pattern)
            .map_err(|error| fail(format!("the pattern is no regex of bytes: {error}")))?;
        if let Some(group) = self.rule.secret_group
            && group >= regex.captures_len()
        {
            return Err(fail(format!("secret_group {group} is not in the pattern")));
        }
        for allow in &self.rule.allow {
            compile(&allow.pattern)
                .map_err(|error| fail(format!("allow pattern is no regex: {error}")))?;
        }
        let marks = self.rule.provider.iter().flat_map(|provider| &provider.marks);
        for pattern in marks.map(|mark| &mark.pattern).chain(&self.rule.alone) {
            compile(pattern).map_err(|error| fail(format!("`{pattern}` is no regex: {error}")))?;
        }
        globs(&self.rule.paths)?;
        for word in &self.rule.keywords {
            if word.len() < 2 || word.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
                let rule = "keywords are lower-case ASCII of two bytes or more";
                return Err(fail(format!("{rule}; not `{word}`")));
            }
        }
        match self.rule.verify.as_ref().and_then(VerifySpec::fault) {
            Some(fault) => Err(RuleError::Value {
                file: self.file.to_string(),
                line: line_of(text, self.rule.id(), "url"),
                id: self.rule.id().to_owned(),
                message: format!("verify: {fault}"),
            }),
            None => Ok(()),
        }
    }
}

impl RuleSet {
    /// Compiles `files` without the rules named in `disabled`.
    ///
    /// # Errors
    /// [`RuleError`] for the first file that cannot be used.
    pub fn new(files: &[RuleText], disabled: &[String]) -> Result<Self, RuleError> {
        Self::compile(Vec::new(), files, disabled)
    }

    /// Compiles the shipped rules, then `files`, without the rules named in `disabled`.
    ///
    /// # Errors
    /// [`RuleError`] for the first file that cannot be used.
    pub fn with_builtin(files: &[RuleText], disabled: &[String]) -> Result<Self, RuleError> {
        Self::compile(lazy::shipped(), files, disabled)
    }

    fn compile(
        builtin: Vec<Shipped>,
        files: &[RuleText],
        disabled: &[String],
    ) -> Result<Self, RuleError> {
        let mut loader = Loader::new(disabled)?;
        loader.add_shipped(builtin);
        loader.add(files)?;
        let digest = digest(files, disabled);
        Ok(Self { disabled: loader.left_out, digest, ..Self::index(loader.rules)? })
    }

    /// The rules that ship with the program.
    ///
    /// # Errors
    /// [`RuleError`]; a test holds that there is none.
    pub fn builtin() -> Result<Self, RuleError> {
        Self::with_builtin(&[], &[])
    }

    fn index(rules: Vec<Compiled>) -> Result<Self, RuleError> {
        let mut words: Vec<&str> = Vec::new();
        let mut number: FxHashMap<&str, usize> = FxHashMap::default();
        let mut by_keyword: Vec<Vec<RuleIdx>> = Vec::new();
        let mut without_keyword = Vec::new();
        let mut names_only = Vec::new();
        let mut claims = Vec::new();
        let claimed: Vec<&str> =
            rules.iter().filter_map(|compiled| compiled.rule.claims()).collect();
        for (index, compiled) in (0..).zip(&rules) {
            if compiled.rule.claims().is_some() {
                continue;
            }
            if compiled.rule.is_names_only() {
                names_only.push(index);
                continue;
            }
            if claimed.contains(&compiled.rule.id()) {
                claims.push((index, OnceLock::new()));
            }
            if compiled.rule.keywords().is_empty() {
                without_keyword.push(index);
            }
            for word in compiled.rule.keywords() {
                let at = *number.entry(word).or_insert_with(|| {
                    words.push(word);
                    by_keyword.push(Vec::new());
                    words.len() - 1
                });
                by_keyword[at].push(index);
            }
        }
        let triggers = trigger::keywords()?;
        let patterns = words.iter().map(|word| word.as_bytes());
        let patterns = patterns.chain(triggers.iter().map(|keyword| keyword.text.as_slice()));
        let keywords = Keywords::new(patterns)?;
        let kinds = OnceLock::new();
        let disabled = Vec::new();
        Ok(Self {
            rules,
            disabled,
            keywords,
            signs: by_keyword.iter().map(|_| OnceLock::new()).collect(),
            by_keyword,
            triggers,
            without_keyword,
            names_only,
            claims,
            kinds,
            digest: [0; 32],
        })
    }

    /// SHA-256 of what makes this set another than the shipped one: files, and rules left out.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The rules, in file and then text order.
    pub fn rules(&self) -> &[Compiled] {
        &self.rules
    }

    /// True when `id` is a rule, also one that is disabled.
    pub fn knows(&self, id: &str) -> bool {
        self.disabled.iter().any(|other| other == id)
            || self.rules.iter().any(|rule| rule.rule.id() == id)
    }

    /// One rule.
    pub fn get(&self, index: RuleIdx) -> &Compiled {
        &self.rules[index as usize]
    }

    /// Calls `hit` with a keyword's number and where it stands, for all in `bytes`.
    pub(crate) fn find_keywords(&self, bytes: &[u8], hit: impl FnMut(usize, Span)) {
        self.find_keywords_in(bytes, Span::new(0, bytes.len()), hit);
    }

    /// The same, for those of which the bytes begin in `within` by which they are known.
    pub(crate) fn find_keywords_in(
        &self,
        bytes: &[u8],
        within: Span,
        hit: impl FnMut(usize, Span),
    ) {
        self.keywords.find(bytes, within, hit);
    }

    /// Length of a keyword in bytes.
    pub(crate) fn keyword_len(&self, keyword: usize) -> usize {
        self.keywords.len(keyword)
    }

    /// How many bytes of a keyword stand before the bytes by which it is known, at most, and how many from
    /// there on.
    pub(crate) fn reach_of_keywords(&self) -> (usize, usize) {
        self.keywords.reach()
    }

    /// Rules of a keyword; none for one that asks for a view.
    pub(crate) fn of_keyword(&self, keyword: usize) -> &[RuleIdx] {
        self.by_keyword.get(keyword).map_or(&[], Vec::as_slice)
    }

    /// What the rules of a keyword want behind it, one each; none for one that asks for a view.
    pub(crate) fn signs(&self, keyword: usize) -> &[Sign] {
        let sign = |&rule: &RuleIdx| Sign::of(self.get(rule), self.keywords.text(keyword));
        let all = || self.of_keyword(keyword).iter().map(sign).collect();
        self.signs.get(keyword).map_or(&[], |signs| signs.get_or_init(all))
    }

    /// What `keyword`, seen as `text`, asks for.
    pub(crate) fn trigger(&self, keyword: usize, text: &[u8]) -> Option<Trigger> {
        let found = self.triggers.get(keyword.checked_sub(self.by_keyword.len())?)?;
        (!found.exact || found.text == text).then_some(found.trigger)
    }

    /// The rules that claim matches of `rule`.
    ///
    /// # Panics
    /// Never, as [`Compiled::pattern`].
    pub(crate) fn claims(&self, rule: RuleIdx) -> Option<&Claims> {
        let at = self.claims.binary_search_by_key(&rule, |(base, _)| *base).ok()?;
        let (base, claims) = &self.claims[at];
        Some(claims.get_or_init(|| match Claims::new(self.get(*base), &self.rules) {
            Ok(claims) => claims,
            Err(error) => panic!("{id}: {error}", id = self.get(*base).rule.id()),
        }))
    }

    /// Rules that run on everything.
    pub(crate) fn without_keyword(&self) -> &[RuleIdx] {
        &self.without_keyword
    }

    /// Rules that find files by their name.
    pub(crate) fn names_only(&self) -> &[RuleIdx] {
        &self.names_only
    }

    /// The kinds of `path`.
    ///
    /// # Panics
    /// Never: the table ships with the program, and a test loads it.
    pub(crate) fn kinds(&self, path: &[u8]) -> Vec<PathKind> {
        // Made when the first candidate asks: most starts of the program see none.
        let kinds = self.kinds.get_or_init(|| match Kinds::load() {
            Ok(kinds) => kinds,
            Err(error) => panic!("{error}"),
        });
        kinds.of(path)
    }

    /// True when `rule` runs on `path`, whose kinds the caller looked up.
    pub(crate) fn applies(&self, rule: RuleIdx, path: &[u8], kinds: &[PathKind]) -> bool {
        let compiled = self.get(rule);
        if compiled.rule.skip.iter().any(|kind| kinds.contains(kind)) {
            return false;
        }
        let matches =
            |globs: &GlobSet| globs.is_match(bstr::ByteSlice::to_str_lossy(path).as_ref());
        compiled.paths().is_none_or(matches)
    }
}

/// The shipped rule files as text, with their examples.
pub fn builtin_files() -> Vec<RuleText> {
    let own = |(name, text): (&str, &str)| RuleText {
        name: format!("rules/{name}"),
        text: text.to_owned(),
    };
    crate::rule::builtin().into_iter().map(own).collect()
}
