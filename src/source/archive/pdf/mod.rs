//! PDF: the text of each page, as a reader sees it line by line; texts in forms, links, notes and what
//! describes the file; files that are attached. Pictures, fonts and colours are not looked at.

mod crypt;
mod file;
mod filter;
mod font;
mod object;
mod text;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use memchr::memmem;
use zeroize::Zeroizing;

use self::file::{File, Stream};
use self::filter::Unpacked;
use self::font::Font;
use self::object::{Dict, Value};
use self::text::Fonts;

/// Begins every file.
pub(crate) const MAGIC: &[u8] = b"%PDF-";
/// Damaged places that are told one by one.
const MOST_TOLD: usize = 5;
/// Shortest string of an object that is worth a look.
const SHORT: usize = 8;

/// Keys of strings that no person wrote.
const DULL: [&[u8]; 5] = [b"ID", b"CharSet", b"CreationDate", b"ModDate", b"Limits"];

/// What is met in a file.
pub(crate) enum Met<'m> {
    /// Text at this place, such as `page 3`.
    Text(String, &'m [u8]),
    /// An attached file, or anything else that may be text or an archive.
    Inner(String, &'m [u8]),
    /// All of it needs a password.
    Encrypted,
    /// What stands at this place is packed, or its letters named, in a way that is not read.
    Unread(String),
    /// What stands at this place unpacks to more than is wanted.
    TooLarge(String),
}

/// Takes what is met; false to stop.
type Each<'e> = dyn FnMut(Met<'_>) -> bool + 'e;

/// Hands what stands in the file `bytes` to `each`. A stream may unpack to `most` bytes, all together to
/// those that are `left`.
///
/// # Errors
/// What is damaged; all else was handed on.
pub(crate) fn visit(
    bytes: &[u8],
    most: u64,
    left: &Cell<u64>,
    each: &mut Each<'_>,
) -> Result<(), String> {
    let file = File::new(bytes, most, left);
    if file.is_locked() {
        each(Met::Encrypted);
        return Ok(());
    }
    let mut reader = Reader {
        faults: file.faults.clone(),
        file,
        claimed: HashSet::new(),
        known: HashMap::new(),
        lists: HashMap::new(),
        all: Fonts::new(),
        each,
        stopped: false,
    };
    reader.pages();
    reader.streams();
    reader.objects();
    let (told, more) = reader.faults.split_at(reader.faults.len().min(MOST_TOLD));
    match (told.join("; "), more.len()) {
        (told, _) if told.is_empty() => Ok(()),
        (told, 0) => Err(told),
        (told, more) => Err(format!("{told}; and {more} more")),
    }
}

/// Resources that several pages share.
#[derive(PartialEq, Eq, Hash)]
enum Shared {
    /// An object, by its number.
    Object(u32),
    /// Those of a node above the pages, by where they are kept.
    Inherited(usize),
}

struct Reader<'r, 'e> {
    file: File<'r>,
    /// Streams that are part of a page.
    claimed: HashSet<usize>,
    /// Fonts by the number of their object.
    known: HashMap<u32, Rc<Font>>,
    /// Fonts of resources.
    lists: HashMap<Shared, (Rc<Value>, Rc<Fonts>)>,
    /// All fonts of all pages, the first one of each name.
    all: Fonts,
    each: &'r mut Each<'e>,
    stopped: bool,
    faults: Vec<String>,
}

impl Reader<'_, '_> {
    fn pages(&mut self) {
        for (nth, (page, resources)) in self.file.pages().into_iter().enumerate() {
            if self.stopped {
                return;
            }
            let place = format!("page {nth}", nth = nth + 1);
            let fonts = self.fonts(resources.as_ref());
            let mut bytes = Zeroizing::new(Vec::new());
            for stream in self.parts(&page) {
                if let Some(content) = self.content(&self.file.streams[stream].clone(), &place) {
                    bytes.extend_from_slice(&content);
                    bytes.push(b'\n');
                }
            }
            self.draw(place, &bytes, &fonts);
        }
    }

    /// The streams of a page that are part of no other one.
    fn parts(&mut self, page: &Dict) -> Vec<usize> {
        let listed = match page.get("Contents") {
            Some(Value::Ref(number)) => match self.file.get(*number) {
                Some(Value::List(all)) => all,
                _ => vec![Value::Ref(*number)],
            },
            Some(Value::List(all)) => all.clone(),
            _ => Vec::new(),
        };
        let stream = |value: Value| match value {
            Value::Ref(number) => self.file.stream(number),
            _ => None,
        };
        let streams: Vec<usize> = listed.into_iter().filter_map(stream).collect();
        streams.into_iter().filter(|&stream| self.claimed.insert(stream)).collect()
    }

    /// The content of a stream; what cannot be unpacked is told.
    fn content(&mut self, stream: &Stream, place: &str) -> Option<Zeroizing<Vec<u8>>> {
        match self.file.content(stream, u64::MAX) {
            Unpacked::Content(content, fault) => {
                let object = stream.object;
                self.faults.extend(fault.map(|fault| format!("object {object}: {fault}")));
                return Some(content);
            }
            Unpacked::Picture => {}
            Unpacked::Unread => self.meet(Met::Unread(place.to_owned())),
            Unpacked::TooLarge => self.meet(Met::TooLarge(place.to_owned())),
        }
        None
    }

    fn meet(&mut self, met: Met<'_>) {
        self.stopped = self.stopped || !(self.each)(met);
    }

