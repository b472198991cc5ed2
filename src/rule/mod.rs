//! Rules as data: the serde form of `rules/*.toml` and of user rules, and their validation.
//!
//! Nothing here runs a pattern over content; [`set`] compiles the rules.

pub(crate) mod claims;
pub mod exact;
mod keywords;
mod kinds;
pub mod lazy;
mod load;
pub(crate) mod matcher;
mod pairs;
pub(crate) mod pattern;
pub(crate) mod probe;
pub mod set;
pub(crate) mod sign;
pub(crate) mod token;
pub mod trigger;
pub mod verify;

use std::path::Path;

use include_dir::{Dir, include_dir};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::finding::{CheckMeta, Confidence, Severity};
use crate::rule::exact::{Exact, ExactAllow};
use crate::rule::verify::VerifySpec;
use crate::suggest::hint_of_serde;
use crate::text::line_at;

/// The rule files that ship with the program.
static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The data files among them, as JSON.
static DATA: Dir<'_> = include_dir!("$OUT_DIR/data");

/// Data files in `rules/` that hold no rules.
const DATA_FILES: [&str; 8] = [
    "placeholders.toml",
    "near.toml",
    "paths.toml",
    "shapes.toml",
    "decode.toml",
    "trigrams.toml",
    "frequent.toml",
    "hygiene.toml",
];

/// Why a rule file is refused.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not TOML, or an unknown or missing field; the text names line and column.
    #[error("{file}: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// What the TOML reader says.
        message: String,
    },
    /// A value that cannot be used.
    #[error("{file}:{line}: rule `{id}`: {message}")]
    Value {
        /// The file.
        file: String,
        /// Line of the rule's pattern or id, from 1.
        line: usize,
        /// The rule.
        id: String,
        /// What is wrong and what helps.
        message: String,
    },
    /// Two rules share an id.
    #[error("rule id `{id}` stands twice: in {first} and {second}; ids are unique")]
    Duplicate {
        /// The id.
        id: String,
        /// File of the first.
        first: String,
        /// File of the second.
        second: String,
    },
    /// The whole set cannot be compiled.
    #[error("the rule set cannot be compiled: {0}")]
    Compile(String),
}

/// One rule file: a vendor and its rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleFile {
    /// Defaults for all rules of the file.
    pub vendor: Vendor,
    /// Exceptions of all exact rules of the file.
    #[serde(default)]
    pub allow: Vec<ExactAllow>,
    /// The rules.
    #[serde(default)]
    pub rule: Vec<Rule>,
}

/// Who issues the secrets of a file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Display name.
    pub name: String,
    /// The vendor's site.
    pub homepage: Option<String>,
    /// Page where keys are revoked or rotated.
    pub rotate: Option<String>,
    /// Default remediation of the rules.
    pub remediation: Option<String>,
}

/// One rule, as written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Kebab-case id, unique; begins with the file stem.
    pub id: String,
    /// One sentence: what the secret is and what it opens.
    pub description: String,
    /// Severity of a finding.
    pub severity: Severity,
    /// Confidence of a finding.
    pub confidence: Confidence,
    /// Lower-case literals, one of which is in every match. Empty: the pattern runs on everything.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Regex on bytes; `\w \d \s \b` are ASCII. Either this or `context` with `value`.
    pub pattern: Option<String>,
    /// Regex for the vendor's name, put with `value` into one of the forms of `rules/shapes.toml`.
    pub context: Option<String>,
    /// Regex for what the name of the value holds, in the form `assigned`.
    pub names: Option<String>,
    /// Regex for the secret itself, without groups that capture.
    pub value: Option<String>,
    /// The form that `context` and `value` are put into.
    #[serde(default)]
    pub form: Form,
    /// Group that holds the secret; by default the first one that took part, else the whole match.
    pub secret_group: Option<usize>,
    /// Bytes after the keyword that a match may need; by default what the pattern's own length
    /// says, or 512. Multi-line blocks such as private keys set it.
    pub reach: Option<usize>,
    /// Which sides of the secret must not touch another token character.
    #[serde(default)]
    pub boundary: Boundary,
    /// Least Shannon entropy of the secret, bits a byte.
    pub entropy: Option<f32>,
    /// Least number of ASCII digits in the secret.
    #[serde(default)]
    pub min_digits: usize,
    /// Offline checksum of the secret.
    pub checksum: Option<Checksum>,
    /// Globs: the rule applies only to these paths.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Path kinds where the rule is not run.
    #[serde(default)]
    pub skip: Vec<PathKind>,
    /// Matches that are no findings.
    #[serde(default)]
    pub allow: Vec<RuleAllow>,
    /// The other half of a credential of two parts; set on the secret half.
    pub pair: Option<Pair>,
    /// What names this provider near a key whose form it shares with others. Such a rule runs on
    /// nothing by itself: it claims matches of another rule that have its own pattern.
    pub provider: Option<Provider>,
    /// Regex that a match must have where no provider is evident (for rules that others claim from).
    pub alone: Option<String>,
    /// Rules whose matches this one replaces where both see the same bytes.
    #[serde(default)]
    pub over: Vec<String>,
    /// True for keys that are public by design.
    #[serde(default)]
    pub public: bool,
    /// True for values without a shape of their own: they are judged by a score of what their name,
    /// their characters, their place and their file say.
    #[serde(default)]
    pub generic: bool,
    /// What follows every keyword: the pattern is not tried where it cannot.
    pub follow: Option<Follow>,
    /// Set for rules that came from other programs: the pattern alone decides.
    pub exact: Option<Exact>,
    /// Environment variables that hold this secret.
    #[serde(default)]
    pub env: Vec<String>,
    /// Overrides the vendor's page.
    pub rotate: Option<String>,
    /// Overrides the vendor's remediation.
    pub remediation: Option<String>,
    /// The vendor's documentation.
    #[serde(default)]
    pub references: Vec<String>,
    /// Rotation period in days.
    pub rotate_days: Option<u32>,
    /// The vendor's limit of keys per user.
    pub max_keys: Option<u32>,
    /// How to ask the vendor whether a key is live.
    pub verify: Option<VerifySpec>,
    /// Texts in which the rule fires exactly once.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Texts in which it does not fire.
    #[serde(default)]
    pub negatives: Vec<String>,
}

