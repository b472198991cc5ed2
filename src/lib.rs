//! keylint finds API keys in source, in git history and in `.env` files, and says whose they are. This
//! crate is what the program `keylint` is made of.
//!
//! # A text in memory
//!
//! ```
//! use keylint::Detector;
//!
//! // Written in two parts, so that no scanner of a code host takes this page for a leak.
//! let key = ["sk-or-", "v1-3f9a1c7e5b2d8064af13c95e7b08d2461fa7c3e95b0d824c6e1f39a7d5b08c24"].concat();
//! let text = format!("client = Client(\"{key}\")\n");
//!
//! let detector = Detector::new()?;
//! let findings = detector.find("app.py", text.as_bytes());
//! assert_eq!(findings.len(), 1);
//! assert_eq!(findings[0].check, "openrouter-api-key");
//! assert_eq!(findings[0].location.start.line, 1);
//! // The value is redacted in everything that prints; `expose` gives it in clear.
//! assert_eq!(findings[0].secret.redacted(), "sk-o…8c24[73]");
//! assert_eq!(findings[0].secret.expose(), key.as_bytes());
//! # Ok::<(), keylint::RuleError>(())
//! ```
//!
//! # A folder
//!
//! ```
//! use keylint::{Scan, Severity};
//!
//! # let folder = tempfile::tempdir()?;
//! # let key = ["xox", "b-731905284617-402918573640-Zq8vT2mKx0LrY5nWc7BdHs4J"].concat();
//! # std::fs::write(folder.path().join("bot.toml"), format!("token = \"{key}\"\n"))?;
//! let report = Scan::files([folder.path()]).run()?;
//! for finding in &report.findings {
//!     let (place, line) = (finding.location.provenance.shown(), finding.location.start.line);
//!     println!("{place}:{line}: {text}", text = finding.message);
//! }
//! assert!(report.findings.iter().all(|finding| finding.severity >= Severity::High));
//! # assert_eq!(report.findings.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A git history
//!
//! Every blob that a branch, tag or stash reaches is read once; a finding names the commit that brought
//! it. No git program is run.
//!
//! ```
//! use keylint::{Provenance, Scan};
//!
//! # let folder = tempfile::tempdir()?;
//! # let repository = git2::Repository::init(folder.path())?;
//! # let key = ["xox", "b-731905284617-402918573640-Zq8vT2mKx0LrY5nWc7BdHs4J"].concat();
//! # let who = git2::Signature::new("Ada", "ada@example.org", &git2::Time::new(1_700_000_000, 0))?;
//! # let mut parents = Vec::new();
//! # for text in [key.as_str(), "gone"] {
//! #     let mut tree = repository.treebuilder(None)?;
//! #     tree.insert("bot.txt", repository.blob(text.as_bytes())?, 0o100644)?;
//! #     let tree = repository.find_tree(tree.write()?)?;
//! #     let above: Vec<_> = parents.iter().collect();
//! #     let id = repository.commit(Some("HEAD"), &who, &who, text.get(..4).unwrap(), &tree, &above)?;
//! #     parents = vec![repository.find_commit(id)?];
//! # }
//! let report = Scan::history([folder.path()]).run()?;
//! for finding in &report.findings {
//!     if let Provenance::Commit { commit, path, in_head, .. } = &finding.location.provenance {
//!         println!("{path}: since {id}, still there: {in_head}", id = commit.id);
//!     }
//! }
//! # assert_eq!(report.findings.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a report holds
//!
//! A report without findings is clean only where nothing failed: look at [`Report::problems`], too.
//! [`render`] writes it in each form that the program has.
//!
//! ```
//! use keylint::{Format, Report, Style, render};
//!
//! fn is_clean(report: &Report) -> bool {
//!     report.findings.is_empty() && report.problems.is_empty() && !report.interrupted
//! }
//!
//! let report = Report::default();
//! assert!(is_clean(&report));
//! let mut sarif = Vec::new();
//! render(&report, Format::Sarif, Style::default(), &mut sarif)?;
//! assert!(sarif.starts_with(b"{"));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Rules of your own
//!
//! Rules are data, in the form of the files in `rules/`; [`rule::Rule`] describes each field.
//!
//! ```
//! use keylint::{Detector, RuleText};
//!
//! let text = r#"
//! [vendor]
//! name = "Example Works"
//!
//! [[rule]]
//! id = "example-works-key"
//! description = "Example Works key: opens the door."
//! severity = "high"
//! confidence = "high"
//! keywords = ["exw_"]
//! pattern = '\bexw_[0-9a-f]{16}\b'
//! "#;
//! let file = RuleText { name: "example.toml".to_owned(), text: text.to_owned() };
//! let detector = Detector::with_rules(&[file])?;
//! let findings = detector.find("notes.txt", b"the key is exw_5b0f93a8462dd08f");
//! assert_eq!(findings[0].check, "example-works-key");
//!
//! let broken = RuleText { name: "example.toml".to_owned(), text: text.replace("e = \"high\"", "e = \"hihg\"") };
//! let error = Detector::with_rules(&[broken]).err().unwrap().to_string();
//! assert!(error.starts_with("example.toml:9: unknown variant `hihg`"));
//! assert!(error.ends_with("did you mean `high`?"));
//! # Ok::<(), keylint::RuleError>(())
//! ```
//!
//! # What is stable
//!
//! What is documented here follows semantic versioning. Hidden modules are parts of the program and
//! change at any time.

// Modules are listed in layer order: a module uses only those above it (tests/layers.rs holds this).

// layer 0: values
pub mod blob;
#[doc(hidden)]
pub mod disk;
#[doc(hidden)]
pub mod fault;
#[doc(hidden)]
pub mod harden;
pub mod marker;
pub mod secret;
pub mod span;
#[doc(hidden)]
pub mod suggest;
#[doc(hidden)]
pub mod text;
#[doc(hidden)]
pub mod trace;
// layer 1: facts
#[doc(hidden)]
pub mod caches;
pub mod finding;
pub mod progress;
// layer 2: knowledge
#[doc(hidden)]
pub mod config;
pub mod rule;
// layer 3: producers
#[doc(hidden)]
pub mod scan;
#[doc(hidden)]
pub mod selftest;
#[doc(hidden)]
pub mod source;
#[doc(hidden)]
pub mod syntax;
// layer 4: judges
#[doc(hidden)]
pub mod baseline;
#[doc(hidden)]
pub mod fix;
#[doc(hidden)]
pub mod hook;
#[doc(hidden)]
pub mod hygiene;
#[doc(hidden)]
pub mod suppress;
#[doc(hidden)]
pub mod verify;
// layer 5: renderers
pub mod report;
// layer 6: wiring
#[doc(hidden)]
pub mod adopt;
mod api;
#[doc(hidden)]
pub mod audit;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod explain;
#[doc(hidden)]
pub mod ground;
#[doc(hidden)]
pub mod keys;
#[doc(hidden)]
pub mod lsp;
#[doc(hidden)]
pub mod migrate;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod repair;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod settings;
#[doc(hidden)]
pub mod triage;

pub use api::{Detector, Scan, ScanError};
pub use blob::Provenance;
pub use finding::{Confidence, Finding, Report, Severity};
pub use ground::PlanError;
pub use progress::Progress;
pub use report::{Format, Style, render};
pub use rule::RuleError;
pub use rule::set::RuleText;
pub use run::RunError;
pub use secret::Secret;
