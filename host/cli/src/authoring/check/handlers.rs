//! Handlers: those that the source declares against those that the manifest binds, both ways.

use astrid_host::exports::{Binary, HandlerDecl};
use astrid_host::manifest::{
    Binding, CapsuleManifest, Handler, Mode, OnError, TOOL_ACTION, tool_topic,
};
use astrid_host::topic::Topic;
use toml_edit::{InlineTable, Key};

use super::{Finding, quoted};

/// Everything that is to be said of handlers. A binary of another toolchain doesn't say which ones it has, so
/// nothing can be said of it.
pub(super) fn check(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Finding> {
    let Some(declared) = &binary.handlers else {
        return Vec::new();
    };
    let actions: Vec<&str> = declared.iter().map(|one| one.action.as_str()).collect();
    let mut findings = Vec::new();
    for (index, handler) in declared.iter().enumerate() {
        let earlier = declared.get(..index).unwrap_or_default();
        findings.extend(judge(manifest, earlier, handler));
    }
    for bound in manifest.handlers() {
        if !actions.contains(&bound.action) {
            findings.push(Finding::error(format!(
                "[subscribe] binds {} to {}, and the component has no such handler{}",
                quoted(bound.topic.as_str()),
                quoted(bound.action),
                instead(bound.action, &actions),
            )));
        }
    }
    findings.extend(offers(manifest, &actions));
    findings.extend(results(manifest, binary, declared));
    findings
}

/// Tools that publish results on a topic which the manifest doesn't list.
fn results(manifest: &CapsuleManifest, binary: &Binary, declared: &[HandlerDecl]) -> Vec<Finding> {
    let unlisted = unlisted_results(manifest, binary, declared);
    let findings = unlisted.map(|(name, topic)| {
        Finding::warning(format!(
            "the tool {} publishes its results on {}, which [publish] doesn't list: its caller gets them, and no \
             other capsule does; add to [publish]",
            quoted(name),
            quoted(topic.as_str()),
        ))
        .fixed_by(line(topic.as_str(), &InlineTable::new()))
    });
    findings.collect()
}

/// The tools whose results go to a topic that the manifest doesn't list, with the topic. The SDK's tools publish them, so
/// its word that the component publishes is enough.
fn unlisted_results<'a>(
    manifest: &CapsuleManifest,
    binary: &Binary,
    declared: &'a [HandlerDecl],
) -> impl Iterator<Item = (&'a str, Topic)> {
    let publishes = binary.imports_function("astrid:ipc/host", "publish");
    let unlisted = declared.iter().filter_map(move |handler| {
        let name = handler.action.strip_prefix(TOOL_ACTION)?;
        let called_on = tool_topic(name);
        if handler.topic.as_ref() != Some(&called_on) {
            return None;
        }
        let topic = Topic::parse(&format!("{called_on}.result")).ok()?;
        let mut listed = manifest.publish.iter();
        let is_listed = listed.any(|entry| entry.topic.matches_acl(&topic));
        (!is_listed).then_some((name, topic))
    });
    unlisted.filter(move |_| publishes)
}

/// The topics that `[publish]` lacks for the results of tools: what `astrid build --fix` writes.
pub fn publications_to_fix(manifest: &CapsuleManifest, binary: &Binary) -> Vec<Topic> {
    let declared = binary.handlers.as_deref().unwrap_or_default();
    let unlisted = unlisted_results(manifest, binary, declared);
    unlisted.map(|(_, topic)| topic).collect()
}

/// The handlers whose line in `[subscribe]` is missing or doesn't say what the source does: what
/// `astrid build --fix` writes.
pub fn subscriptions_to_fix(manifest: &CapsuleManifest, binary: &Binary) -> Vec<HandlerDecl> {
    let declared = binary.handlers.as_deref().unwrap_or_default();
    let to_fix = declared.iter().enumerate().filter(|(index, handler)| {
        let earlier = declared.get(..*index).unwrap_or_default();
        judge(manifest, earlier, handler).is_some_and(|finding| finding.fixable)
    });
    to_fix.map(|(_, handler)| handler.clone()).collect()
}

