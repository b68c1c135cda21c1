//! Writes the lines that `[subscribe]` and `[publish]` lack, for `astrid build --fix`. All else of the file, comments,
//! layout and the endings of lines too, stays as it is.

use std::path::Path;

use astrid_host::exports::HandlerDecl;
use astrid_host::manifest::{Binding, CapsuleManifest};
use astrid_host::topic::Topic;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::check::subscribe_line;
use super::files::{canonical, parse_toml, write_atomically};
use super::layout::{self, Header};
use super::{AuthoringError, Result};

const SUBSCRIBE: &str = "subscribe";
const PUBLISH: &str = "publish";

/// The tables after which a new one is put; the others come after it.
const BEFORE_PUBLISH: &[&str] = &["package", "component", "imports", "exports"];
const BEFORE_SUBSCRIBE: &[&str] = &[
    "package",
    "component",
    "imports",
    "exports",
    "publish",
    "interceptor",
];

/// Adds the lines to the manifest in `path`, which is replaced whole or not at all. A symbolic link goes on leading to
/// the manifest.
///
/// # Errors
/// Those of [`fix_subscriptions`], and [`AuthoringError::File`].
pub fn fix_manifest(path: &Path, missing: &[HandlerDecl], published: &[Topic]) -> Result<()> {
    let path = &canonical(path)?;
    let text = std::fs::read_to_string(path).map_err(AuthoringError::io("read", path))?;
    let text = fix_subscriptions(&text, missing)?;
    write_atomically(path, fix_publications(&text, published)?.as_bytes())
}

/// A manifest's text in which `[publish]` lists these topics, as
/// [`publications_to_fix`](super::publications_to_fix) found them. Done twice, it changes nothing more.
///
/// # Errors
/// As [`fix_subscriptions`].
pub fn fix_publications(manifest_text: &str, missing: &[Topic]) -> Result<String> {
    layout::edit(manifest_text, |text| with_publications(text, missing))
}

fn with_publications(manifest_text: &str, missing: &[Topic]) -> Result<String> {
    let path = Path::new("Capsule.toml");
    let mut manifest = parse_toml(path, manifest_text)?;
    let mut changed = false;
    for topic in missing {
        let table = table(&mut manifest, PUBLISH, BEFORE_PUBLISH)
            .ok_or_else(|| shape(path, PUBLISH, "a table"))?;
        if !table.contains_key(topic.as_str()) {
            let entry = Value::InlineTable(InlineTable::new());
            table.insert(topic.as_str(), Item::Value(entry));
            changed = true;
        }
    }
    if changed {
        still_a_manifest(path, manifest.to_string())
    } else {
        // Untouched to the byte.
        Ok(manifest_text.to_owned())
    }
}

/// A manifest's text in which `[subscribe]` says what these handlers declare, as
/// [`subscriptions_to_fix`](super::subscriptions_to_fix) found them. A topic without an entry gets one, an
/// entry without a handler gets it, and an entry of the same handler gets the priority, `on_error` and `mode` that
/// differ. One of another handler is left as it is, and so are handlers without a topic:
/// [`check`](super::check) goes on to tell of them. Done twice, it changes nothing more.
///
/// # Errors
/// [`AuthoringError::Toml`] and [`AuthoringError::TomlShape`] for a text that isn't a manifest's;
/// [`AuthoringError::Unfixable`] if it would be none afterwards.
///
/// # Examples
///
/// ```
/// use astrid_cli::authoring::fix_subscriptions;
/// use astrid_host::exports::HandlerDecl;
///
/// let check = HandlerDecl {
///     action: "check".into(),
///     topic: Some("user.v1.prompt".into()),
///     priority: Some(20),
///     on_error: None,
///     mode: None,
/// };
/// let text = "[package]\nname = \"guard\"\nversion = \"0.1.0\"\n";
/// assert_eq!(
///     fix_subscriptions(text, &[check])?,
///     format!("{text}\n[subscribe]\n\"user.v1.prompt\" = {{ handler = \"check\", priority = 20 }}\n"),
/// );
/// # Ok::<(), astrid_cli::authoring::AuthoringError>(())
/// ```
pub fn fix_subscriptions(manifest_text: &str, missing: &[HandlerDecl]) -> Result<String> {
    layout::edit(manifest_text, |text| with_subscriptions(text, missing))
}

