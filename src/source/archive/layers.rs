//! Images of containers: which layer deletes or replaces a file that an earlier one brought.
//!
//! The order of the layers may stand behind them, so that it is asked for when all of the file is read.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bstr::{BStr, BString, ByteSlice as _};
use serde_json::Value;

/// Largest list of layers in bytes; that of `docker save` has some hundred for each layer.
const MOST_MANIFEST: usize = 1 << 20;
/// Begins the name of an entry that deletes the rest of the name.
const WHITEOUT: &[u8] = b".wh.";
/// The entry that deletes all that earlier layers have in its folder.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an archive in an archive does to what came before it, by hashes of paths: there may be a million.
#[derive(Debug, Default)]
pub(super) struct Layer {
    files: HashSet<u64>,
    deleted: HashSet<u64>,
    emptied: HashSet<u64>,
}

impl Layer {
    /// Notes the entry `name`, which is no folder.
    pub(super) fn entry(&mut self, name: &[u8]) {
        let name = plain(name);
        let (folder, last) = name.rsplit_once_str("/").unwrap_or((b"", name));
        if last == OPAQUE {
            self.emptied.insert(hash(folder));
        } else if let Some(gone) = last.strip_prefix(WHITEOUT) {
            let path = [folder, if folder.is_empty() { &b""[..] } else { b"/" }, gone].concat();
            self.deleted.insert(hash(&path));
        } else {
            self.files.insert(hash(name));
        }
    }

    /// What it does to `path` of an earlier layer.
    fn does(&self, path: &[u8]) -> Option<&'static str> {
        let folders = path.find_iter("/").map(|end| &path[..end]);
        if folders.clone().chain([path]).any(|path| self.deleted.contains(&hash(path)))
            || folders.clone().chain([&b""[..]]).any(|path| self.emptied.contains(&hash(path)))
        {
            return Some("deletes");
        }
        // A file or link in the place of a folder takes what was in it.
        let replaced = folders.chain([path]).any(|path| self.files.contains(&hash(path)));
        replaced.then_some("replaces")
    }
}

/// The layers of the archives in one file.
#[derive(Debug, Default)]
pub(in crate::source) struct Images {
    /// By where they stand in the file.
    layers: HashMap<BString, Layer>,
    /// For each image the places of its layers, from the first one.
    orders: Vec<Vec<BString>>,
}

impl Images {
    /// Takes the layer at `at`.
    pub(super) fn layer(&mut self, at: &BStr, layer: Layer) {
        self.layers.insert(at.to_owned(), layer);
    }

    /// Looks whether the member at `at` lists the layers of an image: `manifest.json` of `docker save`, or
    /// a manifest of an OCI layout.
    pub(in crate::source) fn manifest(&mut self, at: &BStr, bytes: &[u8]) {
        let Some(end) = at.rfind("!/") else { return };
        let (image, name) = (&at[..end], plain(&at[end + 2..]));
        let listed = name == b"manifest.json" || name.starts_with(b"blobs/");
        if !listed || bytes.len() > MOST_MANIFEST {
            return;
        }
        let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };
        let place = |name: &str| super::inside(image.as_bstr(), name.as_bytes());
        let layers = |list: &Value| {
            let list = list["Layers"].as_array()?;
            list.iter().map(|name| name.as_str().map(place)).collect::<Option<Vec<_>>>()
        };
        self.orders.extend(json.as_array().into_iter().flatten().filter_map(layers));
        let digest = |layer: &Value| {
            Some(place(&format!("blobs/{}", layer["digest"].as_str()?.replacen(':', "/", 1))))
        };
        let blobs = json["layers"].as_array();
        self.orders
            .extend(blobs.and_then(|all| all.iter().map(digest).collect::<Option<Vec<_>>>()));
    }

    /// Takes what is known of the blob `name` of a layout, such as `blobs/sha256/8a3f…`.
    pub(in crate::source) fn absorb(&mut self, name: &[u8], blob: Self) {
        let place = |at: &BStr| {
            let place = super::inside(BStr::new(""), name);
            BString::from([place.as_slice(), at].concat())
        };
        let layers = blob.layers.into_iter().map(|(at, layer)| (place(at.as_bstr()), layer));
        self.layers.extend(layers);
    }

    /// True where no image was found.
    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// What is to be said of the file at `at`, such as `!/blobs/sha256/8a3f!/app/.env`, where a later layer
    /// deletes or replaces it.
    pub(in crate::source) fn fate(&self, at: &[u8]) -> Option<String> {
        let at = at.as_bstr();
        // The layer's name ends where one of these stands; those after it are in the layer.
        let ends = at.find_iter("!/").filter(|&end| self.layers.contains_key(at[..end].as_bstr()));
        ends.filter_map(|end| {
            let path = at[end + 2..].split_str("!/").next().map(plain)?;
            self.orders.iter().find_map(|order| {
                let from = order.iter().rposition(|layer| layer == at[..end].as_bstr())?;
                let mut later = order[from + 1..].iter();
                let (layer, verb) =
                    later.find_map(|layer| Some((layer, self.layers.get(layer)?.does(path)?)))?;
                let layer = layer.rsplit_str("!/").next().unwrap_or_default();
                let layer = crate::blob::name(layer);
                Some(format!(
                    "the later layer {layer} {verb} this file; whoever has the image still has it"
                ))
            })
        })
        .next()
    }
}

