//! One key and one vendor: which hosts are asked, what is sent, when it is tried again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use crate::finding::Verification;
use crate::rule::set::Compiled;
use crate::rule::verify::{Auth, VerifySpec};
use crate::secret::Secret;
use crate::verify::Options;
use crate::verify::guard::{Allowed, Barred, Pins};
use crate::verify::http::{Answer, Failure, Request, Transport};
use crate::verify::judge::judge;
use crate::verify::pace::{PATIENCE, Pace, Refused};
use crate::verify::template::{Clear, Place, Values};
use crate::verify::{jwt, sigv4};

/// Wait before the second try; it doubles.
const BACKOFF: Duration = Duration::from_millis(500);

/// Asks vendors.
pub(super) struct Asker {
    pub(super) transport: Box<dyn Transport + Send>,
    pub(super) pins: Arc<Pins>,
    pub(super) pace: Pace,
    pub(super) allowed: Allowed,
    pub(super) retries: u32,
    /// True when a proxy looks names up.
    pub(super) proxy: bool,
}

/// Where a request goes.
struct Target {
    url: Url,
    /// The vendor's own host, where the user named another address.
    vendor: String,
    named: bool,
}

impl Target {
    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Host and port, as the `Host` header has them.
    fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{host}:{port}", host = self.host()),
            None => self.host().to_owned(),
        }
    }
}

impl Asker {
    /// Asks the vendor of `compiled`. `bases` are addresses that the user named in place of its
    /// own.
    pub(super) fn ask(
        &self,
        compiled: &Compiled,
        (secret, parts): (&Secret, &BTreeMap<String, Secret>),
        bases: &[Url],
        stop: &dyn Fn() -> bool,
    ) -> Verification {
        let Some(spec) = &compiled.rule.verify else { return Verification::SKIPPED };
        let mut values = match Values::new(spec, secret, parts) {
            Ok(values) => values,
            Err(reason) => return Verification::NotTried { reason: Some(reason) },
        };
        let hosts = if spec.hosts.is_empty() { vec![String::new()] } else { spec.hosts.clone() };
        let count = if bases.is_empty() { hosts.len() } else { bases.len() };
        let mut refused = None;
        let mut unclear = None;
        for at in 0..count {
            values.host = hosts.get(at).or_else(|| hosts.first()).cloned().unwrap_or_default();
            let verdict = match target(spec, &values, bases.get(at)) {
                Ok(target) => self.ask_at(compiled, spec, (&values, &target), stop),
                Err(reason) => Verification::NotTried { reason: Some(reason) },
            };
            match verdict {
                Verification::Live { .. } | Verification::LiveRestricted { .. } => return verdict,
                Verification::Revoked { .. } => refused = Some(verdict),
                Verification::Unknown { .. } | Verification::NotTried { .. } => {
                    unclear.get_or_insert(verdict);
                }
            }
        }
        // One region that could not be asked may be the key's own.
        let verdict = unclear.or(refused).unwrap_or(Verification::SKIPPED);
        match (verdict, count) {
            (Verification::Revoked { .. }, _) if spec.self_hosted && bases.is_empty() => {
                let vendor = &compiled.vendor.name;
                let reason = format!(
                    "refused by {vendor} itself; an instance that you or others run may take it: \
                     --verify-endpoint asks that"
                );
                Verification::Unknown { reason }
            }
            (Verification::Revoked { detail: None }, 2..) => {
                Verification::Revoked { detail: Some(format!("refused at all {count} hosts")) }
            }
            (verdict, _) => verdict,
        }
    }

    fn ask_at(
        &self,
        compiled: &Compiled,
        spec: &VerifySpec,
        (values, target): (&Values, &Target),
        stop: &dyn Fn() -> bool,
    ) -> Verification {
        if let Some(reason) = self.not_allowed(compiled, spec, target) {
            return Verification::NotTried { reason: Some(reason) };
        }
        let mut attempt = 0;
        loop {
            let request = match request(spec, values, target) {
                Ok(request) => request,
                Err(reason) => return Verification::NotTried { reason: Some(reason) },
            };
            let sent = match self.send(request, target, stop) {
                Ok(sent) => sent,
                Err(verdict) => return verdict,
            };
            let failed = match &sent {
                Ok(answer) => answer.status == 429 || answer.status >= 500,
                Err(_) => true,
            };
            let (verdict, again, asked) = weigh(spec, sent);
            // Before the next request may enter.
            let place = target.authority();
            let long = asked.filter(|wait| again && *wait > PATIENCE);
            match (long, asked) {
                (Some(wait), _) => self.pace.close(&place, wait),
                (None, Some(wait)) => self.pace.pause(&place, wait),
                (None, None) => {}
            }
            self.pace.leave(&place, failed);
            if let Some(wait) = long {
                return Verification::Unknown { reason: closed(wait) };
            }
            if !again || attempt >= self.retries {
                return hide(verdict, values);
            }
            let backoff = (BACKOFF * 2_u32.saturating_pow(attempt)).min(PATIENCE);
            attempt += 1;
            sleep(asked.unwrap_or(backoff), stop);
        }
    }

