//! Reads one attribute: which it is, and what it says. It doesn't look at the function below it.

use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Token,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::errors::{Errors, suggestion};

/// Those that can be used.
const SERVED: [&str; 5] = ["hook", "interceptor", "run", "install", "upgrade"];
/// Those that are known but not yet served.
const LATER: [&str; 3] = ["tool", "command", "cron"];

const HOOK_ARGUMENTS: [&str; 4] = ["topic", "priority", "on_error", "mode"];

/// The most bytes of an action's name, and of a topic.
const MAX_NAME: usize = 256;
/// The most segments of a topic.
const MAX_SEGMENTS: usize = 8;

/// What a function is marked as.
pub enum Mark {
    Hook(HookArguments),
    Run,
    Install,
    Upgrade,
}

/// What `#[astrid::hook(..)]` says.
#[derive(Default)]
pub struct HookArguments {
    pub name: Option<LitStr>,
    pub topic: Option<String>,
    pub priority: Option<u32>,
    pub on_error: Option<String>,
    pub mode: Option<String>,
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

/// Reads an attribute for which [`name`] has a name.
pub fn read(attribute: &Attribute, name: &Ident, errors: &mut Errors) -> Option<Mark> {
    let word = name.to_string();
    match word.as_str() {
        "hook" | "interceptor" => return Some(Mark::Hook(hook(attribute, &word, errors)?)),
        "run" | "install" | "upgrade" => {}
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
    }
    if !matches!(attribute.meta, Meta::Path(_)) {
        errors.on(
            &attribute.meta,
            format!("`#[astrid::{word}]` takes no arguments"),
        );
    }
    Some(match word.as_str() {
        "run" => Mark::Run,
        "install" => Mark::Install,
        _ => Mark::Upgrade,
    })
}

/// One argument: `key = value`, or a value alone.
struct Argument {
    key: Option<Ident>,
    value: Expr,
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
    let list = match &attribute.meta {
        Meta::Path(_) => return Some(HookArguments::default()),
        Meta::List(list) => list,
        Meta::NameValue(pair) => {
            errors.on(
                &pair.value,
                format!("arguments go in parentheses: `#[astrid::{word}(\"name\")]`"),
            );
            return None;
        }
    };
    let arguments = match list.parse_args_with(Punctuated::<Argument, Token![,]>::parse_terminated)
    {
        Ok(arguments) => arguments,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };

    let mut read = HookArguments::default();
    let mut seen: Vec<String> = Vec::new();
    for (index, Argument { key, value }) in arguments.iter().enumerate() {
        let Some(key) = key else {
            positional(index, value, &mut read, errors);
            continue;
        };
        let word = key.unraw().to_string();
        if seen.contains(&word) {
            errors.at(key.span(), format!("`{word}` is given twice"));
            continue;
        }
        match word.as_str() {
            "topic" => read.topic = topic(value, errors),
            "priority" => read.priority = priority(value, errors),
            "on_error" => read.on_error = one_of(key, value, &["continue", "deny"], errors),
            "mode" => read.mode = one_of(key, value, &["observe"], errors),
            "name" => errors.at(
                key.span(),
                "the name comes first and alone: `#[astrid::hook(\"name\")]`",
            ),
            _ => errors.at(
                key.span(),
                format!(
                    "unknown argument `{word}`: {}",
                    suggestion(&word, &HOOK_ARGUMENTS)
                ),
            ),
        }
        seen.push(word);
    }
    Some(read)
}

fn positional(index: usize, value: &Expr, read: &mut HookArguments, errors: &mut Errors) {
    let word = match value {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    if let Some(word) = word
        && HOOK_ARGUMENTS.iter().any(|known| word == known)
    {
        errors.on(value, format!("`{word}` needs a value: `{word} = ..`"));
        return;
    }
    if index > 0 {
        errors.on(
            value,
            "only the hook's name stands alone, and it comes first",
        );
        return;
    }
    if let Some(word) = word {
        errors.on(value, format!("the hook's name is a string: `\"{word}\"`"));
        return;
    }
    let Some(name) = string(value) else {
        errors.on(value, "the hook's name is a string, such as `\"check\"`");
        return;
    };
    let text = name.value();
    if text.is_empty() || text.len() > MAX_NAME {
        errors.on(name, format!("a hook's name has 1 to {MAX_NAME} bytes"));
    } else if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        errors.on(
            name,
            "a hook's name has no spaces and no control characters",
        );
    } else {
        read.name = Some(name.clone());
    }
}

fn string(value: &Expr) -> Option<&LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

fn topic(value: &Expr, errors: &mut Errors) -> Option<String> {
    let Some(text) = string(value) else {
        errors.on(value, "`topic` is a string, such as `\"user.v1.prompt\"`");
        return None;
    };
    let topic = text.value();
    match topic_mistake(&topic) {
        None => Some(topic),
        Some(mistake) => {
            errors.on(
                text,
                format!("`{}` is no topic: {mistake}", topic.escape_debug()),
            );
            None
        }
    }
}

/// What keeps a text from being a handler's topic: at most 256 bytes and 8 segments, each of
/// `[a-z0-9_-]` or a `*` by itself.
fn topic_mistake(topic: &str) -> Option<String> {
    if topic.len() > MAX_NAME {
        return Some(format!("it has more than {MAX_NAME} bytes"));
    }
    if topic.split('.').count() > MAX_SEGMENTS {
        return Some(format!("it has more than {MAX_SEGMENTS} segments"));
    }
    topic.split('.').find_map(|segment| {
        let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
        if segment.is_empty() {
            Some("a segment is empty".into())
        } else if segment != "*" && !segment.chars().all(plain) {
            Some(format!(
                "its segment `{}` may hold a to z, 0 to 9, `_` and `-`, or be a `*` alone",
                segment.escape_debug()
            ))
        } else {
            None
        }
    })
}

fn priority(value: &Expr, errors: &mut Errors) -> Option<u32> {
    let number = match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        _ => None,
    };
    if number.is_none() {
        errors.on(
            value,
            format!(
                "`priority` is a number from 0 to {}, lower first, such as `20`",
                u32::MAX
            ),
        );
    }
    number
}

fn one_of(key: &Ident, value: &Expr, known: &[&str], errors: &mut Errors) -> Option<String> {
    let Some(text) = string(value) else {
        errors.on(
            value,
            format!("`{key}` is a string: {}", suggestion("", known)),
        );
        return None;
    };
    let word = text.value();
    if known.contains(&word.as_str()) {
        return Some(word);
    }
    errors.at(
        value.span(),
        format!(
            "`{key}` can't be `{}`: {}",
            word.escape_debug(),
            suggestion(&word, known)
        ),
    );
    None
}
