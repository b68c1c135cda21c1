//! The open file: opened when it is first needed, given up when it fails, and opened again once every user of the failed
//! handle is gone. Every call into the library goes through [`fenced`], since a damaged file may make it panic.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use redb::{Database, ReadableDatabase};
use tokio::sync::Notify;

use super::FileOptions;
use super::backend::{Backend, Unsynced};
use super::failure::Failure;
use super::format::{ENTRIES, FORMAT, META, META_FORMAT, USAGE, VALUES};
use crate::files::make_dir;
use crate::home::{LOCK_PATIENCE, Patience};
use crate::storage::kv::StoreError;

/// Calls the library. A panic in it is a failure like others.
pub(super) fn fenced<T>(call: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(Failure::panicked(&*panic)))
}

/// An open file. The last user's end closes it.
pub(super) struct Handle {
    /// There until it is dropped.
    database: Option<Database>,
    pub(super) unsynced: Option<Arc<Unsynced>>,
    door: Arc<Door>,
}

impl Handle {
    pub(super) fn database(&self) -> Result<&Database, Failure> {
        self.database.as_ref().ok_or(Failure::Closed)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let database = self.database.take();
        let closed = fenced(|| {
            drop(database);
            Ok(())
        });
        if let Err(failure) = closed {
            tracing::warn!("the store was closed with an error: {failure}");
        }
        self.door.set(State::Closed);
    }
}

enum State {
    Closed,
    /// It is being opened, or closes when its last user is gone.
    Changing,
    Open(Arc<Handle>),
}

/// Where the handle is had, one at a time.
pub(super) struct Door {
    state: Mutex<State>,
    /// Tells threads that the state has changed.
    changed: Condvar,
    /// Tells tasks.
    notify: Notify,
}

/// What is found at the door.
enum Found {
    Open(Arc<Handle>),
    Changing,
    /// It was closed; whoever has this opens it.
    Closed(Opening),
}

/// The right to open the file, given back when it is dropped.
struct Opening(Option<Arc<Door>>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(door) = &self.0 {
            door.set(State::Closed);
        }
    }
}