/// The line of `[subscribe]` that binds a handler as its source declares it; none without a topic.
pub fn subscribe_line(handler: &HandlerDecl) -> Option<String> {
    let mut entry = InlineTable::new();
    entry.insert("handler", handler.action.as_str().into());
    if let Some(priority) = handler.priority {
        entry.insert("priority", i64::from(priority).into());
    }
    if let Some(on_error) = &handler.on_error {
        entry.insert("on_error", on_error.as_str().into());
    }
    if let Some(mode) = &handler.mode {
        entry.insert("mode", mode.as_str().into());
    }
    Some(line(handler.topic.as_ref()?, &entry))
}

fn line(topic: &str, entry: &InlineTable) -> String {
    format!("{} = {entry}", Key::new(topic).display_repr())
}

/// How a declared handler stands with the manifest.
enum Standing<'a> {
    /// It declares no topic: it is called directly, or its binding is left to the manifest.
    Free,
    /// No manifest may say what it declares; why.
    Impossible(String),
    /// The manifest binds it to its topic.
    Bound(Handler<'a>),
    /// Another handler has the topic.
    Taken(&'a str),
    /// Nothing but this line is missing.
    Missing(String),
}

fn standing<'a>(
    manifest: &'a CapsuleManifest,
    earlier: &'a [HandlerDecl],
    handler: &HandlerDecl,
) -> Standing<'a> {
    let (Some(topic), Some(line)) = (&handler.topic, subscribe_line(handler)) else {
        return Standing::Free;
    };
    if let Err(reason) = accepted(&line) {
        return Standing::Impossible(reason);
    }
    if earlier
        .iter()
        .any(|one| one.topic == handler.topic && one.action == handler.action)
    {
        return Standing::Impossible(format!("it is declared for {} twice", quoted(topic)));
    }
    let mut other = None;
    for bound in manifest
        .handlers()
        .filter(|bound| bound.topic.as_str() == topic)
    {
        if bound.action == handler.action {
            return Standing::Bound(bound);
        }
        other = Some(bound.action);
    }
    let same = |one: &&HandlerDecl| one.topic == handler.topic && one.action != handler.action;
    let other = other.or_else(|| Some(earlier.iter().find(same)?.action.as_str()));
    other.map_or(Standing::Missing(line), Standing::Taken)
}

/// Whether a manifest may have this line in `[subscribe]`: the manifest's own rules are asked.
fn accepted(line: &str) -> Result<(), String> {
    let text = format!("[package]\nname = \"x\"\nversion = \"0.0.0\"\n[subscribe]\n{line}\n");
    match CapsuleManifest::parse(&text, "") {
        Ok(_) => Ok(()),
        Err(errors) => Err(errors
            .0
            .into_iter()
            .next()
            .map_or_else(String::new, |first| first.message)),
    }
}

fn judge(
    manifest: &CapsuleManifest,
    earlier: &[HandlerDecl],
    handler: &HandlerDecl,
) -> Option<Finding> {
    let name = quoted(&handler.action);
    let topic = quoted(handler.topic.as_deref().unwrap_or_default());
    match standing(manifest, earlier, handler) {
        Standing::Free => None,
        Standing::Impossible(reason) => Some(Finding::error(format!(
            "handler {name} declares what no [subscribe] may say: {reason}"
        ))),
        Standing::Taken(other) => Some(Finding::error(format!(
            "handler {name} is meant for {topic}, which is bound to {}: a topic has one handler in a capsule, so \
             let one do both, or subscribe one of them by another pattern",
            quoted(other)
        ))),
        Standing::Missing(line) => {
            let elsewhere = manifest
                .handlers()
                .find(|bound| bound.action == handler.action)
                .map_or_else(
                    || "[subscribe] has no line for it".to_owned(),
                    |bound| {
                        format!(
                            "[subscribe] binds it to {} only",
                            quoted(bound.topic.as_str())
                        )
                    },
                );
            Some(
                Finding::error(format!(
                    "handler {name} is meant for {topic}, and {elsewhere}: it is never asked about it; add to \
                     [subscribe]"
                ))
                .fixed_by(line)
                .fixable(true),
            )
        }
        Standing::Bound(bound) => differences(manifest, handler, &bound),
    }
}

