//! Notes, while a scan walks, which files a check may want to look at again. What is decided here
//! costs every file of every scan, so it is paths and a few fast searches.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use aho_corasick::packed::{self, Searcher};
use bstr::BString;

use crate::hygiene::{base_name, client_bundle, envs};
use crate::syntax::{Lang, js};

/// What made a file worth a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What reads it as environment variables.
    pub env: Option<envs::Kind>,
    /// It says what is packed, copied or published, or configures a build.
    pub manifest: bool,
    /// JavaScript, TypeScript, or a page with scripts.
    pub script: bool,
    /// Output of a bundler, by its path.
    pub built: bool,
    /// A rule found something in it.
    pub hit: bool,
    /// It names a variable with a public prefix.
    pub prefix: bool,
    /// It says `dangerouslyAllowBrowser`.
    pub browser_flag: bool,
    /// It says `use client`.
    pub use_client: bool,
    /// It sends or names an authorization header or key parameter.
    pub authorization: bool,
}

/// A file of the walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Index of the scanned folder.
    pub root: usize,
    /// Relative to the root, with `/`.
    pub path: BString,
    /// As the user would type it.
    pub shown: PathBuf,
    /// Why it was noted.
    pub marks: Marks,
}

/// The notes of all threads.
#[derive(Debug, Default)]
pub struct Survey {
    seen: Mutex<Vec<Seen>>,
}

/// Files that say what is packed, copied, published or built.
const MANIFESTS: [&str; 14] = [
    "package.json",
    "cargo.toml",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "manifest.in",
    ".npmignore",
    ".dockerignore",
    ".gitignore",
    "dockerfile",
    "manifest.json",
    "app.json",
    "__init__.py",
    "tsconfig.json",
];

/// What scripts are searched for. The order is that of [`Survey::text`].
const NEEDLES: [&str; 15] = [
    "dangerouslyAllowBrowser",
    "use client",
    "uthorization",
    "-api-key",
    "?key=",
    "PUBLIC_",
    "VITE_",
    "REACT_APP_",
    "GATSBY_",
    "VUE_APP_",
    "NG_APP_",
    "STORYBOOK_",
    "UMI_APP_",
    "TARO_APP_",
    "REDWOOD_ENV_",
];

static SEARCHER: LazyLock<Option<Searcher>> =
    LazyLock::new(|| packed::Builder::new().extend(NEEDLES).build());

impl Survey {
    /// Notes a file of the walk where a check may want it. `hit` says that a rule found something.
    pub fn see(&self, root: usize, (shown, path): (&Path, &BString), bytes: &[u8], hit: bool) {
        let mut marks = Self::by_path(path);
        marks.hit = hit;
        if marks.script {
            Self::text(bytes, &mut marks);
        }
        if marks == Marks::default() {
            return;
        }
        let seen = Seen { root, path: path.clone(), shown: shown.to_owned(), marks };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    /// All notes, sorted.
    pub fn into_seen(self) -> Vec<Seen> {
        let mut seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        seen.sort_by(|a, b| (a.root, &a.path).cmp(&(b.root, &b.path)));
        seen.dedup_by(|a, b| (a.root, &a.path) == (b.root, &b.path));
        seen
    }

    fn by_path(path: &[u8]) -> Marks {
        let name = String::from_utf8_lossy(base_name(path)).to_ascii_lowercase();
        Marks {
            env: envs::Kind::of(path),
            manifest: MANIFESTS.contains(&name.as_str()) || name.starts_with("dockerfile"),
            script: js::is_page(path) || Lang::of(path, b"").is_some_and(Lang::is_js),
            built: client_bundle::is_built(path),
            ..Marks::default()
        }
    }

    /// Searches a script for what makes it worth parsing.
    fn text(bytes: &[u8], marks: &mut Marks) {
        let mut mark = |needle: usize| match needle {
            0 => marks.browser_flag = true,
            1 => marks.use_client = true,
            2..=4 => marks.authorization = true,
            _ => marks.prefix = true,
        };
        match SEARCHER.as_ref() {
            Some(searcher) => {
                searcher.find_iter(bytes).for_each(|hit| mark(hit.pattern().as_usize()));
            }
            // Processors without the vector instructions that it needs.
            None => (0..NEEDLES.len())
                .filter(|&n| memchr::memmem::find(bytes, NEEDLES[n].as_bytes()).is_some())
                .for_each(mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_from_paths_and_bytes() {
        let survey = Survey::default();
        let see = |path: &str, text: &str, hit| {
            survey.see(0, (Path::new(path), &BString::from(path)), text.as_bytes(), hit);
        };
        see("src/a.tsx", "'use client'\nfetch(u, {headers: {Authorization: k}})", false);
        see("src/b.rs", "NEXT_PUBLIC_X", false);
        see("src/c.py", "x", true);
        see(".env", "A=1", false);
        let seen = survey.into_seen();
        let paths: Vec<String> = seen.iter().map(|s| s.path.to_string()).collect();
        assert_eq!(paths, [".env", "src/a.tsx", "src/c.py"]);
        assert!(seen[1].marks.use_client && seen[1].marks.authorization && !seen[1].marks.prefix);
        assert!(seen[2].marks.hit && seen[0].marks.env.is_some());
    }
}
