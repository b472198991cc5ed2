//! Asks vendors whether found keys work: each distinct key once, only the vendor that the finding
//! names, with calls that only read.

mod ask;
pub mod cache;
pub mod guard;
pub mod http;
pub mod judge;
pub mod jwt;
pub mod pace;
pub mod sigv4;
pub mod template;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use crate::finding::{Finding, Part, Verification};
use crate::progress::Progress;
use crate::rule::set::{Compiled, RuleIdx, RuleSet};
use crate::secret::Secret;
use ask::Asker;
use cache::Cache;
use guard::Pins;
use http::{Http, Transport};

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// Providers and the addresses that stand in for theirs; several for one provider are asked in
    /// turn, as regional hosts are.
    pub endpoints: Vec<(String, String)>,
    /// Hosts from scanned text that may be asked.
    pub allow_hosts: Vec<String>,
    /// More trusted certificates, a PEM file.
    pub ca_cert: Option<PathBuf>,
    /// Requests a second, for each host.
    pub rate: f64,
    /// Requests at the same time, for each host.
    pub at_once: usize,
    /// Requests at the same time, in all.
    pub total: usize,
    /// Time for one request.
    pub timeout: Duration,
    /// Tries after the first one.
    pub retries: u32,
    /// Most keys that are asked about.
    pub most: usize,
    /// Ask the ranked providers of a key that none is evident for.
    pub candidates: bool,
    /// Only say what would be asked.
    pub plan: bool,
    /// Folder of the cache; `None` for none.
    pub cache: Option<PathBuf>,
    /// How long an answer in the cache holds.
    pub cache_life: Duration,
}

/// Requests a second that a user may ask for.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// What makes two findings one question: the rules asked, whether by guess, and the parts' digests.
type Known = (Vec<RuleIdx>, bool, Vec<[u8; 32]>);

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            allow_hosts: Vec::new(),
            ca_cert: None,
            rate: 5.0,
            at_once: 4,
            total: 16,
            timeout: Duration::from_secs(10),
            retries: 2,
            most: 10_000,
            candidates: false,
            plan: false,
            cache: None,
            cache_life: Duration::from_secs(3600),
        }
    }
}

/// Asks vendors, within the user's options.
pub struct Verifier {
    options: Options,
    endpoints: Vec<(String, Url)>,
    asker: Asker,
}

/// One distinct key and the rules whose vendors are asked, in order.
struct Job {
    rules: Vec<RuleIdx>,
    /// The rules come from a ranking, not from the finding itself.
    guessed: bool,
    secret: Secret,
    parts: BTreeMap<String, Secret>,
    findings: Vec<usize>,
}

impl Verifier {
    /// Checks `options` against `rules`.
    ///
    /// # Errors
    /// What is wrong with an option and what helps.
    pub fn new(options: Options, rules: &RuleSet) -> Result<Self, String> {
        let pins = Arc::new(Pins::default());
        let http = Http::new(options.ca_cert.as_deref(), options.timeout, Arc::clone(&pins))?;
        Self::with(options, rules, (Box::new(http), pins))
    }

    fn with(
        options: Options,
        rules: &RuleSet,
        (transport, pins): (Box<dyn Transport + Send>, Arc<Pins>),
    ) -> Result<Self, String> {
        let mut endpoints = Vec::new();
        for (provider, address) in &options.endpoints {
            let known = |c: &&Compiled| c.rule.verify.is_some() && belongs(c.rule.id(), provider);
            if !rules.rules().iter().any(|compiled| known(&compiled)) {
                return Err(format!(
                    "--verify-endpoint: no rule of `{provider}` can be verified; \
                     give a rule id or how it begins, such as `openai`"
                ));
            }
            endpoints.push((provider.clone(), endpoint(address)?));
        }
        if !RATES.contains(&options.rate) {
            return Err("--verify-rate is a number from 0.001 to 1000".to_owned());
        }
        let asker = Asker::new(&options, transport, pins)?;
        Ok(Self { options, endpoints, asker })
    }

