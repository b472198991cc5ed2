//! What the path of a file says of the values in it.

use super::part::Part;

/// Languages in which single quotes hold a character.
const CHARACTERS: [&str; 7] = ["c", "h", "cc", "cpp", "hpp", "m", "cs"];

/// Ends of names of files of code.
#[rustfmt::skip] // an end a line would be a page
const CODE: &[&str] = &[
    "js", "jsx", "ts", "tsx", "mjs", "cjs", "py", "rb", "go", "java", "kt", "kts", "scala", "c", "h", "cc", "cpp", "hpp",
    "cs", "rs", "swift", "m", "mm", "php", "ex", "exs", "erl", "hs", "lua", "pl", "pm", "groovy", "gradle", "dart", "clj",
    "fs", "vb", "r", "jl", "vue", "svelte", "sol", "zig", "nim", "ml", "d", "ps1", "proto", "tf", "el", "coffee", "elm",
    "cljs", "sql",
];

/// Ends of names of files of configuration.
#[rustfmt::skip]
const CONFIGURATION: &[&str] = &[
    "yml", "yaml", "json", "toml", "ini", "cfg", "conf", "config", "env", "properties", "tfvars", "xml", "plist", "netrc",
    "npmrc", "htpasswd", "sh", "bash", "zsh", "template", "dist", "cnf",
];

/// Ends of names of documents.
const DOCUMENTATION: &[&str] =
    &["md", "mdx", "rst", "adoc", "txt", "asciidoc", "org", "1", "ipynb"];

/// Ends of names of pages and style sheets.
const MARKUP: &[&str] =
    &["html", "htm", "css", "scss", "less", "erb", "haml", "hbs", "ejs", "jsp", "svg"];

/// Ends of names of files that set passwords, also words.
#[rustfmt::skip]
const SETS: &[&str] = &[
    "yml", "yaml", "env", "properties", "ini", "cfg", "cnf", "conf", "config", "toml", "ldif", "sh", "bash",
];

/// Words of names of files of code that do the same.
const CONFIGURES: &[&str] =
    &["conf", "config", "configuration", "credentials", "database", "secrets", "settings"];

/// Words of paths of code that fills a database.
const SEEDS: &[&str] = &["seed", "seeds", "seeder", "seeders"];

/// Ends of those that also hold texts and names: a password there has a digit or a sign.
const MIXED: &[&str] = &["json", "xml", "tf", "tfvars", "plist"];

/// Ends of names of files of text.
const TEXTS: &[&str] = &["adoc", "html", "ipynb", "md", "mdx", "rst", "txt"];

/// Words of paths of tests, documents and files that show a form.
#[rustfmt::skip]
const SHOWS: &[&str] = &[
    "doc", "docs", "documentation", "e2e", "fixture", "fixtures", "mock", "mocks", "openapi", "spec", "specs", "swagger",
    "test", "testdata", "testing", "tests",
];

/// Words of names of files that are copied before they are filled in.
const FORMS: &[&str] = &["dist", "example", "examples", "sample", "template", "tmpl", "tpl"];

/// Parts of paths of tests and examples.
const TESTS: &[&str] = &["test", "spec/", "_spec.", "fixture", "mock", "example", "sample", "demo"];

/// Which passwords a file gives a program or its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sets {
    /// None.
    Nothing,
    /// Those with a digit or a sign.
    NoWords,
    /// Those in quotes.
    Quoted,
    /// All.
    All,
}

/// A file, as its path describes it.
#[derive(Debug)]
pub struct File {
    kind: Option<Part>,
    characters: bool,
    translations: bool,
    tests: bool,
    /// It belongs to tests or documents, so that no code in it sets a password.
    shows: bool,
    /// It describes machines that are there for one run only.
    passing: bool,
    sets: Sets,
}

