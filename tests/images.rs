//! Images of containers: layers in one file and in a folder, and what a later layer does to a file.

use serde_json::Value;

use crate::archives::{gzipped, line, skipped, tarred, zstd};
use crate::common::{Place, json, places, run, stdout};

#[test]
fn an_image_is_read_layer_by_layer() {
    let place = Place::new();
    // As `docker save` writes it: the second layer deletes what the first one brought.
    let first = tarred(&[("app/.env", line().as_bytes()), ("app/main.py", b"print()\n")]);
    let second = gzipped(&tarred(&[("app/.wh..env", b"")]));
    let manifest = br#"[{"Config":"c.json","RepoTags":["shop:1"],"Layers":["1/layer.tar"]}]"#;
    let image = tarred(&[
        ("blobs/sha256/aa11", &first),
        ("blobs/sha256/bb22", &second),
        ("manifest.json", manifest),
    ]);
    place.write("image.tar", &image);
    let report = json(place.path(), &["scan", "image.tar"]);
    let want = ["image.tar!/blobs/sha256/aa11!/app/.env:1 openrouter-api-key"];
    assert_eq!(places(&report), want);
    assert!(!report.to_string().contains("later layer"), "no order is known: {report}");
    // The list stands behind the layers, and before them.
    let list = br#"[{"Layers":["blobs/sha256/aa11","blobs/sha256/bb22"]}]"#;
    let oci = br#"{"layers":[{"digest":"sha256:aa11"},{"digest":"sha256:bb22"}]}"#;
    let layers = [("blobs/sha256/aa11", &first[..]), ("blobs/sha256/bb22", &second)];
    for listed in [
        tarred(&[layers[0], layers[1], ("manifest.json", list)]),
        gzipped(&tarred(&[("blobs/sha256/m", oci), layers[1], layers[0]])),
    ] {
        place.write("image.tar", &listed);
        let report = json(place.path(), &["scan", "image.tar"]);
        assert_eq!(places(&report), want);
        let note = "the later layer blobs/sha256/bb22 deletes this file";
        assert!(report["findings"][0].to_string().contains(note), "{report}");
        assert!(stdout(&run(place.path(), &["scan", "image.tar"])).contains("deletes this file"));
    }
    place.write("image.tar", &image);
    // Not so deep, and it is told.
    let report = json(place.path(), &["scan", "--archives", "."]);
    assert!(places(&report).is_empty());
    let layers = ["image.tar!/blobs/sha256/aa11", "image.tar!/blobs/sha256/bb22"];
    assert_eq!(skipped(&report, "nested"), layers);
}

#[test]
fn a_layout_that_is_a_folder_is_an_image() {
    let place = Place::new();
    let first = tarred(&[("app/.env", line().as_bytes()), ("app/kept.py", line().as_bytes())]);
    let second = zstd(&tarred(&[("app/.wh..env", b"")]));
    let third = gzipped(&tarred(&[("app/late.py", line().as_bytes())]));
    let digests = ["aa11", "bb22", "cc33"].map(|hex| format!("{{\"digest\":\"sha256:{hex}\"}}"));
    let manifest = format!("{{\"layers\":[{all}]}}", all = digests.join(","));
    let index = b"{\"manifests\":[{\"digest\":\"sha256:0f\"}]}";
    for (name, bytes) in [
        ("oci-layout", &b"{\"imageLayoutVersion\":\"1.0.0\"}"[..]),
        ("index.json", index),
        ("blobs/sha256/0f", manifest.as_bytes()),
        ("blobs/sha256/aa11", &first),
        ("blobs/sha256/bb22", &second),
        ("blobs/sha256/cc33", &third),
    ] {
        place.write(&format!("img/{name}"), bytes);
        // The same folders without what makes a layout of them.
        if name != "oci-layout" {
            place.write(&format!("other/{name}"), bytes);
        }
    }
    let found = ["aa11!/app/.env", "aa11!/app/kept.py", "cc33!/app/late.py"];
    let want = |folder: &str| {
        found.map(|place| format!("{folder}blobs/sha256/{place}:1 openrouter-api-key"))
    };
    let note = "the later layer blobs/sha256/bb22 deletes this file";
    let noted = |report: &Value| -> Vec<bool> {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding.to_string().contains(note)).collect()
    };
    // A layout that is named is opened as an image in one file is.
    for args in [&["scan", "img"][..], &["scan", "img/"], &["scan", "--archives=2", "img"]] {
        let report = json(place.path(), args);
        assert_eq!(places(&report), want("img/"), "{args:?}");
        assert_eq!(noted(&report), [true, false, false], "{args:?}");
    }
    let report = json(&place.path().join("img"), &["scan"]);
    assert_eq!((places(&report), noted(&report)), (want("").to_vec(), vec![true, false, false]));
    assert!(places(&json(place.path(), &["scan"])).is_empty());
    assert!(places(&json(place.path(), &["scan", "other"])).is_empty());
    let report = json(place.path(), &["scan", "--archives"]);
    assert_eq!(places(&report), [want("img/"), want("other/")].concat());
    assert_eq!(noted(&report), [true, false, false, false, false, false]);
}
