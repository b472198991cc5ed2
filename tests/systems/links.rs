//! Links and, on Windows, junctions: a walk does not follow them and counts each.

use std::path::Path;

use crate::{Place, found, key, parsed, skipped};

#[cfg(unix)]
fn link_folder(target: &Path, link: &Path) {
    std::os::unix::fs::symlink(target, link).unwrap();
}

/// A junction, which every user may make.
#[cfg(windows)]
fn link_folder(target: &Path, link: &Path) {
    let mut command = std::process::Command::new("cmd");
    command.args(["/c", "mklink", "/J"]).arg(link).arg(target);
    assert!(command.output().unwrap().status.success());
}

/// False where this user may make none, as on Windows without its mode for developers.
#[cfg(unix)]
fn link_file(target: &Path, link: &Path) -> bool {
    std::os::unix::fs::symlink(target, link).is_ok()
}

#[cfg(windows)]
fn link_file(target: &Path, link: &Path) -> bool {
    std::os::windows::fs::symlink_file(target, link).is_ok()
}

#[test]
fn folders_that_are_links_or_junctions_are_counted_and_not_entered() {
    let (place, outside) = (Place::new(), Place::new());
    place.write("in/k.txt", key("slack"));
    outside.write("far.txt", key("openrouter"));
    let at = |name: &str| place.path().join(name);
    link_folder(outside.path(), &at("away"));
    link_folder(place.path(), &at("in/up"));
    link_folder(&at("gone"), &at("nowhere"));
    let mut links = vec!["away", "in/up", "nowhere"];
    if link_file(&outside.path().join("far.txt"), &at("far")) {
        links.insert(1, "far");
    }
    for git in [false, true] {
        if git {
            place.git(&["init", "-q"]);
        }
        let output = place.keylint(&["scan", "-f", "json", "-v"]).output().unwrap();
        let report = parsed(&output);
        assert_eq!(found(&report, false), ["in/k.txt slack-bot-token"], "{report:#}");
        let shown: Vec<String> =
            skipped(&report, "symlink").iter().map(|it| it.replace('\\', "/")).collect();
        assert_eq!(shown, links, "{report:#}");
        assert_eq!(output.status.code(), Some(1));
    }
    // What the user names is meant, whatever it is.
    let output = place.keylint(&["scan", "away", "-f", "json"]).output().unwrap();
    assert_eq!(found(&parsed(&output), false).len(), 1);
}

/// A repository whose submodule's folder is a link out of it, and a nested one behind a link.
#[test]
fn repositories_behind_links_are_not_entered() {
    let (place, outside) = (Place::new(), Place::new());
    outside.git(&["init", "-q"]);
    outside.write("far.txt", key("openrouter"));
    outside.commit();
    place.git(&["init", "-q"]);
    place.write("k.txt", key("slack"));
    place.commit();
    let head = outside.git(&["rev-parse", "HEAD"]);
    place.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},sub")]);
    place.git(&["commit", "-q", "-m", "submodule"]);
    link_folder(outside.path(), &place.path().join("sub"));
    for args in [&["scan"][..], &["scan", "--history", "--no-cache"], &["audit", "--no-cache"]] {
        let output = place.keylint(&[args, &["-f", "json"]].concat()).output().unwrap();
        let report = parsed(&output);
        assert_eq!(found(&report, true), ["k.txt slack-bot-token"], "{args:?}: {report:#}");
    }
}
