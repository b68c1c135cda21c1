//! Lines of log, as the operator sees them with `astrid logs`.
//!
//! Each level is a macro that formats and a function that takes anything printable. Nothing here
//! filters: the host decides what it keeps.
//!
//! ```
//! use astrid_sdk::prelude::*;
//! # let host = astrid_sdk::testing::Host::new();
//! # host.run(|| {
//! let found = 2;
//! log::info!("{found} card numbers hidden");
//! log::warn("the list of patterns is empty");
//! # });
//! assert_eq!(host.logs()[0].message, "2 card numbers hidden");
//! ```

use core::fmt::Display;

pub use crate::sys::Level;

/// Writes one line at the given level.
pub fn write(level: Level, message: impl Display) {
    crate::sys::log(level, &message.to_string());
}

macro_rules! levels {
    ($dollar:tt $($name:ident $hidden:ident $level:ident $what:literal;)*) => {$(
        #[doc = concat!("Writes one line about ", $what, ".")]
        pub fn $name(message: impl Display) {
            write(Level::$level, message);
        }

        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            ($dollar($dollar part:tt)+) => {
                $crate::log::write($crate::log::Level::$level, ::core::format_args!($dollar($dollar part)+))
            };
        }

        #[doc = concat!("Formats, as `format!` does, and writes one line about ", $what, ".")]
        #[doc(inline)]
        pub use $hidden as $name;
    )*};
}

levels! { $
    trace __log_trace Trace "every step";
    debug __log_debug Debug "what helps to find a fault";
    info __log_info Info "what an operator may want to know";
    warn __log_warn Warn "something that is not as it should be";
    error __log_error Error "something that failed";
}
