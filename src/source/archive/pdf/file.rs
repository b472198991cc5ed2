//! The objects of a PDF file, found by reading it from its start: a table of objects may be damaged, and
//! leaves out those that were replaced but are still in the file.

use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use memchr::memmem;
use zeroize::Zeroizing;

use super::crypt::Crypt;
use super::filter::{Unpacked, unpack};
use super::object::{Dict, Lexer, Value, is_blank};

/// Objects that are looked at in one file.
const MOST: usize = 1_000_000;
/// Bytes at the end of a file in which its last part begins.
const TAIL: usize = 8 << 10;
/// Values in the dictionaries of all streams, which are kept.
const MOST_VALUES: usize = 1 << 21;
/// References that lead from one to the other.
const LONGEST_WAY: usize = 16;

/// Where an object stands.
#[derive(Clone, Copy)]
struct Place {
    /// The stream of objects that it is in; `None` for the file itself.
    stream: Option<usize>,
    at: usize,
    /// Which use of its number it is, as the file says.
    generation: u32,
}

/// A stream.
#[derive(Clone)]
pub(crate) struct Stream {
    /// The number of its object.
    pub(crate) object: u32,
    generation: u32,
    pub(crate) dict: Dict,
    /// Where its bytes stand in the file.
    bytes: Range<usize>,
}

/// A file.
pub(crate) struct File<'b> {
    bytes: &'b [u8],
    /// By number, the last one of each.
    objects: BTreeMap<u32, Place>,
    /// All streams in the order of the file, also those that were replaced.
    pub(crate) streams: Vec<Stream>,
    /// By the number of the object, the last stream of it.
    by_object: BTreeMap<u32, usize>,
    /// Content of streams of objects.
    packed: Vec<Zeroizing<Vec<u8>>>,
    /// What names the first object, or says that the file is encrypted.
    pub(crate) trailer: Dict,
    /// Opens what is encrypted.
    crypt: Option<Crypt>,
    /// Values in the dictionaries of the streams so far.
    values: usize,
    /// Bytes that a stream may unpack to.
    most: u64,
    /// Bytes that may still be unpacked.
    left: &'b Cell<u64>,
    /// What is damaged.
    pub(crate) faults: Vec<String>,
}

impl<'b> File<'b> {
    /// Reads the file `bytes`. A stream may unpack to `most` bytes, all of them to those that are `left`.
    pub(crate) fn new(bytes: &'b [u8], most: u64, left: &'b Cell<u64>) -> Self {
        let mut file = Self {
            bytes,
            objects: BTreeMap::new(),
            streams: Vec::new(),
            by_object: BTreeMap::new(),
            packed: Vec::new(),
            trailer: Dict::default(),
            crypt: None,
            values: 0,
            most,
            left,
            faults: Vec::new(),
        };
        file.find();
        file.crypt = file.unlocked();
        if file.is_locked() {
            return file;
        }
        file.open_packed();
        let end = &bytes[bytes.len().saturating_sub(TAIL)..];
        if memmem::find(end, b"startxref").is_none() {
            file.faults.push("its end is missing".to_owned());
        }
        file
    }

    /// True where a password is needed.
    pub(crate) fn is_locked(&self) -> bool {
        self.trailer.get("Encrypt").is_some() && self.crypt.is_none()
    }

    /// What opens the file, where it is encrypted with an empty password.
    fn unlocked(&self) -> Option<Crypt> {
        let encrypt = self.dict(&self.trailer, "Encrypt")?;
        let id = match self.trailer.get("ID").and_then(|id| self.resolve(id)) {
            Some(Value::List(all)) => all.first().and_then(|id| self.resolve(id)),
            _ => None,
        };
        let id = match &id {
            Some(Value::Text(id)) => id.as_slice(),
            _ => &[],
        };
        Crypt::open(&encrypt, id)
    }

    /// True for the object that says how the file is encrypted.
    fn is_lock(&self, number: u32) -> bool {
        matches!(self.trailer.get("Encrypt"), Some(Value::Ref(lock)) if *lock == number)
    }

