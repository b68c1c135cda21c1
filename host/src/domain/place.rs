//! Where the domain of an embedder is among those of its host, and so in what these keep on each tier.

use std::any::Any;
use std::sync::OnceLock;

/// What embedders' domains keep in a scope, each in the place that it has in the host.
pub(super) type CustomScopes = OnceLock<Box<[OnceLock<Box<dyn Any + Send + Sync>>]>>;

/// Position of an embedder's domain among those of its host.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) of: usize,
}

/// Why what is found at a [`Place`] has the type that it is looked for by.
pub(super) const BY_ITS_TYPE: &str =
    "a place is found by the type of the domain, which made what is there";

impl Place {
    /// The place of a domain among all of its host, and the domain. It is there: only a domain of the host links
    /// functions that ask for its view.
    pub(super) fn find<'a, D: 'static>(
        all: impl ExactSizeIterator<Item = &'a dyn Any>,
    ) -> (Self, &'a D) {
        let of = all.len();
        let mut found = all.enumerate();
        found
            .find_map(|(at, domain)| Some((Self { at, of }, domain.downcast_ref()?)))
            .expect(
                "a view is lent by the linker to which the domain of this host added its functions",
            )
    }

    /// The domain's part of a scope, made with `make` at the first call.
    pub(super) fn scope<S: Send + Sync + 'static>(
        self,
        scopes: &CustomScopes,
        make: impl FnOnce() -> S,
    ) -> &S {
        let places = || (0..self.of).map(|_| OnceLock::new()).collect();
        let part = &scopes.get_or_init(places)[self.at];
        let part = part.get_or_init(|| Box::new(make()));
        part.downcast_ref().expect(BY_ITS_TYPE)
    }
}