    /// Hands on the text that `bytes` draw; false where there is none.
    fn draw(&mut self, place: String, bytes: &[u8], fonts: &Fonts) -> bool {
        let (text, unnamed) = text::text(bytes, fonts);
        // A letter without a name is three bytes of text.
        if unnamed * 6 > text.len() {
            self.meet(Met::Unread(place));
        } else if !text.is_empty() {
            self.meet(Met::Text(place, &text));
        }
        !text.is_empty()
    }

    /// The fonts that `resources` name.
    fn fonts(&mut self, resources: Option<&Rc<Value>>) -> Rc<Fonts> {
        let Some(resources) = resources else { return Rc::default() };
        // Many pages share them.
        let key = match &**resources {
            Value::Ref(number) => Shared::Object(*number),
            _ => Shared::Inherited(Rc::as_ptr(resources).addr()),
        };
        if let Some((_, fonts)) = self.lists.get(&key) {
            return Rc::clone(fonts);
        }
        let dict = self.file.resolve(resources);
        let list = dict.as_ref().and_then(Value::dict).and_then(|dict| dict.get("Font"));
        let list = list.and_then(|it| self.file.resolve(it));
        let named = list.as_ref().and_then(Value::dict).map(|dict| &dict.0[..]).unwrap_or_default();
        let fonts: Fonts = named
            .iter()
            .filter_map(|(name, font)| Some((name.clone(), self.font(font)?)))
            .collect();
        for (name, font) in &fonts {
            self.all.entry(name.clone()).or_insert_with(|| Rc::clone(font));
        }
        let fonts = Rc::new(fonts);
        // What is kept here keeps its address.
        self.lists.insert(key, (Rc::clone(resources), Rc::clone(&fonts)));
        fonts
    }

    fn font(&mut self, font: &Value) -> Option<Rc<Font>> {
        let number = match font {
            Value::Ref(number) => Some(*number),
            _ => None,
        };
        if let Some(known) = number.and_then(|number| self.known.get(&number)) {
            return Some(Rc::clone(known));
        }
        let dict = self.file.resolve(font)?;
        let font = Rc::new(Font::new(&self.file, dict.dict()?));
        if let Some(number) = number {
            self.known.insert(number, Rc::clone(&font));
        }
        Some(font)
    }

    /// Hands on streams that are part of no page: forms, attached files, scripts, what was replaced.
    fn streams(&mut self) {
        for nth in 0..self.file.streams.len() {
            let stream = self.file.streams[nth].clone();
            if self.stopped {
                return;
            }
            if self.claimed.contains(&nth) || is_dull(&stream.dict) {
                continue;
            }
            let place = format!("object {object}", object = stream.object);
            let Some(content) = self.content(&stream, &place) else { continue };
            if memmem::find(&content, b"begincmap").is_some() {
                continue;
            }
            let attached = stream.dict.is("Type", "EmbeddedFile");
            if !attached && memmem::find(&content, b"BT").is_some() {
                let own = stream.dict.get("Resources").cloned().map(Rc::new);
                let mut fonts = self.fonts(own.as_ref());
                if fonts.is_empty() {
                    fonts = Rc::new(self.all.clone());
                }
                if self.draw(place.clone(), &content, &fonts) {
                    continue;
                }
            }
            if attached || !content.contains(&0) {
                self.meet(Met::Inner(place, &content));
            }
        }
    }

    /// Hands on the strings of objects: titles, links, notes, fields of forms.
    fn objects(&mut self) {
        for number in self.file.numbers() {
            if self.stopped {
                return;
            }
            if self.file.stream(number).is_some() {
                continue;
            }
            let Some(value) = self.file.get(number) else { continue };
            let mut text = Zeroizing::new(Vec::new());
            strings(b"", &value, &mut text);
            if !text.is_empty() {
                self.meet(Met::Text(format!("object {number}"), &text));
            }
        }
    }
}

/// Adds the strings in `value`, each on a line behind its key.
fn strings(key: &[u8], value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Text(bytes) if bytes.len() >= SHORT && !DULL.contains(&key) => {
            let decoded = match bytes.as_slice() {
                [0xfe, 0xff, wide @ ..] => {
                    encoding_rs::UTF_16BE.decode_without_bom_handling(wide).0.into_owned()
                }
                [0xef, 0xbb, 0xbf, plain @ ..] => String::from_utf8_lossy(plain).into_owned(),
                plain => {
                    encoding_rs::WINDOWS_1252.decode_without_bom_handling(plain).0.into_owned()
                }
            };
            if !key.is_empty() {
                text.extend_from_slice(key);
                text.extend_from_slice(b": ");
            }
            text.extend_from_slice(decoded.as_bytes());
            text.push(b'\n');
        }
        Value::List(all) => all.iter().for_each(|value| strings(key, value, text)),
        Value::Dict(dict) => dict.0.iter().for_each(|(key, value)| strings(key, value, text)),
        _ => {}
    }
}

/// True for pictures, fonts, tables of colours and streams of objects.
fn is_dull(dict: &Dict) -> bool {
    let fonts = ["Type1C", "CIDFontType0C", "OpenType"];
    dict.is("Subtype", "Image")
        || dict.is("Type", "ObjStm")
        || dict.get("Length1").is_some()
        || fonts.iter().any(|kind| dict.is("Subtype", kind))
        || dict.get("N").is_some() && dict.get("Type").is_none()
        || dict.get("FunctionType").is_some()
        || dict.get("ShadingType").is_some()
}
