//! The index against the plain matchers, and what a change promises.

use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> TopicPattern {
    TopicPattern::parse(text).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn found(index: &TopicIndex<u32>, text: &str) -> Vec<u32> {
    let mut values = Vec::new();
    index
        .load()
        .each_match(&topic(text), |value| values.push(*value));
    assert_eq!(index.load().count(&topic(text)), values.len());
    values.sort_unstable();
    values
}

/// What the plain matchers say.
fn matches(wanted: &TopicPattern, usage: PatternUse, topic: &Topic) -> bool {
    match usage {
        PatternUse::Handler => wanted.matches_handler(topic),
        PatternUse::Subscription => wanted.matches_acl(topic),
    }
}

#[test]
fn a_change_is_seen_whole_or_not_at_all() {
    let index = TopicIndex::default();
    let before = index.load();
    let ids = index.change(|edit| {
        let exact = edit.insert(&pattern("a.b"), PatternUse::Handler, 1);
        let wild = edit.insert(&pattern("a.*"), PatternUse::Handler, 2);
        assert_eq!(found(&index, "a.b"), Vec::<u32>::new());
        [exact, wild]
    });
    assert_eq!(before.count(&topic("a.b")), 0);
    assert_eq!(found(&index, "a.b"), [1, 2]);
    index.change(|edit| {
        assert_eq!(edit.remove(&ids[0]), Some(1));
        assert_eq!(edit.remove(&ids[0]), None);
        assert_eq!(edit.remove(&ids[1]), Some(2));
        assert_eq!(edit.remove(&ids[1]), None);
    });
    assert_eq!(found(&index, "a.b"), Vec::<u32>::new());
}

#[test]
fn a_change_that_panics_changes_nothing() {
    let index = TopicIndex::default();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        index.change(|edit| {
            edit.insert(&pattern("a"), PatternUse::Handler, 1);
            panic!("in the middle of it");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(found(&index, "a"), Vec::<u32>::new());
    index.change(|edit| edit.insert(&pattern("a"), PatternUse::Handler, 2));
    assert_eq!(found(&index, "a"), [2]);
}

#[test]
fn a_value_may_change_the_index_as_it_ends() {
    struct Ends(Arc<TopicIndex<Arc<Ends>>>);
    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.change(|_| ());
        }
    }
    let index = Arc::new(TopicIndex::default());
    let value = Arc::new(Ends(Arc::clone(&index)));
    let id = index.change(|edit| edit.insert(&pattern("a"), PatternUse::Handler, value));
    // The version before is the last that has it.
    index.change(|edit| drop(edit.remove(&id)));
    assert_eq!(Arc::strong_count(&index), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Insert(String, bool),
    /// One of those that are there, or were.
    Remove(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    let text = "([abc*]\\.){0,3}[abc*]|([a*]\\.){7}[a*]";
    prop_oneof![
        3 => (text, any::<bool>()).prop_map(|(text, handler)| Step::Insert(text, handler)),
        2 => any::<prop::sample::Index>().prop_map(Step::Remove),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn agrees_with_the_plain_matchers(
        steps in prop::collection::vec(step(), 1..60),
        topics in prop::collection::vec("([abc]\\.){0,4}[abc]|(a\\.){7}a", 1..8),
    ) {
        let index = TopicIndex::default();
        let mut made = Vec::new();
        let mut present: Vec<(TopicPattern, PatternUse, u32)> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let number = u32::try_from(number).unwrap();
            match step {
                Step::Insert(text, handler) => {
                    let usage = if *handler { PatternUse::Handler } else { PatternUse::Subscription };
                    let wanted = pattern(text);
                    let id = index.change(|edit| edit.insert(&wanted, usage, number));
                    prop_assert_eq!(id.pattern(), &wanted);
                    made.push((id, number));
                    present.push((wanted, usage, number));
                }
                Step::Remove(_) if made.is_empty() => {}
                Step::Remove(which) => {
                    let (id, number) = which.get(&made);
                    let there = present.iter().any(|entry| entry.2 == *number);
                    let removed = index.change(|edit| edit.remove(id));
                    prop_assert_eq!(removed, there.then_some(*number));
                    present.retain(|entry| entry.2 != *number);
                }
            }
            for text in &topics {
                let expected: Vec<u32> = present
                    .iter()
                    .filter(|(wanted, usage, _)| matches(wanted, *usage, &topic(text)))
                    .map(|entry| entry.2)
                    .collect();
                prop_assert_eq!(found(&index, text), expected);
            }
        }
        // Nothing is left of patterns that are gone.
        for (id, _) in &made {
            index.change(|edit| edit.remove(id));
        }
        let root = index.load();
        prop_assert!(root.0.exact.is_empty() && root.0.wild.is_empty());
    }
}