fn with_subscriptions(manifest_text: &str, missing: &[HandlerDecl]) -> Result<String> {
    let path = Path::new("Capsule.toml");
    let mut manifest = parse_toml(path, manifest_text)?;
    let mut changed = false;
    for handler in missing {
        let Some((topic, binding)) = entry(path, handler)? else {
            continue;
        };
        let table = table(&mut manifest, SUBSCRIBE, BEFORE_SUBSCRIBE)
            .ok_or_else(|| shape(path, SUBSCRIBE, "a table"))?;
        changed |= match table.get_mut(&topic) {
            None => {
                table.insert(&topic, Item::Value(Value::InlineTable(binding)));
                true
            }
            Some(found) => bind(found, binding).ok_or_else(|| {
                shape(
                    path,
                    &format!("{SUBSCRIBE}.\"{topic}\""),
                    "a WIT reference or a table",
                )
            })?,
        };
    }
    if !changed {
        // Untouched to the byte.
        return Ok(manifest_text.to_owned());
    }
    still_a_manifest(path, manifest.to_string())
}

fn shape(path: &Path, key: &str, expected: &'static str) -> AuthoringError {
    AuthoringError::TomlShape {
        path: path.to_owned(),
        key: key.to_owned(),
        expected,
    }
}

/// The text, if a host takes it.
fn still_a_manifest(path: &Path, fixed: String) -> Result<String> {
    match CapsuleManifest::parse(&fixed, "Capsule.toml") {
        Ok(_) => Ok(fixed),
        Err(errors) => Err(AuthoringError::Unfixable {
            path: path.to_owned(),
            reason: errors
                .0
                .into_iter()
                .next()
                .map_or_else(String::new, |first| first.message),
        }),
    }
}

/// A handler's topic and its entry: those of the line that the check prints.
fn entry(path: &Path, handler: &HandlerDecl) -> Result<Option<(String, InlineTable)>> {
    let Some(line) = subscribe_line(handler) else {
        return Ok(None);
    };
    let line = parse_toml(path, &line)?;
    let first = line.iter().next();
    Ok(first.and_then(|(topic, item)| Some((topic.to_owned(), item.as_inline_table()?.clone()))))
}

/// A table of the manifest, made after those of `before` where it is missing; none if that is no table.
fn table<'a>(
    manifest: &'a mut DocumentMut,
    name: &str,
    before: &[&str],
) -> Option<&'a mut dyn TableLike> {
    if !manifest.contains_key(name) {
        let places = before
            .iter()
            .filter_map(|name| last_position(manifest.get(name)?));
        let position = places.max();
        let mut table = Table::new();
        Header::after(manifest, position).give(&mut table);
        manifest.insert(name, Item::Table(table));
    }
    // Tables within it, and no header of its own yet.
    let headless = manifest.get(name).and_then(Item::as_table);
    let headless = headless.filter(|table| table.is_implicit() && !table.is_dotted());
    let inner = headless.and_then(|table| {
        let inner = table.iter().filter_map(|(_, item)| first_position(item));
        inner.min()
    });
    if let Some(inner) = inner {
        let header = Header::before(manifest, inner);
        header.give(manifest.get_mut(name)?.as_table_mut()?);
    }
    manifest.get_mut(name)?.as_table_like_mut()
}

/// Where the last header of a table and of those within it stands.
fn last_position(item: &Item) -> Option<isize> {
    positions(item).into_iter().max()
}

/// Where the first header of a table and of those within it stands.
fn first_position(item: &Item) -> Option<isize> {
    positions(item).into_iter().min()
}