/// What source and manifest both say about a binding, and differently. The manifest decides, so a guard that
/// declares `on_error = "deny"` may stand open.
fn differences(
    manifest: &CapsuleManifest,
    declared: &HandlerDecl,
    bound: &Handler<'_>,
) -> Option<Finding> {
    let on_error = match bound.on_error {
        OnError::Continue => "continue",
        OnError::Deny => "deny",
    };
    let mode = match bound.mode {
        Mode::Chain => "chain",
        Mode::Observe => "observe",
    };
    let entry = manifest.subscribe.iter().find_map(|entry| {
        let binding = entry.handler.as_ref()?;
        (entry.topic == *bound.topic && binding.action == bound.action).then_some((entry, binding))
    });
    let legacy = entry.is_some_and(|(_, binding)| binding.legacy);
    let (place, advice) = if legacy {
        (
            "[[interceptor]]",
            "let them agree, with this line of [subscribe] in its place",
        )
    } else {
        ("[subscribe]", "let them agree")
    };
    let mut differing = Vec::new();
    let mut differs = |key: &str, source: Option<String>, manifest: String| {
        if let Some(source) = source.filter(|source| *source != manifest) {
            differing.push(format!(
                "{key} is {source} in the source and {manifest} in {place}"
            ));
        }
    };
    differs(
        "priority",
        declared.priority.map(|n| n.to_string()),
        bound.priority.to_string(),
    );
    differs("on_error", declared.on_error.clone(), on_error.to_owned());
    differs("mode", declared.mode.clone(), mode.to_owned());
    if differing.is_empty() {
        return None;
    }
    let finding = Finding::error(format!(
        "handler {} on {}: {}; the manifest decides, so {advice}",
        quoted(bound.action),
        quoted(bound.topic.as_str()),
        differing.join(", "),
    ));
    let Some((entry, binding)) = entry else {
        return Some(finding);
    };
    let Some(line) = agreed_line(declared, binding) else {
        // Together they make what no manifest may say.
        return Some(finding);
    };
    let finding = finding.fixable(!legacy);
    // What is said about the payload isn't in the model as it was written.
    let whole = entry.wit.is_none() && entry.fanout.is_none();
    Some(if whole {
        finding.fixed_by(line)
    } else {
        finding
    })
}

/// The manifest's line with what the source declares in it, without what it says about the payload; none if no
/// manifest may have it.
fn agreed_line(declared: &HandlerDecl, binding: &Binding) -> Option<String> {
    let priority = (binding.priority != Binding::PRIORITY).then_some(binding.priority);
    let deny = (binding.on_error == OnError::Deny).then_some("deny");
    let observe = (binding.mode == Mode::Observe).then_some("observe");
    let merged = HandlerDecl {
        priority: declared.priority.or(priority),
        on_error: declared.on_error.clone().or(deny.map(str::to_owned)),
        mode: declared.mode.clone().or(observe.map(str::to_owned)),
        ..declared.clone()
    };
    let line = subscribe_line(&merged)?;
    let line = match binding.timeout_ms {
        Some(timeout) => format!("{}, timeout_ms = {timeout} }}", line.strip_suffix(" }")?),
        None => line,
    };
    accepted(&line).is_ok().then_some(line)
}

