//! The functions behind [`fs`](crate::fs) on a host in memory: the contract's limits and codes, with what the manifest
//! grants.

use super::{
    MAX_CONTENTS, MAX_ENTRIES, Metadata,
    code::{Code, Mode},
    error::Access,
};
use crate::testing::state::{self, Core};

mod handle;
mod host;
mod place;
mod store;
mod tree;

use place::{Place, Scheme};
use store::Files;
use tree::{Kind, Spot, Stamp, Tree};

pub use handle::FileHandle;

/// A place that may be asked for, and by whom.
struct Asked {
    place: Place,
    /// How many of its names are granted as a whole: no link leads above these.
    floor: usize,
    principal: String,
    now_ns: u64,
}

impl Asked {
    /// Whether a path is one, the manifest covers it, and the test does not refuse it.
    fn new(core: &Core, files: &Files, path: &str, access: Access) -> Result<Self, Code> {
        let place = Place::parse(path)?;
        let floor = place.granted(core, access)?;
        if let Some(code) = files.refused.get(&place) {
            return Err(code.clone());
        }
        Ok(Self {
            place,
            floor,
            principal: core.principal(),
            now_ns: core.clock_ns,
        })
    }

    fn tree<'a>(&self, files: &'a mut Files) -> &'a mut Tree {
        files.tree(self.place.scheme, &self.principal, self.now_ns)
    }

    /// The place in a tree; `follow` says whether a link at its end is followed.
    fn find(&self, files: &mut Files, follow: bool) -> Result<Spot, Code> {
        let tree = self.tree(files);
        tree.find(&self.place.names, self.floor, follow)
    }

    fn stamp(&self) -> Stamp {
        Stamp {
            now_ns: self.now_ns,
            is_own: true,
        }
    }

    /// Something that is neither made, moved nor removed: the root of a scheme.
    fn not_root(&self) -> Result<(), Code> {
        if self.place.names.is_empty() {
            return Err(Code::Access);
        }
        Ok(())
    }
}

/// Looks at one path.
fn read<T>(
    path: &str,
    look: impl FnOnce(&Asked, &mut Files) -> Result<T, Code>,
) -> Result<T, Code> {
    state::with(|core, files: &mut Files| {
        let asked = Asked::new(core, files, path, Access::Read)?;
        look(&asked, files)
    })
}

/// Changes something at one path.
fn change<T>(
    path: &str,
    change: impl FnOnce(&Asked, &mut Files) -> Result<T, Code>,
) -> Result<T, Code> {
    state::with(|core, files: &mut Files| {
        let asked = Asked::new(core, files, path, Access::Write)?;
        files.count_write()?;
        change(&asked, files)
    })
}

/// Changes something that has to do with two paths.
fn change_two<T>(
    (from, access): (&str, Access),
    to: &str,
    change: impl FnOnce(&Asked, &Asked, &mut Files) -> Result<T, Code>,
) -> Result<T, Code> {
    state::with(|core, files: &mut Files| {
        let from = Asked::new(core, files, from, access)?;
        let to = Asked::new(core, files, to, Access::Write)?;
        files.count_write()?;
        change(&from, &to, files)
    })
}

pub fn fs_open(path: &str, mode: Mode) -> Result<FileHandle, Code> {
    handle::open(path, mode)
}

pub fn fs_exists(path: &str) -> Result<bool, Code> {
    read(path, |asked, files| match asked.find(files, true) {
        Ok(spot) => Ok(spot.node.is_some()),
        Err(Code::NotFound | Code::NotDirectory) => Ok(false),
        Err(code) => Err(code),
    })
}

pub fn fs_mkdir(path: &str) -> Result<(), Code> {
    change(path, |asked, files| {
        let spot = asked.find(files, false)?;
        if spot.node.is_some() {
            return Err(Code::AlreadyExists);
        }
        asked.tree(files).make(spot.at, Kind::Folder, asked.stamp());
        Ok(())
    })
}

