//! The wire, in a component: one set of bindings per world, the entry points, and the panic hook. Apart from the file
//! `component.rs` of each package, no other room touches the generated bindings.

use core::panic::Location;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::{
    private::{Capsule, Exit},
    sys::Level,
    verdict::Answer,
};

/// The functions this crate imports. What a capsule doesn't call is not in its component.
pub mod imports {
    #![allow(missing_docs, unsafe_code, clippy::all, clippy::restriction)]
    include!("../bindings/imports.rs");
}

/// Bindings of one entry point. Its export macro is expanded by `#[capsule]` in the capsule's crate,
/// and only where the capsule has that entry point: there is nothing to export from here.
macro_rules! entry_point {
    ($module:ident, $bindings:literal, $what:literal) => {
        #[doc = $what]
        pub mod $module {
            #![allow(missing_docs, unsafe_code, clippy::all, clippy::restriction)]
            include!($bindings);
        }
    };
}

entry_point!(
    interceptor,
    "../bindings/interceptor.rs",
    "`astrid-hook-trigger`."
);
entry_point!(background, "../bindings/background.rs", "`run`.");
entry_point!(
    installable,
    "../bindings/installable.rs",
    "`astrid-install`."
);
entry_point!(upgradable, "../bindings/upgradable.rs", "`astrid-upgrade`.");

/// What every entry point does first: from here on a panic is reported.
pub fn enter() {
    static ENTERED: AtomicBool = AtomicBool::new(false);
    if ENTERED.swap(true, Ordering::Relaxed) {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("(no message)");
        match panic.location() {
            Some(place) => last_words("panic", place, message),
            None => crate::sys::log(Level::Error, message),
        }
    }));
}

/// Answers one event.
pub fn trigger(capsule: &impl Capsule, action: &str, payload: &[u8]) -> interceptor::CapsuleResult {
    let (action, data) = match capsule.dispatch(action, payload).bounded() {
        Answer::Continue(data) => ("continue", data),
        Answer::Final(data) => ("final", Some(data)),
        Answer::Deny(reason) => ("deny", Some(reason)),
    };
    interceptor::CapsuleResult {
        action: action.into(),
        data,
    }
}

/// Ends an entry point that has no result. An error has no other way to the host than a panic's: a last line of
/// log, which tells it from a panic, then a trap.
pub fn end(exit: Option<Exit>) {
    let Some(Exit {
        ending: Err(message),
        location,
    }) = exit
    else {
        return;
    };
    last_words("error", location, &message);
    std::process::abort();
}

/// The line by which a host knows how an instance ended (`panic` or `error`), its message and its place.
fn last_words(how: &str, place: &Location<'_>, message: &str) {
    let line = format!(
        "capsule {how} at {}:{}:{}: {message}",
        place.file(),
        place.line(),
        place.column()
    );
    crate::sys::log(Level::Error, &line);
}
