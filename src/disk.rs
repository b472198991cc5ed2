//! Writes files whole or not at all: the content goes to a new file beside the old one, reaches the
//! disk, and takes the old one's name. Whoever reads at any moment sees the old content or the new.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Links followed to where a file is.
const MOST_LINKS: usize = 40;
/// Names tried for the new file: one that a killed process left behind is in nobody's way.
const MOST_NAMES: u32 = 1000;

/// Who may use a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// As before; of a new file, what the umask leaves.
    Usual,
    /// Its owner may read and write, nobody else may anything.
    Private,
    /// Everybody may run it.
    Program,
}

/// True when [`replace`] can write `path` whole or not at all: it is a file, or nothing yet. Devices,
/// pipes and names of open files, such as `/dev/stdout`, are written to as they are.
pub fn is_file(path: &Path) -> bool {
    let open = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
    path.metadata().map_or(true, |found| found.is_file() && !open)
}

/// Gives `path` the content `bytes`. A symbolic link stays and its target is written; the mode and, where
/// that is allowed, the owner stay.
///
/// # Errors
/// The I/O error; then the old file is as it was, and nothing is left beside it.
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    replace_by(path, access, |out| out.write_all(bytes))
}

/// As [`replace`], with the content that `write` writes.
///
/// # Errors
/// Those of [`replace`] and of `write`.
pub(crate) fn replace_by(
    path: &Path,
    access: Access,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> io::Result<()> {
    if !is_file(path) {
        return write(&mut OpenOptions::new().write(true).open(path)?);
    }
    let path = target(path)?;
    let part = part_of(&path, write, access)?;
    part.take_name(&path)
}

/// Changes the file `path` from `old` to `new`; an empty `old` stands for no file, too.
///
/// # Errors
/// The I/O error, or in words why the file is left: it changed, it is a link, it has more names. Then it
/// is as it was.
pub fn change(path: &Path, (old, new): (&[u8], &[u8])) -> io::Result<()> {
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other("it is a symbolic link; name the file that it leads to"));
    }
    if path.metadata().is_ok_and(|found| has_more_names(&found)) {
        let text = "it has more names (hard links), which would keep the old content";
        return Err(io::Error::other(text));
    }
    let part = part_of(path, |out| out.write_all(new), Access::Usual)?;
    // As late as can be: what is saved in an editor from here on, within microseconds, is lost.
    let now = match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other?,
    };
    if now != old {
        return Err(io::Error::other("it changed meanwhile and was not touched"));
    }
    part.take_name(path)
}

/// The content of `path`.
///
/// # Errors
/// The I/O error, or that `path` is no file: a pipe or a device would block or never end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The content of `path`, which is text.
///
/// # Errors
/// As [`read`], or that it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8"))
}

/// Opens `path` for reading and does not wait for whoever may write to it, should it be a pipe.
///
/// # Errors
/// The I/O error.
#[cfg(unix)]
pub fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens `path` for reading.
///
/// # Errors
/// The I/O error.
#[cfg(not(unix))]
pub fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Where `path` is after all symbolic links, also where nothing is there yet.
fn target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match path.read_link() {
            Ok(link) => path = folder_of(&path).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file beside the one that it is to replace. It goes when dropped.
struct Part {
    path: PathBuf,
    file: File,
}

/// The part that holds what `write` writes, on disk, with the mode and the owner that `path` is to have.
fn part_of(
    path: &Path,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    access: Access,
) -> io::Result<Part> {
    let before = match OpenOptions::new().write(true).open(path) {
        // A file that may not be written is not replaced either.
        Ok(file) => Some(file.metadata()?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let private = before.is_some() || access == Access::Private;
    let mut part = Part::new(folder_of(path), private)?;
    write(&mut part.file)?;
    part.adopt(before.as_ref(), access)?;
    match part.file.sync_all() {
        // Some network and user-space file systems cannot.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(part),
        other => other.map(|()| part),
    }
}

impl Part {
    fn new(folder: &Path, private: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o666 });
        let id = std::process::id();
        for n in 0..MOST_NAMES {
            let path = folder.join(format!(".keylint-{id}-{n}.part"));
            match options.open(&path) {
                Ok(file) => return Ok(Self { path, file }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the folder is full of .keylint-*.part files; delete them"))
    }

    /// Takes owner and mode from `before`, or the mode that `access` names.
    #[cfg(unix)]
    fn adopt(&self, before: Option<&Metadata>, access: Access) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
        let own = self.file.metadata()?;
        if let Some(before) = before
            && (before.uid(), before.gid()) != (own.uid(), own.gid())
        {
            // Only root may give files away; the group can often be kept.
            fchown(&self.file, Some(before.uid()), Some(before.gid()))
                .or_else(|_| fchown(&self.file, None, Some(before.gid())))
                .map_err(|error| {
                    io::Error::new(error.kind(), format!("its owner cannot be kept: {error}"))
                })?;
        }
        let mode = match (access, before) {
            (Access::Private, _) => 0o600,
            (Access::Program, _) => 0o755,
            (Access::Usual, Some(before)) => before.permissions().mode() & 0o7777,
            (Access::Usual, None) => return Ok(()),
        };
        self.file.set_permissions(fs::Permissions::from_mode(mode))
    }

    #[cfg(not(unix))]
    fn adopt(&self, _before: Option<&Metadata>, _access: Access) -> io::Result<()> {
        Ok(())
    }

    fn take_name(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        // The name has to reach the disk, too. The content is in place already, so a file system that
        // cannot is no fault.
        #[cfg(unix)]
        let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It is not there once it has taken its name.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn has_more_names(found: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(found) > 1
}

#[cfg(not(unix))]
fn has_more_names(_found: &Metadata) -> bool {
    false
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn links_modes_and_folders_stay_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, b"new", Access::Usual).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!((fs::read(&file).unwrap().as_slice(), mode(&file)), (b"new".as_slice(), 0o640));
        replace(&link, b"secret", Access::Private).unwrap();
        assert_eq!(mode(&file), 0o600);
        let dangling = folder.path().join("dangling");
        symlink("made", &dangling).unwrap();
        replace(&dangling, b"x", Access::Program).unwrap();
        assert_eq!(mode(&folder.path().join("made")), 0o755);
        let ring = folder.path().join("ring");
        symlink("ring", &ring).unwrap();
        assert!(replace(&ring, b"x", Access::Usual).is_err());
        assert!(replace(folder.path(), b"x", Access::Usual).is_err());
        // file, link, dangling, made, ring: no part is left.
        assert_eq!(names(folder.path()), 5);
    }

    #[test]
    fn a_change_of_what_has_changed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "edited").unwrap();
        let why = |old: &[u8]| change(&file, (old, b"new")).unwrap_err().to_string();
        assert!(why(b"old").contains("changed meanwhile"));
        assert!(why(b"").contains("changed meanwhile"));
        fs::hard_link(&file, folder.path().join("other")).unwrap();
        assert!(why(b"edited").contains("more names"));
        symlink("file", folder.path().join("link")).unwrap();
        assert!(change(&folder.path().join("link"), (b"edited", b"new")).is_err());
        assert_eq!(fs::read(&file).unwrap(), b"edited");
        assert_eq!(names(folder.path()), 3);
        change(&folder.path().join("fresh"), (b"", b"new")).unwrap();
        assert_eq!(fs::read(folder.path().join("fresh")).unwrap(), b"new");
    }
}
