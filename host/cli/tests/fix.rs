//! `astrid build --fix` and `astrid check` agree, whatever a manifest looks like: what is fixable is fixed, once, and
//! nothing else of the file changes.

use std::collections::BTreeMap;

use astrid_cli::authoring::{check, fix_subscriptions, subscriptions_to_fix};
use astrid_host::exports::{Binary, EntryPoint, HandlerDecl, Judgement};
use astrid_host::manifest::CapsuleManifest;
use proptest::prelude::*;
use proptest::sample::select;

/// What the manifests begin with; nothing may touch it.
const HEAD: &str = "# mine\n[package]\nname = \"demo\" # the name\nversion = \"1.0.0\"\n\n";

/// Topics, so few that handlers and entries meet.
const TOPICS: [&str; 4] = ["a.b", "a.*", "a.c.d", "user.v1.prompt"];
const ACTIONS: [&str; 3] = ["h", "g", "tool_x"];

fn binary(handlers: Vec<HandlerDecl>) -> Binary {
    let hook = Judgement {
        real: true,
        why: "listed".into(),
    };
    Binary {
        size: 14_000,
        sdk: Some("1.0.0".into()),
        imports: Vec::new(),
        import_functions: BTreeMap::new(),
        entry_points: BTreeMap::from([(EntryPoint::HookTrigger, hook)]),
        handlers: Some(handlers),
    }
}

fn declared() -> impl Strategy<Value = HandlerDecl> {
    (
        select(&ACTIONS[..]),
        proptest::option::weighted(0.9, select(&TOPICS[..])),
        proptest::option::of(select(&[20_u32, 100, 4_000_000_000][..])),
        proptest::option::of(select(&["deny", "continue"][..])),
        proptest::option::weighted(0.3, Just("observe")),
    )
        .prop_map(|(action, topic, priority, on_error, mode)| HandlerDecl {
            action: action.into(),
            topic: topic.map(str::to_owned),
            priority,
            on_error: on_error.map(str::to_owned),
            mode: mode.map(str::to_owned),
        })
}

/// What follows `handler = …` in an entry.
fn rest() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "",
            "priority = 20",
            "priority = 0x1E",
            "on_error = 'deny'",
            "on_error = \"continue\"",
            "mode = \"observe\"",
            "timeout_ms = 5",
        ][..],
    )
}

/// How an entry is written: inside `[subscribe]`, or with a table of its own behind it.
#[derive(Debug, Clone)]
enum Entry {
    Inside(String),
    Behind(String),
}

fn entry(topic: &'static str) -> impl Strategy<Value = Option<Entry>> {
    (0..9, select(&ACTIONS[..]), rest()).prop_map(move |(shape, action, rest)| {
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(", {rest}")
        };
        Some(match shape {
            0 => return None,
            1 => Entry::Inside(format!("\"{topic}\" = \"any\" # of {topic}")),
            2 => Entry::Inside(format!("\"{topic}\"   = {{wit = 'any'}}   # of {topic}")),
            3 => Entry::Inside(format!("'{topic}' = {{ handler = \"{action}\"{more} }}")),
            4 => Entry::Inside(format!(
                "\"{topic}\" = {{ wit = \"any\", handler = '{action}'{more} }} # of {topic}"
            )),
            5 => Entry::Inside(format!("\"{topic}\".handler = \"{action}\" # of {topic}")),
            6 => Entry::Behind(format!(
                "[subscribe.\"{topic}\"] # of {topic}\nhandler = \"{action}\" # its own\n{rest}"
            )),
            7 => Entry::Behind(format!("[subscribe.\"{topic}\"]\nwit = \"any\" # of {topic}")),
            _ => Entry::Behind(format!(
                "[[interceptor]] # of {topic}\nevent = \"{topic}\"\naction = \"{action}\"\npriority = 30"
            )),
        })
    })
}

fn manifest() -> impl Strategy<Value = String> {
    let entries = TOPICS.map(entry);
    (entries, any::<bool>(), any::<bool>()).prop_map(|(entries, table, after)| {
        let (mut inside, mut behind) = (String::new(), String::new());
        for entry in entries.into_iter().flatten() {
            match entry {
                Entry::Inside(text) => inside += &format!("# before it\n{text}\n"),
                Entry::Behind(text) => behind += &format!("\n# before it\n{text}\n"),
            }
        }
        let mut text = HEAD.to_owned();
        if table || !inside.is_empty() {
            text += &format!("# what it hears\n[subscribe]\n{inside}");
        }
        text += &behind;
        if after {
            text += "\n# what it may do\n[capabilities]\nnet = [ \"a.example\" ] # one\n";
        }
        text
    })
}

/// Whether `part`'s comments are in `whole`, in their order.
fn keeps_comments(whole: &str, part: &str) -> bool {
    let comments = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| Some(line.split_once('#')?.1.to_owned()))
            .collect()
    };
    comments(whole) == comments(part)
}

proptest! {
    #[test]
    fn what_is_fixable_is_fixed(text in manifest(), handlers in prop::collection::vec(declared(), 0..5)) {
        let parse = |text: &str| CapsuleManifest::parse(text, "Capsule.toml").map(|parsed| parsed.manifest);
        let before = parse(&text).expect("the manifests made here have no mistakes");
        let binary = binary(handlers);
        let to_fix = subscriptions_to_fix(&before, &binary);
        let fixable = check(&before, &binary).into_iter().filter(|finding| finding.fixable).count();
        prop_assert_eq!(to_fix.len(), fixable, "what is written is what the check calls fixable");

        let fixed = fix_subscriptions(&text, &to_fix).expect("fixed");
        let after = parse(&fixed).expect("still a manifest");
        let left: Vec<_> = check(&after, &binary).into_iter().filter(|finding| finding.fixable).collect();
        prop_assert!(left.is_empty(), "{:?} is left of\n{}\nin\n{}", left, text, fixed);
        prop_assert_eq!(fix_subscriptions(&fixed, &to_fix).expect("fixed"), fixed.clone(), "twice");
        prop_assert_eq!(to_fix.is_empty(), fixed == text, "changed only if there was something to change");

        prop_assert!(fixed.starts_with(HEAD));
        prop_assert!(keeps_comments(&fixed, &text), "{}\nbecame\n{}", text, fixed);
        // What isn't about handlers stays as it was.
        for entry in &before.subscribe {
            let kept = after.subscribe.iter().find(|other| other.topic == entry.topic);
            let kept = kept.expect("no entry goes");
            prop_assert_eq!((&kept.wit, &kept.fanout), (&entry.wit, &entry.fanout));
        }
        prop_assert_eq!(&after.capabilities, &before.capabilities);
        // No handler that was there goes or moves, and no timeout.
        for bound in before.handlers() {
            let same = |other: &astrid_host::manifest::Handler<'_>| {
                (other.action, other.topic, other.timeout_ms) == (bound.action, bound.topic, bound.timeout_ms)
            };
            prop_assert!(after.handlers().any(|other| same(&other)));
        }
    }
}
