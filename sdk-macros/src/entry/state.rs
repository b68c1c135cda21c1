//! Whether a capsule has state, and under which key; which of its functions may take `self`, and how.

use proc_macro2::Span;
use syn::{ReceiverKind, spanned::Spanned};

use super::{Entries, Function};
use crate::{errors::Errors, form::StateArgument};

/// The key of a state for which `#[capsule]` names none. Capsules built with the published SDK keep theirs under it.
const KEY: &str = "__state";

/// How a function takes the capsule, and where that is written.
#[derive(Clone, Copy)]
pub enum Receiver {
    None,
    Shared(Span),
    Exclusive(Span),
}

impl Receiver {
    pub fn of(receiver: &syn::Receiver, errors: &mut Errors) -> Self {
        let span = receiver.span();
        match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => Self::Shared(span),
            ReceiverKind::Reference(_, _, Some(_)) => Self::Exclusive(span),
            _ => {
                errors.on(
                    receiver,
                    "take `&self`, or `&mut self` to change the state: the capsule outlives the call",
                );
                Self::Shared(span)
            }
        }
    }
}

impl Entries {
    /// A capsule has state if its attribute says so, or an entry point takes `&mut self`.
    pub(super) fn decide_state(&mut self, said: Option<StateArgument>, errors: &mut Errors) {
        if let Some(Function {
            receiver: Receiver::Exclusive(span),
            ..
        }) = &self.run
        {
            errors.at(
                *span,
                "a run loop hears many principals, and each has a state of its own: leave out `self`, and change that of the principal who is heard with `astrid_sdk::state::update`",
            );
            return;
        }
        let takes_mut = |function: &Function| matches!(function.receiver, Receiver::Exclusive(_));
        let handlers = self.handlers.iter().map(|handler| &handler.function);
        let mut all = handlers.chain(&self.install).chain(&self.upgrade);
        if said.is_none() && !all.any(takes_mut) {
            return;
        }
        self.state = Some(said.and_then(|said| said.key).unwrap_or_else(|| KEY.into()));
        if let Some(Function {
            receiver: Receiver::Shared(span),
            ..
        }) = &self.run
        {
            errors.at(
                *span,
                "a run loop hears many principals, and each has a state of its own: leave out `self`, and ask for that of the principal who is heard with `astrid_sdk::state::load`",
            );
        }
    }
}