/// Tools, commands and cron jobs whose handler isn't there.
fn offers(manifest: &CapsuleManifest, actions: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut needs = |what: String, action: &str, topic: Option<String>| {
        let topic = topic.and_then(|topic| Topic::parse(&topic).ok());
        let heard = topic.is_some_and(|topic| {
            manifest
                .handlers()
                .any(|bound| bound.topic.matches_handler(&topic))
        });
        if !heard && !actions.contains(&action) {
            findings.push(Finding::error(format!(
                "{what} needs the handler {}, and the component has no such handler{}",
                quoted(action),
                instead(action, actions)
            )));
        }
    };
    for tool in &manifest.tools {
        let topic = tool_topic(&tool.name);
        let action = format!("{TOOL_ACTION}{}", tool.name);
        needs(
            format!("[[tool]] {}", quoted(&tool.name)),
            &action,
            Some(topic),
        );
    }
    // A command with a file is the file's text.
    for command in manifest
        .commands
        .iter()
        .filter(|command| command.file.is_none())
    {
        let topic = format!("cli.v1.command.{}", command.name);
        needs(
            format!("[[command]] {}", quoted(&command.name)),
            &command.name,
            Some(topic),
        );
    }
    for cron in &manifest.cron {
        needs(
            format!("[[cron]] {}", quoted(&cron.name)),
            &cron.action,
            None,
        );
    }
    findings
}

