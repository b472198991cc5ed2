//! Answers kept on disk for a while, so that a second run asks nobody. A key stands in it as a
//! salted hash; the file is readable by its owner only.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::caches;
use crate::finding::Verification;
use crate::text::hex;

/// Entries above this are dropped, oldest first.
const MOST: usize = 50_000;
/// Larger files are not ours.
const MAX_FILE: u64 = 64 << 20;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    salt: String,
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    /// Seconds since 1970.
    at: i64,
    status: Kept,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What is worth keeping: proofs, not failures.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Live,
    LiveRestricted,
    Revoked,
}

/// The answers of earlier runs and of this one.
pub struct Cache {
    path: PathBuf,
    life: i64,
    file: Mutex<File>,
}

impl Cache {
    /// Opens the cache in `folder`, where answers live for `life`. A file that cannot be read or
    /// understood counts as empty; the text says why.
    pub fn open(folder: &Path, life: Duration) -> (Self, Option<String>) {
        let path = folder.join(caches::ANSWERS);
        let (mut file, notice) = match read(&path) {
            Ok(file) => (file, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (File::default(), None),
            Err(error) => {
                let text = format!(
                    "{path}: the cache cannot be used and is made anew: {error}",
                    path = path.display()
                );
                (File::default(), Some(text))
            }
        };
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let now = now();
        file.entries.retain(|_, entry| (0..life).contains(&now.saturating_sub(entry.at)));
        if file.salt.len() < 32 {
            let mut salt = [0; 32];
            // Without randomness the salt is zero: weaker, and still nothing in clear.
            let _ = SystemRandom::new().fill(&mut salt);
            file = File { salt: hex(&salt), entries: BTreeMap::new() };
        }
        (Self { path, life, file: Mutex::new(file) }, notice)
    }

    /// The name under which the answer for `parts` stands: the salted hash.
    pub fn name(&self, parts: &[&[u8]]) -> String {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hash = Sha256::new();
        hash.update(file.salt.as_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())
    }

    /// The answer under `name`, if it is still fresh.
    pub fn get(&self, name: &str) -> Option<Verification> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry { status, detail, .. } = file.entries.get(name)?.clone();
        Some(match status {
            Kept::Live => Verification::Live { detail },
            Kept::LiveRestricted => Verification::LiveRestricted { detail },
            Kept::Revoked => Verification::Revoked { detail },
        })
    }

    /// Keeps `verdict` under `name`, if it shows anything.
    pub fn put(&self, name: String, verdict: &Verification) {
        let status = match verdict {
            Verification::Live { .. } => Kept::Live,
            Verification::LiveRestricted { .. } => Kept::LiveRestricted,
            Verification::Revoked { .. } => Kept::Revoked,
            Verification::NotTried { .. } | Verification::Unknown { .. } => return,
        };
        let entry = Entry { at: now(), status, detail: verdict.detail().map(str::to_owned) };
        self.file.lock().unwrap_or_else(PoisonError::into_inner).entries.insert(name, entry);
    }

    /// Writes the file, whole or not at all. What another run added meanwhile is kept when it has
    /// the same salt.
    ///
    /// # Errors
    /// The I/O error.
    pub fn save(&self) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(other) = read(&self.path)
            && other.salt == file.salt
        {
            let fresh = |entry: &Entry| (0..self.life).contains(&now().saturating_sub(entry.at));
            for (name, entry) in other.entries.into_iter().filter(|(_, entry)| fresh(entry)) {
                file.entries.entry(name).or_insert(entry);
            }
        }
        if file.entries.len() > MOST {
            let mut times: Vec<i64> = file.entries.values().map(|entry| entry.at).collect();
            times.sort_unstable_by(|a, b| b.cmp(a));
            let least = times[MOST];
            file.entries.retain(|_, entry| entry.at > least);
        }
        let bytes = serde_json::to_vec(&*file)?;
        caches::write_own(&self.path, |out| out.write_all(&bytes))
    }
}

fn read(path: &Path) -> io::Result<File> {
    Ok(serde_json::from_slice(&caches::read(path, MAX_FILE)?)?)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn answers_last_for_their_life_and_hold_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        let (cache, notice) = Cache::open(folder.path(), hour);
        assert_eq!(notice, None);
        let name = cache.name(&[b"rule", b"the-key"]);
        let live = Verification::Live { detail: Some("no credits".to_owned()) };
        cache.put(name.clone(), &live);
        cache.put("x".to_owned(), &Verification::Unknown { reason: String::new() });
        cache.save().unwrap();

        let text = fs::read_to_string(folder.path().join("verify.json")).unwrap();
        assert!(!text.contains("the-key"));
        let (again, _) = Cache::open(folder.path(), hour);
        assert_eq!(again.name(&[b"rule", b"the-key"]), name);
        assert_eq!(again.get(&name), Some(live));
        assert_eq!(again.get("x"), None);
        let (old, _) = Cache::open(folder.path(), Duration::ZERO);
        assert_eq!(old.get(&name), None);
        // Another folder, another salt.
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Cache::open(other.path(), hour).0.name(&[b"rule", b"the-key"]), name);
    }

    #[test]
    fn a_broken_file_is_said_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("verify.json"), "{ broken").unwrap();
        let (cache, notice) = Cache::open(folder.path(), Duration::from_secs(60));
        assert!(notice.unwrap().contains("made anew"));
        cache.save().unwrap();
        assert_eq!(Cache::open(folder.path(), Duration::from_secs(60)).1, None);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("keylint");
        Cache::open(&inner, Duration::from_secs(60)).0.save().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inner.join("verify.json")), 0o600);
        assert_eq!(mode(&inner), 0o700);
    }
}
