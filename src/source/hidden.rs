//! Hidden files and folders that hold credentials so often that a walk enters them unasked.

use std::path::Path;

use ignore::DirEntry;

/// Hidden names that hold credentials so often that they are scanned without `--hidden`.
const CREDENTIALS: [&str; 15] = [
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".netrc",
    ".keystore",
    ".git-credentials",
    ".pgpass",
    ".my.cnf",
    ".dockercfg",
    ".s3cfg",
    ".boto",
    ".htpasswd",
    ".flaskenv",
    ".mcp.json",
];
/// Hidden folders that are walked without `--hidden`, for the same reason.
const FOLDERS: [&str; 13] = [
    ".aws",
    ".azure",
    ".docker",
    ".kube",
    ".ssh",
    ".gnupg",
    ".github",
    ".gitlab",
    ".circleci",
    ".cursor",
    ".vscode",
    ".streamlit",
    ".devcontainer",
];

/// True when the walk enters or yields `entry`.
pub(super) fn wanted(entry: &DirEntry, hidden: bool) -> bool {
    let name = entry.file_name().to_string_lossy();
    if is_git_folder(entry) {
        return false;
    }
    if hidden || !name.starts_with('.') {
        return true;
    }
    let known = if entry.file_type().is_some_and(|kind| kind.is_dir()) {
        &FOLDERS[..]
    } else {
        &CREDENTIALS
    };
    name.starts_with(".env") || known.contains(&name.as_ref())
}

/// True for what git finds as `.git`: where the disk folds case it may be called `.GIT`.
pub(super) fn is_git_folder(entry: &DirEntry) -> bool {
    let (name, path) = (entry.file_name(), entry.path());
    if name == ".git" || !name.eq_ignore_ascii_case(".git") {
        return name == ".git";
    }
    let other = path.with_file_name(".git");
    let names = path.parent().map(Path::read_dir).into_iter().flatten().flatten().flatten();
    other.symlink_metadata().is_ok() && !names.into_iter().any(|entry| entry.file_name() == ".git")
}
