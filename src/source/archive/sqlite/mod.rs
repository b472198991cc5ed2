//! SQLite databases: each row is a text of its own, a line for each value with the name of its column in
//! front, so that what stands together in a row is judged together. Rows that were deleted but not wiped
//! are read, too, and so is a write-ahead log or a rollback journal beside the file.
//!
//! Pages are read one at a time, each belongs to one tree or chain, and what makes no sense is told.

mod carve;
mod journal;
mod page;
mod rows;
mod schema;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read, Seek};

use zeroize::Zeroizing;

pub(crate) use self::page::Value;
use self::page::{Cell, INDEX_INNER, INDEX_LEAF, Node, Pages, TABLE_LEAF};
pub(crate) use self::rows::{lines, name};
use self::schema::columns;

/// Begins every database.
pub(crate) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Begins every write-ahead log; one more bit says how its sums are made.
pub(crate) const LOG_MAGIC: &[u8] = b"\x37\x7f\x06";
/// Begins every rollback journal that is in use or was left behind.
pub(crate) const JOURNAL_MAGIC: &[u8] = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7";
/// Damaged places that are told one by one.
const MOST_TOLD: usize = 5;
/// Values that are remembered, so that a copy in unused room is not one more row.
const MOST_VALUES: usize = 1 << 20;
/// Columns of all tables that are named.
const MOST_COLUMNS: usize = 1 << 20;
/// Shorter values say nothing about whether a row is a copy.
const SHORT: usize = 8;
/// Shortest text in a page of unknown content.
const SHORT_RUN: usize = 16;

/// A row of a database.
pub(crate) struct Row<'r> {
    /// Where it stands, such as `users/17`.
    pub(crate) place: String,
    /// Names of its columns; there may be fewer than values.
    pub(crate) names: &'r [String],
    /// Its values.
    pub(crate) values: &'r [Value<'r>],
    /// True where text is UTF-16, of the order that the second one says.
    pub(crate) wide: Option<bool>,
}

/// What is met in a database.
pub(crate) enum Met<'r> {
    /// A row.
    Row(Row<'r>),
    /// A row at this place is above the limit.
    TooLarge(String),
}

/// Takes what is met; false to stop.
type Each<'e> = dyn FnMut(Met<'_>) -> bool + 'e;

/// A table.
struct Table {
    name: String,
    root: u32,
    columns: Vec<String>,
}

/// What of a database is handed on.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// All that is in the file.
    Stored,
    /// All that is in its log.
    Logged,
    /// All that is in a log without its database.
    Alone,
}

/// Reads one database.
pub(crate) struct Database<'w, R> {
    pages: Pages<'w, R>,
    /// Longest row that is read, in bytes.
    most: u64,
    part: Part,
    /// Pages that were read as part of something.
    seen: HashSet<u32>,
    tables: Vec<Table>,
    /// Leaves with bytes outside their cells, by their table.
    gaps: Vec<(u32, usize)>,
    /// Hashes of values in rows that were handed on.
    values: HashSet<u64>,
    /// Columns of all tables so far.
    named: usize,
    /// The table of a row that was deleted, by its number of values, where there is only one.
    like: HashMap<usize, Option<usize>>,
    /// Rows of the table so far.
    rows: i64,
    /// What is damaged.
    faults: Vec<String>,
    stopped: bool,
}

impl<'w, R: Read + Seek> Database<'w, R> {
    /// Opens the database in `file`. Rows of more than `most` bytes are not read.
    ///
    /// # Errors
    /// What is wrong with its first page.
    pub(crate) fn open(file: R, most: u64) -> Result<Self, String> {
        Ok(Self::new(Pages::open(file, &[])?, most, Part::Stored))
    }

