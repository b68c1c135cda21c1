//! Open files. The contract has no position: a file keeps its own.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{
    Error, MAX_PIECE, Metadata, OpenOptions, backend,
    code::{Code, Mode},
    error::Attempt,
};

/// An open file. It is closed when it is dropped; at most [`MAX_OPEN`](super::MAX_OPEN) are open at once.
///
/// Reading and writing go on where the last one ended, as in `std`; each call to the host moves at most
/// [`MAX_PIECE`] bytes, and `read_to_end`, `write_all` and the like make as many as it takes. Each is a call, so many
/// small ones belong behind a `BufReader` or a `BufWriter`.
///
/// ```
/// use astrid_sdk::fs;
/// use std::io::{BufRead, BufReader, Write};
/// # let manifest = "[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]";
/// # astrid_sdk::testing::Host::new().manifest(manifest).run(|| {
/// let mut file = fs::File::create("workspace://cities.txt")?;
/// file.write_all(b"Oslo\nLisbon\n")?;
///
/// let file = BufReader::new(fs::File::open("workspace://cities.txt")?);
/// let cities: Vec<String> = file.lines().collect::<Result<_, _>>()?;
/// assert_eq!(cities, ["Oslo", "Lisbon"]);
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct File {
    handle: backend::FileHandle,
    path: Box<str>,
    mode: Mode,
    position: u64,
}

impl File {
    /// Opens a file that is there for reading.
    pub fn open(path: impl AsRef<str>) -> Result<Self, Error> {
        Self::options().read(true).open(path)
    }

    /// Opens a file for writing: makes it, or empties it.
    pub fn create(path: impl AsRef<str>) -> Result<Self, Error> {
        let mut options = Self::options();
        options.write(true).create(true).truncate(true).open(path)
    }

    /// Other ways to open a file.
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    pub(super) fn with_mode(path: &str, mode: Mode) -> Result<Self, Error> {
        let handle = backend::fs_open(path, mode)
            .map_err(|code| Error::new(code, Attempt::new("open", mode.into(), path)))?;
        Ok(Self {
            handle,
            path: path.into(),
            mode,
            position: 0,
        })
    }

    /// The path by which it was opened.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads from an offset into a buffer, and answers how many bytes those are: 0 at the end of the file, and at most
    /// [`MAX_PIECE`]. The position stays where it is.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize, Error> {
        let bytes = self.piece(buf.len(), offset)?;
        let length = bytes.len().min(buf.len());
        if let (Some(place), Some(bytes)) = (buf.get_mut(..length), bytes.get(..length)) {
            place.copy_from_slice(bytes);
        }
        Ok(length)
    }

    /// Writes at an offset, and answers how many bytes were written: at most [`MAX_PIECE`]. Between the end of the file and
    /// a later offset there are zeros. The position stays where it is.
    ///
    /// A file that is open for appending is written at its end, whatever the offset.
    pub fn write_at(&self, buf: &[u8], offset: u64) -> Result<usize, Error> {
        let (_, written) = self.put(buf, offset)?;
        Ok(written)
    }

    /// Cuts the file, or fills it with zeros, to so many bytes.
    pub fn set_len(&self, size: u64) -> Result<(), Error> {
        let set = self.handle.set_len(size);
        set.map_err(|code| self.failed("set the length of", code))
    }

    /// Waits until what was written is on the disk.
    pub fn sync_data(&self) -> Result<(), Error> {
        let synced = self.handle.sync_data();
        synced.map_err(|code| self.failed("sync", code))
    }

    /// Waits until what was written, and what is known of the file, is on the disk.
    pub fn sync_all(&self) -> Result<(), Error> {
        let synced = self.handle.sync_all();
        synced.map_err(|code| self.failed("sync", code))
    }

    /// What is known of the file.
    pub fn metadata(&self) -> Result<Metadata, Error> {
        let found = self.handle.stat();
        found.map_err(|code| self.failed("look at", code))
    }

    /// At most so many bytes from an offset, by one call.
    fn piece(&self, length: usize, offset: u64) -> Result<Vec<u8>, Error> {
        // It fits: it is at most `MAX_PIECE`.
        let length = length.min(MAX_PIECE) as u32;
        if length == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.handle.read_at(offset, length);
        bytes.map_err(|code| self.failed("read", code))
    }

    /// Writes by one call: at an offset, or at the end if that is how the file is open. Where that was, and how many bytes.
    fn put(&self, buf: &[u8], offset: u64) -> Result<(u64, usize), Error> {
        let piece = buf.get(..MAX_PIECE).unwrap_or(buf);
        if piece.is_empty() {
            return Ok((offset, 0));
        }
        let offset = match self.mode {
            Mode::Append => self.metadata()?.len(),
            _ => offset,
        };
        let written = self.handle.write_at(offset, piece);
        let written = written.map_err(|code| self.failed("write", code))?;
        Ok((offset, (written as usize).min(piece.len())))
    }

    fn failed(&self, verb: &'static str, code: Code) -> Error {
        Error::new(code, Attempt::new(verb, self.mode.into(), &self.path))
    }

    fn advance(&mut self, length: usize) {
        self.position = self.position.saturating_add(length as u64);
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.read_at(buf, self.position)?;
        self.advance(length);
        Ok(length)
    }

    // As few calls as it takes: `std` begins with small pieces.
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        loop {
            let piece = self.piece(MAX_PIECE, self.position)?;
            if piece.is_empty() {
                return Ok(buf.len().saturating_sub(before));
            }
            self.advance(piece.len());
            buf.extend_from_slice(&piece);
        }
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| Error::NotText(Attempt::new("read", self.mode.into(), &self.path)))?;
        buf.push_str(text);
        Ok(text.len())
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let (offset, written) = self.put(buf, self.position)?;
        self.position = offset.saturating_add(written as u64);
        Ok(written)
    }

    /// Nothing is kept back; [`File::sync_data`] waits for the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.metadata()?.len().checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "cannot seek in `{}`: the position lies before its beginning or is too large",
                    self.path
                ),
            )
        })?;
        Ok(self.position)
    }
}
