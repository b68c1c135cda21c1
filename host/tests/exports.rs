//! The judgement of entry points, on components made by hand: each shows one way in which a
//! binary can be real, a stub, or refused.

#[path = "exports/guest.rs"]
mod guest;
#[path = "exports/properties.rs"]
mod properties;

use std::collections::{BTreeMap, BTreeSet};

use astrid_host::exports::{
    Binary, BinaryError, EntryPoint, Judgement, analyse, analyse_counting, limits,
};
use wasm_encoder::Instruction::{self as I, Call, I32Const, Unreachable};
use wasm_encoder::{
    Alias, ComponentBuilder, ComponentExportKind, ComponentTypeRef, ConstExpr, TypeBounds,
};

use guest::*;

fn entry_points(component: &[u8]) -> BTreeMap<EntryPoint, Judgement> {
    analyse(component).expect("a good component").entry_points
}

fn run(component: &[u8]) -> Judgement {
    entry_points(component)[&EntryPoint::Run].clone()
}

#[track_caller]
fn check(component: &[u8], real: bool, why: &str) {
    let judgement = run(component);
    assert_eq!(judgement.real, real, "{judgement:?}");
    assert!(judgement.why.contains(why), "{judgement:?}");
}

// By effect.

#[test]
fn a_function_that_does_nothing_is_a_stub() {
    check(
        &run_only(&[], &[&[]]).component(),
        false,
        "reaches no host import",
    );
}

#[test]
fn a_host_call_makes_it_real() {
    let guest = run_only(&[LOG, PUBLISH], &[&[Call(0), Call(3)], &[Call(1)]]);
    let why = "calls astrid:ipc/host.publish and one more host function";
    check(&guest.component(), true, why);
}

#[test]
fn logging_before_a_panic_is_what_a_stub_does() {
    let guest = run_only(&[LOG], &[&[Call(2), Unreachable], &[Call(0)]]);
    check(&guest.component(), false, "only installs a panic hook");
}

#[test]
fn logging_without_a_panic_is_not() {
    let guest = run_only(&[LOG], &[&[Call(0), I::Nop, Unreachable]]);
    check(&guest.component(), true, "calls astrid:sys/host.log");
}

#[test]
fn another_host_call_before_a_panic_makes_it_real() {
    let guest = run_only(
        &[LOG, PUBLISH],
        &[&[Call(3), Unreachable], &[Call(0), Call(1)]],
    );
    check(
        &guest.component(),
        true,
        "calls astrid:ipc/host.publish, before it panics",
    );
}

#[test]
fn a_function_reached_both_ways_counts_as_reached_without_a_panic() {
    let guest = run_only(&[LOG], &[&[Call(2), Call(2), Unreachable], &[Call(0)]]);
    check(&guest.component(), true, "calls astrid:sys/host.log");
}

#[test]
fn a_tail_call_is_no_panic_edge() {
    let guest = run_only(&[LOG], &[&[I::ReturnCall(0), Unreachable]]);
    check(&guest.component(), true, "calls astrid:sys/host.log");
}

#[test]
fn a_function_that_is_referred_to_counts_as_called() {
    let guest = run_only(&[PUBLISH], &[&[I::RefFunc(2), I::Drop], &[Call(0)]]);
    check(&guest.component(), true, "calls astrid:ipc/host.publish");
}

#[test]
fn an_indirect_call_alone_is_unsure_and_so_real() {
    let guest = run_only(&[], &[&[I32Const(0), I::Nop, INDIRECT]]);
    check(&guest.component(), true, "calls through a table");
    let guest = run_only(&[], &[&[I32Const(0), I::Nop, INDIRECT, Unreachable]]);
    check(
        &guest.component(),
        true,
        "calls through a table, which can lead anywhere, before it panics",
    );
}

#[test]
fn what_all_entry_points_share_says_nothing_of_one() {
    let indirect = [I32Const(0), I::Nop, INDIRECT];
    check(
        &sharing(&indirect, &[]).component(),
        false,
        "reaches no host import",
    );
    check(
        &sharing(&[], &indirect).component(),
        true,
        "calls through a table",
    );
}

#[test]
fn an_import_that_nothing_provides_is_unsure_unless_all_share_it() {
    check(
        &sharing(&[Call(0)], &[]).component(),
        false,
        "reaches no host import",
    );
    check(
        &sharing(&[], &[Call(0)]).component(),
        true,
        "an import that nothing",
    );
    check(
        &sharing(&[], &[Call(0), Unreachable]).component(),
        true,
        "an import that nothing in the binary provides, before it panics",
    );
    check(
        &sharing(&[Call(0), Unreachable], &[]).component(),
        false,
        "reaches no host import",
    );
}

