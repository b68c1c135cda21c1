//! Calls a host function that no released package has: an embedder's own, `acme:billing/host.charge`.

use astrid_sdk::prelude::*;

wit_bindgen::generate!({
    inline: "
        package acme:billing@1.0.0;

        interface host {
            charge: func(cents: u32) -> result<u32, string>;
        }

        world customer {
            import host;
        }
    ",
    generate_all,
});

#[derive(Default)]
struct Billing;

#[capsule]
impl Billing {
    /// Charges the caller and answers what is left.
    #[astrid::hook]
    fn charge(&self, cents: u32) -> Verdict<(), u32> {
        match acme::billing::host::charge(cents) {
            Ok(left) => Verdict::Final(left),
            Err(reason) => Verdict::Deny(reason),
        }
    }
}
