//! What a host does with real guests, by the library. One program, so that guests are built and the host is linked
//! once; a module a theme.

mod absent;
mod calls;
mod capsules;
mod common;
mod configuration;
mod conformance;
mod control;
mod copies;
mod counted;
mod damage;
mod domains;
mod events;
mod files;
mod gates;
mod hostile;
mod installs;
mod lanes;
mod load;
mod loops;
mod mutations;
mod nested;
mod pool;
mod profiles;
mod published;
mod refusals;
mod reload;
mod shutdown;
mod state;
mod supervision;
mod told;

use std::collections::BTreeSet;

use astrid_e2e::folders;
use astrid_e2e::guests::Guest;

use hostile::{answers, logs, memory, time, traps};

/// Where the guests are that do what a capsule must not.
const HOSTILE: &str = "tests/programs/hostile";

/// The tests of each guest. One without an arm here doesn't compile.
const fn tests_of(guest: Guest) -> &'static [fn()] {
    match guest {
        Guest::Hello => &[capsules::hello_greets],
        Guest::Redact => &[capsules::redact_rewrites_what_holds_something_private],
        Guest::Guard => &[capsules::guard_denies_a_secret],
        Guest::Responder => &[events::prompts_are_redacted_guarded_and_answered],
        Guest::Observer => &[events::an_observer_sees_and_changes_nothing],
        Guest::Ticker => &[loops::a_run_loop_answers_beside_its_handlers],
        Guest::WeatherTool => &[events::a_tool_answers_and_publishes_its_result],
        Guest::Counter => &[
            state::a_counter_counts_for_each_principal,
            state::a_state_that_cannot_be_read_stays,
        ],
        Guest::Notes => &[state::notes_are_each_principals_own],
        Guest::Files => &[files::tools_read_write_edit_list_and_search_the_workspace],
        Guest::Journal => &[files::a_journal_has_a_line_for_each_event_of_its_principal],
        Guest::Absent => &[
            absent::what_a_component_does_not_have_is_told_with_what_to_use,
            absent::the_sdks_maps_hash_differently_in_each_instance,
        ],
        Guest::Keeper => &[
            state::what_a_published_capsule_kept_is_found,
            state::a_conflict_saves_nothing,
        ],
        Guest::Leaky => &[
            configuration::a_call_sees_what_is_set_by_then,
            configuration::a_secret_is_kept_out_of_what_is_said_about_a_call,
        ],
        Guest::Ledger => &[domains::without_the_domain_its_functions_are_unknown],
        Guest::Billing => &[domains::an_embedders_function_is_called_on_behalf_of_the_caller],
        Guest::Claimer => &[nested::what_is_called_within_a_claimed_call_is_claimed_and_heard],
        Guest::Conformance => &[conformance::each_case_is_answered_as_expected],
        Guest::Gates => &[gates::each_call_is_judged_by_the_row_of_its_function],
        Guest::Installer => &[installs::install_and_upgrade_run_their_hooks],
        Guest::Listener => &[loops::many_loops_hear_one_event],
        Guest::NoLoop => &[loops::what_is_no_loop_is_found_out_once],
        Guest::Noop => &[calls::a_payload_comes_back_as_it_was],
        Guest::OwnTool => &[nested::a_handler_may_call_a_tool_of_its_own_capsule],
        Guest::Quiet => &[loops::a_loop_that_never_says_so_is_ready_once_it_waits],
        Guest::Reader => &[configuration::a_run_loop_sees_what_is_set_by_then],
        Guest::Storer => &[state::what_is_kept_by_hand_costs_what_the_state_does],
        Guest::Tally => &[load::nothing_is_lost_or_doubled_and_the_order_is_kept],
        Guest::Waiter => &[load::a_loop_that_waits_for_several_things_is_parked],

        Guest::DeepMemory => &[traps::recursion_without_end_of_functions_without_names],
        Guest::DeepRecursion => &[
            traps::recursion_without_end,
            traps::a_thousand_levels_of_a_small_frame_are_no_recursion_without_end,
        ],
        Guest::EndlessCalls => &[time::an_endless_loop_that_calls_the_host],
        Guest::EndlessLoop => &[time::an_endless_loop],
        Guest::FailingLoop => &[loops::a_loop_that_fails_is_started_again_so_often],
        Guest::SpinningLoop => &[loops::a_loop_that_does_not_wait_is_stopped],
        Guest::Cycle => &[events::a_cycle_ends_by_its_depth],
        Guest::Flooder => &[
            load::a_capsule_that_publishes_too_much_is_limited,
            load::a_circle_of_two_ends_by_its_depth,
        ],
        Guest::Hoarder => &[load::what_a_subscription_loses_is_told],
        Guest::Rival => &[load::two_loops_that_only_publish_hold_nobody_up],
        Guest::Grower => &[
            memory::memory_that_is_kept,
            pool::many_growing_guests_stay_within_the_hosts_budget,
        ],
        Guest::HugeAnswer => &[answers::an_answer_of_60_mib],
        Guest::HugeLine => &[logs::a_line_of_60_mib],
        Guest::LogFlood => &[logs::a_flood_of_lines],
        Guest::LongVerdict => &[answers::a_verdict_whose_word_has_1_mib],
        Guest::MemoryHog => &[memory::hunger_for_memory],
        Guest::NotUtf8 => &[
            answers::an_answer_that_is_no_utf_8,
            logs::a_line_that_is_no_utf_8,
        ],
        Guest::Panic => &[traps::a_panic],
        Guest::Rememberer => &[calls::what_one_principal_said_no_other_hears],
        Guest::Sleeper => &[
            time::sleeping_past_the_wall_limit,
            lanes::a_dropped_call_frees_its_lane,
        ],
        Guest::StrayString => &[logs::a_line_outside_of_the_guests_memory],
        Guest::TableHog => &[memory::hunger_for_tables],
        Guest::Forger => &[traps::a_functions_name_with_a_line_break],
        Guest::Unreachable => &[traps::an_end_without_a_word],
    }
}

#[test]
fn every_folder_is_a_guest_and_every_guest_has_a_test() {
    let mut folders = BTreeSet::new();
    for parent in ["capsules", "tests/programs", HOSTILE] {
        for entry in std::fs::read_dir(folders::root().join(parent)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let folder = format!("{parent}/{name}");
            // The published SDK's programs are found, and judged, by what is in their folders.
            if folders::root().join(&folder).is_dir()
                && !name.starts_with("published-")
                && folder != HOSTILE
            {
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
