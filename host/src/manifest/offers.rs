//! What a capsule offers to users and models: `[[tool]]`, `[[command]]`, `[[mcp_server]]`,
//! `[[uplink]]`, `[[context_file]]`, `[[skill]]`, `[[cron]]`.

use super::legacy::Legacy;
use super::limits;
use super::model::{
    Command, CommandKind, Cron, McpKind, McpServer, NamedFile, Tool, Uplink, UplinkProfile,
};
use super::patterns::{self, Wrong};
use super::reader::Table;

/// Reads the tables of an array by `read`, and reports those that `same` finds to be there already.
fn each<'a, T>(
    root: &'a Table<'a>,
    name: &'static str,
    max: usize,
    same: impl Fn(&T, &T) -> bool,
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    let tables = root
        .get(name)
        .map(|value| value.tables(max))
        .unwrap_or_default();
    for table in &tables {
        let Some(item) = read(table) else { continue };
        if all.iter().any(|other| same(other, &item)) {
            table.error(format!("an earlier [[{name}]] has the same name"), None);
        } else {
            all.push(item);
        }
    }
    all
}

/// Reads `[[tool]]`.
pub(super) fn tools<'a>(root: &'a Table<'a>) -> Vec<Tool> {
    let same = |one: &Tool, other: &Tool| one.name == other.name;
    each(root, "tool", limits::TOOLS, same, |table| {
        table.only(
            &["name", "description_for_llm", "input_schema_wit", "mutable"],
            &[],
        );
        let name = table
            .required("name")
            .and_then(|value| value.check(patterns::identifier));
        let description = table
            .get("description_for_llm")
            .and_then(|value| value.prose());
        let input = table.get("input_schema_wit");
        let input = input.and_then(|value| value.line(limits::ENTRY_BYTES));
        let mutable = table
            .get("mutable")
            .and_then(|value| value.flag())
            .unwrap_or(false);
        Some(Tool {
            name: name?,
            description_for_llm: description,
            input_schema_wit: input,
            mutable,
        })
    })
}

/// Reads `[[command]]`.
pub(super) fn commands<'a>(root: &'a Table<'a>) -> Vec<Command> {
    let kinds = [("slash", CommandKind::Slash), ("cli", CommandKind::Cli)];
    let same = |one: &Command, other: &Command| one.name == other.name && one.kind == other.kind;
    each(root, "command", limits::TABLES, same, |table| {
        table.only(&["name", "description", "file", "kind"], &[]);
        let name = table
            .required("name")
            .and_then(|value| value.check(command_name));
        let description = table.get("description").and_then(|value| value.prose());
        let file = table
            .get("file")
            .and_then(|value| value.check(patterns::path));
        let kind = table
            .get("kind")
            .and_then(|value| value.choice(&kinds))
            .unwrap_or_default();
        Some(Command {
            name: name?,
            description,
            file,
            kind,
        })
    })
}

/// A command's name; a slash before it is dropped.
fn command_name(text: &str) -> Result<String, Wrong> {
    patterns::identifier(text.strip_prefix('/').unwrap_or(text))
}

/// Reads `[[mcp_server]]`.
pub(super) fn mcp_servers<'a>(root: &'a Table<'a>) -> Vec<McpServer> {
    let kinds = [("wasm-ipc", McpKind::WasmIpc), ("stdio", McpKind::Stdio)];
    let same = |one: &McpServer, other: &McpServer| one.id == other.id;
    each(root, "mcp_server", limits::TABLES, same, |table| {
        table.only(&["id", "description", "type", "command", "args"], &[]);
        let id = table
            .required("id")
            .and_then(|value| value.check(patterns::identifier));
        let description = table.get("description").and_then(|value| value.prose());
        let asked = table.get("command");
        let command = asked.and_then(|value| value.line(limits::ENTRY_BYTES));
        let args = table
            .get("args")
            .map(|value| value.lines())
            .unwrap_or_default();
        let kind = match table.get("type") {
            Some(value) => value.choice(&kinds)?,
            None if asked.is_some() => McpKind::Stdio,
            None => McpKind::WasmIpc,
        };
        match (kind, asked) {
            (McpKind::Stdio, None) => {
                table.required("command");
            }
            (McpKind::WasmIpc, Some(value)) => {
                let instead = Some("write type = \"stdio\"".to_owned());
                value.error("a `wasm-ipc` server has no command", instead);
            }
            _ => {}
        }
        Some(McpServer {
            id: id?,
            description,
            kind,
            command,
            args,
        })
    })
}

/// Reads `[[uplink]]`.
pub(super) fn uplinks<'a>(root: &'a Table<'a>) -> Vec<Uplink> {
    let profiles = [
        ("chat", UplinkProfile::Chat),
        ("interactive", UplinkProfile::Interactive),
        ("notify", UplinkProfile::Notify),
        ("bridge", UplinkProfile::Bridge),
    ];
    let same = |a: &Uplink, b: &Uplink| a.name == b.name && a.platform == b.platform;
    each(root, "uplink", limits::UPLINKS, same, |table| {
        table.only(&["name", "platform", "profile"], &[]);
        let name = table
            .required("name")
            .and_then(|value| value.line(limits::NAME_BYTES));
        let platform = table
            .required("platform")
            .and_then(|value| value.check(platform));
        let profile = table
            .required("profile")
            .and_then(|value| value.choice(&profiles));
        Some(Uplink {
            name: name?,
            platform: platform?,
            profile: profile?,
        })
    })
}

fn platform(text: &str) -> Result<String, Wrong> {
    patterns::identifier(text.trim()).map(|platform| platform.to_ascii_lowercase())
}

/// Reads `[[context_file]]` or `[[skill]]`.
pub(super) fn files<'a>(root: &'a Table<'a>, name: &'static str) -> Vec<NamedFile> {
    let same = |one: &NamedFile, other: &NamedFile| one.name == other.name;
    each(root, name, limits::TABLES, same, |table| {
        table.only(&["name", "file"], &[]);
        let name = table
            .required("name")
            .and_then(|value| value.line(limits::NAME_BYTES));
        let file = table
            .required("file")
            .and_then(|value| value.check(patterns::path));
        Some(NamedFile {
            name: name?,
            file: file?,
        })
    })
}

/// Reads `[[cron]]`, and the legacy `[[cron_job]]` after it.
pub(super) fn cron<'a>(root: &'a Table<'a>, legacy: &mut Legacy) -> Vec<Cron> {
    let same = |one: &Cron, other: &Cron| one.name == other.name;
    let read = |table: &Table<'_>| {
        table.only(&["name", "schedule", "action"], &[]);
        let name = table
            .required("name")
            .and_then(|value| value.line(limits::NAME_BYTES));
        let schedule = table.required("schedule");
        let schedule = schedule.and_then(|value| value.line(limits::ENTRY_BYTES));
        let action = table
            .required("action")
            .and_then(|value| value.check(patterns::action));
        Some(Cron {
            name: name?,
            schedule: schedule?,
            action: action?,
        })
    };
    let mut all = each(root, "cron", limits::TABLES, same, read);
    if let Some(value) = root.get("cron_job") {
        legacy.report("[[cron_job]]", value, "write [[cron]]");
        let both = |one: &Cron, other: &Cron| same(one, other);
        let older = each(root, "cron_job", limits::TABLES, both, read);
        for job in older {
            if all.iter().any(|other| same(other, &job)) {
                value.error(format!("[[cron]] has `{}` too", job.name), None);
            } else {
                all.push(job);
            }
        }
    }
    all
}