    /// Opens the write-ahead log or rollback journal `log` of the database in `file`, which may be empty or another one: rows
    /// then have no names.
    ///
    /// # Errors
    /// It is no log.
    pub(crate) fn open_log(mut file: R, log: &'w [u8], most: u64) -> Result<Self, String> {
        match Pages::open(&mut file, log) {
            Ok(_) => Ok(Self::new(Pages::open(file, log)?, most, Part::Logged)),
            Err(_) => Ok(Self::new(Pages::of_log(file, log)?, most, Part::Alone)),
        }
    }

    fn new(pages: Pages<'w, R>, most: u64, part: Part) -> Self {
        Self {
            pages,
            most,
            part,
            seen: HashSet::new(),
            tables: Vec::new(),
            gaps: Vec::new(),
            values: HashSet::new(),
            named: 0,
            like: HashMap::new(),
            rows: 0,
            faults: Vec::new(),
            stopped: false,
        }
    }

    /// Hands all rows to `each`, those that are there and then those that were.
    ///
    /// # Errors
    /// What is damaged; all else was handed on.
    pub(crate) fn visit(&mut self, each: &mut Each<'_>) -> Result<(), String> {
        let names = ["type", "name", "tbl_name", "rootpage", "sql"].map(str::to_owned).to_vec();
        self.tables.push(Table { name: "sqlite_schema".to_owned(), root: 1, columns: names });
        let mut nth = 0;
        while nth < self.tables.len() && !self.stopped && self.part != Part::Alone {
            self.table(nth, each);
            nth += 1;
        }
        self.deleted(each);
        let (told, more) = self.faults.split_at(self.faults.len().min(MOST_TOLD));
        match (told.join("; "), more.len()) {
            (told, _) if told.is_empty() => Ok(()),
            (told, 0) => Err(told),
            (told, more) => Err(format!("{told}; and {more} more")),
        }
    }

    fn table(&mut self, table: usize, each: &mut Each<'_>) {
        self.rows = 0;
        let mut open = vec![self.tables[table].root];
        self.claim(open[0]);
        while let Some(nth) = open.pop().filter(|_| !self.stopped) {
            let page = match self.pages.read(nth) {
                Ok(page) => page,
                Err(why) => {
                    self.faults.push(why);
                    continue;
                }
            };
            let Some(node) = Node::of(&page, nth, self.pages.usable) else {
                self.faults.push(format!("page {nth} is no part of a table"));
                continue;
            };
            let mut below = node.below();
            below.retain(|&nth| self.claim(nth));
            open.extend(below.into_iter().rev());
            // The schema is always wanted, for the names.
            if table == 0 || self.is_wanted(nth) {
                self.node(table, nth, &node, each);
            }
        }
    }

    /// True where the rows in page number `nth` are to be handed on.
    fn is_wanted(&self, nth: u32) -> bool {
        self.part == Part::Stored || self.pages.is_logged(nth)
    }

    /// Hands on the rows of one node.
    fn node(&mut self, table: usize, nth: u32, node: &Node<'_>, each: &mut Each<'_>) {
        let (mut lost, wanted) = (node.strays(), self.is_wanted(nth));
        for at in node.offsets() {
            match node.cell(at) {
                Some((cell, _)) => lost += usize::from(!self.cell((table, wanted), &cell, each)),
                None => lost += usize::from(node.has_rows()),
            }
            if self.stopped {
                return;
            }
        }
        if lost > 0 {
            self.faults.push(format!("page {nth}: {lost} rows make no sense"));
        }
        if node.kind == TABLE_LEAF && wanted && !node.gaps().is_empty() {
            self.gaps.push((nth, table));
        }
    }

