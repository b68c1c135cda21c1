//! What a host does with real guests, by the library. One program, so that guests are built and the host is linked
//! once; a module a theme.

mod calls;
mod capsules;
mod common;
mod conformance;
mod damage;
mod domains;
mod failures;
mod gates;
mod installs;
mod lanes;
mod published;
mod refusals;

use std::collections::BTreeSet;

use astrid_e2e::folders;
use astrid_e2e::guests::Guest;

/// The tests of each guest. One without an arm here doesn't compile.
const fn tests_of(guest: Guest) -> &'static [fn()] {
    match guest {
        Guest::Hello => &[capsules::hello_greets],
        Guest::Redact => &[capsules::redact_rewrites_what_holds_something_private],
        Guest::Guard => &[capsules::guard_denies_a_secret],
        Guest::Billing => &[domains::an_embedders_function_is_called_on_behalf_of_the_caller],
        Guest::Conformance => &[conformance::every_area_reports_what_is_expected],
        Guest::Installer => &[installs::install_and_upgrade_run_their_hooks],
        Guest::Misbehave => &[
            failures::an_endless_loop,
            lanes::a_dropped_call_frees_its_lane,
        ],
        Guest::Noop => &[calls::a_payload_comes_back_as_it_was],
        Guest::Rememberer => &[calls::what_one_principal_said_no_other_hears],
    }
}

#[test]
fn every_folder_is_a_guest_and_every_guest_has_a_test() {
    let mut folders = BTreeSet::new();
    for parent in ["capsules", "tests/programs"] {
        for entry in std::fs::read_dir(folders::root().join(parent)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let folder = format!("{parent}/{name}");
            // The published SDK's programs are found, and judged, by what is in their folders.
            if folders::root().join(&folder).is_dir() && !name.starts_with("published-") {
                folders.insert(folder);
            }
        }
    }
    let guests = Guest::ALL
        .iter()
        .map(|guest| guest.folder_name().to_owned());
    assert_eq!(folders, guests.collect());
    for guest in Guest::ALL {
        assert!(!tests_of(*guest).is_empty(), "{guest:?}");
    }
}
