//! The files and folders of one scheme, in memory. Knows no grants, quotas or handles.

use std::collections::{BTreeMap, VecDeque};

use super::place::Names;
use crate::fs::{
    FileType, Metadata,
    code::{Code, Datetime},
};

/// The most links that one path follows.
const MAX_LINKS: usize = 40;

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File(Vec<u8>),
    Folder,
    /// Where it leads, as it was made.
    Link(String),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    /// How many names it has. One without is kept, since a handle may be open.
    pub names: usize,
    /// Whether it counts against the principal's quota.
    pub is_own: bool,
    created_ns: u64,
    modified_ns: u64,
}

impl Node {
    /// The bytes that count against a quota.
    fn counted(&self) -> u64 {
        match &self.kind {
            Kind::File(bytes) if self.is_own && self.names > 0 => bytes.len() as u64,
            _ => 0,
        }
    }
}

/// The time, and for whom something is made.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub now_ns: u64,
    pub is_own: bool,
}

/// A place, and the node that is there.
#[derive(Clone, Debug)]
pub struct Spot {
    pub at: Names,
    pub node: Option<u64>,
}

impl Spot {
    /// The node, which must be there.
    pub fn found(&self) -> Result<u64, Code> {
        self.node.ok_or(Code::NotFound)
    }
}

/// Names and nodes: several names may be of one file.
#[derive(Clone, Debug)]
pub struct Tree {
    names: BTreeMap<Names, u64>,
    nodes: BTreeMap<u64, Node>,
    next: u64,
}

impl Default for Tree {
    /// An empty root.
    fn default() -> Self {
        let mut tree = Self {
            names: BTreeMap::new(),
            nodes: BTreeMap::new(),
            next: 0,
        };
        let stamp = Stamp {
            now_ns: 0,
            is_own: false,
        };
        tree.make(Names::new(), Kind::Folder, stamp);
        tree
    }
}

