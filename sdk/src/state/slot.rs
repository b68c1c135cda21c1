//! What an instance keeps of a state between its calls, and how a call reads and saves it. The dispatch that `#[capsule]`
//! generates calls this.

use core::{cell::Cell, fmt};
use std::thread::LocalKey;

use serde::{Serialize, de::DeserializeOwned};

use super::{Doing, Error, State};
use crate::{json, kv};

/// What a state's type must be able to do.
#[diagnostic::on_unimplemented(
    message = "the capsule `{Self}` cannot be kept as state",
    label = "a capsule with state is written as JSON, read again, and begins as its default",
    note = "put `#[derive(Default, serde::Serialize, serde::Deserialize)]` on it"
)]
pub trait Storable: Serialize + DeserializeOwned + Default {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Default> Storable for T {}

/// How a state is made, read and written. A [`State`] hands these out instead of having [`Storable`] above it, so that what
/// a type lacks is one mistake, told in the words that stand there.
pub struct Form<T> {
    initial: fn() -> T,
    read: fn(fmt::Arguments<'_>, &[u8]) -> Result<T, String>,
    write: fn(&T) -> serde_json::Result<Vec<u8>>,
}

impl Form<()> {
    /// That of a type.
    pub fn of<T: Storable>() -> Form<T> {
        Form {
            initial: T::default,
            read: json::read,
            write: serde_json::to_vec,
        }
    }
}

/// What one instance keeps of its state: nothing natively, where each call is like that of a fresh instance.
pub struct Slot<T>(Cell<Option<Kept<T>>>);

impl<T> Slot<T> {
    /// The slot of a fresh instance.
    #[expect(
        clippy::new_without_default,
        reason = "made in a const, where `Default` cannot be called"
    )]
    pub const fn new() -> Self {
        Self(Cell::new(None))
    }

    fn keep(&self, kept: Kept<T>) {
        if cfg!(target_family = "wasm") {
            self.0.set(Some(kept));
        }
    }
}

/// A state, and what is stored of it.
pub(super) struct Kept<T> {
    pub value: T,
    stored: Option<Vec<u8>>,
    /// The value as it is written, where that is known.
    written: Written,
}

/// The bytes that a value is written as.
enum Written {
    Unknown,
    AsStored,
    /// Others than are stored: those of a default, or of what was stored in another form.
    Otherwise(Vec<u8>),
}

impl<T: State> Kept<T> {
    /// Takes what the slot has if that is what is stored, and else reads what is stored.
    fn load(slot: &'static LocalKey<Slot<T>>) -> Result<Self, Error> {
        let stored = stored::<T>()?;
        let kept = slot.with(|slot| slot.0.take());
        match kept {
            Some(kept) if kept.stored == stored => Ok(kept),
            _ => Self::read(stored),
        }
    }

    /// Reads a value; nothing stored is the default.
    pub fn read(stored: Option<Vec<u8>>) -> Result<Self, Error> {
        let value = match &stored {
            Some(bytes) => parse(bytes)?,
            None => (T::form().initial)(),
        };
        Ok(Self {
            value,
            stored,
            written: Written::Unknown,
        })
    }

    /// Finds out how the value is written. Done before it is changed: whether it was is told by comparing, so that a
    /// value that is stored in another form (with blanks, say) is not written anew by a call that changes nothing.
    pub fn note(&mut self) -> Result<(), Error> {
        if let Written::Unknown = self.written {
            let bytes = write(&self.value)?;
            self.written = if self.stored.as_ref() == Some(&bytes) {
                Written::AsStored
            } else {
                Written::Otherwise(bytes)
            };
        }
        Ok(())
    }

    /// Saves the value if it has changed since [`Kept::note`].
    pub fn save(&mut self) -> Result<(), Error> {
        let bytes = write(&self.value)?;
        let before = match &self.written {
            Written::Unknown => None,
            Written::AsStored => self.stored.as_ref(),
            Written::Otherwise(before) => Some(before),
        };
        if before == Some(&bytes) {
            return Ok(());
        }
        swap::<T>(self.stored.as_deref(), &bytes)?;
        self.stored = Some(bytes);
        self.written = Written::AsStored;
        Ok(())
    }
}

/// Runs a body that reads the caller's state.
pub fn look<T: State, R>(body: impl FnOnce(&T) -> Result<R, String>) -> Result<R, String> {
    let slot = T::slot();
    let kept = Kept::load(slot).map_err(|error| error.to_string())?;
    let done = body(&kept.value);
    slot.with(|slot| slot.keep(kept));
    done
}