    /// Finds objects by the word in front of each, and trailers.
    fn find(&mut self) {
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'o', b't', &self.bytes[at..]) {
            at += found;
            let rest = &self.bytes[at..];
            if rest.starts_with(b"trailer") {
                let mut lexer = Lexer::new(self.bytes, at + 7);
                if let Some(Value::Dict(dict)) = lexer.next() {
                    self.trailer.0.extend(dict.0);
                }
                at = lexer.at.max(at + 7);
            } else if let Some(numbers) =
                rest.starts_with(b"obj").then(|| numbers_before(&self.bytes[..at])).flatten()
            {
                at = self.object(numbers, at + 3);
            } else {
                at += 1;
            }
            if self.objects.len() > MOST || self.values > MOST_VALUES {
                self.faults.push("it has too many objects".to_owned());
                return;
            }
        }
    }

    /// Notes the object that begins at `at`, and gives where it ends.
    fn object(&mut self, (number, generation): (u32, u32), at: usize) -> usize {
        self.objects.insert(number, Place { stream: None, at, generation });
        let mut lexer = Lexer::new(self.bytes, at);
        let value = lexer.next();
        if lexer.is_cut() {
            self.faults.push(format!("object {number} is too long"));
        }
        let values = lexer.values;
        let end = lexer.at.max(at + 1).min(self.bytes.len());
        let Some(Value::Dict(dict)) = value else { return end };
        lexer.blanks();
        let start = match self.bytes.get(lexer.at..) {
            Some([b's', b't', b'r', b'e', b'a', b'm', b'\r', b'\n', ..]) => lexer.at + 8,
            Some([b's', b't', b'r', b'e', b'a', b'm', b'\n' | b'\r', ..]) => lexer.at + 7,
            _ => return end,
        };
        let stated = dict
            .number("Length")
            .filter(|len| (0.0..1e12).contains(len))
            .map(|len| start + len as usize);
        let is_end = |end: &usize| {
            let tail = self.bytes.get(*end..).unwrap_or_default();
            let blank = tail.iter().take_while(|&&b| is_blank(b)).count();
            blank < 4 && tail[blank..].starts_with(b"endstream")
        };
        let end = stated
            .filter(is_end)
            .or_else(|| Some(start + memmem::find(&self.bytes[start..], b"endstream")?));
        if end.is_none() {
            self.faults.push(format!("object {number} has no end"));
        }
        let end = end.unwrap_or(self.bytes.len());
        self.values += values;
        if dict.is("Type", "XRef") {
            self.trailer.0.extend(dict.0);
        } else {
            self.by_object.insert(number, self.streams.len());
            self.streams.push(Stream { object: number, generation, dict, bytes: start..end });
        }
        end
    }

    /// Opens the streams that hold objects.
    fn open_packed(&mut self) {
        let packed = self.streams.iter().filter(|stream| stream.dict.is("Type", "ObjStm"));
        let mut held = 0;
        for stream in packed.cloned().collect::<Vec<_>>() {
            let object = stream.object;
            let content = match self.content(&stream, self.most.saturating_sub(held)) {
                Unpacked::Content(content, fault) => {
                    self.faults.extend(fault.map(|fault| format!("object {object}: {fault}")));
                    content
                }
                Unpacked::TooLarge => {
                    self.faults.push(format!("object {object} and its like unpack to too much"));
                    return;
                }
                Unpacked::Picture | Unpacked::Unread => {
                    self.faults
                        .push(format!("object {object} is packed in a way that is not read"));
                    continue;
                }
            };
            let first = stream.dict.number("First").unwrap_or(0.0).max(0.0) as usize;
            let mut lexer = Lexer::new(&content, 0);
            let mut pairs = Vec::new();
            while lexer.at < first.min(content.len())
                && let (Some(number), Some(at)) = (lexer.next(), lexer.next())
                && let (Some(number), Some(at)) = (number.number(), at.number())
            {
                pairs.push((number as u32, first.saturating_add(at.max(0.0) as usize)));
            }
            for (number, at) in pairs.into_iter().take(MOST.saturating_sub(self.objects.len())) {
                let place = Place { stream: Some(self.packed.len()), at, generation: 0 };
                // What stands in the file itself may be older or newer; it is what most readers take.
                self.objects.entry(number).or_insert(place);
            }
            held += content.len() as u64;
            self.packed.push(content);
        }
    }

    /// Numbers of all objects.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.objects.keys().copied().filter(|number| !self.is_lock(*number)).collect()
    }

    /// Object number `number`; `None` where there is none, or no more may be read.
    pub(crate) fn get(&self, number: u32) -> Option<Value> {
        let place = self.objects.get(&number)?;
        let bytes = match place.stream {
            Some(stream) => self.packed[stream].as_slice(),
            None => self.bytes,
        };
        let mut lexer = Lexer::new(bytes, place.at.min(bytes.len()));
        let mut value = lexer.next();
        if let (Some(crypt), Some(value), None) = (&self.crypt, &mut value, place.stream)
            && !self.is_lock(number)
        {
            crypt.texts(value, (number, place.generation));
        }
        self.spend((lexer.at - place.at.min(lexer.at)) as u64).then_some(value).flatten()
    }

    /// `value`, or what it refers to.
    pub(crate) fn resolve(&self, value: &Value) -> Option<Value> {
        let mut value = value.clone();
        for _ in 0..LONGEST_WAY {
            match value {
                Value::Ref(number) => value = self.get(number)?,
                other => return Some(other),
            }
        }
        None
    }

    /// The dictionary at `key`, or the one that it refers to.
    pub(crate) fn dict(&self, dict: &Dict, key: &str) -> Option<Dict> {
        match self.resolve(dict.get(key)?)? {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The last stream that is object number `number`.
    pub(crate) fn stream(&self, number: u32) -> Option<usize> {
        self.by_object.get(&number).copied()
    }

    /// The content of a stream, `most` bytes at most.
    pub(crate) fn content(&self, stream: &Stream, most: u64) -> Unpacked {
        let most = most.min(self.most).min(self.left.get());
        let resolve = |value: &Value| self.resolve(value);
        let bytes = &self.bytes[stream.bytes.clone()];
        let plain = self
            .crypt
            .as_ref()
            .map(|crypt| crypt.stream(&stream.dict, bytes, (stream.object, stream.generation)));
        let bytes = plain.as_ref().map_or(bytes, |plain| plain.as_slice());
        let unpacked = unpack(&stream.dict, bytes, most, &resolve);
        match unpacked {
            Unpacked::Content(content, _) if !self.spend(content.len() as u64) => {
                Unpacked::TooLarge
            }
            unpacked => unpacked,
        }
    }

    /// Takes from what is left; false where that is too little.
    fn spend(&self, bytes: u64) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// The pages, in order, each with its dictionary and the resources that it uses.
    pub(crate) fn pages(&self) -> Vec<(Dict, Option<Rc<Value>>)> {
        let root = self.dict(&self.trailer, "Root").and_then(|root| root.get("Pages").cloned());
        let (mut pages, mut seen) = (Vec::new(), HashSet::new());
        let mut open: Vec<(Value, Option<Rc<Value>>)> =
            root.into_iter().map(|root| (root, None)).collect();
        if open.is_empty() {
            open = self.stray_pages();
        }
        while let Some((node, inherited)) = open.pop() {
            let new = match node {
                Value::Ref(number) => seen.insert(number),
                _ => false,
            };
            let Some(Value::Dict(dict)) = new.then(|| self.resolve(&node)).flatten() else {
                continue;
            };
            let resources = dict.get("Resources").cloned().map(Rc::new).or(inherited);
            match dict.get("Kids").and_then(|kids| self.resolve(kids)) {
                Some(Value::List(kids)) => {
                    let kids = kids.into_iter().rev().map(|kid| (kid, resources.clone()));
                    open.extend(kids.take(MOST.saturating_sub(open.len())));
                }
                _ => pages.push((dict, resources)),
            }
        }
        pages
    }
}

impl File<'_> {
    /// All pages, the last one first, where nothing leads to them.
    fn stray_pages(&self) -> Vec<(Value, Option<Rc<Value>>)> {
        let page = |number: &u32| {
            let page = self.get(*number)?;
            let page = page.dict().filter(|dict| dict.is("Type", "Page"))?;
            let above = self.dict(page, "Parent");
            let inherited = above.and_then(|above| above.get("Resources").cloned()).map(Rc::new);
            Some((Value::Ref(*number), inherited))
        };
        self.objects.keys().rev().filter_map(page).collect()
    }
}

/// The number and the generation of the object of which `bytes` end with these.
fn numbers_before(bytes: &[u8]) -> Option<(u32, u32)> {
    let tail = &bytes[bytes.len().saturating_sub(32)..];
    let trim = |bytes: &[u8], wanted: fn(u8) -> bool| {
        bytes.iter().rev().take_while(|&&byte| wanted(byte)).count()
    };
    let (blank, digit) = (|byte: u8| is_blank(byte), |byte: u8| byte.is_ascii_digit());
    let mut end = tail.len();
    let mut step = |wanted: fn(u8) -> bool| {
        let len = trim(&tail[..end], wanted);
        end -= len;
        (len > 0).then_some(end..end + len)
    };
    step(blank)?;
    let generation = step(digit)?;
    step(blank)?;
    let number = step(digit)?;
    let parsed = |digits| std::str::from_utf8(&tail[digits]).ok()?.parse().ok();
    Some((parsed(number)?, parsed(generation).unwrap_or(0)))
}