    /// True when nobody is asked and the report says who would be.
    pub fn only_plans(&self) -> bool {
        self.options.plan
    }

    /// True when keys whose provider is not known are sent to those they may belong to.
    pub fn asks_candidates(&self) -> bool {
        self.options.candidates && !self.options.plan
    }

    /// Sets the verification of every finding. What comes back are notices for the report.
    pub fn verify(
        &self,
        findings: &mut [Finding],
        rules: &RuleSet,
        progress: &Progress,
    ) -> Vec<String> {
        let mut notices = Vec::new();
        let mut jobs = self.jobs(findings, rules);
        if self.options.plan {
            for job in &jobs {
                let told = Verification::NotTried { reason: Some(self.plan(job, rules)) };
                job.findings.iter().for_each(|&at| findings[at].verification = told.clone());
            }
            return notices;
        }
        if jobs.len() > self.options.most {
            let left = jobs.split_off(self.options.most);
            let n = left.len();
            notices.push(format!(
                "{n} keys were not verified: --verify-max is {most}",
                most = self.options.most
            ));
            let told = Verification::NotTried { reason: Some("above --verify-max".to_owned()) };
            let all = left.iter().flat_map(|job| &job.findings);
            all.for_each(|&at| findings[at].verification = told.clone());
        }
        let cache = self.options.cache.as_ref().map(|folder| {
            let (cache, notice) = Cache::open(folder, self.options.cache_life);
            notices.extend(notice);
            cache
        });
        let verdicts = self.run(&jobs, rules, (cache.as_ref(), progress));
        for (job, verdict) in jobs.iter().zip(verdicts) {
            job.findings.iter().for_each(|&at| findings[at].verification = verdict.clone());
        }
        share(findings);
        if let Some(Err(error)) = cache.map(|cache| cache.save()) {
            notices.push(format!("the cache of verifications cannot be written: {error}"));
        }
        notices
    }

    /// One job a distinct key. Says of all other findings why they have none.
    fn jobs(&self, findings: &mut [Finding], rules: &RuleSet) -> Vec<Job> {
        let by_id: HashMap<&str, RuleIdx> =
            (0..).zip(rules.rules()).map(|(at, compiled)| (compiled.rule.id(), at)).collect();
        let can =
            |id: &str| by_id.get(id).copied().filter(|&at| rules.get(at).rule.verify.is_some());
        let first = self.first_to_ask(rules);
        let can = |id: &str| can(id).map(|at| first.get(&at).copied().unwrap_or(at));
        let mut jobs: Vec<Job> = Vec::new();
        let mut known: HashMap<Known, usize> = HashMap::new();
        for (at, finding) in findings.iter_mut().enumerate() {
            if !by_id.contains_key(finding.check.as_str()) {
                continue;
            }
            let own: Vec<RuleIdx> = can(&finding.check).into_iter().collect();
            let ranked = finding.candidates.iter().filter_map(|ranked| can(&ranked.check));
            let guessed = own.is_empty() && self.options.candidates;
            let mut rules = if guessed { ranked.collect() } else { own };
            let mut once = BTreeSet::new();
            rules.retain(|&rule| once.insert(rule));
            if rules.is_empty() {
                let reason = match finding.candidates.is_empty() {
                    true => "no call is known that is free and changes nothing",
                    false => "its provider is not known; --verify-candidates asks the likely ones",
                };
                finding.verification = Verification::NotTried { reason: Some(reason.to_owned()) };
                continue;
            }
            let parts = parts(finding);
            let named = parts
                .iter()
                .flat_map(|(name, part)| [Secret::new(name.as_bytes()).digest(), part.digest()]);
            let own = std::iter::once(finding.secret.digest());
            let digests: Vec<_> = own.chain(named).collect();
            let job = *known.entry((rules.clone(), guessed, digests)).or_insert_with(|| {
                jobs.push(Job {
                    rules,
                    guessed,
                    secret: finding.secret.clone(),
                    parts,
                    findings: Vec::new(),
                });
                jobs.len() - 1
            });
            jobs[job].findings.push(at);
        }
        jobs
    }

