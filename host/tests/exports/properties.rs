//! What holds for every component: the judgement is the rule's, nothing panics, and the work is
//! bounded.

use std::collections::BTreeSet;

use astrid_host::exports::{EntryPoint, Work, analyse_counting};
use proptest::prelude::*;
use wasm_encoder::ComponentBuilder;
use wasm_encoder::Instruction::{self as I, Call, CallIndirect, I32Const, Unreachable};

use crate::guest::*;

/// What the rule says of a guest with the imports `LOG`, `PUBLISH` and an unresolved one, by
/// sets grown to a fixed point: another way to the same answer.
fn by_definition(guest: &Guest, entry: usize) -> bool {
    const UNRESOLVED: u32 = 2;
    let calls = |function: u32, panicking: bool| -> BTreeSet<u32> {
        let Some(body) = (function as usize)
            .checked_sub(guest.imports.len())
            .map(|own| &guest.bodies[own])
        else {
            return BTreeSet::new();
        };
        let edge = |pair: &[I<'_>]| match pair {
            [Call(to), Unreachable] => panicking.then_some(*to),
            [Call(to) | I::RefFunc(to), _] => (!panicking).then_some(*to),
            _ => None,
        };
        let ended: Code = body.iter().cloned().chain([I::End]).collect();
        ended.windows(2).filter_map(edge).collect()
    };
    let grow = |mut set: BTreeSet<u32>, behind_panic: bool| loop {
        let mut larger = set.clone();
        for &function in &set {
            larger.extend(calls(function, false));
            if behind_panic {
                larger.extend(calls(function, true));
            }
        }
        if larger == set {
            return set;
        }
        set = larger;
    };
    let reach: Vec<_> = guest
        .exports
        .iter()
        .map(|(_, function)| grow(BTreeSet::from([*function]), false))
        .collect();
    let any = guest.exports.iter();
    let any: Vec<_> = any.map(|(_, f)| grow(BTreeSet::from([*f]), true)).collect();
    let shared = |sets: &[BTreeSet<u32>]| -> BTreeSet<u32> {
        if sets.len() < 2 {
            return BTreeSet::new();
        }
        let all = |function: &&u32| sets.iter().all(|set| set.contains(*function));
        sets[0].iter().filter(all).copied().collect()
    };
    let (common, machinery) = (shared(&reach), shared(&any));
    let normal = &reach[entry];
    let behind = &any[entry] - normal;
    let indirect = |function: u32, panicking: bool| {
        let own = (function as usize).checked_sub(guest.imports.len());
        own.is_some_and(|own| {
            let mut pairs = guest.bodies[own].windows(2);
            pairs.any(|pair| match pair {
                [CallIndirect { .. }, Unreachable] => panicking,
                [CallIndirect { .. }, _] => !panicking,
                _ => false,
            })
        })
    };
    // The table is empty: what goes through it is harmless where it is shared.
    let unsure = |f: &u32| *f == UNRESOLVED || indirect(*f, false);
    normal.contains(&0)
        || normal.contains(&1)
        || behind.contains(&1)
        || normal.iter().any(|f| unsure(f) && !common.contains(f))
        || normal
            .iter()
            .any(|f| indirect(*f, true) && !machinery.contains(f))
        || behind
            .iter()
            .any(|f| (unsure(f) || indirect(*f, true)) && !machinery.contains(f))
}

/// A guest with up to four entry points over up to eight functions that call each other.
fn guests() -> impl Strategy<Value = Guest> {
    const IMPORTS: u32 = 3;
    (2..8_u32).prop_flat_map(|own| {
        // Hosts are rarer than the guest's own functions, or everything would be real.
        let target = prop_oneof![1 => 0..IMPORTS, 6 => IMPORTS..IMPORTS + own];
        let statement = prop_oneof![
            4 => target.clone().prop_map(|to| vec![Call(to), I::Nop]),
            4 => target.clone().prop_map(|to| vec![Call(to), Unreachable]),
            1 => target.prop_map(|to| vec![I::RefFunc(to), I::Drop]),
            1 => Just(vec![I32Const(0), I::Nop, INDIRECT, I::Nop]),
            1 => Just(vec![I32Const(0), I::Nop, INDIRECT, Unreachable]),
        ];
        let body = prop::collection::vec(statement, 0..3).prop_map(|parts| parts.concat());
        let bodies = prop::collection::vec(body, own as usize);
        let exports = prop::sample::subsequence(EntryPoint::ALL.to_vec(), 1..=4);
        let targets = prop::collection::vec(IMPORTS..IMPORTS + own, 4);
        (bodies, exports, targets).prop_map(|(bodies, exports, targets)| Guest {
            imports: vec![LOG, PUBLISH, (PLUGIN, "f")],
            bodies,
            exports: exports
                .iter()
                .zip(targets)
                .map(|(entry, function)| (entry.export_name(), function))
                .collect(),
            ..Guest::default()
        })
    })
}

/// What was done for `bytes` is linear in their number.
fn assert_bounded(bytes: &[u8], work: Work) {
    let size = bytes.len() as u64;
    assert!(work.operators <= size, "{work:?} for {size} bytes");
    assert!(
        work.walk_steps <= 4 * size + 4096,
        "{work:?} for {size} bytes"
    );
    assert!(work.link_steps <= 1 << 17, "{work:?} for {size} bytes");
}

/// Components whose parts are worth damaging.
fn specimens() -> Vec<Vec<u8>> {
    let mut linked = nested(2, &[Call(0), Unreachable]);
    // Any bytes may follow in a custom section; these let an insertion find a larger binary.
    linked.extend([0, 3, 1, b'x', 0]);
    vec![
        linked,
        shimmed(&[Call(0), Unreachable], &[PUBLISH]),
        sharing(&[I32Const(0), I::Nop, INDIRECT], &[Call(0)]).component(),
        with_sections(&[r#"{ "v": 1, "sdk": "1.0.0", "exports": ["run"], "handlers": [] }"#]),
        ComponentBuilder::default().finish(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_judgement_is_the_rule_s(guest in guests()) {
        let component = guest.component();
        let (binary, work) = analyse_counting(&component);
        assert_bounded(&component, work);
        // Each body ends with an operator of its own.
        let operators: usize = guest.bodies.iter().map(|body| body.len() + 1).sum();
        prop_assert!(work.operators <= operators as u64, "{work:?} for {operators} operators");
        let binary = binary.expect("a good component");
        for (entry, (name, _)) in guest.exports.iter().enumerate() {
            let entry_point = EntryPoint::from_export_name(name).expect("one of the four");
            let real = entry_point == EntryPoint::HookTrigger || by_definition(&guest, entry);
            prop_assert_eq!(binary.is_real(entry_point), real, "{} of {:?}", name, binary);
        }
    }

    #[test]
    fn a_damaged_component_is_judged_or_refused(
        which in 0..5_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        doubled in prop::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = specimens().swap_remove(which);
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some((from, to)) = doubled {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from.min(to)..from.max(to)].to_vec();
            bytes.splice(to..to, part);
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (_, work) = analyse_counting(&bytes);
        assert_bounded(&bytes, work);
    }

    #[test]
    fn arbitrary_bytes_are_judged_or_refused(
        header in any::<bool>(),
        sections in prop::collection::vec((0..14_u8, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
    ) {
        let mut bytes = if header { b"\0asm\x0d\0\x01\0".to_vec() } else { Vec::new() };
        for (id, data) in sections {
            bytes.extend([id, data.len() as u8]);
            bytes.extend(data);
        }
        let (_, work) = analyse_counting(&bytes);
        assert_bounded(&bytes, work);
    }
}