/// The other half of a credential.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// Id of its rule.
    pub with: String,
    /// What to call it, such as `access key id`.
    pub name: String,
    /// Bytes that may lie between the two.
    #[serde(default = "pair_reach")]
    pub within: usize,
    /// True when the secret half alone is no finding.
    #[serde(default)]
    pub required: bool,
}

/// A few lines, as in a credentials file or a call.
fn pair_reach() -> usize {
    400
}

/// Evidence for one provider of a shared key form. All words are lower-case and found in any case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Id of the rule whose matches are claimed.
    pub claims: String,
    /// Parts of variable, field and file names.
    #[serde(default)]
    pub names: Vec<String>,
    /// API hosts, or parts of them.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Model ids, or how they start.
    #[serde(default)]
    pub models: Vec<String>,
    /// How the provider's SDK is imported.
    #[serde(default)]
    pub imports: Vec<String>,
    /// Features of the key itself.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

/// A feature of a key that speaks for or against a provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Regex on the key.
    pub pattern: String,
    /// True when the mark is that the pattern does not match.
    #[serde(default)]
    pub absent: bool,
    /// What it counts.
    pub weight: i32,
    /// What to tell a person.
    pub what: String,
}

/// Surroundings that rules share; their text is in `rules/shapes.toml`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// An assignment whose name holds the context and what says that the value is secret.
    #[default]
    Assigned,
    /// As `assigned`, and nothing looser: for vendors whose name is a word.
    Named,
    /// The context somewhat before the value.
    Near,
}

impl Form {
    /// What `rules/shapes.toml` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::Named => "named",
            Self::Near => "near",
        }
    }
}

/// What a keyword that is common elsewhere is followed by where its rule can match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Follow {
    /// The rest of a name, a tie such as `=`, and a value.
    Assignment,
    /// `user:password@`, as in an address.
    UserInfo,
}

impl Follow {
    /// The one of that name in rule files.
    fn named(name: &str) -> Option<Self> {
        match name {
            "assignment" => Some(Self::Assignment),
            "user-info" => Some(Self::UserInfo),
            _ => None,
        }
    }
}

/// An exception of one rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAllow {
    /// Regex on bytes.
    pub pattern: String,
    /// What the pattern is tried on.
    #[serde(default)]
    pub on: AllowOn,
    /// Why this is no finding.
    pub reason: String,
}

/// What an exception looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AllowOn {
    /// The secret alone.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The line on which the secret starts.
    Line,
}

/// Sides of a secret that must border on something else than a token character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// Left and right.
    #[default]
    Both,
    /// Left only.
    Left,
    /// Right only.
    Right,
    /// Neither; the pattern says it all.
    None,
}

