//! The manifest room: the text of `Capsule.toml` becomes a [`CapsuleManifest`].
//!
//! Text enters, a typed manifest leaves, or every mistake of the file with line, column and what to
//! write instead. The text is hostile input: its size, depth and lists are bounded by [`limits`].
//! Nothing in here knows wasmtime, tokio or the file system: who reads the file, whether the files
//! that it names exist, and what its grants mean is decided elsewhere.

mod capabilities;
mod diagnostic;
mod env;
mod interfaces;
mod legacy;
pub mod limits;
pub mod model;
mod offers;
mod package;
mod patterns;
mod reader;
mod runtime;
mod syntax;
mod topics;
mod values;

pub use capabilities::{CAPABILITIES, Capability, Evidence, Kind, namespace_table};
pub use diagnostic::{Diagnostic, ManifestErrors};
pub use model::*;

use self::diagnostic::Report;
use self::legacy::Legacy;
use self::reader::Table;

/// The version by which this host answers to `package.astrid-version`.
pub const HOST_VERSION: semver::Version = semver::Version::new(0, 10, 4);

/// The action of a tool's handler is this and the tool's name (formats.md, "Messages").
pub const TOOL_ACTION: &str = "tool_execute_";

/// The topic on which a tool is called by an event.
pub fn tool_topic(name: &str) -> String {
    format!("tool.v1.execute.{name}")
}

/// The tables of a manifest.
const TABLES: &[&str] = &[
    "package",
    "component",
    "imports",
    "exports",
    "publish",
    "subscribe",
    "tool",
    "capabilities",
    "env",
    "command",
    "mcp_server",
    "uplink",
    "context_file",
    "skill",
    "cron",
    "runtime",
];

/// Tables that are read but no longer suggested.
const LEGACY_TABLES: &[&str] = &["interceptor", "topic", "cron_job"];

/// A manifest that is right, and what should be changed in it all the same.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Parsed {
    /// The manifest.
    pub manifest: CapsuleManifest,
    /// Deprecated forms and the like, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

impl CapsuleManifest {
    /// Parses the text of a manifest. `file` is the name that diagnostics show.
    ///
    /// # Errors
    ///
    /// All mistakes of the file, in its order; at most [`limits::DIAGNOSTICS`] and a count of the
    /// rest. If the text is not TOML, too large or too deep, only that is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use astrid_host::manifest::CapsuleManifest;
    ///
    /// let text = "[package]\nname = \"hello\"\nversion = \"1.0.0\"\n[capabilites]\nnet = [\"*\"]";
    /// let errors = CapsuleManifest::parse(text, "Capsule.toml").unwrap_err();
    /// assert_eq!(
    ///     errors.to_string(),
    ///     "Capsule.toml:4:2: unknown key `capabilites` at the top level; \
    ///      did you mean `capabilities`?"
    /// );
    /// ```
    pub fn parse(text: &str, file: &str) -> Result<Parsed, ManifestErrors> {
        let report = Report::default();
        let manifest = syntax::document(text, &report)
            .and_then(|document| read(&Table::root(&document, &report)));
        let (manifest, warnings) = report.finish(manifest, text, file)?;
        Ok(Parsed { manifest, warnings })
    }
}

/// Reads all tables. None only if a mistake was reported.
fn read<'a>(root: &'a Table<'a>) -> Option<CapsuleManifest> {
    root.only(TABLES, LEGACY_TABLES);
    let mut legacy = Legacy::default();
    let package = package::package(root);
    let mut capabilities = Capabilities::default();
    if let Some(value) = root.get("capabilities")
        && let Some(asked) = value.table()
    {
        capabilities.merge(&asked, &mut legacy);
    }
    let component = package::component(root, &mut capabilities, &mut legacy);
    let imports = interfaces::imports(root);
    let exports = interfaces::exports(root, &mut legacy);
    let publish = topics::publish(root, &legacy);
    let subscribe = topics::subscribe(root, &mut legacy);
    let topics = legacy.topics(root);
    let tools = offers::tools(root);
    let env = env::env(root);
    let commands = offers::commands(root);
    let mcp_servers = offers::mcp_servers(root);
    let uplinks = offers::uplinks(root);
    let context_files = offers::files(root, "context_file");
    let skills = offers::files(root, "skill");
    let cron = offers::cron(root, &mut legacy);
    let runtime = runtime::runtime(root);
    Some(CapsuleManifest {
        package: package?,
        component,
        imports,
        exports,
        publish,
        subscribe,
        topics,
        tools,
        capabilities,
        env,
        commands,
        mcp_servers,
        uplinks,
        context_files,
        skills,
        cron,
        runtime,
    })
}
