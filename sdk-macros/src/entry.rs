//! The entry points of a capsule: which function is what, and whether it has the right shape.
//! Types are checked by rustc, where the output uses them.

use proc_macro2::Span;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, LitStr, PathArguments, ReturnType, Safety, Signature,
    Type, TypeReference, spanned::Spanned,
};

use crate::{
    attribute::{self, HookArguments, Mark, Retry, values},
    errors::Errors,
    form::StateArgument,
};

mod offer;
mod state;

pub use offer::{Command, Field, Tool};
pub use state::Receiver;

/// A function that the host calls.
pub struct Function {
    pub name: Ident,
    pub receiver: Receiver,
    /// `None` for `()`.
    pub output: Option<Type>,
    /// The payload of a hook or a command, the previous version of an upgrade.
    pub argument: Option<Type>,
}

/// A function that is called by the name of an action.
pub struct Handler {
    pub function: Function,
    pub action: LitStr,
    pub kind: Kind,
    /// How often it is run again after a conflict.
    pub retry: u32,
}

/// What a handler is for, and what its attribute says.
pub enum Kind {
    Hook(HookArguments),
    Tool(Tool),
    Command(Command),
}

/// All entry points of a capsule, in the order they are written.
#[derive(Default)]
pub struct Entries {
    /// What the capsule's documentation says.
    pub documentation: Option<String>,
    pub handlers: Vec<Handler>,
    pub run: Option<Function>,
    pub install: Option<Function>,
    pub upgrade: Option<Function>,
    /// The key of the capsule's state, if it has state.
    pub state: Option<String>,
}

/// The most handlers of a capsule, that by which it tells of its tools not counted.
const MAX_HANDLERS: usize = 64;

/// The most bytes of all descriptions of tools and their arguments: 512 KiB, half of what one answer may have. The other half
/// is for what surrounds them.
const MAX_PROSE: usize = 512 << 10;

/// The action by which a capsule tells of its tools.
pub const DESCRIBE: &str = "tool_describe";

impl Entries {
    /// No entry points yet, of a capsule with these attributes.
    pub fn of(attributes: &[Attribute]) -> Self {
        Self {
            documentation: offer::documentation(attributes),
            ..Self::default()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
            && self.run.is_none()
            && self.install.is_none()
            && self.upgrade.is_none()
    }

    /// The capsule's tools.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.handlers
            .iter()
            .filter_map(|handler| match &handler.kind {
                Kind::Tool(tool) => Some(tool),
                _ => None,
            })
    }

    /// Takes our attributes off a function and adds what they make of it.
    pub fn add(
        &mut self,
        attributes: &mut Vec<Attribute>,
        signature: &mut Signature,
        errors: &mut Errors,
    ) {
        let ours = take(attributes);
        if let Some(bare) = attributes.iter().find_map(attribute::bare_name) {
            errors.at(
                bare.span(),
                format!("write `#[astrid::{bare}]`: by that name `#[capsule]` knows it"),
            );
            attributes.retain(|attribute| attribute::bare_name(attribute).is_none());
            // Those of a tool's parameters mean nothing to rustc.
            return offer::take_attributes(signature);
        }
        let Some(first) = ours.first() else { return };
        if let Some(second) = ours.get(1) {
            errors.on(
                second.path(),
                "a function is one entry point: make this a function of its own",
            );
        }
        let Some(name) = attribute::name(first) else {
            return;
        };
        let Some(mark) = attribute::read(first, name, errors) else {
            // A tool, maybe, whose parameters have documentation: rustc would complain of that too.
            offer::take_attributes(signature);
            return;
        };
        if let Some(conditional) = attributes
            .iter()
            .find(|a| a.path().is_ident("cfg") || a.path().is_ident("cfg_attr"))
        {
            errors.on(
                conditional,
                "an entry point can't be conditional: the component states what it exports",
            );
        }
        let function = function(signature, &mark, errors);
        let documentation = offer::documentation(attributes);
        let slot = match mark {
            Mark::Hook(arguments) => {
                let action = match &arguments.name {
                    Some(name) => name.clone(),
                    None => function_name(&function.name),
                };
                values::action_name(&action.value(), action.span(), errors);
                let retry = retry(&function, &arguments.retry, errors);
                return self.add_handler(function, action, Kind::Hook(arguments), retry, errors);
            }
            Mark::Tool(arguments) => {
                let retry = retry(&function, &arguments.retry, errors);
                let tool = Tool::new(arguments, documentation, signature, errors);
                let action = format!("tool_execute_{}", tool.name.value());
                let action = LitStr::new(&action, tool.name.span());
                return self.add_handler(function, action, Kind::Tool(tool), retry, errors);
            }
            Mark::Command(arguments) => {
                let retry = retry(&function, &arguments.retry, errors);
                let command = Command::new(arguments, documentation, signature, errors);
                let action = command.name.clone();
                return self.add_handler(function, action, Kind::Command(command), retry, errors);
            }
            Mark::Run => &mut self.run,
            Mark::Install => &mut self.install,
            Mark::Upgrade => &mut self.upgrade,
        };
        match slot {
            Some(other) => errors.at(
                name.span(),
                format!(
                    "a capsule has one `#[astrid::{name}]`, and `{}` is it",
                    other.name
                ),
            ),
            none => *none = Some(function),
        }
    }

