//! Reads one attribute: which it is, and what it says. It doesn't look at the function below it.

use proc_macro2::Span;
use syn::{
    Attribute, Expr, Ident, LitStr, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::errors::{Errors, suggestion};

pub mod values;

/// Those that can be used.
const SERVED: [&str; 7] = [
    "hook",
    "interceptor",
    "tool",
    "command",
    "run",
    "install",
    "upgrade",
];
/// Those that are known but not yet served.
const LATER: [&str; 1] = ["cron"];

const HOOK_ARGUMENTS: [&str; 5] = ["topic", "priority", "on_error", "mode", "retry"];
const TOOL_ARGUMENTS: [&str; 3] = ["description", "mutable", "retry"];
const COMMAND_ARGUMENTS: [&str; 3] = ["description", "kind", "retry"];

/// What a function is marked as.
pub enum Mark {
    Hook(HookArguments),
    Tool(ToolArguments),
    Command(CommandArguments),
    Run,
    Install,
    Upgrade,
}

/// How often a handler is run again when the state that it changed was changed meanwhile.
#[derive(Clone, Copy)]
pub struct Retry {
    pub times: u32,
    /// Where that is written.
    pub span: Span,
}

/// What `#[astrid::hook(..)]` says.
#[derive(Default)]
pub struct HookArguments {
    pub name: Option<LitStr>,
    pub topic: Option<LitStr>,
    pub priority: Option<u32>,
    pub on_error: Option<String>,
    pub mode: Option<String>,
    pub retry: Option<Retry>,
}

/// What `#[astrid::tool(..)]` says.
#[derive(Default)]
pub struct ToolArguments {
    pub name: Option<LitStr>,
    pub description: Option<String>,
    pub mutable: bool,
    pub retry: Option<Retry>,
}

/// What `#[astrid::command(..)]` says.
#[derive(Default)]
pub struct CommandArguments {
    pub name: Option<LitStr>,
    pub description: Option<String>,
    pub kind: Option<String>,
    pub retry: Option<Retry>,
}

/// The last name of `#[astrid::name]`, if it is one of ours.
pub fn name(attribute: &Attribute) -> Option<&Ident> {
    let segments = &attribute.path().segments;
    let mut names = segments.iter().map(|segment| &segment.ident);
    let first = names.next()?;
    let second = names.next()?;
    match names.next() {
        None if first == "astrid" => Some(second),
        Some(third) if first == "astrid_sdk" && second == "astrid" && segments.len() == 3 => {
            Some(third)
        }
        _ => None,
    }
}

/// The name of an attribute that is one of ours but for the `astrid::` before it: `#[hook]`.
pub fn bare_name(attribute: &Attribute) -> Option<&Ident> {
    let name = attribute.path().get_ident()?;
    let known = SERVED.iter().chain(&LATER).any(|known| name == known);
    known.then_some(name)
}

/// Reads an attribute for which [`name`] has a name.
pub fn read(attribute: &Attribute, name: &Ident, errors: &mut Errors) -> Option<Mark> {
    let word = name.to_string();
    let mark = match word.as_str() {
        "hook" | "interceptor" => return Some(Mark::Hook(hook(attribute, &word, errors)?)),
        "tool" => return Some(Mark::Tool(tool(attribute, errors)?)),
        "command" => return Some(Mark::Command(command(attribute, errors)?)),
        "run" => Mark::Run,
        "install" => Mark::Install,
        "upgrade" => Mark::Upgrade,
        _ if LATER.contains(&word.as_str()) => {
            errors.at(
                name.span(),
                format!("`#[astrid::{word}]` is not yet served by this version of astrid-sdk"),
            );
            return None;
        }
        _ => {
            errors.at(
                name.span(),
                format!(
                    "unknown attribute `astrid::{word}`: {}",
                    suggestion(&word, &SERVED)
                ),
            );
            return None;
        }
    };
    if !matches!(attribute.meta, Meta::Path(_)) {
        errors.on(
            &attribute.meta,
            format!("`#[astrid::{word}]` takes no arguments"),
        );
    }
    Some(mark)
}

/// One argument: `key = value`, or a value alone.
pub struct Argument {
    pub key: Option<Ident>,
    pub value: Expr,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut key = None;
        if input.peek(Ident::peek_any) && input.peek2(Token![=]) {
            key = Some(input.call(Ident::parse_any)?);
            input.parse::<Token![=]>()?;
        }
        let value = input.parse()?;
        Ok(Self { key, value })
    }
}

