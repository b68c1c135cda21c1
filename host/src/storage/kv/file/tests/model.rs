//! Against plain maps: nothing crosses from one scope to another.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// How many sequences of about 100 steps are tried; 128 unless set.
const CASES: &str = "ASTRID_TEST_KV_CASES";

fn cases() -> u32 {
    let cases = std::env::var(CASES).ok();
    cases.map_or(128, |cases| cases.parse().expect("a number"))
}

#[derive(Debug, Clone)]
enum Act {
    Set(usize, u8, u16, bool),
    Remove(usize, u8),
    Clear(usize, u8),
    Get(usize, u8),
    Page(usize, u8),
    Reopen,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..9_usize, 0..8_u8, 0..2_500_u16, any::<bool>())
            .prop_map(|(scope, key, size, fresh)| Act::Set(scope, key, size, fresh)),
        2 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Remove(scope, key)),
        1 => (0..9_usize, 0..4_u8).prop_map(|(scope, key)| Act::Clear(scope, key)),
        4 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Get(scope, key)),
        2 => (0..9_usize, 0..8_u8).prop_map(|(scope, key)| Act::Page(scope, key)),
        1 => Just(Act::Reopen),
    ];
    proptest::collection::vec(act, 1..200)
}

/// Three principals with three capsules, whose names begin alike.
fn scopes() -> Vec<KvScope> {
    let principals = ["a", "a-b", "ab"];
    let capsules = ["a", "b", "b-c"];
    let all = principals
        .iter()
        .flat_map(|principal| capsules.iter().map(|capsule| scope(principal, capsule)));
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// Nothing crosses from one scope to another, whatever is done: against plain maps.
    #[test]
    fn it_is_as_a_map_for_each_scope(acts in acts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(against_a_model(acts));
    }
}

async fn against_a_model(acts: Vec<Act>) {
    let scopes = scopes();
    let place = Place::new();
    let store = || {
        FileKv::new(FileOptions {
            durability: Durability::Process,
            ..FileOptions::new(place.path())
        })
    };
    let mut kv = store();
    let mut model: BTreeMap<(usize, String), Vec<u8>> = BTreeMap::new();
    let quota = Quota {
        scope: 5_000,
        principal: 9_000,
    };
    let key = |key: u8| format!("{}{}", ["", "k", "kk", "\u{fc}"][key as usize % 4], key / 4);
    for act in acts {
        match act {
            Act::Set(at, name, size, fresh) => {
                let name = key(name);
                let value = vec![size as u8; size.into()];
                let there = model.get(&(at, name.clone()));
                let expected = if fresh {
                    Expected::Nothing
                } else {
                    Expected::Anything
                };
                let sum = |principal: bool| -> u64 {
                    let all = model.iter().filter(|((other, other_name), _)| {
                        let counts = if principal {
                            other / 3 == at / 3
                        } else {
                            *other == at
                        };
                        counts && (*other, other_name) != (at, &name)
                    });
                    all.map(|((_, key), value)| (key.len() + value.len()) as u64)
                        .sum()
                };
                let size = (name.len() + value.len()) as u64;
                let grows = there.is_none_or(|there| there.len() < value.len());
                let wanted = if fresh && there.is_some() {
                    Err(KvError::Mismatch)
                } else if grows && sum(false) + size > quota.scope {
                    let (wanted, limit) = (sum(false) + size, quota.scope);
                    Err(KvError::Quota { wanted, limit })
                } else if grows && sum(true) + size > quota.principal {
                    let (wanted, limit) = (sum(true) + size, quota.principal);
                    Err(KvError::PrincipalQuota { wanted, limit })
                } else {
                    Ok(())
                };
                let written = kv.set(&scopes[at], name.as_bytes(), value.clone(), expected, quota);
                assert_eq!(written.await.map(drop), wanted);
                if wanted.is_ok() {
                    model.insert((at, name), value);
                }
            }
            Act::Remove(at, name) => {
                let name = key(name);
                let removed = kv.remove(&scopes[at], name.as_bytes(), Expected::Anything);
                let there = model.remove(&(at, name.clone())).is_some();
                assert_eq!(removed.await, Ok(there));
            }
            Act::Clear(at, name) => {
                let prefix = ["", "k", "kk", "\u{fc}"][name as usize];
                let batch = Batch {
                    clear: vec![prefix.into()],
                    ..Batch::default()
                };
                let written = kv.batch(&scopes[at], batch, quota).await.expect("cleared");
                let before = model.len();
                model.retain(|(other, key), _| *other != at || !key.starts_with(prefix));
                assert_eq!(written.removed, (before - model.len()) as u64);
            }
            Act::Get(at, name) => {
                let name = key(name);
                let read = get(&kv, &scopes[at], &name).await;
                assert_eq!(read, Ok(model.get(&(at, name)).cloned()));
            }
            Act::Page(at, name) => {
                let after = key(name);
                let page = kv.page(&scopes[at], b"k", Some(after.as_bytes()), 2).await;
                let wanted = model.keys().filter(|(other, key)| {
                    *other == at && key.starts_with('k') && key.as_bytes() > after.as_bytes()
                });
                let wanted: Vec<_> = wanted.map(|(_, key)| key.clone().into_bytes()).collect();
                let page = page.expect("read");
                let keys: Vec<_> = page.keys.into_iter().map(|listed| listed.key).collect();
                assert_eq!(keys, wanted[..wanted.len().min(2)]);
                assert_eq!(page.more, wanted.len() > 2);
            }
            Act::Reopen => {
                drop(kv);
                kv = store();
            }
        }
    }
    let listed = kv.scopes(None, 100).await.expect("read");
    let held: BTreeMap<KvScope, u64> = listed
        .into_iter()
        .map(|one| (one.scope, one.bytes))
        .collect();
    let mut wanted = BTreeMap::new();
    for ((at, key), value) in &model {
        *wanted.entry(scopes[*at].clone()).or_default() += (key.len() + value.len()) as u64;
    }
    assert_eq!(held, wanted);
}