    fn add_handler(
        &mut self,
        function: Function,
        action: LitStr,
        kind: Kind,
        retry: u32,
        errors: &mut Errors,
    ) {
        let same = |handler: &&Handler| handler.action.value() == action.value();
        if let Some(other) = self.handlers.iter().find(same) {
            errors.at(
                action.span(),
                format!(
                    "the {} `{}` is there already: it is the function `{}`",
                    other.kind.word(),
                    other.name(),
                    other.function.name
                ),
            );
            return;
        }
        let handler = Handler {
            function,
            action,
            kind,
            retry,
        };
        if let Some(topic) = handler.topic()
            && let Some(other) = self.handlers.iter().find(|other| {
                other
                    .topic()
                    .is_some_and(|other| other.value() == topic.value())
            })
        {
            errors.at(
                topic.span(),
                format!(
                    "`{}` is bound to the {} `{}` already: a topic has one handler in a capsule",
                    topic.value(),
                    other.kind.word(),
                    other.name()
                ),
            );
        }
        self.handlers.push(handler);
    }

    /// Decides whether the capsule has state, and reports what only shows when all entry points are there.
    pub fn check(&mut self, state: Option<StateArgument>, errors: &mut Errors) {
        self.decide_state(state, errors);
        let describe = self
            .handlers
            .iter()
            .find(|one| one.action.value() == DESCRIBE);
        if let Some(handler) = describe
            && self.tools().next().is_some()
        {
            errors.at(
                handler.action.span(),
                format!("`{DESCRIBE}` is how a capsule tells of its tools, and is there already"),
            );
        }
        if let Some(handler) = self.handlers.get(MAX_HANDLERS) {
            errors.at(
                handler.action.span(),
                format!(
                    "a capsule has at most {MAX_HANDLERS} hooks, tools and commands, and this is one more: make a second capsule of some"
                ),
            );
        }
        let mut prose = 0;
        let above = self.tools().find(|tool| {
            prose += tool.prose;
            prose > MAX_PROSE
        });
        if let Some(tool) = above {
            errors.at(
                tool.name.span(),
                format!(
                    "with this tool the descriptions have more than {MAX_PROSE} bytes: a capsule tells of all its tools in one answer"
                ),
            );
        }
    }
}

impl Kind {
    fn word(&self) -> &'static str {
        match self {
            Self::Hook(_) => "hook",
            Self::Tool(_) => "tool",
            Self::Command(_) => "command",
        }
    }
}

impl Handler {
    /// The topic that it is meant for, where that is said.
    pub fn topic(&self) -> Option<LitStr> {
        match &self.kind {
            Kind::Hook(hook) => hook.topic.clone(),
            Kind::Tool(tool) => Some(LitStr::new(&tool.topic(), tool.name.span())),
            Kind::Command(command) => Some(LitStr::new(&command.topic(), command.name.span())),
        }
    }

    /// Its name, as the author knows it.
    fn name(&self) -> String {
        match &self.kind {
            Kind::Tool(tool) => tool.name.value(),
            _ => self.action.value(),
        }
    }
}

/// How often a handler is run again after a conflict.
fn retry(function: &Function, retry: &Option<Retry>, errors: &mut Errors) -> u32 {
    let Some(Retry { times, span }) = retry else {
        return 0;
    };
    if !matches!(function.receiver, Receiver::Exclusive(_)) {
        errors.at(
            *span,
            "only a handler with `&mut self` saves state and may meet a conflict: leave out `retry`",
        );
    }
    *times
}