impl Tree {
    /// Follows names from the root. Links in the middle are followed, the last one only if `follow`; none may lead above
    /// the first `floor` names.
    pub fn find(&self, names: &[String], floor: usize, follow: bool) -> Result<Spot, Code> {
        let mut left: VecDeque<String> = names.iter().cloned().collect();
        let mut at = Names::new();
        let mut node = self.names.get(&at).copied();
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            if name == ".." {
                if at.len() <= floor {
                    return Err(Code::BoundaryEscape);
                }
                at.pop();
                node = self.names.get(&at).copied();
                continue;
            }
            match node.map(|node| self.kind(node)) {
                None => return Err(Code::NotFound),
                Some(Some(Kind::Folder)) => {}
                Some(_) => return Err(Code::NotDirectory),
            }
            at.push(name);
            node = self.names.get(&at).copied();
            let Some(Kind::Link(target)) = node.and_then(|node| self.kind(node)) else {
                continue;
            };
            if left.is_empty() && !follow {
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Code::Access);
            }
            for name in steps(target)?.into_iter().rev() {
                left.push_front(name);
            }
            at.pop();
            node = self.names.get(&at).copied();
        }
        Ok(Spot { at, node })
    }

    pub fn kind(&self, node: u64) -> Option<&Kind> {
        self.nodes.get(&node).map(|node| &node.kind)
    }

    pub fn node_mut(&mut self, node: u64) -> Result<&mut Node, Code> {
        self.nodes.get_mut(&node).ok_or(Code::Closed)
    }

    pub fn node(&self, node: u64) -> Result<&Node, Code> {
        self.nodes.get(&node).ok_or(Code::Closed)
    }

    /// The bytes of a file.
    pub fn bytes(&self, node: u64) -> Result<&Vec<u8>, Code> {
        match &self.node(node)?.kind {
            Kind::File(bytes) => Ok(bytes),
            Kind::Folder => Err(Code::IsDirectory),
            Kind::Link(_) => Err(Code::Access),
        }
    }

    /// Changes the bytes of a file.
    pub fn change(
        &mut self,
        node: u64,
        stamp: Stamp,
        change: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Code> {
        let node = self.node_mut(node)?;
        let Kind::File(bytes) = &mut node.kind else {
            return Err(Code::IsDirectory);
        };
        change(bytes);
        node.is_own = stamp.is_own;
        node.modified_ns = stamp.now_ns;
        Ok(())
    }

    /// Makes a node where nothing is.
    pub fn make(&mut self, at: Names, kind: Kind, stamp: Stamp) -> u64 {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(
            id,
            Node {
                kind,
                names: 0,
                is_own: stamp.is_own,
                created_ns: stamp.now_ns,
                modified_ns: stamp.now_ns,
            },
        );
        self.name(at, id);
        id
    }

    /// Gives a node a name, which no other has.
    pub fn name(&mut self, at: Names, node: u64) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.names += 1;
        }
        self.names.insert(at, node);
    }

    /// Takes a name away.
    pub fn unname(&mut self, at: &Names) -> Option<u64> {
        let id = self.names.remove(at)?;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.names = node.names.saturating_sub(1);
        }
        Some(id)
    }

    /// Makes a folder and those above it.
    pub fn make_folders(
        &mut self,
        names: &[String],
        floor: usize,
        stamp: Stamp,
    ) -> Result<(), Code> {
        for end in 1..=names.len() {
            let (so_far, _) = names.split_at(end);
            let spot = self.find(so_far, floor.min(end), true)?;
            match spot.node.map(|node| self.kind(node)) {
                None => drop(self.make(spot.at, Kind::Folder, stamp)),
                Some(Some(Kind::Folder)) => {}
                Some(_) if end == names.len() => return Err(Code::AlreadyExists),
                Some(_) => return Err(Code::NotDirectory),
            }
        }
        Ok(())
    }

    /// All that is at a place and below it.
    pub fn below(&self, at: &Names) -> impl Iterator<Item = (&Names, u64)> {
        let from = self.names.range(at.clone()..);
        let below = from.take_while(|(names, _)| names.starts_with(at));
        below.map(|(names, node)| (names, *node))
    }

    /// The names in a folder.
    pub fn list(&self, at: &Names) -> Vec<String> {
        let children = self
            .below(at)
            .filter(|(names, _)| names.len() == at.len() + 1);
        children
            .filter_map(|(names, _)| names.last().cloned())
            .collect()
    }

    /// Moves all that is at a place and below it.
    pub fn shift(&mut self, from: &Names, to: &Names) {
        let moved: Vec<Names> = self.below(from).map(|(names, _)| names.clone()).collect();
        for names in moved {
            let (_, rest) = names.split_at(from.len());
            let target = [to, rest].concat();
            if let Some(node) = self.names.remove(&names) {
                self.names.insert(target, node);
            }
        }
    }

    /// Where a link at a place leads, as names from the root.
    pub fn target(&self, at: &Names, target: &str, floor: usize) -> Result<Names, Code> {
        let (_, folder) = at.split_last().ok_or(Code::InvalidPath)?;
        let mut names = folder.to_vec();
        for step in steps(target)? {
            if step != ".." {
                names.push(step);
            } else if names.len() > floor {
                names.pop();
            } else {
                return Err(Code::BoundaryEscape);
            }
        }
        Ok(names)
    }

    /// The bytes of a node that count against a quota.
    pub fn counted(&self, node: u64) -> u64 {
        self.nodes.get(&node).map_or(0, Node::counted)
    }

    /// The bytes that count against a quota.
    pub fn used(&self) -> u64 {
        self.nodes.values().map(Node::counted).sum()
    }

    pub fn metadata(&self, node: u64) -> Result<Metadata, Code> {
        let node = self.node(node)?;
        let (kind, size, mode) = match &node.kind {
            Kind::File(bytes) => (FileType::File, bytes.len(), 0o644),
            Kind::Folder => (FileType::Dir, 0, 0o755),
            Kind::Link(target) => (FileType::Symlink, target.len(), 0o777),
        };
        let time = |nanoseconds: u64| {
            Some(Datetime {
                // They fit: 2^64 nanoseconds are fewer than 2^35 seconds.
                seconds: (nanoseconds / 1_000_000_000) as i64,
                nanoseconds: (nanoseconds % 1_000_000_000) as u32,
            })
        };
        Ok(Metadata {
            size: size as u64,
            kind,
            mode,
            modified: time(node.modified_ns),
            created: time(node.created_ns),
            accessed: time(node.modified_ns),
        })
    }
}

/// The steps of a link's target; an absolute one leads out.
fn steps(target: &str) -> Result<Vec<String>, Code> {
    if target.starts_with('/') {
        return Err(Code::BoundaryEscape);
    }
    let steps = target
        .split('/')
        .filter(|name| !name.is_empty() && *name != ".");
    Ok(steps.map(String::from).collect())
}