    /// Why the host may not be asked, if so.
    fn not_allowed(
        &self,
        compiled: &Compiled,
        spec: &VerifySpec,
        target: &Target,
    ) -> Option<String> {
        let free = target.named || (compiled.shipped && !spec.host_from_text());
        if free || self.allowed.holds(target.host()) {
            return None;
        }
        let host = target.host();
        let whence = match spec.host_from_text() {
            true => "comes from the scanned text",
            false => "is named by a rule that does not ship with keylint",
        };
        Some(format!("the host {host} {whence}; --verify-allow-host {host} allows it"))
    }

    /// What would be asked, for `--verify-plan`, or why nothing would be. Holds no part of any key.
    pub(super) fn plan(
        &self,
        compiled: &Compiled,
        (secret, parts): (&Secret, &BTreeMap<String, Secret>),
        bases: &[Url],
    ) -> Option<String> {
        let spec = compiled.rule.verify.as_ref()?;
        let mut values = match Values::new(spec, secret, parts) {
            Ok(values) => values,
            Err(reason) => return Some(format!("would not ask: {reason}")),
        };
        values.host = spec.hosts.first().cloned().unwrap_or_default();
        let target = match target(spec, &values, bases.first()) {
            Ok(target) => target,
            Err(reason) => return Some(format!("would not ask: {reason}")),
        };
        if let Some(reason) = self.not_allowed(compiled, spec, &target) {
            return Some(format!("would not ask: {reason}"));
        }
        let path = spec.url().split_once("://").map_or("", |(_, rest)| rest);
        let path = &path[spec.authority().len()..];
        let place = match (bases.first(), spec.hosts.is_empty()) {
            (Some(base), _) => base.as_str().trim_end_matches('/').to_owned(),
            (None, true) => format!("https://{host}", host = target.authority()),
            (None, false) => format!("https://{hosts}", hosts = spec.hosts.join("|")),
        };
        Some(format!(
            "would ask {method} {place}{path} ({call}; costs {cost})",
            method = spec.method.name(),
            call = spec.call,
            cost = spec.cost
        ))
    }

    /// One request at the pace of its host. [`Pace::leave`] must follow where it was sent.
    fn send(
        &self,
        request: Request,
        target: &Target,
        stop: &dyn Fn() -> bool,
    ) -> Result<Result<Answer, Failure>, Verification> {
        let (host, place) = (target.host(), target.authority());
        self.pace.enter(&place, stop).map_err(|refused| match refused {
            Refused::Stopped => Verification::NotTried { reason: Some("interrupted".to_owned()) },
            Refused::GivenUp => {
                let reason =
                    format!("{place} failed many times in a row and is not asked any more");
                Verification::Unknown { reason }
            }
            Refused::Closed(wait) => Verification::Unknown { reason: closed(wait) },
        })?;
        match self.pins.pin(host, target.named) {
            Ok(()) => Ok(self.transport.send(request, stop)),
            // Behind a proxy names of the outside may be unknown here.
            Err(Barred::Lookup(_)) if self.proxy && target.url.scheme() == "https" => {
                Ok(self.transport.send(request, stop))
            }
            Err(Barred::Lookup(error)) => {
                Ok(Err(Failure::Broken(format!("{host} cannot be looked up: {error}"))))
            }
            Err(Barred::Private(ip)) => {
                let reason = format!(
                    "{host} has the private address {ip}; only --verify-endpoint makes keylint ask one"
                );
                self.pace.leave(&place, false);
                Err(Verification::NotTried { reason: Some(reason) })
            }
        }
    }
}

/// What an answer shows, whether another try makes sense, and the wait that the host asks for.
fn weigh(
    spec: &VerifySpec,
    sent: Result<Answer, Failure>,
) -> (Verification, bool, Option<Duration>) {
    match sent {
        Ok(answer) => {
            let verdict = judge(spec, &answer);
            let again = matches!(verdict, Verification::Unknown { .. })
                && matches!(answer.status, 429 | 500 | 502..=504);
            let busy = matches!(answer.status, 429 | 503);
            (verdict, again, answer.retry_after.filter(|_| busy))
        }
        Err(Failure::Refused(reason)) => {
            (Verification::NotTried { reason: Some(reason) }, false, None)
        }
        Err(failure) => {
            let again = !matches!(failure, Failure::Stopped | Failure::Distrusted(_));
            (Verification::Unknown { reason: failure.to_string() }, again, None)
        }
    }
}

fn closed(wait: Duration) -> String {
    format!("the host asks to wait {n} s, which is not waited for", n = wait.as_secs())
}

