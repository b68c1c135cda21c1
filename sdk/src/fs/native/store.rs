//! What the package keeps on a host in memory: the trees of all principals, how much room they have, and which failures a
//! test asked for.

use std::collections::BTreeMap;

use super::{
    place::{Names, Place, Scheme},
    tree::{Kind, Spot, Stamp, Tree},
};
use crate::fs::code::Code;
use crate::testing::state::PackageState;

/// The most bytes that a principal keeps, unless a test says otherwise.
const QUOTA: u64 = 1 << 30;

/// The folders with which a home begins.
const HOME: [&[&str]; 2] = [&[".config"], &[".local", "share"]];

/// What this package keeps.
#[derive(Debug)]
pub struct Files {
    /// The workspace as the test has it.
    workspace: Tree,
    /// What each principal sees: of the workspace it is the test's, with what was changed on the principal's behalf.
    trees: BTreeMap<(Scheme, String), Tree>,
    pub quota: u64,
    /// How many handles are open.
    pub open: usize,
    /// Which places are refused.
    pub refused: BTreeMap<Place, Code>,
    /// Which writes to come are refused, counted from the next one, which is 1.
    pub refused_writes: BTreeMap<usize, Code>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            workspace: Tree::default(),
            trees: BTreeMap::new(),
            quota: QUOTA,
            open: 0,
            refused: BTreeMap::new(),
            refused_writes: BTreeMap::new(),
        }
    }
}

impl PackageState for Files {}

impl Files {
    /// What a principal sees.
    pub fn tree(&mut self, scheme: Scheme, principal: &str, now_ns: u64) -> &mut Tree {
        let workspace = &self.workspace;
        let tree = self.trees.entry((scheme, principal.to_owned()));
        tree.or_insert_with(|| match scheme {
            Scheme::Workspace => workspace.clone(),
            Scheme::Home => home(now_ns),
            Scheme::Tmp => Tree::default(),
        })
    }

    /// Has the test make something: in the workspace for everyone unless `only`, else for the principal.
    pub fn put(
        &mut self,
        place: &Place,
        kind: &Kind,
        principal: &str,
        only: bool,
        now_ns: u64,
    ) -> Result<(), Code> {
        let stamp = Stamp {
            now_ns,
            is_own: place.scheme != Scheme::Workspace,
        };
        if place.scheme != Scheme::Workspace || only {
            let tree = self.tree(place.scheme, principal, now_ns);
            return put(tree, &place.names, kind, stamp);
        }
        put(&mut self.workspace, &place.names, kind, stamp)?;
        let seen = self.trees.iter_mut();
        let seen = seen.filter(|((scheme, _), _)| *scheme == Scheme::Workspace);
        for (_, tree) in seen {
            put(tree, &place.names, kind, stamp)?;
        }
        Ok(())
    }

    /// Counts a write, and says whether it is one that the test refuses.
    pub fn count_write(&mut self) -> Result<(), Code> {
        let refused = self.refused_writes.remove(&1);
        let later = std::mem::take(&mut self.refused_writes).into_iter();
        self.refused_writes = later
            .map(|(nth, code)| (nth.saturating_sub(1), code))
            .collect();
        refused.map_or(Ok(()), Err)
    }

    /// Whether a principal may have so many bytes in the place of some that it has.
    pub fn room(&self, principal: &str, before: u64, after: u64) -> Result<(), Code> {
        let trees = self.trees.iter();
        let own = trees.filter(|((_, whose), _)| whose == principal);
        let used: u64 = own.map(|(_, tree)| tree.used()).sum();
        if used.saturating_sub(before).saturating_add(after) > self.quota {
            return Err(Code::Quota);
        }
        Ok(())
    }
}

fn home(now_ns: u64) -> Tree {
    let mut tree = Tree::default();
    let stamp = Stamp {
        now_ns,
        is_own: true,
    };
    for folder in HOME {
        let mut at = Names::new();
        for name in folder {
            at.push((*name).into());
            tree.make(at.clone(), Kind::Folder, stamp);
        }
    }
    tree
}

/// Makes something, and the folders above it, in the place of what is there.
fn put(tree: &mut Tree, names: &[String], kind: &Kind, stamp: Stamp) -> Result<(), Code> {
    let Some((_, folder)) = names.split_last() else {
        return Ok(());
    };
    tree.make_folders(folder, 0, stamp)?;
    let Spot { at, node } = tree.find(names, 0, false)?;
    match (kind, node.and_then(|node| tree.kind(node))) {
        (Kind::Folder, Some(Kind::Folder)) => return Ok(()),
        (_, Some(Kind::Folder)) => return Err(Code::IsDirectory),
        _ => {}
    }
    tree.unname(&at);
    tree.make(at, kind.clone(), stamp);
    Ok(())
}
