//! Open files. A handle keeps its file, whatever becomes of the names.

use core::cell::RefCell;
use core::fmt;
use std::rc::Rc;

use super::{Asked, Files, in_place, replace};
use crate::fs::{
    MAX_OPEN, MAX_PIECE, Metadata,
    code::{Code, Mode},
};
use crate::testing::state::{State, current};

/// The most bytes that a file could have on any system.
const MAX_LEN: u64 = i64::MAX as u64;

pub struct FileHandle {
    state: Rc<RefCell<State>>,
    asked: Asked,
    mode: Mode,
    node: u64,
}

impl fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileHandle")
            .field("place", &self.asked.place)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

pub fn open(path: &str, mode: Mode) -> Result<FileHandle, Code> {
    let state = current();
    let (asked, node) = state.borrow_mut().with(|core, files: &mut Files| {
        let asked = Asked::new(core, files, path, mode.into())?;
        if files.open >= MAX_OPEN {
            return Err(Code::Quota);
        }
        let node = opened(&asked, files, mode)?;
        files.open += 1;
        Ok((asked, node))
    })?;
    Ok(FileHandle {
        state,
        asked,
        mode,
        node,
    })
}

/// The file, made or emptied as the mode says.
fn opened(asked: &Asked, files: &mut Files, mode: Mode) -> Result<u64, Code> {
    let there = asked.find(files, true)?.node;
    let tree = asked.tree(files);
    match (mode, there) {
        (Mode::Read, None) => return Err(Code::NotFound),
        (Mode::Read, Some(node)) => {
            tree.bytes(node)?;
            return Ok(node);
        }
        (_, Some(node)) => in_place(tree, asked.place.scheme, node)?,
        (_, None) => {}
    }
    if let Some(node) = there
        && mode != Mode::Write
    {
        return Ok(node);
    }
    files.count_write()?;
    if let Some(node) = there {
        let tree = asked.tree(files);
        tree.change(node, asked.stamp(), Vec::clear)?;
        return Ok(node);
    }
    replace(asked, files, Vec::new())?;
    asked.find(files, true)?.found()
}

impl FileHandle {
    pub fn read_at(&self, offset: u64, max_bytes: u32) -> Result<Vec<u8>, Code> {
        if !matches!(self.mode, Mode::Read | Mode::ReadWrite) {
            return Err(Code::Access);
        }
        self.with(|files| {
            let bytes = self.asked.tree(files).bytes(self.node)?;
            let length = (max_bytes as usize).min(MAX_PIECE);
            let from = usize::try_from(offset).ok();
            let rest = from.and_then(|from| bytes.get(from..)).unwrap_or_default();
            Ok(rest.get(..length).unwrap_or(rest).to_vec())
        })
    }

    pub fn write_at(&self, offset: u64, data: &[u8]) -> Result<u32, Code> {
        if data.len() > MAX_PIECE {
            return Err(Code::TooLarge);
        }
        // It fits: it is at most `MAX_PIECE`.
        let written = data.len() as u32;
        self.write(|length| {
            let offset = match self.mode {
                Mode::Append => length,
                _ => offset,
            };
            let end = offset.checked_add(written.into());
            let end = end.filter(|end| *end <= MAX_LEN).ok_or(Code::TooLarge)?;
            let after = length.max(end);
            Ok((after, move |bytes: &mut Vec<u8>| {
                // They fit: there is room for the whole of it in memory.
                let (offset, after) = (offset as usize, after as usize);
                bytes.resize(after, 0);
                let place = bytes.iter_mut().skip(offset);
                place.zip(data).for_each(|(place, byte)| *place = *byte);
            }))
        })?;
        Ok(written)
    }

    pub fn set_len(&self, size: u64) -> Result<(), Code> {
        if size > MAX_LEN {
            return Err(Code::TooLarge);
        }
        self.write(|_| {
            // It fits: there is room for the whole of it in memory.
            Ok((size, move |bytes: &mut Vec<u8>| {
                bytes.resize(size as usize, 0)
            }))
        })
    }

    pub fn sync_data(&self) -> Result<(), Code> {
        self.with(|_| Ok(()))
    }

    pub fn sync_all(&self) -> Result<(), Code> {
        self.with(|_| Ok(()))
    }

    pub fn stat(&self) -> Result<Metadata, Code> {
        self.with(|files| self.asked.tree(files).metadata(self.node))
    }

    /// Changes the file. The plan is given its length, and answers the one that it will have and how it is changed.
    fn write<C>(&self, plan: impl FnOnce(u64) -> Result<(u64, C), Code>) -> Result<(), Code>
    where
        C: FnOnce(&mut Vec<u8>),
    {
        if self.mode == Mode::Read {
            return Err(Code::Access);
        }
        self.with(|files| {
            files.count_write()?;
            let tree = self.asked.tree(files);
            in_place(tree, self.asked.place.scheme, self.node)?;
            let (after, change) = plan(tree.bytes(self.node)?.len() as u64)?;
            let before = tree.counted(self.node);
            files.room(&self.asked.principal, before, after)?;
            let tree = self.asked.tree(files);
            tree.change(self.node, self.asked.stamp(), change)
        })
    }

    fn with<T>(&self, function: impl FnOnce(&mut Files) -> Result<T, Code>) -> Result<T, Code> {
        self.state.borrow_mut().with(|_, files: &mut Files| {
            match files.refused.get(&self.asked.place) {
                Some(code) => Err(code.clone()),
                None => function(files),
            }
        })
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        self.state
            .borrow_mut()
            .with(|_, files: &mut Files| files.open = files.open.saturating_sub(1));
    }
}
