//! Hidden files and folders that hold credentials so often that a walk enters them unasked.

use ignore::DirEntry;

/// Hidden names that hold credentials so often that they are scanned without `--hidden`.
const CREDENTIALS: [&str; 14] = [
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".netrc",
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
    if name == ".git" {
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