impl File {
    /// The file at `path`, in a repository or as the user named it.
    pub fn of(path: &[u8]) -> Self {
        let text = &String::from_utf8_lossy(path).to_ascii_lowercase();
        let name = text.rsplit('/').next().unwrap_or_default();
        let end = name.rsplit_once('.').map_or("", |(_, end)| end);
        let kind = match () {
            () if CODE.contains(&end) => Some(Part::InCode),
            () if CONFIGURATION.contains(&end) || name.starts_with(".env") => {
                Some(Part::InConfiguration)
            }
            () if DOCUMENTATION.contains(&end) => Some(Part::InDocumentation),
            () if MARKUP.contains(&end) => Some(Part::InMarkup),
            () => None,
        };
        let shows = has(text, SHOWS);
        let form = has(name, FORMS) || has(text, &["sample", "samples"]);
        Self {
            kind,
            characters: CHARACTERS.contains(&end),
            translations: is_translation(text, name),
            tests: TESTS.iter().any(|part| text.contains(part)),
            shows,
            passing: text.starts_with(".github/"),
            sets: if shows || form { Sets::Nothing } else { sets(text, (name, end)) },
        }
    }

    /// Parts about a value there, of which `found` is what its own place said; `bare`: it stands without
    /// quotes.
    pub(super) fn parts(&self, found: &[Part], bare: bool) -> Vec<Part> {
        let says = |part: Part| found.contains(&part);
        let mut parts = Vec::new();
        if self.characters && says(Part::SingleQuoted) && !says(Part::Comment) {
            parts.push(Part::NoString);
        }
        parts.extend(self.kind.map(|kind| match kind {
            Part::InCode if says(Part::BareLetters) && !says(Part::Comment) => Part::NameInCode,
            Part::InCode if bare => Part::BareInCode,
            other => other,
        }));
        let coded = says(Part::PlainChosen) && !self.shows;
        if self.translations {
            parts.push(Part::InTranslations);
        } else if self.sets(&says) {
            parts.push(Part::ConfiguredPassword);
        } else if coded && parts.contains(&Part::InCode) {
            parts.push(Part::CodedPassword);
        }
        if self.tests {
            parts.push(Part::InTests);
        }
        parts
    }

    /// True where it gives a program or its database a password of which `says` tells what its place said.
    fn sets(&self, says: &dyn Fn(Part) -> bool) -> bool {
        let mixed = says(Part::PlainPassword) || says(Part::PlainChosen);
        let word = says(Part::PlainWord) && !says(Part::Comment);
        let set = match self.sets {
            Sets::Nothing => false,
            Sets::NoWords => mixed,
            Sets::Quoted => (mixed || word) && !says(Part::Bare),
            Sets::All => mixed || word,
        };
        set && !(self.passing && says(Part::DefaultPassword))
    }
}

/// The passwords that the file of this `name` and `end` at `path`, in lower case, sets.
fn sets(path: &str, (name, end): (&str, &str)) -> Sets {
    let environment = name.starts_with(".env") || name.starts_with("dockerfile");
    match () {
        () if SETS.contains(&end) || environment => Sets::All,
        () if MIXED.contains(&end) => Sets::NoWords,
        () if TEXTS.contains(&end) => Sets::Nothing,
        () if has(path, SEEDS) || has(name, CONFIGURES) => Sets::Quoted,
        () => Sets::Nothing,
    }
}

/// True where one of the words of `text` is on the `list`.
fn has(text: &str, list: &[&str]) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| list.contains(&word))
}

/// Codes of the languages that programs are mostly translated into.
#[rustfmt::skip] // a code a line would be most of the file
const LANGUAGES: &[&str] = &[
    "ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it",
    "ja", "ko", "lt", "lv", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk",
    "vi", "zh",
];

