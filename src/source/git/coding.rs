//! Numbers and lists as bytes, little-endian, with lengths and sums, as the files of histories have them.

use std::io;

use crate::blob::ObjectId;

/// What stands before the sum at the end, if the sum is right.
pub(crate) fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*sum)).then_some(bytes)
}

/// What is written.
#[derive(Default)]
pub(crate) struct Out(pub(crate) Vec<u8>);

impl Out {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn word(&mut self, word: u32) {
        self.0.extend_from_slice(&word.to_le_bytes());
    }

    /// A length or another large number.
    pub(crate) fn length(&mut self, length: u64) {
        self.0.extend_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn ids<'i>(&mut self, ids: impl ExactSizeIterator<Item = &'i ObjectId>) {
        self.length(ids.len() as u64);
        ids.for_each(|id| self.id(*id));
    }

    pub(crate) fn id(&mut self, id: ObjectId) {
        self.bytes(id.raw());
    }

    pub(crate) fn maybe_id(&mut self, id: Option<ObjectId>) {
        self.option(id.as_ref().map(ObjectId::raw));
    }

    pub(crate) fn option(&mut self, bytes: Option<&[u8]>) {
        self.byte(u8::from(bytes.is_some()));
        self.bytes(bytes.unwrap_or_default());
    }
}

/// What is written with a sum at its end, a bit at a time: all of it would take as much memory as the file.
pub(crate) struct Summed<'w> {
    out: Out,
    sum: crc32fast::Hasher,
    to: &'w mut dyn io::Write,
}

impl<'w> Summed<'w> {
    /// Nothing yet.
    pub(crate) fn new(to: &'w mut dyn io::Write) -> Self {
        Self { out: Out::default(), sum: crc32fast::Hasher::new(), to }
    }

    /// Bytes that are written at once.
    const BIT: usize = 1 << 16;

    /// Adds what `add` does.
    pub(crate) fn put(&mut self, add: impl FnOnce(&mut Out)) -> io::Result<()> {
        add(&mut self.out);
        if self.out.0.len() < Self::BIT { Ok(()) } else { self.flush() }
    }

    pub(crate) fn length(&mut self, length: usize) -> io::Result<()> {
        self.put(|out| out.length(length as u64))
    }

    pub(crate) fn words(&mut self, words: &[u32]) -> io::Result<()> {
        self.length(words.len())?;
        words.iter().try_for_each(|word| self.put(|out| out.word(*word)))
    }

    /// Adds `bytes`, which are many.
    pub(crate) fn all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.flush()?;
        self.sum.update(bytes);
        self.to.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sum.update(&self.out.0);
        self.to.write_all(&self.out.0)?;
        self.out.0.clear();
        Ok(())
    }

    /// Writes the sum behind all else.
    pub(crate) fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.to.write_all(&self.sum.finalize().to_le_bytes())
    }
}

/// What is left to be read; `None` where it is cut short.
pub(crate) struct In<'b>(pub(crate) &'b [u8]);

impl<'b> In<'b> {
    pub(crate) fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, left) = self.0.split_at_checked(len)?;
        self.0 = left;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub(crate) fn word(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(crate) fn length(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(crate) fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.length()?).ok()?;
        self.take(len)
    }

    pub(crate) fn option(&mut self) -> Option<Option<&'b [u8]>> {
        let is_there = self.byte()? != 0;
        let bytes = self.bytes()?;
        Some(is_there.then_some(bytes))
    }

    /// As many as the length in front says.
    pub(crate) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let len = self.length()?;
        (0..len).map(|_| one(self)).collect()
    }

    pub(crate) fn id(&mut self) -> Option<ObjectId> {
        ObjectId::from_raw(self.bytes()?)
    }

    pub(crate) fn maybe_id(&mut self) -> Option<Option<ObjectId>> {
        match self.option()? {
            Some(id) => ObjectId::from_raw(id).map(Some),
            None => Some(None),
        }
    }

    pub(crate) fn ids(&mut self) -> Option<Vec<ObjectId>> {
        self.list(Self::id)
    }

    pub(crate) fn words(&mut self) -> Option<Vec<u32>> {
        let len = usize::try_from(self.length()?).ok()?.checked_mul(4)?;
        let (words, _) = self.take(len)?.as_chunks::<4>();
        Some(words.iter().map(|word| u32::from_le_bytes(*word)).collect())
    }
}