    /// Hands on one row; false where some of it is lost.
    fn cell(
        &mut self,
        (table, wanted): (usize, bool),
        cell: &Cell<'_>,
        each: &mut Each<'_>,
    ) -> bool {
        self.rows += 1;
        // What has no row ids is counted.
        let row = cell.row.unwrap_or(self.rows);
        let place = |of: &Self| format!("{name}/{row}", name = of.tables[table].name);
        if cell.len > self.most {
            self.stopped |= !each(Met::TooLarge(place(self)));
            return true;
        }
        let (payload, whole) = match cell.next {
            0 => (None, true),
            _ => {
                let (payload, whole) = self.payload(cell);
                (Some(payload), whole)
            }
        };
        let bytes = payload.as_ref().map_or(cell.local, |payload| payload.as_slice());
        let Some(values) = page::record(bytes) else { return false };
        if table == 0 {
            self.learn(&values);
        }
        if !wanted {
            return whole;
        }
        let long = values.iter().filter_map(|value| hash(value));
        for hash in long {
            if self.values.len() < MOST_VALUES {
                self.values.insert(hash);
            }
        }
        // Rows of numbers alone hold no secret.
        if values.iter().any(|value| matches!(value, Value::Text(_) | Value::Blob(_))) {
            let (names, wide) = (&self.tables[table].columns[..], self.wide());
            let row = Row { place: place(self), names, values: &values, wide };
            self.stopped |= !each(Met::Row(row));
        }
        whole
    }

    /// The bytes of a record that goes on in other pages, and whether they are all there.
    fn payload(&mut self, cell: &Cell<'_>) -> (Zeroizing<Vec<u8>>, bool) {
        let len = usize::try_from(cell.len).unwrap_or(usize::MAX);
        let mut bytes = Zeroizing::new(Vec::with_capacity(len));
        bytes.extend_from_slice(cell.local);
        let mut next = cell.next;
        while bytes.len() < len {
            if next == 0 || !self.claim(next) {
                return (bytes, false);
            }
            let Ok(page) = self.pages.read(next) else { return (bytes, false) };
            let left = len - bytes.len();
            bytes.extend_from_slice(&page[4..self.pages.usable.min(4 + left)]);
            next = page::u32_at(&page, 0);
        }
        (bytes, true)
    }

