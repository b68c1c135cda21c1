//! How much a capsule may publish on behalf of a principal.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;

use super::message::ENVELOPE;
use crate::limits::bus::BUCKETS;
use crate::names::{CapsuleName, PrincipalId};

/// Bytes a second for each (capsule, principal); a second's worth may come at once (abi.md, "ipc"). A message costs its
/// payload and [`ENVELOPE`]: so no more than 40,960 come in a second, however short.
pub const PUBLISH_RATE: NonZeroU32 =
    NonZeroU32::new(crate::limits::bus::PUBLISH_RATE).expect("more than zero");

/// The pair has published more than [`PUBLISH_RATE`] allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{capsule} publishes more than {PUBLISH_RATE} bytes a second for {principal}, a message counted as its payload and {ENVELOPE} bytes"
)]
pub struct RateLimited {
    /// Who publishes.
    pub capsule: CapsuleName,
    /// For whom.
    pub principal: PrincipalId,
}

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// A token bucket for each (capsule, principal), by the clock `C`.
pub struct PublishRate<C: Clock = DefaultClock> {
    clock: C,
    buckets: Cache<(CapsuleName, PrincipalId), Arc<Bucket<C>>>,
}

impl<C: Clock + Clone + Default> Default for PublishRate<C> {
    fn default() -> Self {
        Self::with_clock(C::default(), BUCKETS)
    }
}

impl<C: Clock + Clone> PublishRate<C> {
    fn with_clock(clock: C, buckets: usize) -> Self {
        Self {
            clock,
            buckets: Cache::new(buckets),
        }
    }

    /// Charges a message whose payload has that many bytes, all of it or nothing. To be asked last, since nothing is given back: what is
    /// refused for another reason costs nothing.
    ///
    /// # Errors
    /// [`RateLimited`], also for what costs more than a whole second's worth.
    pub fn charge(
        &self,
        capsule: &CapsuleName,
        principal: &PrincipalId,
        payload: usize,
    ) -> Result<(), RateLimited> {
        let pair = (capsule.clone(), principal.clone());
        let made: Result<_, std::convert::Infallible> =
            self.buckets.get_or_insert_with(&pair, || {
                let quota = Quota::per_second(PUBLISH_RATE);
                Ok(Arc::new(RateLimiter::direct_with_clock(
                    quota,
                    self.clock.clone(),
                )))
            });
        let Ok(bucket) = made;
        let cost = u32::try_from(payload.saturating_add(ENVELOPE)).ok();
        let cost = cost.and_then(NonZeroU32::new);
        let fits = cost.is_some_and(|cost| matches!(bucket.check_n(cost), Ok(Ok(()))));
        if fits {
            Ok(())
        } else {
            let (capsule, principal) = pair;
            Err(RateLimited { capsule, principal })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use governor::clock::FakeRelativeClock;

    use super::*;

    const MIB: usize = 1024 * 1024;
    /// The payload of a message that costs a mebibyte.
    const LARGE: usize = MIB - ENVELOPE;

    fn capsule(name: &str) -> CapsuleName {
        CapsuleName::parse(name).unwrap()
    }

    fn principal(name: &str) -> PrincipalId {
        name.parse().unwrap()
    }

    #[test]
    fn ten_mebibytes_a_second_for_each_capsule_and_principal() {
        let clock = FakeRelativeClock::default();
        let rate = PublishRate::with_clock(clock.clone(), 16);
        let (a, b) = (capsule("a"), capsule("b"));
        let (alice, bob) = (principal("alice"), principal("bob"));
        for _ in 0..10 {
            rate.charge(&a, &alice, LARGE).unwrap();
        }
        let refused = rate.charge(&a, &alice, 0).unwrap_err();
        assert_eq!(
            (refused.capsule, refused.principal),
            (a.clone(), alice.clone())
        );
        rate.charge(&a, &bob, LARGE).unwrap();
        rate.charge(&b, &alice, LARGE).unwrap();
        // A tenth of a second gives a mebibyte, and what was refused took nothing of it.
        clock.advance(Duration::from_millis(100));
        assert!(rate.charge(&a, &alice, 2 * MIB).is_err());
        rate.charge(&a, &alice, LARGE).unwrap();
        assert!(rate.charge(&a, &alice, LARGE).is_err());
    }

    #[test]
    fn short_messages_are_limited_by_their_number() {
        let clock = FakeRelativeClock::default();
        let rate = PublishRate::with_clock(clock.clone(), 16);
        let (a, alice) = (capsule("a"), principal("alice"));
        let accepted = || {
            let messages = std::iter::from_fn(|| rate.charge(&a, &alice, 1).ok());
            messages.count()
        };
        assert_eq!(accepted(), 10 * MIB / (ENVELOPE + 1));
        clock.advance(Duration::from_secs(1));
        assert_eq!(accepted(), 10 * MIB / (ENVELOPE + 1));
    }

    #[test]
    fn more_than_a_seconds_worth_never_fits() {
        let rate = PublishRate::<DefaultClock>::default();
        let (a, alice) = (capsule("a"), principal("alice"));
        assert!(rate.charge(&a, &alice, 10 * MIB - ENVELOPE + 1).is_err());
        assert!(rate.charge(&a, &alice, usize::MAX).is_err());
        assert!(rate.charge(&a, &alice, 10 * MIB - ENVELOPE).is_ok());
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let rate = PublishRate::with_clock(FakeRelativeClock::default(), 64);
        for number in 0..1_000 {
            let principal = principal(&format!("p{number}"));
            rate.charge(&capsule("a"), &principal, 1).unwrap();
        }
        assert!(rate.buckets.len() <= 64);
    }
}
