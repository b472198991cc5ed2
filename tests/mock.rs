//! A vendor on loopback: TLS with a certificate of its own, and answers that a test scripts.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// `GET /path`.
    pub(crate) call: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// What the vendor does.
pub(crate) enum Reply {
    /// Status, more header lines, JSON.
    Json(u16, &'static str, String),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing for so long.
    Slow(Duration),
    /// A body of 100 MB.
    Huge,
    /// A body that comes byte for byte and never ends.
    Drip,
    /// Headers that never end.
    Headers,
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Json(status, "", body.to_owned())
}

/// A running vendor.
pub(crate) struct Mock {
    pub(crate) port: u16,
    ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Mock {
    /// Starts a vendor that answers as `answer` says.
    pub(crate) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_as(vec!["localhost".to_owned()], answer)
    }

    /// Starts one whose certificate is for `names`.
    pub(crate) fn start_as(
        names: Vec<String>,
        answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let own = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
                let log = Arc::clone(&log);
                thread::spawn(move || {
                    let Ok(tls) = rustls::ServerConnection::new(config) else { return };
                    let stream = rustls::StreamOwned::new(tls, stream);
                    // A client that goes away ends the connection, nothing else.
                    let _ = serve(stream, &*answer, &log);
                });
            }
        });
        Self { port, ca: own.cert.pem(), seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{port}", port = self.port)
    }

    /// The file of its certificate, in `folder`.
    pub(crate) fn ca(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("ca-{port}.pem", port = self.port));
        std::fs::write(&path, &self.ca).unwrap();
        path
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve<S: Read + Write>(
    stream: S,
    answer: &(dyn Fn(&Seen) -> Reply + Sync),
    log: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let Some(seen) = read(&mut stream)? else { return Ok(()) };
        log.lock().unwrap().push(seen.clone());
        let out = stream.get_mut();
        match answer(&seen) {
            Reply::Json(status, headers, body) => {
                let n = body.len();
                write!(
                    out,
                    "HTTP/1.1 {status} Any\r\nContent-Type: application/json\r\n{headers}\
                     Content-Length: {n}\r\n\r\n{body}"
                )?;
            }
            Reply::Raw(bytes) => {
                out.write_all(&bytes)?;
                return out.flush();
            }
            Reply::Slow(time) => thread::sleep(time),
            Reply::Drip => {
                write!(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{{"
                )?;
                loop {
                    thread::sleep(Duration::from_millis(50));
                    out.write_all(b" ")?;
                    out.flush()?;
                }
            }
            Reply::Headers => {
                write!(out, "HTTP/1.1 200 OK\r\n")?;
                loop {
                    write!(out, "X-More: {}\r\n", "a".repeat(1000))?;
                }
            }
            Reply::Huge => {
                write!(
                    out,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n"
                )?;
                for _ in 0..1_000 {
                    out.write_all(&[b'a'; 100_000])?;
                }
            }
        }
        out.flush()?;
    }
}

fn read(stream: &mut impl std::io::BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let call = format!("{} {}", words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut seen = Seen { at: Instant::now(), call, headers, body: String::new() };
    let mut body = vec![0; seen.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body)?;
    seen.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(seen))
}

/// An http vendor without TLS: answers every request with 200 and an empty object. Gives its port
/// and how often it was asked.
pub(crate) fn plain() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count: Arc<AtomicUsize> = Arc::default();
    let asked = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let log = Mutex::new(Vec::new());
            // A client that goes away ends the connection, nothing else.
            let _ = serve(stream, &|_| json(200, "{}"), &log);
            asked.fetch_add(log.lock().unwrap().len(), Ordering::SeqCst);
        }
    });
    (port, count)
}

/// A CONNECT proxy on loopback that writes down all that it can read.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    read: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        Self::start_to(None)
    }

    /// Starts one that leads every tunnel to `port` of this machine, whatever host was wanted.
    pub(crate) fn start_to(port: Option<u16>) -> Self {
        let to = port;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let read: Arc<Mutex<Vec<u8>>> = Arc::default();
        let log = Arc::clone(&read);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let log = Arc::clone(&log);
                thread::spawn(move || tunnel(client, to, &log));
            }
        });
        Self { port, read }
    }

    /// Everything that came from clients.
    pub(crate) fn read(&self) -> Vec<u8> {
        self.read.lock().unwrap().clone()
    }
}

fn tunnel(mut client: TcpStream, to: Option<u16>, log: &Mutex<Vec<u8>>) -> Option<()> {
    let mut head = BufReader::new(client.try_clone().ok()?);
    let mut first = String::new();
    head.read_line(&mut first).ok()?;
    log.lock().unwrap().extend(first.as_bytes());
    loop {
        let mut line = String::new();
        head.read_line(&mut line).ok()?;
        log.lock().unwrap().extend(line.as_bytes());
        if line.trim().is_empty() {
            break;
        }
    }
    let wanted = first.split_whitespace().nth(1)?.to_owned();
    let place = to.map_or(wanted, |port| format!("127.0.0.1:{port}"));
    let mut server = TcpStream::connect(place).ok()?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let (mut back, mut to) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut back, &mut to));
    let mut chunk = [0; 4096];
    loop {
        let n = head.read(&mut chunk).ok().filter(|n| *n > 0)?;
        log.lock().unwrap().extend(&chunk[..n]);
        server.write_all(&chunk[..n]).ok()?;
    }
}