/// An interpreter that `run` and the hook share, and all that they do: it works through a table that holds `function`.
fn interpreted(function: &[I<'static>], languages: &[&'static str]) -> Guest {
    Guest {
        imports: vec![PUBLISH],
        bodies: vec![
            vec![I32Const(0), I::Nop, INDIRECT],
            vec![Call(1)],
            function.to_vec(),
        ],
        exports: vec![("run", 2), ("astrid-hook-trigger", 1)],
        elements: vec![(0, 3)],
        languages: languages.to_vec(),
        ..Guest::default()
    }
}

#[test]
fn an_interpreter_that_entry_points_share_may_do_anything() {
    let host: &[I<'static>] = &[Call(0)];
    let why = "calls through a table";
    check(&interpreted(host, &[]).component(), true, why);
    check(&interpreted(host, &["C11", "Rust"]).component(), true, why);
    // By way of others, too, or behind a panic.
    let mut guest = interpreted(&[Call(4), Unreachable], &[]);
    guest.bodies.push(host.to_vec());
    check(&guest.component(), true, why);
    // Through another table, of which nothing is known.
    let by_reference = &[I32Const(0), I::Nop, INDIRECT];
    check(
        &interpreted(by_reference, &[]).component(),
        false,
        "no host",
    );
}

#[test]
fn what_leads_to_no_host_says_nothing_nor_does_the_runtime_of_rust() {
    let host: &[I<'static>] = &[Call(0)];
    check(&interpreted(&[], &[]).component(), false, "no host");
    check(&interpreted(host, &["Rust"]).component(), false, "no host");
    // Only where it is shared.
    let mut guest = interpreted(host, &["Rust"]);
    guest.exports[1].1 = 3;
    check(&guest.component(), true, "calls through a table");
}

#[test]
fn what_a_table_is_filled_with_later_counts() {
    let mut guest = interpreted(&[], &[]);
    guest.bodies.push(vec![Call(0)]);
    guest.passive = vec![4];
    check(&guest.component(), true, "calls through a table");
}

#[test]
fn a_loop_that_is_called_before_a_trap_is_no_panic() {
    // `call serve; unreachable`, and `serve` works through `dyn`.
    let dynamic = vec![I32Const(0), I::Nop, INDIRECT];
    let serving = |languages: &[&'static str], shared: bool| Guest {
        imports: vec![PUBLISH],
        bodies: vec![
            vec![Call(2), Unreachable],
            dynamic.clone(),
            vec![Call(0)],
            if shared {
                vec![Call(2), Unreachable]
            } else {
                Vec::new()
            },
        ],
        exports: vec![("run", 1), ("astrid-hook-trigger", 4)],
        elements: vec![(0, 3)],
        languages: languages.to_vec(),
        ..Guest::default()
    };
    for languages in [&[][..], &["Rust"]] {
        check(
            &serving(languages, false).component(),
            true,
            "calls through a table, which can lead anywhere, before it panics",
        );
    }
    // Where all share it, it is the machinery of panics.
    check(&serving(&["Rust"], true).component(), false, "no host");
    check(&serving(&[], true).component(), true, "before it panics");
}

#[test]
fn two_entry_points_may_share_one_body() {
    let mut guest = run_only(&[PUBLISH], &[&[Call(0)], &[]]);
    guest.exports = vec![("run", 1), ("astrid-install", 1), ("astrid-upgrade", 2)];
    let real: Vec<_> = entry_points(&guest.component())
        .into_iter()
        .map(|(entry, judgement)| (entry.export_name(), judgement.real))
        .collect();
    assert_eq!(
        real,
        [
            ("run", true),
            ("astrid-install", true),
            ("astrid-upgrade", false)
        ]
    );
}

#[test]
fn stubs_may_share_one_body() {
    let mut guest = run_only(
        &[LOG],
        &[&[I32Const(0), I::Nop, INDIRECT, Call(0), Unreachable]],
    );
    guest.exports = EntryPoint::ALL
        .iter()
        .map(|entry| (entry.export_name(), 1))
        .collect();
    for (entry, judgement) in entry_points(&guest.component()) {
        assert_eq!(
            judgement.real,
            entry == EntryPoint::HookTrigger,
            "{judgement:?}"
        );
    }
}

#[test]
fn a_hundred_thousand_calls_deep_is_not_too_deep() {
    let mut guest = run_only(&[PUBLISH], &[]);
    guest.bodies = (0..100_000).map(|index| vec![Call(index + 2)]).collect();
    guest.bodies.push(vec![Call(0)]);
    check(&guest.component(), true, "calls astrid:ipc/host.publish");
}

#[test]
fn a_body_is_read_once_however_often_it_is_reached() {
    let mut guest = run_only(&[], &[&[const { I::Nop }; 100], &[Call(0)]]);
    guest.exports = vec![("run", 1), ("astrid-install", 1), ("astrid-upgrade", 0)];
    let (binary, work) = analyse_counting(&guest.component());
    assert!(binary.is_ok());
    assert_eq!(work.operators, 101 + 2);
}

// Across modules and components.

#[test]
fn a_call_through_a_shim_is_followed_to_the_host() {
    check(
        &shimmed(&[Call(0)], &[PUBLISH]),
        true,
        "calls astrid:ipc/host.publish",
    );
    check(
        &shimmed(&[Call(0), Unreachable], &[LOG]),
        false,
        "only installs a panic hook",
    );
    check(
        &shimmed(&[Call(0), Unreachable], &[PUBLISH]),
        true,
        "before it panics",
    );
}

#[test]
fn a_slot_that_is_filled_never_or_twice_is_unsure() {
    check(&shimmed(&[Call(0)], &[]), true, "calls through a table");
    check(
        &shimmed(&[Call(0)], &[LOG, PUBLISH]),
        true,
        "calls through a table",
    );
}

#[test]
fn nested_components_are_followed() {
    for depth in [1, 2, 10] {
        check(
            &nested(depth, &[Call(0)]),
            true,
            "calls astrid:sys/host.log",
        );
        check(
            &nested(depth, &[Call(0), Unreachable]),
            false,
            "only installs a panic hook",
        );
    }
}

#[test]
fn a_function_that_is_passed_on_is_the_host_s() {
    let mut builder = ComponentBuilder::default();
    let host = import_instance(&mut builder, IPC, &BTreeSet::from(["publish"]));
    let function = builder.alias_export(host, "publish", ComponentExportKind::Func);
    builder.export("run", ComponentExportKind::Func, function, None);
    check(
        &valid(builder.finish()),
        true,
        "calls astrid:ipc/host.publish",
    );
}

#[test]
fn components_that_multiply_are_not_followed_for_ever() {
    // Each component instantiates the one before it twice: 2^40 instances.
    let mut inner = ComponentBuilder::default();
    for _ in 0..40 {
        let mut outer = ComponentBuilder::default();
        let component = outer.component(None, inner);
        for _ in 0..2 {
            outer.instantiate::<_, &str>(None, component, []);
        }
        inner = outer;
    }
    let guest = run_only(&[], &[&[]]);
    let module = inner.core_module(None, &guest.module());
    let instance = instantiate(&mut inner, module, &[]);
    lift(&mut inner, instance, &guest.exports);
    let (refused, work) = analyse_counting(&inner.finish());
    assert_eq!(refused, Err(BinaryError::TooIntricate));
    assert!(work.link_steps <= 1 << 17, "{work:?}");
}

#[test]
fn long_expressions_are_not_read_again_for_each_of_many_instances() {
    // 100 KB that fill slot 0 of a table which is asked about, in 900 instances: no engine takes them, but they are
    // read before an engine is asked.
    let long = ConstExpr::raw([0x41, 0].repeat(50_000));
    let mut guest = run_only(&[], &[&[I32Const(0), INDIRECT]]);
    guest.segments = vec![(ConstExpr::i32_const(0), vec![long])];
    let mut builder = ComponentBuilder::default();
    let module = builder.core_module(None, &guest.module());
    let first = instantiate(&mut builder, module, &[]);
    for _ in 1..900 {
        instantiate(&mut builder, module, &[]);
    }
    lift(&mut builder, first, &guest.exports);
    check(&builder.finish(), true, "too intricate");
}

// Refused.

#[track_caller]
fn refused(bytes: &[u8]) -> BinaryError {
    analyse(bytes).expect_err("must be refused")
}

#[test]
fn what_is_no_component_is_refused() {
    assert_eq!(refused(b""), BinaryError::NotWasm);
    assert_eq!(refused(b"#!/bin/sh"), BinaryError::NotWasm);
    let module = run_only(&[], &[&[]]).module().finish();
    assert_eq!(refused(&module), BinaryError::CoreModule);
    assert!(refused(&module).to_string().contains("astrid build"));
    let mut large = vec![0; limits::COMPONENT_BYTES + 1];
    large[..4].copy_from_slice(b"\0asm");
    assert!(matches!(refused(&large), BinaryError::TooLarge { .. }));
}

#[test]
fn a_component_cut_short_anywhere_is_refused_or_lacks_something() {
    let whole = nested(2, &[Call(0)]);
    let judged = analyse(&whole).expect("a component");
    for length in 0..whole.len() {
        match analyse(&whole[..length]) {
            Ok(binary) => assert_ne!(binary.entry_points, judged.entry_points, "{length}"),
            Err(BinaryError::NotWasm) => assert!(length < 4),
            Err(BinaryError::Malformed { offset, .. }) => assert!(offset <= length as u64),
            Err(other) => panic!("{length}: {other}"),
        }
    }
}

/// A function that has more of something than is compiled: at the limit it is accepted.
#[track_caller]
fn bounded(what: &'static str, limit: usize, code: impl Fn(usize) -> Code) {
    let guest = |count| {
        let mut guest = run_only(&[], &[&[]]);
        guest.bodies.push(code(count));
        guest.locals = 1;
        guest
    };
    assert!(analyse(&guest(limit).component()).is_ok(), "{what}");
    let expected = |function: &str| BinaryError::FunctionTooLarge {
        function: function.into(),
        what,
        count: limit + 1,
        limit,
    };
    let mut too_large = guest(limit + 1);
    assert_eq!(refused(&too_large.component()), expected("number 1"));
    too_large.names = vec![(0, "small"), (1, "_ZN4core5large17h0123456789abcdefE")];
    assert_eq!(refused(&too_large.component()), expected("`core::large`"));
}

#[test]
fn a_function_with_many_variables_is_refused() {
    let limit = limits::FUNCTION_LOCALS;
    let guest = |locals: usize| Guest {
        locals: locals as u32,
        ..run_only(&[], &[&[]])
    };
    assert!(analyse(&guest(limit).component()).is_ok());
    let expected = BinaryError::FunctionTooLarge {
        function: "number 0".into(),
        what: "variables",
        count: limit + 1,
        limit,
    };
    assert_eq!(refused(&guest(limit + 1).component()), expected);
}

fn many(part: &[I<'static>], count: usize) -> Code {
    part.iter()
        .cloned()
        .cycle()
        .take(part.len() * count)
        .collect()
}

#[test]
fn a_function_that_is_slow_to_compile_is_refused_by_its_name() {
    const LOOP: I<'static> = I::Loop(wasm_encoder::BlockType::Empty);
    bounded("calls", limits::FUNCTION_CALLS, |count| {
        vec![Call(0); count]
    });
    bounded("calls", limits::FUNCTION_CALLS, |count| {
        many(&[I32Const(0), INDIRECT], count)
    });
    bounded("loops", limits::FUNCTION_LOOPS, |count| {
        many(&[LOOP, I::End], count)
    });
    let depth = limits::FUNCTION_LOOP_DEPTH;
    bounded("loops within each other", depth, |count| {
        [vec![LOOP; count], vec![I::End; count]].concat()
    });
    // In 16 loops, each assignment counts for all of them.
    bounded(
        "assignments in loops",
        limits::FUNCTION_LOOP_SETS,
        |count| {
            let set = [I32Const(0), I::LocalSet(0)];
            let (within, rest) = (many(&set, count / 16), many(&set, count % 16));
            let mut code = vec![LOOP; 16];
            code.extend(within);
            code.extend(vec![I::End; 15]);
            code.extend(rest);
            code.push(I::End);
            code
        },
    );
    // Besides, there are a local and the end of the body.
    bounded("bytes of code", limits::FUNCTION_BYTES, |count| {
        vec![I::Nop; count - 4]
    });
}

#[test]
fn an_entry_point_must_be_a_function_and_exported_once() {
    let mut builder = ComponentBuilder::default();
    let host = import_instance(&mut builder, SYS, &BTreeSet::from(["log"]));
    builder.export("run", ComponentExportKind::Instance, host, None);
    let error = refused(&valid(builder.finish()));
    assert_eq!(
        error,
        BinaryError::ExportNotFunction {
            export: EntryPoint::Run,
            kind: "an instance",
        }
    );

    let mut builder = ComponentBuilder::default();
    let host = import_instance(&mut builder, SYS, &BTreeSet::from(["log"]));
    let function = builder.alias_export(host, "log", ComponentExportKind::Func);
    builder.export("run", ComponentExportKind::Func, function, None);
    builder.export("run", ComponentExportKind::Func, function, None);
    let export = EntryPoint::Run;
    assert_eq!(
        refused(&builder.finish()),
        BinaryError::ExportTwice { export }
    );
}

#[test]
fn nesting_and_declarations_are_bounded() {
    let mut inner = ComponentBuilder::default();
    for _ in 0..limits::DEPTH {
        let mut outer = ComponentBuilder::default();
        outer.component(None, inner);
        inner = outer;
    }
    let limit = limits::DEPTH;
    assert_eq!(refused(&inner.finish()), BinaryError::TooDeep { limit });

    let mut builder = ComponentBuilder::default();
    let host = import_instance(&mut builder, SYS, &BTreeSet::from(["log"]));
    for _ in 0..=limits::ITEMS {
        builder.alias(
            None,
            Alias::InstanceExport {
                instance: host,
                kind: ComponentExportKind::Func,
                name: "log",
            },
        );
    }
    let limit = limits::ITEMS;
    assert_eq!(
        refused(&builder.finish()),
        BinaryError::TooManyItems { limit }
    );
}

// Imports.

#[test]
fn a_resource_at_the_root_is_an_import_and_a_name_for_a_known_type_is_none() {
    let mut builder = ComponentBuilder::default();
    let resource = ComponentTypeRef::Type(TypeBounds::SubResource);
    builder.import("handle", resource);
    builder.import("same", ComponentTypeRef::Type(TypeBounds::Eq(0)));
    let binary = analyse(&valid(builder.finish())).expect("a good component");
    assert_eq!(binary.imports, ["handle"]);
}

// By our SDK's word, and by the manifest's.

#[test]
fn the_section_outranks_the_effect() {
    let section = r#"{ "v": 1, "sdk": "1.0.0", "exports": ["astrid-install"], "handlers": [
        { "action": "check", "topic": "user.v1.prompt", "priority": 20, "on_error": "deny", "mode": null },
        { "action": "watch", "topic": null, "priority": null, "on_error": null, "mode": "observe" }] }"#;
    let (binary, work) = analyse_counting(&with_sections(&[section]));
    let binary = binary.expect("a good section");
    assert_eq!(work.operators, 0, "no code needs to be read");
    assert_eq!(binary.sdk.as_deref(), Some("1.0.0"));
    assert!(binary.is_real(EntryPoint::Install));
    assert!(!binary.is_real(EntryPoint::Run));
    assert!(!binary.is_real(EntryPoint::Upgrade), "it isn't there");
    assert_eq!(
        binary.entry_points[&EntryPoint::Install].why,
        "listed in astrid:exports"
    );
    assert!(
        binary.entry_points[&EntryPoint::Run]
            .why
            .contains("not listed")
    );
    let handlers = binary.handlers.expect("it was listed");
    assert_eq!(handlers.len(), 2);
    assert_eq!(handlers[0].priority, Some(20));
    assert_eq!(handlers[1].mode.as_deref(), Some("observe"));
}

#[test]
fn the_manifest_outranks_everything() {
    let section = r#"{ "v": 1, "sdk": "1.0.0", "exports": ["run"], "handlers": [] }"#;
    for sections in [&[section][..], &[]] {
        let binary = analyse(&with_sections(sections)).expect("a good component");
        assert_eq!(binary.clone().with_overrides([]), binary);
        let off = binary.clone().with_overrides([(EntryPoint::Run, false)]);
        assert!(!off.is_real(EntryPoint::Run));
        assert_eq!(
            off.entry_points[&EntryPoint::Run].why,
            "[runtime] run = false"
        );
        let on = off.with_overrides([(EntryPoint::Run, true)]);
        assert!(on.is_real(EntryPoint::Run));
    }
    let mut guest = run_only(&[], &[&[]]);
    guest.exports[0].0 = "astrid-install";
    let without = analyse(&guest.component()).expect("a good component");
    let overridden = without.clone().with_overrides([(EntryPoint::Run, true)]);
    assert_eq!(overridden, without);
    let overridden = without.with_overrides([(EntryPoint::Install, true)]);
    assert!(overridden.is_real(EntryPoint::Install));
    assert_eq!(
        overridden.entry_points[&EntryPoint::Install].why,
        "[runtime] install = true"
    );
}

#[test]
fn a_bad_section_is_refused_by_what_is_wrong_with_it() {
    let good = r#"{ "v": 1, "sdk": "1.0.0", "exports": [], "handlers": [] }"#;
    assert!(analyse(&with_sections(&[good])).is_ok());
    let refuse = |sections: &[&str]| refused(&with_sections(sections));
    assert_eq!(
        refuse(&[good, good]),
        BinaryError::SectionTwice { count: 2 }
    );
    for text in [
        "",
        "{",
        "[]",
        r#"{ "v": 1 }"#,
        r#"{ "v": "1", "sdk": "1.0.0", "exports": [], "handlers": [] }"#,
        r#"{ "v": 1, "sdk": "1.0.0", "exports": ["main"], "handlers": [] }"#,
        r#"{ "v": 1, "sdk": "1.0.0", "exports": [], "handlers": [{ "action": "a", "on_error": "ignore" }] }"#,
        r#"{ "v": 1, "sdk": "1.0.0", "exports": [], "handlers": [{ "action": "a", "mode": "watch" }] }"#,
        &format!("{good}}}"),
    ] {
        let error = refuse(&[text]);
        assert!(
            matches!(error, BinaryError::SectionInvalid { .. }),
            "{text}: {error}"
        );
    }
    let of =
        |name: &str| format!(r#"{{ "v": 1, "crate": "{name}", "sdk": "1.0.0", "exports": [] }}"#);
    let joined = refuse(&[&format!("{}{}", of("first"), of("sec\\u001bond"))]);
    let crates = vec!["first".to_owned(), "sec\\u{1b}ond".to_owned()];
    assert_eq!(joined, BinaryError::SeveralCapsules { crates });
    assert!(
        joined.to_string().contains("of the crates first, sec"),
        "{joined}"
    );
    let (found, known) = (2, 1);
    let other = r#"{ "v": 2, "handlers": "elsewhere" }"#;
    assert_eq!(
        refuse(&[other]),
        BinaryError::SectionVersion { found, known }
    );
    let absent = good.replace(r#""exports": []"#, r#""exports": ["astrid-upgrade"]"#);
    let export = EntryPoint::Upgrade;
    assert_eq!(
        refuse(&[&absent]),
        BinaryError::ListedExportAbsent { export }
    );
}

#[test]
fn the_section_is_bounded() {
    let padded = |size: usize| {
        let good = r#"{ "v": 1, "sdk": "1.0.0", "exports": [], "handlers": [] }"#;
        let padding = " ".repeat(size - good.len());
        analyse(&with_sections(&[&format!("{good}{padding}")]))
    };
    assert!(padded(limits::SECTION_BYTES).is_ok());
    let error = padded(limits::SECTION_BYTES + 1).expect_err("too large");
    assert!(
        matches!(error, BinaryError::SectionTooLarge { .. }),
        "{error}"
    );

    let handlers = |count: usize, describe: usize| {
        let mut handlers = vec![r#"{ "action": "a" }"#; count];
        handlers.extend(vec![r#"{ "action": "tool_describe" }"#; describe]);
        let handlers = handlers.join(",");
        let text =
            format!(r#"{{ "v": 1, "sdk": "1.0.0", "exports": [], "handlers": [{handlers}] }}"#);
        analyse(&with_sections(&[&text]))
    };
    let (count, limit) = (limits::HANDLERS + 1, limits::HANDLERS);
    assert!(handlers(limit, 0).is_ok());
    assert!(
        handlers(limit, 1).is_ok(),
        "what tells of 64 tools is one more"
    );
    for (some, describe) in [(count, 0), (count, 1), (limit, 2)] {
        let error = handlers(some, describe).expect_err("too many");
        assert_eq!(error, BinaryError::TooManyHandlers { count, limit });
    }
}

#[test]
fn a_binary_survives_the_cache() {
    let guest = run_only(&[PUBLISH, LOG], &[&[Call(0), Call(1)]]);
    let component = guest.component();
    let binary = analyse(&component).expect("a good component");
    assert_eq!(binary.size, component.len() as u64);
    assert_eq!(binary.imports, [IPC, SYS]);
    assert_eq!(binary.import_functions[SYS], ["log"]);
    assert_eq!(binary.import_functions[IPC], ["publish"]);
    let json = serde_json::to_string(&binary).expect("JSON");
    assert!(
        json.contains(r#""run":{"real":true,"why":"calls astrid:ipc/host.publish"#),
        "{json}"
    );
    let read: Binary = serde_json::from_str(&json).expect("the same shape");
    assert_eq!(read, binary);
}