/// A function's name as a string that stands where the function's does.
fn function_name(name: &Ident) -> LitStr {
    let text = syn::ext::IdentExt::unraw(name).to_string();
    LitStr::new(&text, name.span())
}

/// Removes our attributes and gives them back.
pub fn take(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    attributes
        .extract_if(.., |attribute| attribute::name(attribute).is_some())
        .collect()
}

fn function(signature: &Signature, mark: &Mark, errors: &mut Errors) -> Function {
    plain(signature, errors);
    let mut inputs = signature.inputs.iter().peekable();
    let mut receiver = Receiver::None;
    if let Some(FnArg::Receiver(this)) = inputs.peek() {
        receiver = Receiver::of(this, errors);
        inputs.next();
    }
    let parameters: Vec<&Type> = inputs
        .filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(&*parameter.ty),
            FnArg::Receiver(_) => None,
        })
        .collect();
    Function {
        name: signature.ident.clone(),
        receiver,
        output: output(signature, errors),
        argument: argument(&parameters, mark, errors),
    }
}

/// Reports what no entry point can be.
fn plain(signature: &Signature, errors: &mut Errors) {
    let mut refuse = |span: Span, what: &str| {
        errors.at(
            span,
            format!("an entry point can't be {what}: the host calls it as a plain function"),
        );
    };
    if let Some(keyword) = &signature.asyncness {
        refuse(keyword.span(), "`async`");
    }
    if let Safety::Unsafe(keyword) = &signature.safety {
        refuse(keyword.span(), "`unsafe`");
    }
    if let Some(abi) = &signature.abi {
        refuse(abi.extern_token.span(), "`extern`");
    }
    if !signature.generics.params.is_empty() {
        refuse(signature.generics.span(), "generic");
    }
}

fn output(signature: &Signature, errors: &mut Errors) -> Option<Type> {
    let ReturnType::Type(_, output) = &signature.output else {
        return None;
    };
    if let Some(opaque) = opaque(output) {
        errors.on(
            opaque,
            "name the type that is returned: `impl Trait` can't be stated in the dispatch",
        );
    }
    Some((**output).clone())
}

fn argument(parameters: &[&Type], mark: &Mark, errors: &mut Errors) -> Option<Type> {
    let (most, rule) = match mark {
        // They are read elsewhere, with what is said of each.
        Mark::Tool(_) => return None,
        Mark::Hook(_) => (
            1,
            "a hook takes one payload at most: put the fields in one struct",
        ),
        Mark::Command(_) => (
            1,
            "a command takes one payload at most: put the fields in one struct",
        ),
        Mark::Run => (
            0,
            "`#[astrid::run]` takes no parameters: it is called once, with nothing",
        ),
        Mark::Install => (0, "`#[astrid::install]` takes no parameters"),
        Mark::Upgrade => (
            1,
            "`#[astrid::upgrade]` takes the previous version, `&str`, and nothing else",
        ),
    };
    for parameter in parameters.iter().skip(most) {
        errors.on(parameter, rule);
    }
    let argument = *parameters.first()?;
    match mark {
        Mark::Hook(_) | Mark::Command(_) => {
            if let Type::Reference(reference) = argument {
                let owned = owned(reference);
                errors.on(argument, format!("a payload is owned: take `{owned}`"));
            } else if let Some(opaque) = opaque(argument) {
                errors.on(opaque, "name the payload's type: it is read from JSON");
            }
        }
        Mark::Upgrade if !is_str(argument) => {
            errors.on(argument, "the previous version is a `&str`")
        }
        _ => {}
    }
    Some(argument.clone())
}

/// What to take instead of a reference.
fn owned(reference: &TypeReference) -> String {
    match &*reference.elem {
        Type::Path(path) if path.path.is_ident("str") => "String".into(),
        other => quote::quote!(#other).to_string(),
    }
}

fn is_str(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => {
            reference.mutability.is_none()
                && matches!(&*reference.elem, Type::Path(path) if path.path.is_ident("str"))
        }
        _ => false,
    }
}

/// The first `impl Trait` in a type, alone or as an argument such as `Verdict<impl Trait>`.
fn opaque(ty: &Type) -> Option<&Type> {
    match ty {
        Type::ImplTrait(_) => Some(ty),
        Type::Path(path) => {
            let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments
            else {
                return None;
            };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => opaque(ty),
                _ => None,
            })
        }
        _ => None,
    }
}