/// Checksums that can be recomputed offline. Sources: docs/rules.md, "Checksums".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Checksum {
    /// Last 6 characters: CRC32 of the body after the prefix, in base62.
    #[serde(rename = "crc32-base62")]
    Crc32Base62,
    /// SHA-256 in base32 inside a fine-grained GitHub token.
    GithubFineGrained,
    /// Length and CRC32 in base36 at the end of a routable GitLab token.
    GitlabRoutable,
    /// Last 6 characters: little-endian CRC32 of the 54-character body, in base64.
    Confluent,
    /// Last 8 characters: CRC32 of the 32-character body, in hex.
    Zuplo,
    /// Last 8 characters: CRC32 of all before, in hex.
    Atlassian,
    /// Last 8 characters: CRC32 of the body after the prefix, in hex.
    Cloudflare,
    /// Bech32.
    AgeBech32,
}

/// Kinds of paths that rules treat alike; globs in `rules/paths.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// Lock files of package managers.
    Lock,
    /// Minified or generated code and data.
    Minified,
    /// Tests and fixtures.
    Test,
    /// Documentation.
    Docs,
    /// Files that hold mostly encoded data, such as images in text form.
    BinaryLike,
}

impl Rule {
    /// True for a rule that finds files by their name.
    pub(crate) fn is_names_only(&self) -> bool {
        self.exact.is_some() && self.pattern.is_none() && self.value.is_none()
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a report says of the rule, with `vendor` for the defaults.
    pub fn meta(&self, vendor: &Vendor) -> CheckMeta {
        let remediation = self.remediation.as_ref().or(vendor.remediation.as_ref());
        CheckMeta {
            id: self.id().to_owned(),
            vendor: vendor.name.clone(),
            description: self.description.clone(),
            severity: self.severity,
            confidence: self.confidence,
            remediation: remediation.cloned().unwrap_or_else(|| {
                "Revoke it at the vendor, create a new one and load it from the environment."
                    .to_owned()
            }),
            rotate: self.rotate.clone().or_else(|| vendor.rotate.clone()),
            references: self.references.clone(),
            env: self.env.clone(),
        }
    }
}

/// Rules inside a configuration file: whatever else stands there is not looked at here.
#[derive(Deserialize)]
struct Inline {
    #[serde(default)]
    vendor: Option<Vendor>,
    #[serde(default)]
    rule: Vec<Rule>,
}

/// Reads one rule file, or the rules of a `keylint.toml`. `name` is used in errors.
///
/// # Errors
/// [`RuleError::Syntax`] where the text is not TOML or not of this form.
pub fn parse(name: &str, text: &str) -> Result<RuleFile, RuleError> {
    let parsed = if name.ends_with("keylint.toml") {
        toml::from_str(text).map(|Inline { vendor, rule }| {
            let vendor =
                vendor.unwrap_or_else(|| Vendor { name: name.to_owned(), ..Vendor::default() });
            RuleFile { vendor, allow: Vec::new(), rule }
        })
    } else {
        toml::from_str(text)
    };
    parsed.map_err(|error| {
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        let message = error.message().trim_end();
        let hint = hint_of_serde(message);
        RuleError::Syntax { file: format!("{name}:{line}"), message: format!("{message}{hint}") }
    })
}

/// Line of `key` in rule `id` of `text`, or of the id where the rule has no such key.
fn line_of(text: &str, id: &str, key: &str) -> usize {
    let own = format!("\"{id}\"");
    let mut lines = text.lines().map(str::trim_start).zip(1..);
    let found = lines.find(|(line, _)| line.starts_with("id") && line.contains(&own));
    let mut rest = lines.take_while(|(line, _)| !line.starts_with("[[rule"));
    rest.find(|(line, _)| line.starts_with(key)).or(found).map_or(1, |(_, number)| number)
}

/// True for the name of a TOML file that holds rules, not data that rules share.
pub fn is_rule_file(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.ends_with(".toml") && !DATA_FILES.contains(&name))
}

/// The rule files that ship with the program, sorted by name: file name and text.
pub fn builtin() -> Vec<(&'static str, &'static str)> {
    let mut files: Vec<_> = BUILTIN
        .files()
        .filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?)))
        .filter(|(name, _)| is_rule_file(name.as_ref()))
        .collect();
    files.sort_unstable();
    files
}

/// The data file of `rules/` with that name, read.
///
/// # Errors
/// [`RuleError::Syntax`] when the program was built without it, or when it is broken.
pub(crate) fn data<T: DeserializeOwned>(name: &str) -> Result<T, RuleError> {
    let fail = |message| RuleError::Syntax { file: name.to_owned(), message };
    let file = DATA.get_file(Path::new(name).with_extension("json"));
    let text = file.ok_or_else(|| fail("not part of this build".to_owned()))?.contents();
    serde_json::from_slice(text).map_err(|error| fail(error.to_string()))
}