/// True for the path of texts in one language, and for a file `name` that is one: `de.yml`, `pt-BR.json`,
/// `labels_nl.properties`.
fn is_translation(path: &str, name: &str) -> bool {
    const FOLDERS: [&str; 3] = ["lang", "langs", "l10n"];
    const ENDS: [&str; 6] = ["yml", "yaml", "json", "properties", "toml", "ini"];
    let (stem, end) = name.rsplit_once('.').unwrap_or_default();
    let code = |text: &str| LANGUAGES.contains(&text);
    let mut parts = stem.split(['-', '_']);
    let language = parts.next().is_some_and(code) && parts.next().is_none_or(|at| at.len() == 2);
    let bundle = end == "properties" && stem.split_once('_').is_some_and(|(_, rest)| code(rest));
    // Android's folders of resources, and Apple's.
    let of_language = |part: &str| {
        let resources = part.strip_prefix("values-").or_else(|| part.strip_suffix(".lproj"));
        resources.is_some_and(|rest| rest.split('-').next().is_some_and(code))
    };
    path.split('/').any(|part| FOLDERS.contains(&part) || of_language(part))
        || ["locale", "i18n", "translation", "messages_"].iter().any(|word| path.contains(word))
        || ENDS.contains(&end) && (language && parts.next().is_none() || bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str, found: &[Part], bare: bool) -> Vec<Part> {
        File::of(path.as_bytes()).parts(found, bare)
    }

    #[test]
    fn kinds_of_files() {
        for (path, bare, part) in [
            ("src/a.py", true, Part::BareInCode),
            ("src/a.py", false, Part::InCode),
            ("deploy/values.yaml", true, Part::InConfiguration),
            (".env.local", true, Part::InConfiguration),
            ("docs/a.md", true, Part::InDocumentation),
            ("app/locales/de.yml", true, Part::InTranslations),
            ("lang/nl.json", false, Part::InTranslations),
            ("texts/pt-BR.json", false, Part::InTranslations),
            ("app/labels_nl.properties", true, Part::InTranslations),
            ("res/values-pt-rBR/strings.xml", true, Part::InTranslations),
            ("App/de.lproj/Main.strings", true, Part::InTranslations),
            ("tests/a.rb", false, Part::InTests),
            ("app/page.ERB", false, Part::InMarkup),
        ] {
            let parts = parts(path, &[], bare);
            assert!(parts.contains(&part), "{path}: {parts:?}");
        }
    }

    #[test]
    fn single_quotes_hold_no_string_in_c() {
        let quoted = Part::SingleQuoted;
        assert!(parts("src/a.c", &[quoted], false).contains(&Part::NoString));
        assert!(!parts("src/a.py", &[quoted], false).contains(&Part::NoString));
        assert!(!parts("src/a.c", &[Part::Comment, quoted], false).contains(&Part::NoString));
    }

    #[test]
    fn files_that_set_passwords() {
        let sets = |path: &str, found: &[Part]| {
            parts(path, found, false).contains(&Part::ConfiguredPassword)
        };
        let (word, mixed) = ([Part::PlainWord], [Part::PlainPassword]);
        for path in [
            "docker-compose.yml",
            "deploy/.env",
            "Dockerfile",
            "conf/app.properties",
            "db/seeds.rb",
            "app/config.php",
        ] {
            assert!(sets(path, &word) && sets(path, &mixed), "{path}");
        }
        for path in [
            "src/main.rs",
            "tests/app.yml",
            "docs/app.yml",
            "app.example.yml",
            ".env.example",
            "config.md",
        ] {
            assert!(!sets(path, &word) && !sets(path, &mixed), "{path}");
        }
        assert!(sets("settings.json", &mixed) && !sets("settings.json", &word));
        assert!(!sets("app/config.php", &[Part::PlainWord, Part::Bare]));
        let default = [Part::PlainWord, Part::DefaultPassword];
        assert!(sets("compose.yml", &default) && !sets(".github/workflows/a.yml", &default));
        assert!(!sets("app.yml", &[Part::Comment, Part::PlainWord]));
    }

    #[test]
    fn code_sets_passwords_but_not_that_of_tests() {
        let coded =
            |path: &str| parts(path, &[Part::PlainChosen], false).contains(&Part::CodedPassword);
        assert!(coded("src/a.py") && !coded("tests/a.py") && !coded("a.txt"));
    }
}
