//! Calls from within calls: they wait for no lane and no slot that those around them hold, and end by their depth.

use std::sync::{Arc, Mutex, OnceLock};

use astrid_e2e::guests::Guest;
use astrid_host::bus::Attribution;
use astrid_host::dispatch::{Conclusion, Event};
use astrid_host::engine::Allocation;
use astrid_host::policy::contract::Interface;
use astrid_host::topic::TopicPattern;
use astrid_host::wasmtime;
use astrid_host::{Call, Capsule, Domain, DomainLinker, Host, Verdict, View};
use serde_json::json;
use tokio::time::timeout;

use crate::common::{LONG, builder, call_by, id, said, with_people};
use crate::domains::{INSTANCE, OPEN_TO_ALL, denied};

/// The host, once it is there, and the capsule that calls itself.
type Around = Arc<OnceLock<(Host, Capsule)>>;

/// `charge(n)` calls the capsule that called it with `n - 1`, directly or by an event, and answers one more than that
/// answered; `charge(0)` answers 0.
struct Nesting {
    around: Around,
    by_event: bool,
}

impl Domain for Nesting {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        let (around, by_event) = (Arc::clone(&self.around), self.by_event);
        linker.func_wrap_async(
            INSTANCE,
            "charge",
            denied,
            move |view: View<'_, Self>, (left,): (u32,)| {
                let scope = view.call.nesting();
                let around = Arc::clone(&around);
                Box::pin(async move {
                    let Some(next) = left.checked_sub(1) else {
                        return Ok((Ok(0_u32),));
                    };
                    let (host, capsule) = around.get().unwrap();
                    let answer: Result<Option<String>, String> = if by_event {
                        let event = Event::json("nested.v1.turn", &next).unwrap();
                        let outcome = host.dispatch_within(&scope, event).await;
                        match outcome {
                            Ok(outcome) if outcome.verdict == Conclusion::Final => {
                                Ok(outcome.answer)
                            }
                            Ok(outcome) => Err(outcome.reason.unwrap_or_default()),
                            Err(error) => Err(error.to_string()),
                        }
                    } else {
                        let call = Call::json("charge", &next).unwrap();
                        match host.invoke_within(&scope, capsule, call).await {
                            Ok(reply) => match reply.verdict {
                                Verdict::Continue(text) | Verdict::Final(text) => Ok(text),
                                Verdict::Deny(reason) => Err(reason.unwrap_or_default()),
                            },
                            Err(error) => Err(error.to_string()),
                        }
                    };
                    let below = answer.map(|text| text.unwrap().parse::<u32>().unwrap());
                    Ok((below.map(|below| below + 1),))
                })
            },
        )
    }
}

/// A host with so few slots that the calls around hold them all.
async fn nesting(by_event: bool) -> (Host, Capsule) {
    let around = Around::default();
    let domain = Nesting {
        around: Arc::clone(&around),
        by_event,
    };
    let slots = Allocation::Pooled { instances: 1 };
    let host = with_people(builder().allocation(slots).domain(domain)).await;
    let manifest = Guest::Billing.manifest()
        + "\n[subscribe]\n\"nested.v1.turn\" = { handler = \"charge\" }\n";
    let capsule = host
        .load(Guest::Billing.package_with(&manifest))
        .await
        .unwrap();
    assert!(around.set((host.clone(), capsule.clone())).is_ok());
    (host, capsule)
}

async fn goes_as_deep_as_it_may(by_event: bool) {
    let (host, capsule) = nesting(by_event).await;
    for _ in 0..2 {
        let deep = host.invoke(&capsule, call_by("alice", "charge", 8)).await;
        assert_eq!(said(&deep.unwrap()), ("final", json!(8)));
        let too_deep = host.invoke(&capsule, call_by("alice", "charge", 9)).await;
        let (word, reason) = said(&too_deep.unwrap());
        assert_eq!(word, "deny");
        assert!(reason.to_string().contains("nested"), "{reason}");
    }
    // Two at once, for two principals, with one slot for all.
    let calls = ["alice", "bob"].map(|who| call_by(who, "charge", 8));
    let [alice, bob] = calls.map(|call| host.invoke(&capsule, call));
    let (alice, bob) = tokio::join!(alice, bob);
    assert_eq!(said(&alice.unwrap()), said(&bob.unwrap()));
}

#[tokio::test]
async fn with_every_slot_taken_by_their_parents_nested_calls_go_on() {
    goes_as_deep_as_it_may(false).await;
}

#[tokio::test]
async fn and_so_do_nested_events() {
    goes_as_deep_as_it_may(true).await;
}

/// `charge(n)` answers what the tool `double` answers, of whichever capsule.
#[derive(Default)]
struct Doubling(Arc<OnceLock<Host>>);

