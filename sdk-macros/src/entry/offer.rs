//! Tools and commands: their names, what they say of themselves, and a tool's arguments, which are its function's.

use proc_macro2::TokenTree;
use syn::{
    Attribute, Expr, ExprLit, FnArg, Ident, Lit, LitStr, Meta, Pat, Signature, Type,
    ext::IdentExt as _,
};

use super::{opaque, owned};
use crate::{
    attribute::{CommandArguments, ToolArguments, values},
    errors::Errors,
};

/// A tool.
pub struct Tool {
    pub name: LitStr,
    pub description: String,
    pub mutable: bool,
    /// The name of the struct that its arguments are read as.
    pub arguments: Ident,
    pub fields: Vec<Field>,
    /// How many bytes it and its arguments are described with.
    pub prose: usize,
}

/// One argument of a tool: a parameter of its function.
pub struct Field {
    /// Its documentation, and what it says to serde and schemars.
    pub attributes: Vec<Attribute>,
    pub name: Ident,
    /// What callers know it by, where that isn't the parameter's name.
    pub rename: Option<String>,
    /// Whether it holds arguments by their own names.
    pub flattened: bool,
    pub ty: Type,
}

/// A command.
pub struct Command {
    pub name: LitStr,
    pub kind: Option<String>,
}

impl Tool {
    /// Puts together what attribute, documentation and signature say.
    pub fn new(
        arguments: ToolArguments,
        documentation: Option<String>,
        signature: &mut Signature,
        errors: &mut Errors,
    ) -> Self {
        let name = name("tool", arguments.name.as_ref(), signature, errors);
        let description = arguments.description.or(documentation).unwrap_or_default();
        if description.is_empty() {
            errors.at(
                name.span(),
                "say what the tool does, for whoever may call it: with a doc comment, or `description = \"..\"`",
            );
        }
        values::prose(&description, name.span(), errors);
        let fields = fields(signature, errors);
        let told = fields
            .iter()
            .filter_map(|field| self::documentation(&field.attributes));
        Self {
            prose: description.len() + told.map(|text| text.len()).sum::<usize>(),
            name,
            description,
            mutable: arguments.mutable,
            arguments: quote::format_ident!("ArgumentsOf_{}", signature.ident),
            fields,
        }
    }

    /// Whether some of its arguments are those of a type of the author's.
    pub fn flattened(&self) -> bool {
        self.fields.iter().any(|field| field.flattened)
    }

    /// The topic on which it is called.
    pub fn topic(&self) -> String {
        format!("tool.v1.execute.{}", self.name.value())
    }
}

impl Command {
    /// Puts together what attribute, documentation and signature say.
    pub fn new(
        arguments: CommandArguments,
        documentation: Option<String>,
        signature: &Signature,
        errors: &mut Errors,
    ) -> Self {
        let name = name("command", arguments.name.as_ref(), signature, errors);
        let description = arguments.description.or(documentation);
        values::prose(
            description.as_deref().unwrap_or_default(),
            name.span(),
            errors,
        );
        Self {
            name,
            kind: arguments.kind,
        }
    }

    /// The topic on which it is given.
    pub fn topic(&self) -> String {
        format!("cli.v1.command.{}", self.name.value())
    }
}

/// The name that is given, or else the function's.
fn name(what: &str, given: Option<&LitStr>, signature: &Signature, errors: &mut Errors) -> LitStr {
    let name = match given {
        Some(name) => name.clone(),
        None => super::function_name(&signature.ident),
    };
    values::offer_name(what, &name.value(), name.span(), errors);
    name
}

/// Takes the attributes off a tool's parameters (none may stay there) and makes fields of them.
fn fields(signature: &mut Signature, errors: &mut Errors) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for input in &mut signature.inputs {
        let FnArg::Typed(parameter) = input else {
            continue;
        };
        let attributes = std::mem::take(&mut parameter.attrs);
        for attribute in &attributes {
            let known = ["doc", "serde", "schemars"];
            if !known.iter().any(|known| attribute.path().is_ident(known)) {
                errors.on(
                    attribute,
                    "a tool's argument may have a doc comment, `#[serde(..)]` and `#[schemars(..)]`",
                );
            }
        }
        let name = match &*parameter.pat {
            Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => &name.ident,
            other => {
                errors.on(
                    other,
                    "give the argument a name: that is what callers know it by",
                );
                continue;
            }
        };
        let ty = &*parameter.ty;
        if let Type::Reference(reference) = ty {
            let owned = owned(reference);
            errors.on(ty, format!("a tool's argument is owned: take `{owned}`"));
        } else if let Some(opaque) = opaque(ty) {
            errors.on(opaque, "name the argument's type: it is read from JSON");
        }
        if let Some(text) = documentation(&attributes) {
            values::prose(&text, name.span(), errors);
        }
        let flattened = says(&attributes, "flatten");
        let rename = (!flattened && !says(&attributes, "rename"))
            .then(|| shown_name(name))
            .flatten();
        let known = |field: &Field| {
            field
                .rename
                .clone()
                .unwrap_or_else(|| field.name.unraw().to_string())
        };
        let argument = rename.clone().unwrap_or_else(|| name.unraw().to_string());
        let taken = |field: &Field| !field.flattened && known(field) == argument;
        if !flattened && fields.iter().any(taken) {
            errors.at(
                name.span(),
                format!("the argument `{argument}` is there already"),
            );
        }
        fields.push(Field {
            attributes,
            name: name.clone(),
            rename,
            flattened,
            ty: ty.clone(),
        });
    }
    fields
}

/// The name by which callers know a parameter that is called `_name` because its function doesn't use it.
fn shown_name(name: &Ident) -> Option<String> {
    let text = name.to_string();
    let shown = text.trim_start_matches('_');
    (shown != text && !shown.is_empty()).then(|| shown.to_owned())
}

/// Whether `#[serde(..)]` has this word as the name of an argument.
fn says(attributes: &[Attribute], word: &str) -> bool {
    let tokens = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| Some(attribute.meta.require_list().ok()?.tokens.clone()));
    tokens
        .flatten()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == word))
}

/// Takes the attributes off the parameters of what only may be a tool.
pub fn take_attributes(signature: &mut Signature) {
    for input in &mut signature.inputs {
        if let FnArg::Typed(parameter) = input {
            parameter.attrs.clear();
        }
    }
}

/// What doc comments say, as they are read: without the blank that follows `///`. `None` if there are none; text that a
/// macro makes is left out.
pub fn documentation(attributes: &[Attribute]) -> Option<String> {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    if !pair.path.is_ident("doc") {
        return None;
    }
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = &pair.value
    else {
        return None;
    };
    let text = text.value();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    Some(lines.collect::<Vec<_>>().join("\n"))
}