fn positions(item: &Item) -> Vec<isize> {
    let within = |table: &Table| {
        let inner = table.iter().flat_map(|(_, item)| positions(item));
        inner.chain(table.position()).collect::<Vec<_>>()
    };
    match item {
        Item::Table(table) => within(table),
        Item::ArrayOfTables(tables) => tables.iter().flat_map(within).collect(),
        Item::Value(_) | Item::None => Vec::new(),
    }
}

/// Has a topic's entry say what a handler declares; whether that changed it. None if the entry is neither string nor
/// table.
fn bind(found: &mut Item, mut binding: InlineTable) -> Option<bool> {
    if let Item::Value(value @ Value::String(_)) = found {
        // A WIT reference alone: the short form of a table.
        let decor = value.decor().clone();
        let mut table = InlineTable::new();
        let mut wit = value.clone();
        wit.decor_mut().clear();
        table.insert("wit", wit);
        extend(&mut table, binding);
        *value = Value::InlineTable(table);
        *value.decor_mut() = decor;
        return Some(true);
    }
    let entry = found.as_table_like_mut()?;
    let mut changed = false;
    if let Some(bound) = entry.get("handler") {
        if bound.as_str() != binding.get("handler").and_then(Value::as_str) {
            return Some(false);
        }
        (changed, binding) = agree(entry, binding);
    }
    if binding.is_empty() {
        return Some(changed);
    }
    match found {
        Item::Value(Value::InlineTable(table)) => extend(table, binding),
        _ => found.as_table_like_mut()?.extend_with(binding),
    }
    Some(true)
}

/// Sets what an entry of the same handler says differently: whether there was something, and what it doesn't say yet.
fn agree(entry: &mut dyn TableLike, binding: InlineTable) -> (bool, InlineTable) {
    let meant = |value: &Value| (value.as_integer(), value.as_str().map(str::to_owned));
    let mut changed = false;
    let mut unsaid = InlineTable::new();
    for (key, wanted) in binding {
        match entry.get_mut(&key) {
            Some(Item::Value(found)) if meant(found) != meant(&wanted) => {
                let decor = found.decor().clone();
                *found = wanted;
                *found.decor_mut() = decor;
                changed = true;
            }
            None if meant(&unless_said(&key)) != meant(&wanted) => {
                unsaid.insert(&key, wanted);
            }
            _ => {}
        }
    }
    (changed, unsaid)
}

/// What an entry means that doesn't say it.
fn unless_said(key: &str) -> Value {
    match key {
        "priority" => i64::from(Binding::PRIORITY).into(),
        "on_error" => "continue".into(),
        _ => "chain".into(),
    }
}

/// Appends to an inline table, whose space before the closing brace belongs to its last value.
fn extend(table: &mut InlineTable, binding: InlineTable) {
    let suffix = table.iter_mut().last().and_then(|(_, value)| {
        // None for one that wasn't parsed: it is spaced by default.
        let suffix = value.decor().suffix()?.as_str()?.to_owned();
        value.decor_mut().set_suffix("");
        Some(suffix)
    });
    table.extend_with(binding);
    if let (Some(suffix), Some((_, value))) = (suffix, table.iter_mut().last()) {
        value.decor_mut().set_suffix(suffix);
    }
}

/// Takes over all keys of an inline table, spaced as by default.
trait ExtendWith: TableLike {
    fn extend_with(&mut self, other: InlineTable) {
        for (key, mut value) in other {
            value.decor_mut().clear();
            self.insert(&key, Item::Value(value));
        }
    }
}

