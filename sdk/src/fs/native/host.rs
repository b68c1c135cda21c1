//! The test's side of files: what is there, what fails, what has become of it.

use super::{
    place::Place,
    store::Files,
    tree::{Kind, Spot, Tree},
};
use crate::{
    fs::{Attempt, Error, code::Code, error::Access},
    testing::{Host, state::Core},
};

/// What a test does with a path, as an error says it.
const PREPARE: &str = "prepare";

impl Host {
    /// Has a file there, with the folders above it, in the place of one that is there: in `workspace://` for every
    /// principal, unless the host is [`by`](Self::by) one; in `home://` and `tmp://` for the one on whose behalf it calls.
    ///
    /// ```
    /// use astrid_sdk::{fs, testing::Host};
    ///
    /// let host = Host::new().manifest("[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"*\"]");
    /// let host = host.file("workspace://a.txt", "hello");
    /// host.run(|| fs::append("workspace://a.txt", " world"))?;
    /// assert_eq!(host.file_text("workspace://a.txt").as_deref(), Some("hello world"));
    /// // What one principal changes no other sees.
    /// assert_eq!(host.by("bob").file_text("workspace://a.txt").as_deref(), Some("hello"));
    /// # Ok::<(), fs::Error>(())
    /// ```
    ///
    /// What cannot be a file, such as a path with `..`, refuses every call.
    pub fn file(self, path: impl AsRef<str>, contents: impl AsRef<[u8]>) -> Self {
        self.put_file(path, contents);
        self
    }

    /// As [`file`](Self::file), of a host that was asked something already.
    pub fn put_file(&self, path: impl AsRef<str>, contents: impl AsRef<[u8]>) {
        self.put(path.as_ref(), &Kind::File(contents.as_ref().to_vec()));
    }

    /// Has a folder there, and those above it.
    pub fn folder(self, path: impl AsRef<str>) -> Self {
        self.put(path.as_ref(), &Kind::Folder);
        self
    }

    /// Has a symbolic link there. Its target is relative to its folder; an absolute one, which may be made too, leads out of
    /// what is granted.
    pub fn symlink(self, path: impl AsRef<str>, target: impl Into<String>) -> Self {
        self.put(path.as_ref(), &Kind::Link(target.into()));
        self
    }

    /// The bytes of a file, as the principal sees it on whose behalf the host calls. None if there is none.
    pub fn file_bytes(&self, path: impl AsRef<str>) -> Option<Vec<u8>> {
        let place = Place::parse(path.as_ref()).ok()?;
        self.seen(|core, files, principal| {
            let tree = files.tree(place.scheme, principal, core.clock_ns);
            let Spot { node, .. } = tree.find(&place.names, 0, true).ok()?;
            tree.bytes(node?).ok().cloned()
        })
    }

    /// The text of a file, as [`file_bytes`](Self::file_bytes); none also if it is not UTF-8.
    pub fn file_text(&self, path: impl AsRef<str>) -> Option<String> {
        String::from_utf8(self.file_bytes(path)?).ok()
    }

    /// The paths of all files in a folder and below it, as the principal sees them on whose behalf the host calls: in the
    /// order of their names.
    pub fn files_below(&self, path: impl AsRef<str>) -> Vec<String> {
        let Ok(place) = Place::parse(path.as_ref()) else {
            return Vec::new();
        };
        self.seen(|core, files, principal| {
            let tree: &Tree = files.tree(place.scheme, principal, core.clock_ns);
            let files = tree.below(&place.names);
            let files = files.filter(|(_, node)| tree.bytes(*node).is_ok());
            let paths = files.map(|(names, _)| Place {
                scheme: place.scheme,
                names: names.clone(),
            });
            paths.map(|place| place.to_string()).collect()
        })
    }

    /// How many files are open: what a capsule forgot to drop.
    pub fn open_files(&self) -> usize {
        self.package(|_, files: &mut Files| files.open)
    }

    /// Sets how many bytes the files of one principal may have; 1 GiB unless given. The test's own in the workspace do not
    /// count.
    pub fn files_quota(self, bytes: u64) -> Self {
        self.set(|files: &mut Files| files.quota = bytes)
    }

    /// Refuses, from now on, whatever is asked of a path, of open files too: with a case of
    /// [`fs::Error`](crate::fs::Error).
    ///
    /// ```
    /// use astrid_sdk::{fs, testing::Host};
    ///
    /// let host = Host::new().file("tmp://a.txt", "hello");
    /// host.refuse_file("tmp://a.txt", fs::Error::Access);
    /// assert!(matches!(host.run(|| fs::read("tmp://a.txt")), Err(fs::Error::Access(_))));
    /// host.admit_file("tmp://a.txt");
    /// assert!(host.run(|| fs::read("tmp://a.txt")).is_ok());
    /// ```
    pub fn refuse_file(&self, path: impl AsRef<str>, error: impl FnOnce(Attempt) -> Error) {
        let path = path.as_ref();
        match Place::parse(path) {
            Ok(place) => self.package(|_, files: &mut Files| {
                files.refused.insert(place, code(path, error));
            }),
            Err(code) => self.mistaken(path, code),
        }
    }

    /// Ends what [`refuse_file`](Self::refuse_file) began.
    pub fn admit_file(&self, path: impl AsRef<str>) {
        if let Ok(place) = Place::parse(path.as_ref()) {
            self.package(|_, files: &mut Files| files.refused.remove(&place));
        }
    }

    /// Refuses a write to come with a case of [`fs::Error`](crate::fs::Error): 1 is the next one. A write is each call that
    /// changes something, of a file that is open too, on behalf of any principal.
    ///
    /// ```
    /// use astrid_sdk::{fs, testing::Host};
    ///
    /// let host = Host::new();
    /// host.refuse_file_write(2, fs::Error::Quota);
    /// let writes = host.run(|| ["a", "b", "c"].map(|name| fs::write(format!("tmp://{name}"), "x").is_ok()));
    /// assert_eq!(writes, [true, false, true]);
    /// ```
    pub fn refuse_file_write(&self, nth: usize, error: impl FnOnce(Attempt) -> Error) {
        self.package(|_, files: &mut Files| files.refused_writes.insert(nth, code("", error)));
    }

    fn put(&self, path: &str, kind: &Kind) {
        let only = self.is_by();
        let made = self.seen(|core, files, principal| {
            let place = Place::parse(path)?;
            files.put(&place, kind, principal, only, core.clock_ns)
        });
        if let Err(code) = made {
            self.mistaken(path, code);
        }
    }

    /// What was asked for cannot be: every call says so.
    fn mistaken(&self, path: &str, code: Code) {
        let error = Error::new(code, Attempt::new(PREPARE, Access::Both, path));
        self.package(|core, _: &mut Files| core.mistake = Some(format!("the test: {error}")));
    }

    /// What the principal sees on whose behalf the host calls.
    fn seen<T>(&self, function: impl FnOnce(&Core, &mut Files, &str) -> T) -> T {
        let by = self.called_by();
        self.package(|core, files| function(core, files, &by))
    }
}

/// The code of a case of the error.
fn code(path: &str, error: impl FnOnce(Attempt) -> Error) -> Code {
    error(Attempt::new(PREPARE, Access::Both, path)).into_code()
}