/// Runs a body that may change the caller's state, and saves what it changed if it ended well. After a conflict it is run
/// again, at most `retry` times.
pub fn change<T: State, R>(
    retry: u32,
    mut body: impl FnMut(&mut T) -> Result<R, String>,
) -> Result<R, String> {
    let slot = T::slot();
    let mut left = retry;
    loop {
        let mut kept = Kept::<T>::load(slot).map_err(|error| error.to_string())?;
        kept.note().map_err(|error| error.to_string())?;
        let done = body(&mut kept.value)?;
        match kept.save() {
            Ok(()) => {
                slot.with(|slot| slot.keep(kept));
                return Ok(done);
            }
            Err(Error::Conflict { .. }) if left > 0 => left -= 1,
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// The bytes that are stored for the caller.
pub(super) fn stored<T: State>() -> Result<Option<Vec<u8>>, Error> {
    kv::get(T::KEY).map_err(|error| store::<T>(Doing::Read, error))
}

fn parse<T: State>(bytes: &[u8]) -> Result<T, Error> {
    let misfit = format_args!("the state of `{}` cannot be read", T::NAME);
    (T::form().read)(misfit, bytes).map_err(|reason| Error::Unreadable {
        state: T::NAME,
        reason,
    })
}

pub(super) fn write<T: State>(value: &T) -> Result<Vec<u8>, Error> {
    let bytes = (T::form().write)(value).map_err(|error| Error::Unwritable {
        state: T::NAME,
        reason: error.to_string(),
    })?;
    if bytes.len() > kv::MAX_VALUE {
        return Err(Error::TooLarge {
            state: T::NAME,
            bytes: bytes.len(),
        });
    }
    Ok(bytes)
}

fn swap<T: State>(expected: Option<&[u8]>, new: &[u8]) -> Result<(), Error> {
    kv::cas(T::KEY, expected, new).map_err(|error| match error {
        kv::Error::CasMismatch => Error::Conflict { state: T::NAME },
        error => store::<T>(Doing::Save, error),
    })
}

pub(super) fn store<T: State>(doing: Doing, error: kv::Error) -> Error {
    Error::Store {
        state: T::NAME,
        doing,
        error,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends with it")]
mod tests {
    use core::cell::Cell;

    use serde::{Deserialize, Deserializer, Serialize};

    use super::*;
    use crate::testing::Host;

    thread_local! {
        static PARSED: Cell<usize> = const { Cell::new(0) };
        static SLOT: Slot<Number> = const { Slot::new() };
    }

    /// Counts how often it is parsed.
    #[derive(Default, Serialize)]
    struct Number(u8);

    impl<'de> Deserialize<'de> for Number {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            PARSED.set(PARSED.get() + 1);
            u8::deserialize(from).map(Self)
        }
    }

    impl State for Number {
        const NAME: &'static str = "Number";
        const KEY: &'static str = "number";

        fn slot() -> &'static LocalKey<Slot<Self>> {
            &SLOT
        }

        fn form() -> Form<Self> {
            Form::<()>::of::<Self>()
        }
    }

    /// A call of an instance that keeps what it can: the state it begins with, and how often that was parsed so far.
    fn call(change: impl FnOnce(&mut Number)) -> (u8, usize) {
        let mut kept = Kept::load(&SLOT).unwrap();
        kept.note().unwrap();
        let before = kept.value.0;
        change(&mut kept.value);
        kept.save().unwrap();
        SLOT.with(|slot| slot.0.set(Some(kept)));
        (before, PARSED.get())
    }

    #[test]
    fn a_value_is_parsed_again_only_when_other_bytes_are_stored() {
        let host = Host::new();
        let _entered = host.enter();
        assert_eq!(call(|_| ()), (0, 0));
        assert_eq!(call(|number| number.0 = 1), (0, 0));
        assert_eq!(call(|number| number.0 = 2), (1, 0));
        kv::set("number", b"2").unwrap();
        assert_eq!(call(|_| ()), (2, 0));
        kv::set("number", b"3").unwrap();
        assert_eq!(call(|_| ()), (3, 1));
        assert_eq!(call(|_| ()), (3, 1));
        kv::delete("number").unwrap();
        assert_eq!(call(|_| ()), (0, 1));
    }

    #[test]
    fn what_did_not_change_since_it_was_read_is_not_written() {
        let host = Host::new();
        let _entered = host.enter();
        kv::set("number", b" 7 ").unwrap();
        host.refuse_write(1, kv::Error::Quota);
        assert_eq!(call(|number| number.0 = 7).0, 7);
        let mut kept = Kept::load(&SLOT).unwrap();
        kept.value.0 = 8;
        assert!(matches!(kept.save(), Err(Error::Store { .. })));
    }
}