/// No text of a failure names the key; if one did, it would be kept from the report.
fn hide(verdict: Verification, values: &Values) -> Verification {
    match verdict {
        Verification::Unknown { reason } if values.all().any(|value| reason.contains(value)) => {
            Verification::Unknown { reason: "the request failed".to_owned() }
        }
        verdict => verdict,
    }
}

fn sleep(wait: Duration, stop: &dyn Fn() -> bool) {
    let end = Instant::now() + wait;
    while !stop() && Instant::now() < end {
        thread::sleep(Duration::from_millis(20).min(end.saturating_duration_since(Instant::now())));
    }
}

/// The address to ask: the vendor's, or `base` with the vendor's path behind it.
fn target(spec: &VerifySpec, values: &Values, base: Option<&Url>) -> Result<Target, String> {
    let authority = values.fill(spec.authority(), Place::Host);
    let (_, rest) = spec.url().split_once("://").unwrap_or_default();
    let path = values.fill(&rest[spec.authority().len()..], Place::Url);
    let start = match base {
        Some(base) => base.as_str().trim_end_matches('/').to_owned(),
        None => format!("https://{host}", host = *authority),
    };
    let text = Clear::new(start + &path);
    let url = Url::parse(&text).map_err(|_| "its host is no host name".to_owned())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    let target = Target { url, vendor: authority.to_lowercase(), named: base.is_some() };
    // What stands in the text is what is asked: no user, no other notation of an address.
    let same = target.authority() == target.vendor.trim_end_matches(":443");
    if !plain || !(same || target.named) {
        return Err("its host is no host name".to_owned());
    }
    Ok(target)
}

fn request(spec: &VerifySpec, values: &Values, target: &Target) -> Result<Request, String> {
    let mut headers: Vec<(String, Clear)> = spec
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), values.fill(value, Place::Header)))
        .collect();
    let json = spec.body.as_deref().is_some_and(|body| body.trim_start().starts_with('{'));
    let place = if json { Place::Json } else { Place::Form };
    let body = spec.body.as_deref().map(|body| values.fill(body, place));
    let own = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    let (typed, accepts) = (own("content-type"), own("accept"));
    if body.is_some() && !typed {
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.push(("content-type".to_owned(), Clear::new(kind.to_owned())));
    }
    if spec.json && !accepts {
        headers.push(("accept".to_owned(), Clear::new("application/json".to_owned())));
    }
    headers.extend(proof(spec, values, (target, body.as_deref().map_or("", String::as_str)))?);
    let url = Clear::new(target.url.as_str().to_owned());
    Ok(Request { method: spec.method, url, headers, body })
}

/// The headers that `auth` asks for.
fn proof(
    spec: &VerifySpec,
    values: &Values,
    (target, body): (&Target, &str),
) -> Result<Vec<(String, Clear)>, String> {
    let authorization = |value: String| vec![("authorization".to_owned(), Clear::new(value))];
    let part = |name: &str| values.part(name).unwrap_or_default();
    Ok(match spec.auth {
        Auth::None => Vec::new(),
        Auth::Bearer => authorization(format!("Bearer {secret}", secret = values.secret())),
        Auth::Basic => {
            let pair = values.fill(spec.basic.as_deref().unwrap_or_default(), Place::Header);
            authorization(format!("Basic {pair}", pair = STANDARD.encode(pair.as_bytes())))
        }
        Auth::AwsSigv4 => {
            let signer = sigv4::Signer {
                id: part("access_key_id"),
                secret: values.secret(),
                token: values.part("session_token"),
            };
            let (host, path) = (target.authority(), target.url.path());
            let whole = target.url.query().map(|query| format!("{path}?{query}"));
            let unsigned = sigv4::Unsigned {
                method: spec.method.name(),
                host: &host,
                target: whole.as_deref().unwrap_or(path),
                body,
                scope: &target.vendor,
            };
            let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
            sigv4::sign(&unsigned, &signer, &time)
        }
        Auth::GoogleJwt => {
            let claims = jwt::Claims {
                email: part("client_email"),
                key_id: part("private_key_id"),
                audience: &format!("https://{host}/", host = target.vendor),
                now: jiff::Timestamp::now().as_second(),
            };
            let token = jwt::sign(values.secret(), &claims)?;
            authorization(format!("Bearer {token}", token = *token))
        }
    })
}

impl Asker {
    /// What the user's options give.
    pub(super) fn new(
        options: &Options,
        transport: Box<dyn Transport + Send>,
        pins: Arc<Pins>,
    ) -> Result<Self, String> {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let proxies = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        Ok(Self {
            transport,
            pins,
            pace: Pace::new(options.rate, options.at_once),
            allowed: Allowed::new(&options.allow_hosts)?,
            retries: options.retries,
            proxy: proxies.iter().any(set),
        })
    }
}
