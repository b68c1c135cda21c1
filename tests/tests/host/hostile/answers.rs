//! Answers: too long, or no text at all; and an action that is too long to be asked for.

use astrid_e2e::guests::Guest;
use astrid_host::call::{InvalidCall, MAX_ACTION, MAX_PAYLOAD, MAX_REASON};
use astrid_host::{Call, CallError, Verdict};

use super::{fails, hosts, is_refused, misbehave};
use crate::common::{ask, call};

const MIB: usize = 1 << 20;

#[tokio::test]
pub(crate) async fn an_answer_of_60_mib() {
    // More than is taken over from a guest at all.
    let error = fails(Guest::HugeAnswer, call("answer", 60 * MIB)).await;
    assert_eq!(error.kind(), "too-large", "{error}");
}

#[tokio::test]
async fn an_answer_larger_than_a_payload() {
    let error = is_refused(Guest::HugeAnswer, call("answer", MAX_PAYLOAD + 1)).await;
    assert_eq!(error.kind(), "too-large", "{error}");
    for (host, capsule) in hosts(Guest::HugeAnswer).await {
        let largest = ask(&host, &capsule, "answer", MAX_PAYLOAD).await.unwrap();
        let Verdict::Final(Some(answer)) = largest.verdict else {
            panic!("{:?}", largest.verdict)
        };
        assert_eq!(answer.len(), MAX_PAYLOAD);
    }
}

/// A refusal stays one, whatever it says.
#[tokio::test]
async fn a_reason_of_any_length_denies_and_is_cut() {
    for (host, capsule) in hosts(Guest::LongVerdict).await {
        let denied = ask(&host, &capsule, "deny", ()).await.unwrap();
        let Verdict::Deny(Some(reason)) = denied.verdict else {
            panic!("{:?}", denied.verdict)
        };
        let kept = "x".repeat(MAX_REASON);
        assert_eq!(reason, format!("{kept} … (2097152 bytes, cut)"));
    }
}

#[tokio::test]
pub(crate) async fn a_verdict_whose_word_has_1_mib() {
    let error = is_refused(Guest::LongVerdict, misbehave()).await;
    assert_eq!(error.kind(), "no-verdict");
    let text = error.to_string();
    assert!(text.contains("\"xxxx") && text.len() < 256, "{text}");
}

#[tokio::test]
async fn an_action_of_1_mib() {
    for (host, capsule) in hosts(Guest::LongVerdict).await {
        // Any guest would do: it doesn't get that far.
        let refused = Call::json("x".repeat(MIB), &());
        assert_eq!(refused.unwrap_err(), InvalidCall::Action(MIB));
        ask(&host, &capsule, &"x".repeat(MAX_ACTION), ())
            .await
            .unwrap();
    }
}

#[tokio::test]
pub(crate) async fn an_answer_that_is_no_utf_8() {
    let error = fails(Guest::NotUtf8, misbehave()).await;
    assert!(matches!(error, CallError::Trap { .. }), "{error:?}");
    assert!(error.to_string().contains("utf-8"), "{error}");
}
