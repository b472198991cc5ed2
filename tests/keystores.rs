//! Files that are keys as a whole: work trees, commits, histories, archives.

use std::fs;
use std::path::Path;

use crate::archives::zipped;
use crate::common::{Place, json, places, run, stderr, stdout};

/// A file that openssl, keytool or gpg has made; the keys in them open nothing.
fn made(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keystores");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn names_say_nothing_and_content_says_all() {
    let place = Place::new();
    for (path, file) in [
        ("app/server.bin", "strong.p12"),
        ("app/server.pfx", "open.p12"),
        ("app/upload.keystore", "s.jks"),
        ("app/debug.keystore", "debug.jks"),
        ("conf/signing.key", "pkcs8.der"),
        ("conf/signing.enc", "enc.der"),
        ("conf/secring", "secret.gpg"),
        ("conf/cacerts.p12", "trust.p12"),
        ("conf/cacerts.jks", "trust.jks"),
        ("conf/server.der", "cert.der"),
    ] {
        place.write(path, made(file));
    }
    let report = json(place.path(), &["scan"]);
    let want = [
        "app/debug.keystore:1 key-store-android-debug",
        "app/server.bin:1 key-store-pkcs12",
        "app/server.pfx:1 key-store-open",
        "app/upload.keystore:1 key-store-java",
        "conf/secring:1 key-store-openpgp",
        "conf/signing.enc:1 key-store-encrypted-key",
        "conf/signing.key:1 key-store-private-key",
    ];
    assert_eq!(places(&report), want);
    // What holds no key is counted as before.
    let skipped = serde_json::json!(["conf/cacerts.jks", "conf/cacerts.p12", "conf/server.der"]);
    assert_eq!(report["stats"]["skipped"]["binary"], skipped);
    let shown = stdout(&run(place.path(), &["scan", "app/server.bin"]));
    assert!(shown.contains("PKCS#12 key store, 1024 bytes"), "{shown}");
}

#[test]
fn commits_histories_and_archives_have_them_too() {
    let place = Place::new();
    place.init().commit(1, "README", "nothing here\n");
    place.write("a.p12", made("strong.p12"));
    place.git(&["add", "-A"]);
    let found = ["a.p12:1 key-store-pkcs12"];
    assert_eq!(places(&json(place.path(), &["scan", "--staged"])), found);
    place.git_at(2, &["commit", "-q", "-m", "add"]);
    assert_eq!(places(&json(place.path(), &["scan", "--range", "HEAD~1..HEAD"])), found);
    // Another store in its place is another key; the same one elsewhere is the same.
    place.write("a.p12", made("empty.p12"));
    place.write("b.p12", made("strong.p12"));
    place.git(&["add", "-A"]);
    let report = json(place.path(), &["scan", "--staged"]);
    assert_eq!(places(&report), ["a.p12:1 key-store-open", "b.p12:1 key-store-pkcs12"]);
    place.git_at(3, &["commit", "-q", "-m", "change"]);
    let report = json(place.path(), &["scan", "--history"]);
    let mut all = places(&report);
    all.sort();
    assert_eq!(
        all,
        ["a.p12:1 key-store-open", "a.p12:1 key-store-pkcs12", "b.p12:1 key-store-pkcs12"]
    );
    // Again, from what the scan before has kept.
    assert_eq!(json(place.path(), &["scan", "--history"])["findings"], report["findings"]);
    let place = Place::new();
    let (store, trust) = (made("strong.p12"), made("trust.p12"));
    place.write("app.zip", zipped(&[("META-INF/a", &store), ("META-INF/b", &trust)]));
    let found = places(&json(place.path(), &["scan", "--archives"]));
    assert_eq!(found, ["app.zip!/META-INF/a:1 key-store-pkcs12"]);
}

#[test]
fn a_baseline_keeps_them_quiet_and_no_report_has_their_bytes() {
    let place = Place::new();
    place.write("a.jks", made("open.jks"));
    let output = run(place.path(), &["scan", "--show-secrets", "-f", "sarif"]);
    let text = stdout(&output) + &stderr(&output);
    assert!(text.contains("key-store-open") && !text.contains("X.509"), "{text}");
    assert_eq!(run(place.path(), &["baseline", "create", "."]).status.code(), Some(0));
    let again = run(place.path(), &["scan", "."]);
    assert_eq!(again.status.code(), Some(0), "{}", stdout(&again));
}
