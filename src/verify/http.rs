//! Requests over the network: reqwest, rustls with ring, the system's roots and proxies from the
//! environment. What comes out holds no part of the request.

use std::io::Read as _;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, ClientBuilder};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::rule::verify::Method;
use crate::verify::guard::Pins;
use crate::verify::template::Clear;

/// Most of a body that is read; what is behind is not waited for.
const MAX_BODY: u64 = 256 << 10;
/// How often a wait looks whether the user stopped the run.
const LOOK: Duration = Duration::from_millis(50);
/// Redirects on the same host that are followed.
const MAX_REDIRECTS: usize = 3;

/// One request.
pub struct Request {
    /// Method.
    pub method: Method,
    /// The whole address.
    pub url: Clear,
    /// Headers by name.
    pub headers: Vec<(String, Clear)>,
    /// Body of a POST.
    pub body: Option<Clear>,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, lower-case.
    pub kind: String,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The body, or its start.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It took too long.
    #[error("no answer within {0} s")]
    Timeout(u64),
    /// The request cannot be sent at all; another try would end the same way.
    #[error("{0}")]
    Refused(String),
    /// The user stopped the run; the answer was not waited for.
    #[error("interrupted before the answer came")]
    Stopped,
    /// The host showed a certificate that nobody trusts; it was told nothing.
    #[error("{0}")]
    Distrusted(String),
    /// The connection failed or broke.
    #[error("{0}")]
    Broken(String),
}

/// Sends requests.
pub trait Transport: Sync {
    /// Sends `request` and waits for the answer, or until `stop` says that nobody wants it.
    ///
    /// # Errors
    /// [`Failure`]; its text holds no part of the request.
    fn send(&self, request: Request, stop: &dyn Fn() -> bool) -> Result<Answer, Failure>;
}

/// The network.
#[derive(Clone)]
pub struct Http {
    client: Client,
    /// For `http` addresses, which the user may name: without a proxy, who would read the key.
    plain: Client,
    timeout: Duration,
}

impl Http {
    /// A client that trusts the system's roots and those in `ca_cert`, and connects only to what
    /// `pins` holds and to proxies.
    ///
    /// # Errors
    /// What is wrong with the certificates, naming the file.
    pub fn new(ca_cert: Option<&Path>, timeout: Duration, pins: Arc<Pins>) -> Result<Self, String> {
        let tls = tls(ca_cert)?;
        let resolver = Arc::new(Pinned(pins));
        let builder = || -> ClientBuilder {
            Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .user_agent(concat!("keylint/", env!("CARGO_PKG_VERSION")))
                .referer(false)
                .redirect(same_host())
                .connect_timeout(timeout)
                .timeout(timeout)
                .dns_resolver(Arc::clone(&resolver))
        };
        let build = |builder: ClientBuilder| builder.build().map_err(|error| cause(&error));
        Ok(Self { client: build(builder())?, plain: build(builder().no_proxy())?, timeout })
    }
}