impl<T: TableLike + ?Sized> ExtendWith for T {}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGE: &str = "[package]\nname = \"demo\" # the name\nversion = \"1.0.0\"\n";

    fn handler(action: &str, topic: &str) -> HandlerDecl {
        HandlerDecl {
            action: action.into(),
            topic: (!topic.is_empty()).then(|| topic.to_owned()),
            priority: None,
            on_error: None,
            mode: None,
        }
    }

    fn deny(action: &str, topic: &str) -> HandlerDecl {
        HandlerDecl {
            priority: Some(20),
            on_error: Some("deny".into()),
            ..handler(action, topic)
        }
    }

    /// What comes of a manifest; it must be one that a host takes, and nothing more may be missing of it.
    #[track_caller]
    fn case(before: &str, missing: &[HandlerDecl], after: &str) {
        let fixed = fix_subscriptions(&format!("{PACKAGE}{before}"), missing).expect("fixed");
        assert_eq!(fixed, format!("{PACKAGE}{after}"));
        let parsed = CapsuleManifest::parse(&fixed, "Capsule.toml").expect("a manifest");
        for handler in missing.iter().filter(|handler| handler.topic.is_some()) {
            let topic = handler.topic.as_deref();
            let mut bound = parsed.manifest.handlers();
            assert!(bound.any(|bound| Some(bound.topic.as_str()) == topic));
        }
        assert_eq!(
            fix_subscriptions(&fixed, missing).expect("fixed"),
            fixed,
            "twice"
        );
    }

    #[test]
    fn the_table_is_made_where_there_is_none() {
        case(
            "",
            &[deny("h", "a.b")],
            "\n[subscribe]\n\"a.b\" = { handler = \"h\", priority = 20, on_error = \"deny\" }\n",
        );
    }

    #[test]
    fn topics_of_results_are_listed_once() {
        let topic = Topic::parse("tool.v1.execute.add.result").expect("a topic");
        let fix = |text: &str| fix_publications(text, std::slice::from_ref(&topic)).expect("fixed");
        let line = "\"tool.v1.execute.add.result\" = {}\n";
        let made = fix(&format!("{PACKAGE}\n[subscribe]\n\"a.b\" = {{}}\n"));
        assert_eq!(
            made,
            format!("{PACKAGE}\n[publish]\n{line}\n[subscribe]\n\"a.b\" = {{}}\n")
        );
        assert_eq!(fix(&made), made, "twice");
        let listed = format!("{PACKAGE}\n[publish]\n\"a.b\" = {{}} # one\n");
        assert_eq!(fix(&listed), format!("{listed}{line}"));
    }

    #[test]
    fn it_is_put_before_what_comes_after_it() {
        case(
            "\n[[component]]\nfile = \"x.wasm\"\n\n# what it may do\n[capabilities]\nnet = [\"a.example\"] # one\n",
            &[handler("h", "a.b"), handler("g", "a.*")],
            "\n[[component]]\nfile = \"x.wasm\"\n\n[subscribe]\n\"a.b\" = { handler = \"h\" }\n\"a.*\" = { handler = \"g\" }\n\n# what it may do\n[capabilities]\nnet = [\"a.example\"] # one\n",
        );
    }

    #[test]
    fn after_the_tables_within_tables() {
        case(
            "\n[imports.acme]\nx = \"^1\"\n\n[[cron]]\nname = \"c\"\nschedule = \"s\"\naction = \"h\"\n",
            &[handler("h", "a.b")],
            "\n[imports.acme]\nx = \"^1\"\n\n[subscribe]\n\"a.b\" = { handler = \"h\" }\n\n[[cron]]\nname = \"c\"\nschedule = \"s\"\naction = \"h\"\n",
        );
    }

    #[test]
    fn lines_are_added_to_the_table_there_is() {
        case(
            "[subscribe]\n# heard\n\"a.a\"   = \"any\" # all\n\n[env]\n",
            &[handler("h", "a.b")],
            "[subscribe]\n# heard\n\"a.a\"   = \"any\" # all\n\"a.b\" = { handler = \"h\" }\n\n[env]\n",
        );
    }

    #[test]
    fn a_wit_reference_becomes_a_table() {
        case(
            "[subscribe]\n\"a.b\" = \"any\" # all\n",
            &[deny("h", "a.b")],
            "[subscribe]\n\"a.b\" = { wit = \"any\", handler = \"h\", priority = 20, on_error = \"deny\" } # all\n",
        );
    }

    #[test]
    fn an_entry_without_handler_gets_one() {
        case(
            "[subscribe]\n\"a.b\" = { wit = 'any' } # all\n",
            &[handler("h", "a.b")],
            "[subscribe]\n\"a.b\" = { wit = 'any', handler = \"h\" } # all\n",
        );
        case(
            "[subscribe]\n\"a.b\" = {wit = \"any\"}\n",
            &[handler("h", "a.b")],
            "[subscribe]\n\"a.b\" = {wit = \"any\", handler = \"h\"}\n",
        );
        case(
            "[subscribe]\n\"a.b\" = {}\n",
            &[handler("h", "a.b")],
            "[subscribe]\n\"a.b\" = { handler = \"h\" }\n",
        );
    }

    #[test]
    fn a_table_of_its_own_and_dotted_keys() {
        case(
            "[subscribe.\"a.b\"]\nwit = \"any\" # all\n",
            &[deny("h", "a.b")],
            "[subscribe.\"a.b\"]\nwit = \"any\" # all\nhandler = \"h\"\npriority = 20\non_error = \"deny\"\n",
        );
        case(
            "[subscribe]\n\"a.b\".wit = \"any\"\n",
            &[handler("h", "a.b")],
            "[subscribe]\n\"a.b\".wit = \"any\"\n\"a.b\".handler = \"h\"\n",
        );
        case(
            "[subscribe.\"a.b\"]\nwit = \"any\"\n",
            &[handler("h", "a.c")],
            "\n[subscribe]\n\"a.c\" = { handler = \"h\" }\n[subscribe.\"a.b\"]\nwit = \"any\"\n",
        );
    }

    #[test]
    fn an_inline_table_at_the_root() {
        let text =
            "subscribe = { \"a.a\" = \"any\" }\n[package]\nname = \"demo\"\nversion = \"1.0.0\"\n";
        let fixed = fix_subscriptions(text, &[handler("h", "a.b")]).expect("fixed");
        let parsed = CapsuleManifest::parse(&fixed, "Capsule.toml").expect("a manifest");
        assert_eq!(parsed.manifest.handlers().count(), 1);
        assert_eq!(parsed.manifest.subscribe.len(), 2);
    }

    #[test]
    fn comments_stay_in_their_table() {
        case(
            "\n[[component]]\nfile = \"x.wasm\"\n# of the component\n\n# what it may do\n[capabilities]\n",
            &[handler("h", "a.b")],
            "\n[[component]]\nfile = \"x.wasm\"\n# of the component\n\n[subscribe]\n\"a.b\" = { handler = \"h\" }\n\n# what it may do\n[capabilities]\n",
        );
        case(
            "# of the package\n",
            &[handler("h", "a.b")],
            "# of the package\n\n[subscribe]\n\"a.b\" = { handler = \"h\" }\n",
        );
        case(
            "# of the package\n\n# a.b\n[subscribe.\"a.b\"]\nwit = \"any\"\n",
            &[handler("h", "a.c")],
            "# of the package\n\n[subscribe]\n\"a.c\" = { handler = \"h\" }\n\n# a.b\n[subscribe.\"a.b\"]\nwit = \"any\"\n",
        );
        case(
            "[subscribe]\n\"a.a\" = \"any\"\n# \"a.c\" = \"any\"\n\n# from the operator\n[env]\n",
            &[handler("h", "a.b")],
            "[subscribe]\n\"a.a\" = \"any\"\n\"a.b\" = { handler = \"h\" }\n# \"a.c\" = \"any\"\n\n# from the operator\n[env]\n",
        );
    }

    #[test]
    fn a_byte_order_mark_and_endings_of_lines_stay() {
        let text = "\u{feff}[package]\r\nname = \"demo\"\r\nversion = \"1.0.0\"\r\n";
        let fixed = fix_subscriptions(text, &[handler("h", "a.b")]).expect("fixed");
        assert_eq!(
            fixed,
            format!("{text}\r\n[subscribe]\r\n\"a.b\" = {{ handler = \"h\" }}\r\n")
        );
        assert_eq!(fix_subscriptions(text, &[]).expect("fixed"), text);
    }

    #[cfg(unix)]
    #[test]
    fn a_manifest_behind_a_symbolic_link_is_mended_where_it_is() {
        let place = tempfile::tempdir().expect("a folder");
        let (real, link) = (
            place.path().join("real.toml"),
            place.path().join("Capsule.toml"),
        );
        std::fs::write(&real, PACKAGE).expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        fix_manifest(&link, &[handler("h", "a.b")], &[]).expect("fixed");
        assert!(link.is_symlink());
        let text = std::fs::read_to_string(&real).expect("read");
        assert!(text.contains("handler = \"h\""), "{text}");
    }

    #[test]
    fn what_has_a_handler_is_left_alone() {
        let there = "[subscribe]\n\"a.b\"={handler='g'}";
        case(there, &[handler("h", "a.b"), handler("free", "")], there);
        case(there, &[], there);
    }

    #[test]
    fn an_entry_of_the_same_handler_says_what_the_source_does() {
        case(
            "[subscribe]\n\"a.b\" = { handler = \"h\", priority = 0x1E , timeout_ms = 5 } # all\n",
            &[deny("h", "a.b")],
            "[subscribe]\n\"a.b\" = { handler = \"h\", priority = 20 , timeout_ms = 5, on_error = \"deny\" } # all\n",
        );
        case(
            "[subscribe.\"a.b\"]\nwit = \"any\"\nhandler = \"h\"\non_error = \"continue\" # open\n",
            &[deny("h", "a.b")],
            "[subscribe.\"a.b\"]\nwit = \"any\"\nhandler = \"h\"\non_error = \"deny\" # open\npriority = 20\n",
        );
        let same =
            "[subscribe]\n\"a.b\" = { handler = \"h\", priority = 0x14, on_error = 'deny' }\n";
        case(same, &[deny("h", "a.b")], same);
        let default = HandlerDecl {
            priority: Some(Binding::PRIORITY),
            on_error: Some("continue".into()),
            ..handler("h", "a.b")
        };
        let unsaid = "[subscribe]\n\"a.b\" = { handler = \"h\" }\n";
        case(unsaid, &[default], unsaid);
    }

    #[test]
    fn a_manifest_that_would_be_none_is_left_alone() {
        let mut text = format!("{PACKAGE}[subscribe]\n");
        for at in 0..astrid_host::manifest::limits::HANDLERS {
            text += &format!("\"a.t{at}\" = {{ handler = \"h\" }}\n");
        }
        let error = fix_subscriptions(&text, &[handler("h", "a.b")]).expect_err("refused");
        assert!(matches!(error, AuthoringError::Unfixable { .. }), "{error}");
    }

    #[test]
    fn of_two_on_one_topic_the_first_gets_it() {
        case(
            "",
            &[handler("h", "a.b"), handler("g", "a.b")],
            "\n[subscribe]\n\"a.b\" = { handler = \"h\" }\n",
        );
    }

    #[test]
    fn what_is_no_manifest_is_an_error() {
        let fix = |text: &str| {
            fix_subscriptions(text, &[handler("h", "a.b")]).map_err(|error| error.to_string())
        };
        assert_eq!(
            fix("subscribe = 1").expect_err("refused"),
            "Capsule.toml: `subscribe` must be a table"
        );
        assert_eq!(
            fix("[subscribe]\n\"a.b\" = 1").expect_err("refused"),
            "Capsule.toml: `subscribe.\"a.b\"` must be a WIT reference or a table"
        );
        assert!(
            fix("[")
                .expect_err("refused")
                .starts_with("Capsule.toml:1:")
        );
    }
}