/// What may have been meant by a handler that isn't there.
fn instead(wanted: &str, actions: &[&str]) -> String {
    astrid_host::nearest(wanted, actions.iter().copied()).map_or_else(String::new, |action| {
        format!("; did you mean {}?", quoted(action))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{binary, decl, expect, manifest};
    use super::*;

    /// The findings about one handler with one `[subscribe]`.
    #[track_caller]
    fn case(subscribe: &str, handler: &str, wanted: &[&str]) {
        expect(
            &manifest(&format!("[subscribe]\n{subscribe}")),
            &binary(&[handler]),
            wanted,
        );
    }

    #[test]
    fn a_tool_publishes_what_the_manifest_lists() {
        let mut tools = binary(&["tool_execute_add tool.v1.execute.add", "tool_execute_raw"]);
        let heard = "[subscribe]\n\"tool.v1.execute.add\" = { handler = \"tool_execute_add\" }\n";
        expect(&manifest(heard), &tools, &[]);
        let publish = ("astrid:ipc/host@1.0.0".into(), vec!["publish".into()]);
        tools.import_functions.extend([publish]);
        expect(
            &manifest(heard),
            &tools,
            &[
                r#"warning: the tool `add` publishes its results on `tool.v1.execute.add.result` … | "tool.v1.execute.add.result" = {}"#,
            ],
        );
        for listed in ["tool.v1.execute.add.result", "tool.v1.execute.*", "tool.*"] {
            let publish = format!("{heard}[publish]\n\"{listed}\" = {{}}\n");
            expect(&manifest(&publish), &tools, &[]);
        }
    }

    #[test]
    fn a_handler_without_topic_is_called_directly() {
        case("", "h", &[]);
    }

    #[test]
    fn a_handler_bound_as_declared() {
        case(
            r#""a.b" = { handler = "h", priority = 20, on_error = "deny" }"#,
            r#"h a.b {"priority":20,"on_error":"deny"}"#,
            &[],
        );
    }

    #[test]
    fn what_the_source_leaves_open_the_manifest_decides() {
        case(
            r#""a.b" = { handler = "h", priority = 7, mode = "observe" }"#,
            "h a.b",
            &[],
        );
    }

    #[test]
    fn the_default_may_be_declared() {
        case(
            r#""a.b" = { handler = "h" }"#,
            r#"h a.b {"priority":100,"on_error":"continue"}"#,
            &[],
        );
    }

    #[test]
    fn a_missing_line_is_the_fix() {
        case(
            "",
            r#"h a.b {"priority":20,"on_error":"deny"}"#,
            &[
                r#"error: handler `h` is meant for `a.b`, and [subscribe] has no line for it … | "a.b" = { handler = "h", priority = 20, on_error = "deny" }"#,
            ],
        );
    }

    #[test]
    fn a_mode_is_part_of_the_line() {
        case(
            "",
            r#"h a.b {"mode":"observe"}"#,
            &[r#"error:  … "a.b" = { handler = "h", mode = "observe" }"#],
        );
    }

    #[test]
    fn a_line_without_handler_is_not_enough() {
        case(
            r#""a.b" = "any""#,
            "h a.b",
            &[r#"error: handler `h` is meant for `a.b` … "a.b" = { handler = "h" }"#],
        );
    }

    #[test]
    fn bound_to_another_topic_only() {
        case(
            r#""a.c" = { handler = "h" }"#,
            "h a.b",
            &["error: handler `h` is meant for `a.b`, and [subscribe] binds it to `a.c` only"],
        );
    }

    #[test]
    fn bound_to_another_topic_too() {
        case(
            "\"a.c\" = { handler = \"h\" }\n\"a.b\" = { handler = \"h\" }",
            "h a.b",
            &[],
        );
    }

    #[test]
    fn a_topic_that_another_handler_has() {
        expect(
            &manifest("[subscribe]\n\"a.b\" = { handler = \"g\" }"),
            &binary(&["g", "h a.b"]),
            &["error: handler `h` is meant for `a.b`, which is bound to `g`"],
        );
        expect(
            &manifest(""),
            &binary(&["g a.b", "h a.b"]),
            &[
                "error: handler `g` is meant for",
                "error: handler `h` is meant for `a.b`, which is bound to `g`",
            ],
        );
    }

    #[test]
    fn each_difference_is_named_and_the_line_mends_all() {
        case(
            r#""a.b" = { handler = "h", priority = 30, timeout_ms = 500 }"#,
            r#"h a.b {"priority":20,"on_error":"deny"}"#,
            &[concat!(
                "error: handler `h` on `a.b`: priority is 20 in the source and 30 in [subscribe], ",
                "on_error is deny in the source and continue in [subscribe]; … ",
                r#"| "a.b" = { handler = "h", priority = 20, on_error = "deny", timeout_ms = 500 }"#
            )],
        );
    }

    #[test]
    fn an_observer_that_is_in_the_chain() {
        case(
            r#""a.b" = { handler = "h", priority = 30 }"#,
            r#"h a.b {"mode":"observe"}"#,
            &[
                r#"error: handler `h` on `a.b`: mode is observe in the source and chain in [subscribe]; … { handler = "h", priority = 30, mode = "observe" }"#,
            ],
        );
    }

    #[test]
    fn a_line_with_a_payload_type_is_left_to_the_author() {
        case(
            r#""a.b" = { wit = "x", handler = "h" }"#,
            r#"h a.b {"priority":20}"#,
            &["error: handler `h` on `a.b`: priority is 20 … so let them agree"],
        );
    }

    /// What `build --fix` takes on of one handler with one `[subscribe]`.
    fn to_fix(rest: &str, handlers: &[&str]) -> Vec<String> {
        subscriptions_to_fix(&manifest(rest), &binary(handlers))
            .into_iter()
            .map(|handler| handler.action)
            .collect()
    }

    #[test]
    fn a_difference_is_fixable_with_a_payload_type_too() {
        let line = "[subscribe]\n\"a.b\" = { wit = \"x\", handler = \"h\" }";
        assert_eq!(to_fix(line, &[r#"h a.b {"priority":20}"#]), ["h"]);
        assert!(to_fix(line, &["h a.b"]).is_empty());
    }

    #[test]
    fn a_difference_that_makes_no_manifest_is_left_to_the_author() {
        let (line, handler) = (
            "[subscribe]\n\"a.b\" = { handler = \"h\", on_error = \"deny\" }",
            r#"h a.b {"mode":"observe"}"#,
        );
        assert!(to_fix(line, &[handler]).is_empty());
        expect(
            &manifest(line),
            &binary(&[handler]),
            &["error: handler `h` on `a.b`: mode is observe … so let them agree"],
        );
    }

    #[test]
    fn an_interceptor_is_left_to_the_author() {
        let legacy = "[[interceptor]]\nevent = \"a.b\"\naction = \"h\"\npriority = 30";
        let handler = r#"h a.b {"priority":20}"#;
        assert!(to_fix(legacy, &[handler]).is_empty());
        expect(
            &manifest(legacy),
            &binary(&[handler]),
            &[
                r#"error: handler `h` on `a.b`: priority is 20 in the source and 30 in [[interceptor]] … | "a.b" = { handler = "h", priority = 20 }"#,
            ],
        );
    }

    #[test]
    fn a_handler_declared_twice_for_a_topic() {
        let twice = ["h a.b", r#"h a.b {"priority":20}"#];
        assert_eq!(to_fix("", &twice), ["h"]);
        expect(
            &manifest("[subscribe]\n\"a.b\" = { handler = \"h\" }"),
            &binary(&twice),
            &[
                "error: handler `h` declares what no [subscribe] may say: it is declared for `a.b` twice",
            ],
        );
    }

    #[test]
    fn what_no_manifest_may_say() {
        case(
            "",
            "h A..b",
            &["error: handler `h` declares what no [subscribe] may say: "],
        );
        case(
            "",
            r#"h a.b {"mode":"observe","on_error":"deny"}"#,
            &["error: handler `h` declares what no … "],
        );
        case(
            "",
            "h\"\u{1b} a.b",
            &["error: handler `h\"\\u{1b}` declares what no … "],
        );
    }

    #[test]
    fn a_binding_without_handler_has_a_suggestion() {
        case(
            r#""a.b" = { handler = "chekc" }"#,
            "check",
            &[
                "error: [subscribe] binds `a.b` to `chekc`, and the component has no such handler; did you mean `check`?",
            ],
        );
        case(
            r#""a.b" = { handler = "other" }"#,
            "check",
            &["error: [subscribe] … no such handler"],
        );
    }

    #[test]
    fn tools_commands_and_cron_need_their_handlers() {
        let offers = "[[tool]]\nname = \"add\"\n[[command]]\nname = \"go\"\n[[cron]]\nname = \"tick\"\nschedule = \"* * * * *\"\naction = \"on_tick\"\n";
        expect(
            &manifest(offers),
            &binary(&["tool_execute_add", "go", "on_tick"]),
            &[],
        );
        expect(
            &manifest(offers),
            &binary(&["tool_execute_ad"]),
            &[
                "error: [[tool]] `add` needs the handler `tool_execute_add` … did you mean `tool_execute_ad`?",
                "error: [[command]] `go` needs the handler `go`",
                "error: [[cron]] `tick` needs the handler `on_tick`",
            ],
        );
    }

    #[test]
    fn a_tool_may_be_heard_by_its_topic() {
        let rest =
            "[subscribe]\n\"tool.v1.execute.*\" = { handler = \"h\" }\n[[tool]]\nname = \"add\"\n";
        expect(&manifest(rest), &binary(&["h"]), &[]);
    }

    #[test]
    fn a_command_with_a_file_needs_no_handler() {
        expect(
            &manifest("[[command]]\nname = \"go\"\nfile = \"go.md\"\n"),
            &binary(&[]),
            &[],
        );
    }

    #[test]
    fn of_another_toolchain_nothing_is_known() {
        let mut other = binary(&[]);
        (other.sdk, other.handlers) = (None, None);
        expect(
            &manifest("[subscribe]\n\"a.b\" = { handler = \"h\" }\n[[tool]]\nname = \"add\"\n"),
            &other,
            &[],
        );
    }

    #[test]
    fn only_what_a_line_mends_is_missing() {
        let binary = binary(&["free", "bound a.a", "open a.b", "taken a.b", "wrong A.b"]);
        let manifest = manifest("[subscribe]\n\"a.a\" = { handler = \"bound\" }");
        assert_eq!(subscriptions_to_fix(&manifest, &binary), [decl("open a.b")]);
    }
}