    /// For each rule that can be verified the first one that asks the same question at the same
    /// place: a key that two of them find is one question.
    fn first_to_ask(&self, rules: &RuleSet) -> HashMap<RuleIdx, RuleIdx> {
        let mut firsts: Vec<(RuleIdx, &Compiled)> = Vec::new();
        let mut first_of = HashMap::new();
        for (at, compiled) in (0..).zip(rules.rules()) {
            if compiled.rule.verify.is_none() {
                continue;
            }
            let same = |(_, other): &&(RuleIdx, &Compiled)| {
                other.rule.verify == compiled.rule.verify
                    && other.shipped == compiled.shipped
                    && self.bases(other) == self.bases(compiled)
            };
            match firsts.iter().find(same) {
                Some((first, _)) => {
                    first_of.insert(at, *first);
                }
                None => firsts.push((at, compiled)),
            }
        }
        first_of
    }

    fn plan(&self, job: &Job, rules: &RuleSet) -> String {
        let of = |&rule: &RuleIdx| {
            let compiled = rules.get(rule);
            self.asker.plan(compiled, (&job.secret, &job.parts), &self.bases(compiled))
        };
        job.rules.iter().filter_map(of).collect::<Vec<_>>().join(", then ")
    }

    /// Runs all jobs on a bounded number of threads; verdicts in the order of the jobs.
    fn run(
        &self,
        jobs: &[Job],
        rules: &RuleSet,
        (cache, progress): (Option<&Cache>, &Progress),
    ) -> Vec<Verification> {
        progress.expect_keys(jobs.len() as u64);
        let order = interleaved(jobs);
        let next = AtomicUsize::new(0);
        let verdicts = Mutex::new(vec![Verification::SKIPPED; jobs.len()]);
        let work = || {
            while let Some(&at) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                let verdict = self.job(&jobs[at], rules, (cache, progress));
                verdicts.lock().unwrap_or_else(PoisonError::into_inner)[at] = verdict;
                progress.add_key();
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.options.total.clamp(1, jobs.len().max(1)) {
                // Where the system refuses a thread, the others do its part.
                if std::thread::Builder::new().spawn_scoped(scope, work).is_err() {
                    break;
                }
            }
            work();
        });
        verdicts.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn job(
        &self,
        job: &Job,
        rules: &RuleSet,
        (cache, progress): (Option<&Cache>, &Progress),
    ) -> Verification {
        let stop = || progress.interrupted();
        let mut refusals = Vec::new();
        for &rule in &job.rules {
            let compiled = rules.get(rule);
            let bases = self.bases(compiled);
            let name = cache.map(|cache| cache.name(&cache_parts(job, compiled, &bases)));
            let known = cache.zip(name.as_ref()).and_then(|(cache, name)| cache.get(name));
            let verdict = known.unwrap_or_else(|| {
                let key = (&job.secret, &job.parts);
                let verdict = self.asker.ask(compiled, key, &bases, &stop);
                // Only an answer of now: one from the cache must not live longer by being read.
                if let Some((cache, name)) = cache.zip(name) {
                    cache.put(name, &verdict);
                }
                verdict
            });
            if !job.guessed {
                return verdict;
            }
            let vendor = &compiled.vendor.name;
            match verdict {
                Verification::Live { detail } => {
                    return Verification::Live { detail: Some(at_vendor(vendor, detail)) };
                }
                Verification::LiveRestricted { detail } => {
                    return Verification::LiveRestricted {
                        detail: Some(at_vendor(vendor, detail)),
                    };
                }
                other => {
                    let what = other.detail().map(|d| format!(": {d}")).unwrap_or_default();
                    refusals.push(format!("{vendor}: {name}{what}", name = other.name()));
                }
            }
        }
        // Refused by those it might belong to, it may still work at one that was not asked.
        Verification::Unknown { reason: refusals.join("; ") }
    }

    fn bases(&self, compiled: &Compiled) -> Vec<Url> {
        let own = |(provider, _): &&(String, Url)| belongs(compiled.rule.id(), provider);
        self.endpoints.iter().filter(own).map(|(_, url)| url.clone()).collect()
    }
}

