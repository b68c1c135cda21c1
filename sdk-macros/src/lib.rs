//! `#[capsule]` of `astrid-sdk`, and the attributes that mean something inside it.
//!
//! Use them through `astrid_sdk`, which documents them. Reading goes one way: `form` takes the
//! item apart, `attribute` reads one attribute, `entry` checks the function it stands on,
//! `output` writes what comes after. Whatever is wrong is reported where it is written, all of
//! it at once.

#![deny(missing_docs)]

mod attribute;
mod entry;
mod errors;
mod form;
mod output;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use quote::quote;

/// Makes a capsule of an impl block or of an inline module of functions.
///
/// Functions that carry an attribute of `astrid_sdk::astrid` become its entry points; only those
/// are exported. An impl block's type must implement `Default`: that is what each instance begins
/// as, and nothing in it is promised to last longer than a call. A module gets a unit struct
/// `Capsule`, for tests to call it by.
///
/// Where an entry point takes `&mut self`, or `#[capsule(state)]` says so, the type is state: it is kept for each principal
/// from one call to the next, as `astrid_sdk::state` tells.
///
/// ```ignore
/// #[derive(Default)]
/// struct Greeter;
///
/// #[capsule]
/// impl Greeter {
///     #[astrid::hook("greet")]
///     fn greet(&self, name: String) -> Verdict<(), String> {
///         Verdict::Final(format!("Hello, {name}!"))
///     }
/// }
/// ```
///
/// A crate has one capsule; only natively, for tests, it may have several.
#[proc_macro_attribute]
pub fn capsule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    form::capsule(arguments.into(), item.into()).into()
}

/// An attribute that nobody took away: its function isn't in a `#[capsule]`.
fn stray(name: &str, item: TokenStream) -> TokenStream {
    let message = format!(
        "`#[astrid::{name}]` means nothing here: it goes on a function directly inside an impl block or a module that has `#[capsule]`"
    );
    let item = proc_macro2::TokenStream::from(item);
    quote!(::core::compile_error!(#message); #item).into()
}

macro_rules! stray_attributes {
    ($($name:ident)*) => {$(
        #[doc = concat!("`#[astrid::", stringify!($name), "]`, which only `#[capsule]` understands.")]
        #[proc_macro_attribute]
        pub fn $name(_arguments: TokenStream, item: TokenStream) -> TokenStream {
            stray(stringify!($name), item)
        }
    )*};
}

stray_attributes! { hook interceptor run install upgrade tool command cron }