/// `name` without what does not tell it from another: `./` and slashes around it.
fn plain(name: &[u8]) -> &[u8] {
    let name = name.strip_prefix(b".").filter(|rest| rest.starts_with(b"/")).unwrap_or(name);
    name.trim_with(|c| c == '/')
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{Images, Layer};

    fn images(later: &[&str]) -> Images {
        let mut images = Images::default();
        let mut layer = Layer::default();
        later.iter().for_each(|name| layer.entry(name.as_bytes()));
        images.layer("!/a".into(), Layer::default());
        images.layer("!/b/layer.tar".into(), layer);
        images.manifest("!/manifest.json".into(), br#"[{"Layers":["a","b/layer.tar"]}]"#);
        images
    }

    #[test]
    fn later_layers_delete_and_replace() {
        let verb = |later: &str, at: &str| {
            let fate = images(&[later]).fate(at.as_bytes())?;
            assert!(fate.contains("b/layer.tar"), "{fate}");
            Some(if fate.contains("deletes") { "deletes" } else { "replaces" })
        };
        assert_eq!(verb("app/.wh..env", "!/a!/app/.env"), Some("deletes"));
        assert_eq!(verb("./app/.wh..env", "!/a!/app/.env"), Some("deletes"));
        assert_eq!(verb(".wh.app", "!/a!/./app/x/.env"), Some("deletes"));
        assert_eq!(verb("app/.wh..wh..opq", "!/a!/app/x/.env"), Some("deletes"));
        assert_eq!(verb("app/.env", "!/a!/app/.env"), Some("replaces"));
        assert_eq!(verb("lib", "!/a!/lib/x.jar!/deep.py"), Some("replaces"));
        for (later, at) in [
            ("app/.wh..envrc", "!/a!/app/.env"),
            ("ap", "!/a!/app/.env"),
            ("app/.env", "!/b/layer.tar!/app/.env"),
            ("app/.env", "!/c!/app/.env"),
            ("app/.env", ""),
        ] {
            assert_eq!(verb(later, at), None, "{later} {at}");
        }
    }

    #[test]
    fn other_lists_are_none() {
        for (at, bytes) in [
            ("!/manifest.json", &b"[1, {\"Layers\": [1]}, {\"Layers\": 2}]"[..]),
            ("!/manifest.json", b"{\"layers\": [{\"digest\": 1}]}"),
            ("!/src/manifest.json", b"[{\"Layers\": [\"a\"]}]"),
            ("manifest.json", b"[{\"Layers\": [\"a\"]}]"),
            ("!/manifest.json", b"[{"),
        ] {
            let mut images = Images::default();
            images.manifest(at.into(), bytes);
            assert!(images.is_empty(), "{at}");
        }
        let mut images = Images::default();
        images.manifest("!/blobs/sha256/m".into(), br#"{"layers":[{"digest":"sha256:aa"}]}"#);
        assert!(!images.is_empty());
    }
}