pub fn fs_mkdir_all(path: &str) -> Result<(), Code> {
    change(path, |asked, files| {
        let tree = asked.tree(files);
        tree.make_folders(&asked.place.names, asked.floor, asked.stamp())
    })
}

pub fn fs_readdir(path: &str) -> Result<Vec<String>, Code> {
    read(path, |asked, files| {
        let spot = asked.find(files, true)?;
        let (node, tree) = (spot.found()?, asked.tree(files));
        if tree.kind(node) != Some(&Kind::Folder) {
            return Err(Code::NotDirectory);
        }
        let names = tree.list(&spot.at);
        if names.len() > MAX_ENTRIES {
            return Err(Code::TooLarge);
        }
        Ok(names)
    })
}

pub fn fs_stat(path: &str) -> Result<Metadata, Code> {
    metadata(path, true)
}

pub fn fs_stat_symlink(path: &str) -> Result<Metadata, Code> {
    metadata(path, false)
}

fn metadata(path: &str, follow: bool) -> Result<Metadata, Code> {
    read(path, |asked, files| {
        let node = asked.find(files, follow)?.found()?;
        asked.tree(files).metadata(node)
    })
}

pub fn fs_unlink(path: &str) -> Result<(), Code> {
    change(path, |asked, files| {
        let spot = asked.find(files, false)?;
        let (node, tree) = (spot.found()?, asked.tree(files));
        if tree.kind(node) == Some(&Kind::Folder) {
            return Err(Code::IsDirectory);
        }
        tree.unname(&spot.at);
        Ok(())
    })
}

pub fn read_file(path: &str) -> Result<Vec<u8>, Code> {
    read(path, |asked, files| {
        let node = asked.find(files, true)?.found()?;
        let bytes = asked.tree(files).bytes(node)?;
        if bytes.len() > MAX_CONTENTS {
            return Err(Code::TooLarge);
        }
        Ok(bytes.clone())
    })
}

pub fn write_file(path: &str, content: &[u8]) -> Result<(), Code> {
    if content.len() > MAX_CONTENTS {
        return Err(Code::TooLarge);
    }
    change(path, |asked, files| replace(asked, files, content.to_vec()))
}

/// Makes a file, or replaces the contents of the one that is there. Of a file with several names the other ones keep theirs.
fn replace(asked: &Asked, files: &mut Files, content: Vec<u8>) -> Result<(), Code> {
    let spot = asked.find(files, true)?;
    let tree = asked.tree(files);
    let mut same = None;
    if let Some(node) = spot.node {
        tree.bytes(node)?;
        same = (tree.node(node)?.names == 1).then_some(node);
    }
    let before = same.map_or(0, |node| tree.counted(node));
    files.room(&asked.principal, before, content.len() as u64)?;
    let tree = asked.tree(files);
    match same {
        Some(node) => tree.change(node, asked.stamp(), |bytes| *bytes = content),
        None => {
            tree.unname(&spot.at);
            tree.make(spot.at, Kind::File(content), asked.stamp());
            Ok(())
        }
    }
}

pub fn fs_append(path: &str, content: &[u8]) -> Result<(), Code> {
    if content.len() > MAX_CONTENTS {
        return Err(Code::TooLarge);
    }
    change(path, |asked, files| {
        let spot = asked.find(files, true)?;
        let Some(node) = spot.node else {
            return replace(asked, files, content.to_vec());
        };
        let tree = asked.tree(files);
        in_place(tree, asked.place.scheme, node)?;
        let (before, length) = (tree.counted(node), tree.bytes(node)?.len());
        let after = length.saturating_add(content.len()) as u64;
        files.room(&asked.principal, before, after)?;
        let tree = asked.tree(files);
        tree.change(node, asked.stamp(), |bytes| {
            bytes.extend_from_slice(content)
        })
    })
}