impl Door {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Closed),
            changed: Condvar::new(),
            notify: Notify::new(),
        })
    }

    fn set(&self, state: State) {
        let before = std::mem::replace(&mut *self.state.lock(), state);
        self.changed.notify_all();
        self.notify.notify_waiters();
        // Not under the lock: it may be the last user of a handle.
        drop(before);
    }

    fn look(self: &Arc<Self>) -> Found {
        let mut state = self.state.lock();
        match &*state {
            State::Open(handle) => Found::Open(Arc::clone(handle)),
            State::Changing => Found::Changing,
            State::Closed => {
                *state = State::Changing;
                Found::Closed(Opening(Some(Arc::clone(self))))
            }
        }
    }

    /// The open file, if it is open now.
    pub(super) fn open(&self) -> Option<Arc<Handle>> {
        match &*self.state.lock() {
            State::Open(handle) => Some(Arc::clone(handle)),
            State::Changing | State::Closed => None,
        }
    }

    /// The open file, opened now if it isn't; waits while it changes. For tasks.
    pub(super) async fn enter(
        self: &Arc<Self>,
        options: &Arc<FileOptions>,
    ) -> Result<Arc<Handle>, StoreError> {
        loop {
            let changed = self.notify.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            match self.look() {
                Found::Open(handle) => return Ok(handle),
                Found::Changing => changed.await,
                Found::Closed(opening) => {
                    let (door, with) = (Arc::clone(self), Arc::clone(options));
                    let opened = options
                        .blocking
                        .for_host(move || door.open_now(opening, &with));
                    let opened = opened.await;
                    return opened.unwrap_or_else(|_| Err(options.error("open", Failure::Closed)));
                }
            }
        }
    }

    /// The same for a thread that may block.
    pub(super) fn enter_blocking(
        self: &Arc<Self>,
        options: &FileOptions,
    ) -> Result<Arc<Handle>, StoreError> {
        loop {
            match self.look() {
                Found::Open(handle) => return Ok(handle),
                Found::Closed(opening) => return self.open_now(opening, options),
                Found::Changing => {
                    let mut state = self.state.lock();
                    if matches!(*state, State::Changing) {
                        self.changed.wait(&mut state);
                    }
                }
            }
        }
    }

    fn open_now(
        self: &Arc<Self>,
        mut opening: Opening,
        options: &FileOptions,
    ) -> Result<Arc<Handle>, StoreError> {
        let opened = open(options).map_err(|failure| options.error("open", failure));
        let (database, unsynced) = opened?;
        opening.0 = None;
        let handle = Arc::new(Handle {
            database: Some(database),
            unsynced,
            door: Arc::clone(self),
        });
        self.set(State::Open(Arc::clone(&handle)));
        Ok(handle)
    }

    /// Gives up a handle: it closes when its last user is gone, and the file is opened again by the next one.
    pub(super) fn give_up(&self, handle: &Arc<Handle>) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Open(open) if Arc::ptr_eq(open, handle)) {
            let open = std::mem::replace(&mut *state, State::Changing);
            drop(state);
            drop(open);
        }
    }

    /// Closes the file once its users are gone.
    pub(super) fn close(&self) {
        if let Some(handle) = self.open() {
            self.give_up(&handle);
        }
    }

    /// Closes the file, waits until its users are gone, and does something with a database that nobody else has.
    pub(super) fn alone<T>(
        self: &Arc<Self>,
        options: &FileOptions,
        job: impl FnOnce(&mut Database) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let opening = loop {
            self.close();
            match self.look() {
                Found::Closed(opening) => break opening,
                Found::Open(_) => {}
                Found::Changing => {
                    let mut state = self.state.lock();
                    if matches!(*state, State::Changing) {
                        self.changed.wait(&mut state);
                    }
                }
            }
        };
        let (mut database, _unsynced) = open(options)?;
        let done = fenced(|| job(&mut database));
        let closed = fenced(|| Ok(database.close()?));
        drop(opening);
        closed.and(done)
    }
}

/// Opens the file, and makes it if it isn't there. Waits for another command that has it open.
fn open(options: &FileOptions) -> Result<(Database, Option<Arc<Unsynced>>), Failure> {
    let patience = Patience::new(LOCK_PATIENCE);
    loop {
        match fenced(|| attempt(options)) {
            Err(failure) if failure.is_busy() => match patience.pause() {
                Some(pause) => std::thread::sleep(pause),
                None => return Err(failure),
            },
            other => return other,
        }
    }
}

fn attempt(options: &FileOptions) -> Result<(Database, Option<Arc<Unsynced>>), Failure> {
    if let Some(folder) = options.path.parent() {
        make_dir(folder).map_err(|error| Failure::Folder(error.to_string()))?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&options.path)?;
    let backend = Backend::new(file, options)?;
    let unsynced = backend.later();
    let database = redb::Builder::new()
        .set_cache_size(options.cache)
        .create_with_backend(backend)?;
    check_format(&database)?;
    Ok((database, unsynced))
}

/// Makes the tables of a new file, and refuses a file of a later version.
fn check_format(database: &Database) -> Result<(), Failure> {
    let found = match database.begin_read()?.open_table(META) {
        Ok(meta) => meta.get(META_FORMAT)?.map(|format| format.value()),
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(other) => return Err(other.into()),
    };
    match found {
        Some(FORMAT) => Ok(()),
        Some(other) => Err(Failure::Newer(other)),
        None => {
            let mut making = database.begin_write()?;
            making.set_quick_repair(true);
            making.open_table(ENTRIES)?;
            making.open_table(VALUES)?;
            making.open_table(USAGE)?;
            making.open_table(META)?.insert(META_FORMAT, FORMAT)?;
            Ok(making.commit()?)
        }
    }
}