fn hook(attribute: &Attribute, word: &str, errors: &mut Errors) -> Option<HookArguments> {
    let mut read = HookArguments::default();
    let mut deny = None;
    let form = Form {
        attribute: word,
        what: "hook",
        known: &HOOK_ARGUMENTS,
        example: "check",
    };
    read.name = form.read(attribute, errors, |key, value, errors| {
        match key.to_string().as_str() {
            "topic" => read.topic = values::topic(value, errors),
            "priority" => read.priority = values::priority(value, errors),
            "on_error" => {
                read.on_error = values::one_of(key, value, &["continue", "deny"], errors);
                deny = (read.on_error.as_deref() == Some("deny")).then(|| value.span());
            }
            "retry" => read.retry = values::retry(key, value, errors),
            _ => read.mode = values::one_of(key, value, &["observe"], errors),
        }
    })?;
    if let (Some(span), Some(_)) = (deny, &read.mode) {
        errors.at(span, "an observer cannot deny: what it answers is ignored");
    }
    Some(read)
}

fn tool(attribute: &Attribute, errors: &mut Errors) -> Option<ToolArguments> {
    let mut read = ToolArguments::default();
    let form = Form {
        attribute: "tool",
        what: "tool",
        known: &TOOL_ARGUMENTS,
        example: "search",
    };
    read.name = form.read(attribute, errors, |key, value, errors| {
        match key.to_string().as_str() {
            "description" => read.description = values::text(key, value, errors),
            "retry" => read.retry = values::retry(key, value, errors),
            _ => read.mutable = values::flag(key, value, errors).unwrap_or_default(),
        }
    })?;
    Some(read)
}

fn command(attribute: &Attribute, errors: &mut Errors) -> Option<CommandArguments> {
    let mut read = CommandArguments::default();
    let form = Form {
        attribute: "command",
        what: "command",
        known: &COMMAND_ARGUMENTS,
        example: "status",
    };
    read.name = form.read(attribute, errors, |key, value, errors| {
        match key.to_string().as_str() {
            "description" => read.description = values::text(key, value, errors),
            "retry" => read.retry = values::retry(key, value, errors),
            _ => read.kind = values::one_of(key, value, &["slash", "cli"], errors),
        }
    })?;
    Some(read)
}

/// An attribute whose arguments are a name, which stands first and alone, and `key = value` pairs.
struct Form<'a> {
    /// The attribute's name as it is written.
    attribute: &'a str,
    /// What it makes of its function.
    what: &'a str,
    known: &'a [&'a str],
    /// A name such as one gives.
    example: &'a str,
}

impl Form<'_> {
    /// Reads the arguments: hands over each known pair once, and returns the name if there is one. `None` is an attribute
    /// that can't be taken apart.
    fn read(
        &self,
        attribute: &Attribute,
        errors: &mut Errors,
        mut pair: impl FnMut(&Ident, &Expr, &mut Errors),
    ) -> Option<Option<LitStr>> {
        let Self {
            attribute: word,
            known,
            ..
        } = self;
        let list = match &attribute.meta {
            Meta::Path(_) => return Some(None),
            Meta::List(list) => list,
            Meta::NameValue(pair) => {
                errors.on(
                    &pair.value,
                    format!("arguments go in parentheses: `#[astrid::{word}(\"name\")]`"),
                );
                return None;
            }
        };
        let arguments =
            match list.parse_args_with(Punctuated::<Argument, Token![,]>::parse_terminated) {
                Ok(arguments) => arguments,
                Err(error) => {
                    errors.push(error);
                    return None;
                }
            };
        let mut name = None;
        let mut seen: Vec<String> = Vec::new();
        for (index, Argument { key, value }) in arguments.iter().enumerate() {
            let Some(key) = key else {
                name = self.positional(index, value, errors).or(name);
                continue;
            };
            let argument = key.unraw().to_string();
            if seen.contains(&argument) {
                errors.at(key.span(), format!("`{argument}` is given twice"));
                continue;
            }
            if known.contains(&argument.as_str()) {
                pair(&key.unraw(), value, errors);
            } else if argument == "name" {
                errors.at(
                    key.span(),
                    format!("the name comes first and alone: `#[astrid::{word}(\"name\")]`"),
                );
            } else {
                errors.at(
                    key.span(),
                    format!(
                        "unknown argument `{argument}`: {}",
                        suggestion(&argument, known)
                    ),
                );
            }
            seen.push(argument);
        }
        Some(name)
    }

    fn positional(&self, index: usize, value: &Expr, errors: &mut Errors) -> Option<LitStr> {
        let Self { what, example, .. } = self;
        let word = match value {
            Expr::Path(path) => path.path.get_ident(),
            _ => None,
        };
        let known = word.filter(|word| self.known.iter().any(|known| word == known));
        if let Some(word) = known {
            errors.on(value, format!("`{word}` needs a value: `{word} = ..`"));
        } else if index > 0 {
            errors.on(
                value,
                format!("only the {what}'s name stands alone, and it comes first"),
            );
        } else if let Some(word) = word {
            errors.on(
                value,
                format!("the {what}'s name is a string: `\"{word}\"`"),
            );
        } else {
            match values::string(value) {
                Some(name) => return Some(name.clone()),
                None => errors.on(
                    value,
                    format!("the {what}'s name is a string, such as `\"{example}\"`"),
                ),
            }
        }
        None
    }
}
