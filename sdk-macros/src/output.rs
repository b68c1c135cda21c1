//! What a capsule becomes: an `impl astrid_sdk::Capsule`, which is the same everywhere, and in a
//! component the exports of just the entry points there are, with the section that lists them.
//!
//! `handlers` writes what is called by an action's name, `section` what the component says of itself.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::entry::{Entries, Function, Receiver};

mod handlers;
mod section;

/// What goes beside an impl block of this type.
pub fn of_type(ty: &Type, entries: &Entries) -> TokenStream {
    let capsule = implementation(quote!(#ty), quote!(Self), entries);
    let component = component(entries);
    let state = state(ty, entries);
    checked(
        entries,
        quote! {
            #capsule
            #state
            const _: () = {
                type Capsule = #ty;
                // Stated on every target: a capsule that can't begin is a mistake everywhere.
                #[allow(dead_code)]
                const INITIAL: fn() -> Capsule = <#ty as ::astrid_sdk::private::Initial>::initial;
                #component
            };
        },
    )
}

/// What goes into a module.
pub fn of_module(entries: &Entries) -> TokenStream {
    let capsule = implementation(quote!(Capsule), quote!(self), entries);
    let component = component(entries);
    checked(
        entries,
        quote! {
            /// The capsule that this module is, for tests to call.
            #[derive(Clone, Copy, Debug, Default)]
            pub struct Capsule;
            #capsule
            const _: () = {
                #[allow(dead_code)]
                const INITIAL: fn() -> Capsule = <Capsule as ::core::default::Default>::default;
                #component
            };
        },
    )
}

/// Makes a state of the capsule's type, if the capsule has one.
fn state(ty: &Type, entries: &Entries) -> Option<TokenStream> {
    let key = entries.state.as_ref()?;
    let name = handlers::type_name(ty);
    let slot = quote!(::astrid_sdk::private::state::Slot<#ty>);
    // Named with the type's own span: what it lacks is reported there.
    let form = quote_spanned!(ty.span()=> ::astrid_sdk::private::state::Form::<()>::of::<#ty>());
    Some(quote! {
        #[automatically_derived]
        impl ::astrid_sdk::state::State for #ty {
            const NAME: &'static str = #name;
            const KEY: &'static str = #key;

            fn slot() -> &'static ::std::thread::LocalKey<#slot> {
                ::std::thread_local! {
                    static SLOT: #slot = const { ::astrid_sdk::private::state::Slot::new() };
                }
                &SLOT
            }

            fn form() -> ::astrid_sdk::private::state::Form<Self> {
                #form
            }
        }
    })
}

/// With tools, the SDK is asked whether it has what they need.
fn checked(entries: &Entries, capsule: TokenStream) -> TokenStream {
    if entries.tools().next().is_none() {
        return capsule;
    }
    quote!(::astrid_sdk::private::with_tools! { #capsule })
}

/// `scope` is where the functions are: `Self` or, of a module, `self`.
fn implementation(ty: TokenStream, scope: TokenStream, entries: &Entries) -> TokenStream {
    let exports = section::text(entries);
    let dispatch = handlers::dispatch(entries, &scope);
    let keeps = entries.state.is_some();
    let run = ending("start", &entries.run, &scope, keeps);
    let install = ending("install", &entries.install, &scope, keeps);
    let upgrade = ending("upgrade", &entries.upgrade, &scope, keeps);
    quote! {
        #[automatically_derived]
        impl ::astrid_sdk::Capsule for #ty {
            const EXPORTS: &'static str = #exports;

            #[allow(unused_variables)]
            fn dispatch(&self, action: &str, payload: &[u8]) -> ::astrid_sdk::private::Answer {
                #dispatch
            }
            #run
            #install
            #upgrade
        }
    }
}

/// Calls an entry point that has no result.
fn ending(
    method: &str,
    function: &Option<Function>,
    scope: &TokenStream,
    keeps: bool,
) -> Option<TokenStream> {
    let function = function.as_ref()?;
    let method = quote::format_ident!("{method}");
    let output = output(function);
    // The function's own span is what is reported as the place of its error.
    let place = quote_spanned!(function.name.span()=> ::core::panic::Location::caller());
    let call = match &function.argument {
        None => call(function, scope, keeps, &[]),
        Some(_) => call(function, scope, keeps, &[quote!(&previous)]),
    };
    let previous = function.argument.as_ref().map(|_| {
        quote! {
            let previous = match ::astrid_sdk::private::previous_version() {
                ::core::result::Result::Ok(previous) => previous,
                ::core::result::Result::Err(error) => {
                    return ::core::option::Option::Some(::astrid_sdk::private::Exit {
                        ending: ::core::result::Result::Err(error),
                        location,
                    });
                }
            };
        }
    });
    let ending = within(
        function,
        keeps,
        0,
        &quote! {
            let ending: #output = #call;
            <#output as ::astrid_sdk::private::Ending>::into_ending(ending)
        },
    );
    Some(quote! {
        fn #method(&self) -> ::core::option::Option<::astrid_sdk::private::Exit> {
            let location = #place;
            #previous
            ::core::option::Option::Some(::astrid_sdk::private::Exit {
                ending: #ending,
                location,
            })
        }
    })
}

fn output(function: &Function) -> TokenStream {
    match &function.output {
        Some(ty) => quote!(#ty),
        None => quote!(()),
    }
}

/// Calls a function, of a capsule with state within [`within`].
fn call(
    function: &Function,
    scope: &TokenStream,
    keeps: bool,
    arguments: &[TokenStream],
) -> TokenStream {
    let name = &function.name;
    let receiver = match function.receiver {
        Receiver::None => None,
        Receiver::Shared(_) | Receiver::Exclusive(_) if keeps => Some(quote!(this,)),
        Receiver::Shared(_) | Receiver::Exclusive(_) => Some(quote!(self,)),
    };
    quote!(#scope::#name(#receiver #(#arguments),*))
}

/// A `Result` whose error is a text, of a body that ends in one: with the caller's state at hand where the function takes
/// it, and what it changed saved where the body ended well.
fn within(function: &Function, keeps: bool, retry: u32, body: &TokenStream) -> TokenStream {
    let result = quote!(::core::result::Result<_, ::std::string::String>);
    match function.receiver {
        Receiver::Shared(_) if keeps => quote! {
            ::astrid_sdk::private::state::look(|this: &Self| -> #result { #body })
        },
        Receiver::Exclusive(_) if keeps => quote! {
            ::astrid_sdk::private::state::change(#retry, |this: &mut Self| -> #result { #body })
        },
        _ => quote!(::astrid_sdk::private::plain(|| -> #result { #body })),
    }
}

/// Names the crate that `astrid build` builds. A crate that this one uses as a library is not the capsule, whatever
/// `#[capsule]` stands in it.
const FINAL_CRATE: &str = "ASTRID_FINAL_CRATE";

/// Has cargo compile the crate anew when another crate is built.
fn tracked() -> TokenStream {
    quote! {
        #[cfg(target_family = "wasm")]
        const _: ::core::option::Option<&str> = ::core::option_env!(#FINAL_CRATE);
    }
}

/// What this crate is in the module, and its folder: for `astrid build` to see that it packs the module of the crate
/// that it was asked for, and not one that another build left in the same place. It takes the section out again.
fn source(role: &str) -> Option<TokenStream> {
    let folder = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    // The linker joins the sections of all crates in a module.
    let text = format!("{role} {folder}\n");
    let (length, text) = (text.len(), Literal::byte_string(text.as_bytes()));
    Some(quote! {
        #[cfg(target_family = "wasm")]
        const _: () = {
            // Without `#[used]` it is in the section alone, and not in the memory of an instance too.
            #[allow(dead_code)]
            #[unsafe(link_section = "astrid:source")]
            static SOURCE: [u8; #length] = *#text;
        };
    })
}

/// The exports of a component. `INITIAL` and `Capsule` are in scope.
fn component(entries: &Entries) -> TokenStream {
    let tracked = tracked();
    // A folder is of this machine: nothing of it is in what is built by other means.
    let source = match std::env::var(FINAL_CRATE).ok() {
        None => None,
        name if name == std::env::var("CARGO_PKG_NAME").ok() => source("final"),
        Some(_) => {
            let source = source("library");
            return quote!(#tracked #source);
        }
    };
    let exports = section::text(entries);
    let section = Literal::byte_string(exports.as_bytes());
    let length = exports.len();
    let trigger = (!entries.handlers.is_empty()).then(|| {
        quote! {
            impl ::astrid_sdk::private::interceptor::Guest for Component {
                fn astrid_hook_trigger(
                    action: ::std::string::String,
                    payload: ::std::vec::Vec<u8>,
                ) -> ::astrid_sdk::private::interceptor::CapsuleResult {
                    on_instance(|capsule| ::astrid_sdk::private::trigger(capsule, &action, &payload))
                }
            }
            ::astrid_sdk::private::interceptor::export!(Component with_types_in ::astrid_sdk::private::interceptor);
        }
    });
    let others = [
        (&entries.run, "background", "run", "start"),
        (&entries.install, "installable", "astrid_install", "install"),
        (&entries.upgrade, "upgradable", "astrid_upgrade", "upgrade"),
    ]
    .into_iter()
    .filter(|(function, ..)| function.is_some())
    .map(|(_, world, export, method)| {
        let world = quote::format_ident!("{world}");
        let export = quote::format_ident!("{export}");
        let method = quote::format_ident!("{method}");
        quote! {
            impl ::astrid_sdk::private::#world::Guest for Component {
                fn #export() {
                    on_instance(|capsule| {
                        ::astrid_sdk::private::end(::astrid_sdk::Capsule::#method(capsule))
                    })
                }
            }
            ::astrid_sdk::private::#world::export!(Component with_types_in ::astrid_sdk::private::#world);
        }
    });
    quote! {
        #tracked
        #source
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;

            /// One capsule an instance, which begins with its first call.
            fn on_instance<T>(function: impl ::core::ops::FnOnce(&Capsule) -> T) -> T {
                ::std::thread_local! {
                    static INSTANCE: Capsule = INITIAL();
                }
                ::astrid_sdk::private::enter();
                INSTANCE.with(function)
            }

            #trigger
            #(#others)*

            /// Two of these in one crate are a compile error, as they should be: so are two capsules.
            #[doc(hidden)]
            #[allow(non_local_definitions)]
            #[macro_export]
            macro_rules! a_crate_has_one_capsule {
                () => {};
            }

            #[used]
            #[unsafe(link_section = "astrid:exports")]
            static EXPORTS: [u8; #length] = *#section;
        };
    }
}