    /// Notes the table that a row of the schema is about.
    fn learn(&mut self, values: &[Value<'_>]) {
        let &[Value::Text(kind), Value::Text(name), _, Value::Integer(root), Value::Text(sql), ..] =
            values
        else {
            return;
        };
        let text = |bytes| String::from_utf8_lossy(&rows::text(bytes, self.wide())).into_owned();
        let (kind, name, sql) = (text(kind), text(name), text(sql));
        // Indices hold copies; tables without a tree are made up by a module.
        if let Some(root) = u32::try_from(root).ok().filter(|&root| root > 0 && kind == "table") {
            let columns = if self.named < MOST_COLUMNS { columns(&sql) } else { Vec::new() };
            self.named += columns.len();
            self.tables.push(Table { name, root, columns });
        }
    }

    fn wide(&self) -> Option<bool> {
        matches!(self.pages.encoding, 2 | 3).then_some(self.pages.encoding == 3)
    }

    /// Takes a page for one use; false where it has another one already.
    fn claim(&mut self, nth: u32) -> bool {
        let new = self.seen.insert(nth);
        if !new {
            self.faults.push(format!("page {nth} is used twice"));
        }
        new
    }

    /// Hands on rows that are no longer part of a table.
    fn deleted(&mut self, each: &mut Each<'_>) {
        for (nth, table) in self.tables.iter().enumerate() {
            let like = self.like.entry(table.columns.len());
            like.and_modify(|only| *only = None).or_insert(Some(nth));
        }
        for (nth, table) in std::mem::take(&mut self.gaps) {
            if let (Ok(page), false) = (self.pages.read(nth), self.stopped) {
                let columns = self.tables[table].columns.len();
                if let Some(node) = Node::of(&page, nth, self.pages.usable) {
                    self.gaps_of(&page_name(nth), &node, columns, each);
                }
            }
        }
        match self.part {
            Part::Stored => self.free(each),
            _ => self.logged(each),
        }
    }

    /// Hands on what stands in the pages that are free.
    fn free(&mut self, each: &mut Each<'_>) {
        let mut trunk = self.pages.free;
        while trunk > 0 && !self.stopped && self.claim(trunk) {
            let Ok(page) = self.pages.read(trunk) else { break };
            let count = (page::u32_at(&page, 4) as usize).min((self.pages.usable - 8) / 4);
            let rest = 8 + count * 4..self.pages.usable;
            self.carved((&page_name(trunk), &page), carve::rows(&page, (rest, false), 0), each);
            for leaf in page[8..8 + count * 4].chunks_exact(4).map(|four| page::u32_at(four, 0)) {
                if self.claim(leaf)
                    && let Ok(page) = self.pages.read(leaf)
                {
                    self.unused(&page_name(leaf), (leaf, &page), each);
                }
            }
            trunk = page::u32_at(&page, 0);
        }
    }

    /// Hands on what stands in the log but in no table any more.
    fn logged(&mut self, each: &mut Each<'_>) {
        let unseen = |(nth, page): &(u32, &[u8])| {
            // Indices are not read; what they hold is in their tables.
            let index = page.first().is_some_and(|kind| matches!(*kind, INDEX_INNER | INDEX_LEAF));
            !index && !self.seen.contains(nth)
        };
        let logged: Vec<(u32, &[u8])> = self.pages.logged().into_iter().filter(unseen).collect();
        for (nth, page) in logged {
            self.unused(&page_name(nth), (nth, page), each);
        }
        for old in self.pages.outdated() {
            self.unused(&format!("frame {}", old.frame), (old.number, old.page), each);
        }
    }

    /// Hands on what stands in a page that is not used.
    fn unused(&mut self, name: &str, (nth, page): (u32, &[u8]), each: &mut Each<'_>) {
        match Node::of(page, nth, self.pages.usable) {
            Some(node) => {
                self.carved((name, page), carve::leaf(&node), each);
                self.gaps_of(name, &node, 0, each);
            }
            None => {
                let printable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\n' | b'\r' | b'\t');
                let runs = page.split(|byte| !printable(byte)).filter(|run| run.len() >= SHORT_RUN);
                self.carved((name, page), runs.map(|run| vec![Value::Text(run)]).collect(), each);
            }
        }
    }

    fn gaps_of(&mut self, name: &str, node: &Node<'_>, columns: usize, each: &mut Each<'_>) {
        for gap in node.gaps() {
            self.carved((name, node.page), carve::rows(node.page, gap, columns), each);
        }
    }

    /// Hands on rows of the page that is called `name` that say something new.
    fn carved(
        &mut self,
        (name, page): (&str, &[u8]),
        rows: Vec<Vec<Value<'_>>>,
        each: &mut Each<'_>,
    ) {
        for values in rows {
            let hashes: Vec<u64> = values.iter().filter_map(hash).collect();
            if self.stopped || hashes.iter().all(|hash| self.values.contains(hash)) {
                continue;
            }
            if self.values.len() < MOST_VALUES {
                self.values.extend(hashes);
            }
            // Where its first long value stands tells it from the other rows of the page.
            let at = values.iter().find_map(|value| offset(page, value)).unwrap_or(0);
            let like = self.like.get(&values.len()).copied().flatten();
            let names = like.map(|table| &self.tables[table].columns[..]).unwrap_or_default();
            let place = format!("(deleted)/{name}/{at}");
            let row = Row { place, names, values: &values, wide: self.wide() };
            self.stopped |= !each(Met::Row(row));
        }
    }
}

/// What a page of the database is called.
fn page_name(nth: u32) -> String {
    format!("page {nth}")
}

/// Where `value` begins in `page`.
fn offset(page: &[u8], value: &Value<'_>) -> Option<usize> {
    let (Value::Text(bytes) | Value::Blob(bytes)) = value else { return None };
    let at = bytes.as_ptr().addr().checked_sub(page.as_ptr().addr())?;
    (bytes.len() >= SHORT && at < page.len()).then_some(at)
}

/// What stands for a long value.
fn hash(value: &Value<'_>) -> Option<u64> {
    let (Value::Text(bytes) | Value::Blob(bytes)) = value else { return None };
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    (bytes.len() >= SHORT).then(|| hasher.finish())
}