/// Roots of the system and of `ca_cert`.
fn tls(ca_cert: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_cert {
        let place = path.display();
        let fail = |error: &dyn std::fmt::Display| format!("{place}: no PEM certificates: {error}");
        let certs: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| fail(&error))?;
        if certs.is_empty() {
            return Err(fail(&"there is none in it"));
        }
        for cert in certs {
            roots.add(cert).map_err(|error| fail(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Follows redirects that stay on the scheme, host and port that were asked.
fn same_host() -> Policy {
    Policy::custom(|attempt| {
        let (next, first) = (attempt.url(), attempt.previous().first());
        let same = first.is_some_and(|first| {
            (first.scheme(), first.host_str(), first.port_or_known_default())
                == (next.scheme(), next.host_str(), next.port_or_known_default())
        });
        if same && attempt.previous().len() <= MAX_REDIRECTS {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

/// Gives the addresses that were pinned; looks up proxies, the only other hosts a client connects
/// to.
struct Pinned(Arc<Pins>);

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        let pinned = self.0.get(name.as_str());
        Box::pin(async move {
            let addresses = match pinned {
                Some(addresses) if addresses.is_empty() => return Err("it has no address".into()),
                Some(addresses) => addresses,
                None => std::net::ToSocketAddrs::to_socket_addrs(&(name.as_str(), 0))?.collect(),
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Transport for Http {
    /// A blocking request cannot be called off, so another thread makes it. One that nobody waits
    /// for any more ends with its own timeout or with the program.
    fn send(&self, request: Request, stop: &dyn Fn() -> bool) -> Result<Answer, Failure> {
        let (sender, answers) = mpsc::sync_channel(1);
        let own = self.clone();
        let thread = thread::Builder::new().spawn(move || {
            // Nobody listens where the user stopped the run.
            let _ = sender.send(own.exchange(&request));
        });
        if let Err(error) = thread {
            return Err(Failure::Broken(format!("no thread can be started: {error}")));
        }
        loop {
            match answers.recv_timeout(LOOK) {
                Ok(answer) => return answer,
                Err(mpsc::RecvTimeoutError::Timeout) if !stop() => {}
                Err(mpsc::RecvTimeoutError::Timeout) => return Err(Failure::Stopped),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Broken("the request failed".to_owned()));
                }
            }
        }
    }
}

impl Http {
    fn exchange(&self, request: &Request) -> Result<Answer, Failure> {
        let start = Instant::now();
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
        };
        let client = if request.url.starts_with("http:") { &self.plain } else { &self.client };
        let mut call = client.request(method, request.url.as_str()).headers(headers(request)?);
        if let Some(body) = &request.body {
            call = call.body(body.as_str().to_owned());
        }
        let mut response = call.send().map_err(|error| self.failure(&error))?;
        let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            kind: header("content-type").unwrap_or_default().to_ascii_lowercase(),
            retry_after: header("retry-after").and_then(retry_after),
            body: Vec::new(),
        };
        let mut chunk = vec![0; 16 << 10];
        let mut body = (&mut response).take(MAX_BODY);
        loop {
            if start.elapsed() > self.timeout {
                return Err(self.late());
            }
            match body.read(&mut chunk) {
                Ok(0) => return Ok(answer),
                Ok(n) => answer.body.extend(&chunk[..n]),
                Err(_) if start.elapsed() > self.timeout => return Err(self.late()),
                Err(_) => return Err(Failure::Broken("the answer was cut off".to_owned())),
            }
        }
    }

    fn late(&self) -> Failure {
        Failure::Timeout(self.timeout.as_secs())
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        if error.is_timeout() {
            self.late()
        } else if error.is_builder() {
            Failure::Refused("the request cannot be built".to_owned())
        } else {
            let text = cause(error);
            match text.strip_prefix("invalid peer certificate: ") {
                Some(why) => Failure::Distrusted(distrust(why)),
                None => Failure::Broken(text),
            }
        }
    }
}

/// What is wrong with a certificate, and what helps; `why` is in the words of rustls.
fn distrust(why: &str) -> String {
    let text = match why {
        why if why.contains("CaUsedAsEndEntity") => "it is a root's, which no server may show",
        why if why.contains("UnknownIssuer") => {
            "nobody trusted has issued it; --ca-cert trusts the root of a gateway or proxy of yours"
        }
        why => why,
    };
    format!("the certificate is not trusted: {text}")
}

fn headers(request: &Request) -> Result<HeaderMap, Failure> {
    let mut map = HeaderMap::new();
    for (name, value) in &request.headers {
        let refuse = || Failure::Refused("it holds characters that no header may hold".to_owned());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| refuse())?;
        value.set_sensitive(true);
        map.append(name, value);
    }
    Ok(map)
}

/// Seconds, or a date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = date.duration_since(jiff::Timestamp::now());
    Some(Duration::from_secs(u64::try_from(wait.as_secs()).unwrap_or(0)))
}

/// The innermost cause of an error. The outer texts of reqwest name the address, which may hold
/// the key.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