/// Whether a file may be written where it is: one with several names may not, but for the workspace, of which each
/// principal has a copy.
fn in_place(tree: &Tree, scheme: Scheme, node: u64) -> Result<(), Code> {
    tree.bytes(node)?;
    if scheme != Scheme::Workspace && tree.node(node)?.names > 1 {
        return Err(Code::Access);
    }
    Ok(())
}

pub fn fs_copy(src: &str, dst: &str) -> Result<(), Code> {
    change_two((src, Access::Read), dst, |from, to, files| {
        let node = from.find(files, true)?.found()?;
        let bytes = from.tree(files).bytes(node)?.clone();
        let is_same =
            from.place.scheme == to.place.scheme && to.find(files, true)?.node == Some(node);
        if is_same {
            return Ok(());
        }
        replace(to, files, bytes)
    })
}

pub fn fs_rename(src: &str, dst: &str) -> Result<(), Code> {
    change_two((src, Access::Write), dst, |from, to, files| {
        if from.place.scheme != to.place.scheme {
            return Err(Code::CrossVfs);
        }
        from.not_root()?;
        to.not_root()?;
        let source = from.find(files, false)?;
        let node = source.found()?;
        let target = to.find(files, false)?;
        if target.node == Some(node) {
            return Ok(());
        }
        if target.at.starts_with(&source.at) {
            return Err(Code::InvalidPath);
        }
        let tree = to.tree(files);
        let is_folder = |node| tree.kind(node) == Some(&Kind::Folder);
        match target.node.map(|there| (is_folder(node), is_folder(there))) {
            Some((true, true)) if !tree.list(&target.at).is_empty() => return Err(Code::NotEmpty),
            Some((true, false)) => return Err(Code::NotDirectory),
            Some((false, true)) => return Err(Code::IsDirectory),
            _ => {}
        }
        tree.unname(&target.at);
        tree.shift(&source.at, &target.at);
        Ok(())
    })
}

pub fn fs_remove_dir_all(path: &str) -> Result<u64, Code> {
    change(path, |asked, files| {
        asked.not_root()?;
        let spot = asked.find(files, false)?;
        let (node, tree) = (spot.found()?, asked.tree(files));
        if tree.kind(node) != Some(&Kind::Folder) {
            return Err(Code::NotDirectory);
        }
        let entries: Vec<_> = tree
            .below(&spot.at)
            .map(|(names, _)| names.clone())
            .collect();
        for names in &entries {
            tree.unname(names);
        }
        Ok(entries.len() as u64)
    })
}

pub fn fs_canonicalize(path: &str) -> Result<String, Code> {
    read(path, |asked, files| {
        let spot = asked.find(files, true)?;
        spot.found()?;
        let place = Place {
            scheme: asked.place.scheme,
            names: spot.at,
        };
        Ok(place.to_string())
    })
}

pub fn fs_read_link(path: &str) -> Result<String, Code> {
    read(path, |asked, files| {
        let spot = asked.find(files, false)?;
        let (node, tree) = (spot.found()?, asked.tree(files));
        let Some(Kind::Link(target)) = tree.kind(node) else {
            return Err(Code::InvalidPath);
        };
        let names = tree.target(&spot.at, target, asked.floor)?;
        let place = Place {
            scheme: asked.place.scheme,
            names,
        };
        Ok(place.to_string())
    })
}

pub fn fs_hard_link(src: &str, link_path: &str) -> Result<(), Code> {
    change_two((src, Access::Write), link_path, |from, to, files| {
        if from.place.scheme != to.place.scheme {
            return Err(Code::CrossVfs);
        }
        let node = from.find(files, false)?.found()?;
        from.tree(files).bytes(node)?;
        let target = to.find(files, false)?;
        if target.node.is_some() {
            return Err(Code::AlreadyExists);
        }
        to.tree(files).name(target.at, node);
        Ok(())
    })
}
