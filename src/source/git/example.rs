//! A repository for tests of other modules.

use std::path::Path;

/// Makes a repository in `folder` with one commit of `files`, each a name and its text.
pub(crate) fn commit(folder: &Path, files: &[(String, String)]) -> Result<(), git2::Error> {
    let repo = git2::Repository::init(folder)?;
    let who = git2::Signature::new("A", "a@example.org", &git2::Time::new(5, 0))?;
    let mut tree = repo.treebuilder(None)?;
    for (name, text) in files {
        tree.insert(name, repo.blob(text.as_bytes())?, 0o100_644)?;
    }
    let tree = repo.find_tree(tree.write()?)?;
    repo.commit(Some("HEAD"), &who, &who, "x", &tree, &[]).map(|_| ())
}
