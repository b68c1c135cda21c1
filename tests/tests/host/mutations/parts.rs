//! A binary as its sections, so that one can be changed and the lengths around it still be right.

use std::ops::Range;

/// Sections that hold binaries of their own.
const CORE_MODULE: u8 = 1;

/// What stands before the sections: the magic number, the version and what kind of binary it is.
const HEADER: usize = 8;

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// What kind, by the number in the binary format.
    pub(crate) id: u8,
    pub(crate) body: Vec<u8>,
}

/// A binary: a component or a core module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    header: Vec<u8>,
    pub(crate) sections: Vec<Section>,
}

impl Section {
    /// Whether it is a core module within a component.
    pub(crate) fn is_module(&self) -> bool {
        self.id == CORE_MODULE && self.body.starts_with(b"\0asm")
    }
}

impl Parts {
    /// The sections of a good binary.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (header, mut rest) = bytes.split_at(HEADER);
        let mut sections = Vec::new();
        while let Some((&id, after)) = rest.split_first() {
            let (size, length) = number(after).unwrap();
            let (body, behind) = after[length..].split_at(size);
            sections.push(Section {
                id,
                body: body.to_vec(),
            });
            rest = behind;
        }
        Self {
            header: header.to_vec(),
            sections,
        }
    }

    /// The binary again, with the sizes that its sections now have.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        for section in &self.sections {
            bytes.push(section.id);
            push_number(&mut bytes, section.body.len());
            bytes.extend(&section.body);
        }
        bytes
    }
}

/// An unsigned LEB128 number, and how many bytes it has.
pub(crate) fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Writes an unsigned LEB128 number.
pub(crate) fn push_number(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// A name as binaries spell it: its length, then its bytes.
pub(crate) fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_number(&mut bytes, text.len());
    bytes.extend(text.as_bytes());
    bytes
}

/// The first place where `what` stands.
pub(crate) fn find(bytes: &[u8], what: &[u8]) -> Option<Range<usize>> {
    let at = bytes.windows(what.len()).position(|part| part == what)?;
    Some(at..at + what.len())
}
