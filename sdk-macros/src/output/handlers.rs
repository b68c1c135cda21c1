//! The dispatch: which function an action calls, with what, and what becomes of what it returns. Each type is named with
//! its own span, so that rustc complains there.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{GenericArgument, PathArguments, Type, spanned::Spanned};

use super::{call, output, within};
use crate::entry::{DESCRIBE, Entries, Field, Function, Handler, Kind, Tool};

/// The body of `dispatch`; `scope` is where the functions are.
pub fn dispatch(entries: &Entries, scope: &TokenStream) -> TokenStream {
    let arguments = entries.tools().map(arguments);
    let describe = describe(entries);
    let keeps = entries.state.is_some();
    let arms = entries
        .handlers
        .iter()
        .map(|handler| arm(handler, scope, keeps));
    quote! {
        #(#arguments)*
        match action {
            #(#arms)*
            #describe
            _ => ::astrid_sdk::private::unknown_action(action),
        }
    }
}

/// `keeps` is whether the capsule has state.
fn arm(handler: &Handler, scope: &TokenStream, keeps: bool) -> TokenStream {
    let Handler {
        function,
        action,
        kind,
        retry,
    } = handler;
    let body = match kind {
        Kind::Hook(_) => hook(function, scope, keeps),
        Kind::Command(_) => command(function, scope, keeps),
        Kind::Tool(tool) => self::tool(tool, function, scope, keeps),
    };
    let answered = within(function, keeps, *retry, &body);
    let answer = match kind {
        Kind::Hook(_) => quote!(::astrid_sdk::private::hook(#answered)),
        Kind::Command(_) => quote!(::astrid_sdk::private::command(#answered)),
        // The result is published: what the tool changed is saved before.
        Kind::Tool(tool) => {
            let name = tool.name.value();
            quote!(::astrid_sdk::private::tools::call(#name, payload, || #answered))
        }
    };
    quote!(#action => #answer,)
}

fn hook(function: &Function, scope: &TokenStream, keeps: bool) -> TokenStream {
    let output = output(function);
    let (read, argument) = payload(function);
    let call = call(function, scope, keeps, &argument);
    quote! {
        #read
        let reply: #output = #call;
        <#output as ::astrid_sdk::private::Reply>::into_answer(reply)
    }
}

fn command(function: &Function, scope: &TokenStream, keeps: bool) -> TokenStream {
    let (read, argument) = payload(function);
    let returned = returned(function, call(function, scope, keeps, &argument));
    quote! {
        #read
        #returned
    }
}

fn tool(tool: &Tool, function: &Function, scope: &TokenStream, keeps: bool) -> TokenStream {
    let ty = &tool.arguments;
    let fields: Vec<TokenStream> = tool
        .fields
        .iter()
        .map(|Field { name, .. }| quote!(arguments.#name))
        .collect();
    let returned = returned(function, call(function, scope, keeps, &fields));
    let known = if tool.flattened() {
        quote! {{
            static KNOWN: ::std::sync::OnceLock<
                ::core::option::Option<::std::vec::Vec<::std::string::String>>,
            > = ::std::sync::OnceLock::new();
            KNOWN.get_or_init(::astrid_sdk::private::tools::known::<#ty>).as_deref()
        }}
    } else {
        quote!(::core::option::Option::None)
    };
    quote! {
        let arguments: #ty = ::astrid_sdk::private::tools::arguments(payload, #known)?;
        ::astrid_sdk::private::tools::content(#returned)
    }
}

/// Reads the payload of a hook or a command, if it takes one.
fn payload(function: &Function) -> (TokenStream, Vec<TokenStream>) {
    let Some(ty) = &function.argument else {
        return (TokenStream::new(), Vec::new());
    };
    let name = type_name(ty);
    let read = quote! {
        let payload: #ty = <#ty as ::astrid_sdk::private::Payload>::read(#name, payload)?;
    };
    (read, vec![quote!(payload)])
}

/// What a tool or a command returned, as a `Result` of JSON or of an error's text. Whether it is a `Result`, by whatever
/// name, is for its type to say.
fn returned(function: &Function, call: TokenStream) -> TokenStream {
    let output = output(function);
    let split = quote_spanned! {output.span()=>
        ::astrid_sdk::private::Returned(returned).split()
    };
    let value = function.output.as_ref().and_then(value);
    let value = value.map_or_else(|| output.span(), Spanned::span);
    let json = quote_spanned!(value=> ::astrid_sdk::private::to_json(&value));
    quote! {{
        #[allow(unused_imports)]
        use ::astrid_sdk::private::Plain as _;
        let returned: #output = #call;
        match #split {
            ::core::result::Result::Ok(value) => #json,
            ::core::result::Result::Err(error) => ::core::result::Result::Err(error),
        }
    }}
}

/// The type of what a `Result` holds, where that is written: a mistake about it is shown there.
fn value(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) if last.ident == "Result" => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

/// The struct that a tool's arguments are read as.
fn arguments(tool: &Tool) -> TokenStream {
    let ty = &tool.arguments;
    let fields = tool.fields.iter().map(|field| {
        let Field {
            attributes,
            name,
            rename,
            ty,
            ..
        } = field;
        let rename = rename
            .iter()
            .map(|rename| quote!(#[serde(rename = #rename)]));
        quote!(#(#attributes)* #(#rename)* #name: #ty)
    });
    // With arguments of a type of its own it can't be told by serde which there are.
    let strict = (!tool.flattened()).then(|| quote!(deny_unknown_fields,));
    quote! {
        #[allow(non_camel_case_types)]
        #[derive(
            ::astrid_sdk::private::tools::serde::Deserialize,
            ::astrid_sdk::private::tools::schemars::JsonSchema,
        )]
        #[serde(#strict crate = "::astrid_sdk::private::tools::serde")]
        #[schemars(crate = "::astrid_sdk::private::tools::schemars")]
        struct #ty { #(#fields,)* }
    }
}

/// The arm by which the capsule tells of its tools.
fn describe(entries: &Entries) -> Option<TokenStream> {
    let tools: Vec<TokenStream> = entries
        .tools()
        .map(|tool| {
            let (name, description) = (tool.name.value(), &tool.description);
            let ty = &tool.arguments;
            quote!(::astrid_sdk::private::tools::Tool::new::<#ty>(#name, #description))
        })
        .collect();
    if tools.is_empty() {
        return None;
    }
    let description = match &entries.documentation {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option_env!("CARGO_PKG_DESCRIPTION")),
    };
    Some(quote! {
        #DESCRIBE => ::astrid_sdk::private::tools::describe(#description, &[#(#tools),*]),
    })
}

/// A type as one reads it in a message: `Vec<Prompt>`.
pub fn type_name(ty: &Type) -> String {
    quote!(#ty).to_string().replace(' ', "")
}
