//! Streams of zstd: frames one after the other, as tools write them that use several processors or pack
//! the layers of images file by file. The library's own reader ends with the first frame.

use std::io::{self, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Reads what all frames of `source` unpack to.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    /// True while a frame is read.
    open: bool,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), open: false }
    }

    /// Begins the next frame with content; false where there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            let mut first = Vec::new();
            if self.source.by_ref().take(1).read_to_end(&mut first)? == 0 {
                return Ok(false);
            }
            match self.decoder.reset(first.chain(&mut self.source)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let gone = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
                    if gone < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
    }

    /// Ends a frame, all of which was read: its sum has to be right, where it has one.
    fn end(&mut self) -> io::Result<()> {
        self.open = false;
        let (told, is) =
            (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match told.is_none() || told == is {
            true => Ok(()),
            false => Err(io::Error::other("a frame has another checksum")),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.open && !self.begin()? {
                return Ok(0);
            }
            self.open = true;
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let blocks = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.source, blocks);
                decoded.map_err(|error| io::Error::other(error.to_string()))?;
            }
            match self.decoder.read(buffer)? {
                0 => self.end()?,
                read => return Ok(read),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::Frames;

    #[test]
    fn all_frames_are_read_and_those_without_content_passed_over() {
        let frame = |text: &str| compress_to_vec(text.as_bytes(), CompressionLevel::Fastest);
        let skipped = [&b"\x53\x2a\x4d\x18\x03\0\0\0"[..], b"abc"].concat();
        let all = [&skipped[..], &frame("one "), &skipped, &frame(""), &frame("two")].concat();
        let mut text = String::new();
        Frames::new(&all[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
        // Cut between two frames it is whole, and anywhere else an error.
        let ends = [0, skipped.len(), skipped.len() + frame("one ").len()];
        let ends = [ends[0], ends[1], ends[2], ends[2] + ends[1], all.len() - frame("two").len()];
        for cut in 0..all.len() {
            let mut text = Vec::new();
            let read = Frames::new(&all[..cut]).read_to_end(&mut text);
            assert_eq!(read.is_ok(), ends.contains(&cut), "{cut}");
            assert!(b"one two".starts_with(&text), "{cut}");
        }
        assert!(
            Frames::new(&[&frame("x")[..], b"rest"].concat()[..])
                .read_to_end(&mut Vec::new())
                .is_err()
        );
    }
}