/// Gives each key one verdict: where one finding of it was answered, those that nobody could be
/// asked about (no provider evident, a part not near) take that answer, and a key that works
/// somewhere is refused nowhere.
fn share(findings: &mut [Finding]) {
    let rank = |verification: &Verification| match verification {
        Verification::Live { .. } => 4,
        Verification::LiveRestricted { .. } => 3,
        Verification::Revoked { .. } => 2,
        Verification::Unknown { .. } => 1,
        Verification::NotTried { .. } => 0,
    };
    let mut best: HashMap<[u8; 32], usize> = HashMap::new();
    for (at, finding) in findings.iter().enumerate() {
        let entry = best.entry(finding.secret.digest()).or_insert(at);
        if rank(&finding.verification) > rank(&findings[*entry].verification) {
            *entry = at;
        }
    }
    let mut told = Vec::new();
    for (at, finding) in findings.iter().enumerate() {
        let other = &findings[best[&finding.secret.digest()]];
        let (own, new) = (rank(&finding.verification), rank(&other.verification));
        let asked = finding.verification != Verification::SKIPPED;
        if asked && new > own && (own == 0 && new >= 2 || new >= 3) {
            told.push((at, elsewhere(&other.verification, &other.check)));
        }
    }
    for (at, verification) in told {
        findings[at].verification = verification;
    }
}

/// `verification`, for a finding of the same key that is not of `check`.
fn elsewhere(verification: &Verification, check: &str) -> Verification {
    let own = verification.detail().map(|detail| format!(", {detail}")).unwrap_or_default();
    let detail = Some(format!("as {check}{own}"));
    match verification {
        Verification::Live { .. } => Verification::Live { detail },
        Verification::LiveRestricted { .. } => Verification::LiveRestricted { detail },
        Verification::Revoked { .. } => Verification::Revoked { detail },
        other => other.clone(),
    }
}

/// The other parts of a credential, by the names that `verify` blocks use.
fn parts(finding: &Finding) -> BTreeMap<String, Secret> {
    let named =
        |part: &Part| (part.name.to_ascii_lowercase().replace(' ', "_"), part.secret.clone());
    finding.parts.iter().map(named).collect()
}

fn at_vendor(vendor: &str, detail: Option<String>) -> String {
    match detail {
        Some(detail) => format!("at {vendor}: {detail}"),
        None => format!("at {vendor}"),
    }
}

/// What an answer in the cache depends on.
fn cache_parts<'j>(job: &'j Job, compiled: &'j Compiled, bases: &'j [Url]) -> Vec<&'j [u8]> {
    let url = compiled.rule.verify.as_ref().map_or("", |spec| spec.url());
    let mut parts = vec![compiled.rule.id().as_bytes(), url.as_bytes()];
    parts.extend(bases.iter().map(|base| base.as_str().as_bytes()));
    parts.push(bytes(&job.secret));
    for (name, part) in &job.parts {
        parts.extend([name.as_bytes(), bytes(part)]);
    }
    parts
}

#[expect(clippy::disallowed_methods, reason = "it goes into a salted hash and nowhere else")]
fn bytes(secret: &Secret) -> &[u8] {
    secret.expose()
}

/// True when the rule is `provider` or begins with it.
fn belongs(id: &str, provider: &str) -> bool {
    id.strip_prefix(provider).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Job numbers, so ordered that vendors take turns: the pace of one holds up no other.
fn interleaved(jobs: &[Job]) -> Vec<usize> {
    let mut seen: HashMap<RuleIdx, usize> = HashMap::new();
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let turn = seen.entry(job.rules[0]).or_default();
        order.push((*turn, at));
        *turn += 1;
    }
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// An address that the user gave: https, or http for a gateway without TLS.
fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("--verify-endpoint: `{text}` is no address: {error}"))?;
    let anyone = url.username().is_empty() && url.password().is_none();
    let plain = anyone && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() || !plain {
        return Err(format!("--verify-endpoint: `{text}` is no https or http address of a host"));
    }
    Ok(url)
}