impl Domain for Doubling {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        let host = Arc::clone(&self.0);
        linker.func_wrap_async(
            INSTANCE,
            "charge",
            denied,
            move |view: View<'_, Self>, (number,): (u32,)| {
                let scope = view.call.nesting();
                let host = Arc::clone(&host);
                Box::pin(async move {
                    let arguments = json!({ "number": number });
                    let host = host.get().unwrap();
                    let answer = host.call_tool_within(&scope, "double", &arguments).await;
                    let answer = answer.map_err(|error| error.to_string());
                    let double = answer.map(|answer| answer.content.to_string());
                    Ok((double.map(|double| double.trim_matches('"').parse::<u32>().unwrap()),))
                })
            },
        )
    }
}

#[tokio::test]
pub(crate) async fn a_handler_may_call_a_tool_of_its_own_capsule() {
    let domain = Doubling::default();
    let around = Arc::clone(&domain.0);
    // Its own instance has the only slot there is.
    let slots = Allocation::Pooled { instances: 1 };
    let host = with_people(builder().allocation(slots).domain(domain)).await;
    assert!(around.set(host.clone()).is_ok());
    host.load(Guest::OwnTool.package()).await.unwrap();
    // Its lanes are ordered: each is taken by a call that waits for another call of the same capsule and principal.
    let asked = (0..40_u32).map(|number| {
        let (host, who) = (host.clone(), ["alice", "bob"][number as usize % 2]);
        let event = Event::json("own.v1.ask", &number).unwrap().by(&id(who));
        tokio::spawn(async move { host.dispatch(event).await.unwrap() })
    });
    for (number, asked) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        let outcome = timeout(LONG, asked).await.expect("it waits for itself");
        let outcome = outcome.unwrap();
        assert_eq!(outcome.verdict, Conclusion::Final, "{outcome:?}");
        assert_eq!(outcome.answer, Some((2 * number).to_string()));
    }
}

/// For whom each call was, and by whose claim.
type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// `charge(n)` writes down whose claim it is called by, and calls the capsule and its topic again with `n - 1`.
#[derive(Default)]
struct Claims {
    around: Around,
    seen: Seen,
}

impl Domain for Claims {
    type Config = ();
    type Load = ();
    type Scope = ();
    type Instance = ();

    const INTERFACES: &'static [Interface] = OPEN_TO_ALL;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        let (around, seen) = (Arc::clone(&self.around), Arc::clone(&self.seen));
        linker.func_wrap_async(
            INSTANCE,
            "charge",
            denied,
            move |view: View<'_, Self>, (left,): (u32,)| {
                let call = view.call;
                let by = call.claimed_by.map(|by| by.to_string());
                seen.lock()
                    .unwrap()
                    .push((call.principal().to_string(), by));
                let (scope, around) = (call.nesting(), Arc::clone(&around));
                Box::pin(async move {
                    if let Some(next) = left.checked_sub(1) {
                        let (host, capsule) = around.get().unwrap();
                        let call = Call::json("charge", &next).unwrap();
                        host.invoke_within(&scope, capsule, call).await.unwrap();
                        let event = Event::json("nested.v1.turn", &next).unwrap();
                        host.dispatch_within(&scope, event).await.unwrap();
                    }
                    Ok((Ok::<u32, String>(left),))
                })
            },
        )
    }
}

#[tokio::test]
pub(crate) async fn what_is_called_within_a_claimed_call_is_claimed_and_heard() {
    let domain = Claims::default();
    let (around, seen) = (Arc::clone(&domain.around), Arc::clone(&domain.seen));
    let host = with_people(builder().domain(domain)).await;
    let bound = "\n[subscribe]\n\"nested.v1.turn\" = { handler = \"charge\" }\n\"claim.v1.made\" = { handler = \"charge\" }\n";
    let capsule = Guest::Billing.package_with(&(Guest::Billing.manifest() + bound));
    let capsule = host.load(capsule).await.unwrap();
    assert!(around.set((host.clone(), capsule)).is_ok());
    let uplink = host.load(Guest::Claimer.package()).await.unwrap();
    let turns = TopicPattern::parse("nested.v1.turn").unwrap();
    let turns = host.subscribe(&turns).unwrap();

    let claim = call_by("alice", "claim", ("bob", 1));
    let claimed = host.invoke(&uplink, claim).await;
    assert_eq!(said(&claimed.unwrap()).0, "continue");
    assert!(host.drain(LONG).await);
    // The claim itself, the call within it, and the event within it.
    let by = Some(uplink.session().to_string());
    let expected = vec![("bob".to_owned(), by); 3];
    assert_eq!(*seen.lock().unwrap(), expected);
    // Who subscribes hears of a nested event as of any other.
    assert!(turns.readiness().is_ready());
    let heard = turns.next().await.unwrap();
    let claimed = Attribution::Claimed {
        principal: id("bob"),
        by: uplink.session(),
    };
    assert_eq!(heard.attribution, claimed);
    assert!(!turns.readiness().is_ready());
}
