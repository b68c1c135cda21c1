//! The two things that `#[capsule]` may stand on, taken apart into functions.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Expr, Ident, ImplItem, Item, ItemImpl, ItemMod, Token,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    attribute::{self, Argument, values},
    entry::{self, Entries},
    errors::{Errors, suggestion},
    output,
};

const EMPTY: &str = "a capsule without an entry point does nothing: mark a function with `#[astrid::hook]`, `tool`, `command`, `run`, `install` or `upgrade`";

/// Reads the item, and writes it back with what makes it a capsule; or with what is wrong.
pub fn capsule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let state = state(arguments, &mut errors);
    let (item, addition) = match syn::parse2::<Item>(item) {
        Ok(Item::Impl(mut block)) => {
            let addition = of_impl(&mut block, state, &mut errors);
            (block.into_token_stream(), addition)
        }
        Ok(Item::Mod(mut module)) => {
            if let Some(state) = state {
                errors.on(
                    &state.word,
                    "a module has no type to keep as state: put `#[capsule]` on an impl block",
                );
            }
            let addition = of_module(&mut module, &mut errors);
            (module.into_token_stream(), addition)
        }
        Ok(other) => {
            errors.at(
                other.span(),
                "`#[capsule]` goes on an impl block of the capsule's type, or on an inline module of functions",
            );
            (other.into_token_stream(), TokenStream::new())
        }
        Err(error) => return error.into_compile_error(),
    };
    match errors.into_error() {
        // What is wrong is enough to know; the item without us may even compile.
        Some(error) => {
            let error = error.into_compile_error();
            quote!(#item #error)
        }
        None => quote!(#item #addition),
    }
}

/// `state`, or `state = "key"`.
pub struct StateArgument {
    word: Ident,
    /// None if it isn't given, or is none.
    pub key: Option<String>,
}

/// Reads what `#[capsule(..)]` says.
fn state(arguments: TokenStream, errors: &mut Errors) -> Option<StateArgument> {
    let read = |input: ParseStream<'_>| Punctuated::<Argument, Token![,]>::parse_terminated(input);
    let arguments = match read.parse2(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let mut state: Option<StateArgument> = None;
    for Argument { key, value } in arguments {
        let bare = match &value {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        let Some(word) = key.as_ref().or(bare) else {
            errors.on(&value, "`#[capsule]` takes `state` or `state = \"key\"`");
            continue;
        };
        if word != "state" {
            let text = word.to_string();
            let known = suggestion(&text, &["state"]);
            errors.at(word.span(), format!("unknown argument `{text}`: {known}"));
        } else if state.is_some() {
            errors.at(word.span(), "`state` is given twice");
        } else {
            let value = key.is_some().then_some(&value);
            let key = value.and_then(|value| values::state_key(value, errors));
            state = Some(StateArgument {
                word: word.clone(),
                key,
            });
        }
    }
    state
}

/// Takes the entry points out of an impl block.
fn of_impl(block: &mut ItemImpl, state: Option<StateArgument>, errors: &mut Errors) -> TokenStream {
    if let Some((path, _)) = &block.trait_ {
        errors.on(
            path,
            "`#[capsule]` goes on the type's own impl block, not on a trait's",
        );
    }
    if !block.generics.params.is_empty() {
        errors.on(
            &block.generics,
            "a capsule is one type: its impl block can't be generic",
        );
    }
    let mut entries = Entries::of(&block.attrs);
    for item in &mut block.items {
        match item {
            ImplItem::Fn(function) => entries.add(&mut function.attrs, &mut function.sig, errors),
            ImplItem::Const(item) => misplaced(&mut item.attrs, errors),
            ImplItem::Type(item) => misplaced(&mut item.attrs, errors),
            _ => {}
        }
    }
    entries.check(state, errors);
    if entries.is_empty() {
        nothing(&block.self_ty, errors);
    }
    let ty = &block.self_ty;
    output::of_type(ty, &entries)
}

/// Takes the entry points out of a module, and puts into it what calls them.
fn of_module(module: &mut ItemMod, errors: &mut Errors) -> TokenStream {
    let Some((_, items)) = &mut module.content else {
        errors.on(
            &module,
            "`#[capsule]` needs the module's body here: `mod name { .. }`",
        );
        return TokenStream::new();
    };
    let mut entries = Entries::of(&module.attrs);
    for item in items.iter_mut() {
        match item {
            Item::Fn(function) => {
                if let Some(receiver) = function.sig.receiver() {
                    errors.on(receiver, "a module's functions have no `self`");
                    entry::take(&mut function.attrs);
                    continue;
                }
                entries.add(&mut function.attrs, &mut function.sig, errors);
            }
            Item::Struct(item) => {
                misplaced(&mut item.attrs, errors);
                if item.ident == "Capsule" {
                    errors.at(item.ident.span(), "`#[capsule]` adds a struct `Capsule` to the module: give yours another name");
                }
            }
            Item::Enum(item) => misplaced(&mut item.attrs, errors),
            Item::Const(item) => misplaced(&mut item.attrs, errors),
            Item::Static(item) => misplaced(&mut item.attrs, errors),
            Item::Impl(item) => misplaced(&mut item.attrs, errors),
            Item::Mod(item) => misplaced(&mut item.attrs, errors),
            _ => {}
        }
    }
    entries.check(None, errors);
    if entries.is_empty() {
        nothing(&module.ident, errors);
    }
    // With a mistake, what else might clash would only distract from it.
    if errors.is_empty() {
        items.push(Item::Verbatim(output::of_module(&entries)));
    }
    TokenStream::new()
}

/// Says that there is no entry point, unless it is for another mistake that there is none.
fn nothing(place: &impl ToTokens, errors: &mut Errors) {
    if errors.is_empty() {
        errors.on(place, EMPTY);
    }
}

/// One of our attributes on something else than a function.
fn misplaced(attributes: &mut Vec<syn::Attribute>, errors: &mut Errors) {
    for ours in entry::take(attributes) {
        if let Some(name) = attribute::name(&ours) {
            errors.on(
                ours.path(),
                format!("`#[astrid::{name}]` goes on a function"),
            );
        }
    }
}
