//! The event system under load: many publishers, capsules and principals, and those who do too much of it. That the
//! rules hold under every schedule is shown with plain Rust in `host/tests/dispatch`; here, that they hold with real
//! guests. What several tests need is in here; a theme is a module.

mod blocked;
mod doors;
mod floods;
mod killed;
mod loops;
mod order;
mod reloads;
mod storm;

pub(crate) use floods::{
    a_capsule_that_publishes_too_much_is_limited, a_circle_of_two_ends_by_its_depth,
};
pub(crate) use loops::{
    a_loop_that_waits_for_several_things_is_parked, two_loops_that_only_publish_hold_nobody_up,
    what_a_subscription_loses_is_told,
};
pub(crate) use order::nothing_is_lost_or_doubled_and_the_order_is_kept;

use astrid_e2e::guests::Guest;
use astrid_host::{Package, dispatch};
use tokio::time::timeout;

use crate::common::LONG;

/// A handler as a manifest binds it: topic, action, and what else is said of it.
pub(crate) type Bound<'a> = (&'a str, &'a str, &'a str);

/// A guest under another name, with these handlers, and whatever else the manifest is to hold.
pub(crate) fn bound(guest: Guest, name: &str, handlers: &[Bound<'_>], rest: &str) -> Package {
    let mut manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n[subscribe]\n");
    for (topic, action, more) in handlers {
        manifest += &format!("\"{topic}\" = {{ handler = \"{action}\"{more} }}\n");
    }
    guest.package_with(&(manifest + rest))
}

/// Lets others run until something holds.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, held).await.expect("it never comes to that");
}

/// Nothing is in flight, waits, or is observed.
pub(crate) fn is_idle(figures: dispatch::Figures) -> bool {
    figures.in_flight == 0 && figures.waiting == 0 && figures.observers == 0 && figures.bytes == 0
}
