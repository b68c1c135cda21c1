//! What a manifest says, typed.
//!
//! Values in here have passed every check of this room: a topic is a topic, a path stays in the
//! capsule's folder, a limit is within its range. Defaults are filled in except where another room
//! chooses them, which the field then says. `Serialize` gives the form that `--json` prints.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::Serialize;

pub use super::capabilities::{Capabilities, Custom, CustomValue, Granted};
pub use crate::names::{CapsuleName, NameError};
use crate::topic::TopicPattern;

/// A whole `Capsule.toml`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CapsuleManifest {
    /// `[package]`: what the capsule is.
    pub package: Package,
    /// `[[component]]`: its code. None if the manifest has no such table; which file is taken then
    /// is chosen where the package is opened.
    pub component: Option<Component>,
    /// `[imports]`: what other capsules must offer.
    pub imports: Vec<Import>,
    /// `[exports]`: what it offers to other capsules.
    pub exports: Vec<Export>,
    /// `[publish]`: to which topics it may publish. Empty: to none.
    pub publish: Vec<Publish>,
    /// `[subscribe]`: which topics it may hear, and which of them its handlers are bound to.
    pub subscribe: Vec<Subscribe>,
    /// `[[topic]]` (legacy): schemas of topics; they grant nothing.
    pub topics: Vec<TopicSchema>,
    /// `[[tool]]`: tools offered to a model.
    pub tools: Vec<Tool>,
    /// `[capabilities]`, with those of `[[component]]` merged in.
    pub capabilities: Capabilities,
    /// `[env]`: configuration that it asks for, by key.
    pub env: BTreeMap<String, EnvKey>,
    /// `[[command]]`: commands offered to a user.
    pub commands: Vec<Command>,
    /// `[[mcp_server]]`: servers of the Model Context Protocol that come with it.
    pub mcp_servers: Vec<McpServer>,
    /// `[[uplink]]`: connections to chat platforms.
    pub uplinks: Vec<Uplink>,
    /// `[[context_file]]`: files for a model's context.
    pub context_files: Vec<NamedFile>,
    /// `[[skill]]`: skills for a model.
    pub skills: Vec<NamedFile>,
    /// `[[cron]]`: actions called by the clock.
    pub cron: Vec<Cron>,
    /// `[runtime]`: how the host runs it.
    pub runtime: Runtime,
}

impl CapsuleManifest {
    /// The capsule's name.
    pub fn name(&self) -> &CapsuleName {
        &self.package.name
    }

    /// The handlers that `[subscribe]` binds, in the order of the file. No (action, topic) comes
    /// twice, and there are at most [`HANDLERS`](super::limits::HANDLERS).
    pub fn handlers(&self) -> impl Iterator<Item = Handler<'_>> {
        self.subscribe.iter().filter_map(|entry| {
            let binding = entry.handler.as_ref()?;
            Some(Handler {
                action: &binding.action,
                topic: &entry.topic,
                priority: binding.priority,
                on_error: binding.on_error,
                mode: binding.mode,
                timeout_ms: binding.timeout_ms,
            })
        })
    }
}

/// `[package]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Package {
    /// The capsule's name, unique within a home.
    pub name: CapsuleName,
    /// Its version.
    pub version: Version,
    /// One paragraph about it.
    pub description: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Address of its source.
    pub repository: Option<String>,
    /// Address of its home page.
    pub homepage: Option<String>,
    /// Address of its documentation.
    pub documentation: Option<String>,
    /// SPDX expression of its licence.
    pub license: Option<String>,
    /// File with its licence, within the capsule's folder.
    pub license_file: Option<String>,
    /// File that introduces it, within the capsule's folder.
    pub readme: Option<String>,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Categories to find it under.
    pub categories: Vec<String>,
    /// The hosts it runs on; [`HOST_VERSION`](super::HOST_VERSION) satisfies it.
    pub astrid_version: Option<VersionReq>,
    /// Where it may be published.
    pub publish: PublishTo,
    /// Globs of files that an archive holds besides the usual ones.
    pub include: Vec<String>,
    /// Globs of files that an archive leaves out.
    pub exclude: Vec<String>,
    /// Free for other tools; the host doesn't look at it.
    pub metadata: toml::Table,
}

/// `package.publish`: to which registries a capsule may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishTo {
    /// To any (`true`, and the default).
    #[default]
    Anywhere,
    /// To none (`false`).
    Nowhere,
    /// To these.
    Registries(Vec<String>),
}

/// `[[component]]`. Its capabilities are in [`CapsuleManifest::capabilities`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    /// A name for it.
    pub id: Option<String>,
    /// The WebAssembly file, within the capsule's folder.
    pub file: Option<String>,
    /// BLAKE3 of the file: 64 lower-case hexadecimal digits.
    pub hash: Option<String>,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: ComponentKind,
    /// What it is linked with.
    pub link: Vec<String>,
}

/// `component.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentKind {
    /// It has entry points.
    #[default]
    Executable,
    /// It is there for others to link.
    Library,
}

/// One entry of `[imports]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Import {
    /// `ns` of `ns:iface`.
    pub namespace: String,
    /// `iface` of `ns:iface`.
    pub interface: String,
    /// Which versions will do.
    pub version: VersionReq,
    /// Whether the capsule also runs without it.
    pub optional: bool,
}

/// One entry of `[exports]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Export {
    /// `ns` of `ns:iface`.
    pub namespace: String,
    /// `iface` of `ns:iface`.
    pub interface: String,
    /// The version it offers.
    pub version: Version,
}

/// One entry of `[publish]`: the capsule may publish to topics that the pattern admits
/// ([`TopicPattern::matches_acl`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publish {
    /// The pattern.
    pub topic: TopicPattern,
    /// The payload's type.
    pub wit: Option<WitRef>,
    /// To how many subscribers.
    pub fanout: Option<Fanout>,
}

/// One entry of `[subscribe]`: the capsule may subscribe to topics that the pattern admits, and a
/// handler may be bound to it ([`TopicPattern::matches_handler`]). A pattern comes more than once
/// only where the legacy `[[interceptor]]` binds several handlers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscribe {
    /// The pattern.
    pub topic: TopicPattern,
    /// The payload's type.
    pub wit: Option<WitRef>,
    /// To how many subscribers.
    pub fanout: Option<Fanout>,
    /// The handler bound to it.
    pub handler: Option<Binding>,
}

/// A reference to the WIT type of a payload; the host does not resolve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WitRef {
    /// The type's name; none where only its source is given.
    pub wit: Option<String>,
    /// Where it is declared.
    pub source: Option<WitSource>,
}

/// Where a [`WitRef`] is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WitSource {
    /// A released version.
    Version(VersionReq),
    /// A tag of its repository.
    Tag(String),
    /// A commit of its repository.
    Rev(String),
    /// A branch of its repository.
    Branch(String),
    /// A folder within the capsule's folder.
    Path(String),
}

/// `fanout` of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Fanout {
    /// Whether more than one subscriber may hear it.
    Allowed(bool),
    /// At most so many subscribers.
    AtMost(u32),
}

/// The handler of a [`Subscribe`] entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Binding {
    /// The action that the guest is called with.
    pub action: String,
    /// Its turn in the chain: lower first, 100 by default.
    pub priority: u32,
    /// What a handler that gave no answer counts as.
    pub on_error: OnError,
    /// Whether it takes part in the chain.
    pub mode: Mode,
    /// Wall time of one call, in milliseconds; none leaves it to the other ceilings.
    pub timeout_ms: Option<u64>,
    /// Whether an `[[interceptor]]` (legacy) says all this, and not the entry of `[subscribe]`.
    #[serde(skip)]
    pub legacy: bool,
}

impl Binding {
    /// The priority of a handler that states none.
    pub const PRIORITY: u32 = 100;
}

/// A handler as the dispatcher wants it: see [`Binding`] and [`Subscribe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Handler<'a> {
    /// The action that the guest is called with.
    pub action: &'a str,
    /// The topics that it is asked about ([`TopicPattern::matches_handler`]).
    pub topic: &'a TopicPattern,
    /// Its turn in the chain: lower first.
    pub priority: u32,
    /// What it counts as when it gave no answer.
    pub on_error: OnError,
    /// Whether it takes part in the chain.
    pub mode: Mode,
    /// Wall time of one call, in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// What a handler that gave no answer (a trap, a timeout, a failed load) counts as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It is passed over.
    #[default]
    Continue,
    /// The event is denied.
    Deny,
}

/// Whether a handler takes part in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It does: its verdict counts.
    #[default]
    Chain,
    /// It runs beside the chain; its verdict is traced and otherwise ignored.
    Observe,
}

/// `[[topic]]`, a legacy form.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopicSchema {
    /// The topic or pattern.
    pub name: TopicPattern,
    /// What it is for.
    pub description: Option<String>,
    /// JSON schema of its payload: a table, or a string that holds the JSON text.
    pub schema: Option<toml::Value>,
}

/// `[[tool]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// The name that a model calls it by.
    pub name: String,
    /// What a model is told about it.
    pub description_for_llm: Option<String>,
    /// WIT type of its arguments.
    pub input_schema_wit: Option<String>,
    /// Whether it changes anything; false by default.
    pub mutable: bool,
}

/// One key of `[env]`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvKey {
    /// What kind of value it has.
    #[serde(rename = "type")]
    pub kind: EnvKind,
    /// The question that a user is asked.
    pub request: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Its value when none is set. A string of `enum_values` for `select`, an array of strings for
    /// `array`.
    pub default: Option<toml::Value>,
    /// What a user may choose from.
    pub enum_values: Vec<String>,
    /// What an empty field shows.
    pub placeholder: Option<String>,
    /// Where the values to choose from come from.
    pub options_from: Option<OptionsFrom>,
}

/// `type` of an `[env]` key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvKind {
    /// Plain text; also spelt `string`.
    #[default]
    Text,
    /// Kept in the secret store.
    Secret,
    /// One of several values.
    Select,
    /// A list of texts.
    Array,
    /// The text of a whole number.
    Integer,
    /// The text of a number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl EnvKind {
    /// The name by which a manifest asks for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Secret => "secret",
            Self::Select => "select",
            Self::Array => "array",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// Whether a text has the form of this type. Only `integer`, `number` and `boolean` have one.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Text | Self::Secret | Self::Select | Self::Array => true,
            Self::Integer => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
            Self::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Boolean => matches!(text, "true" | "false"),
        }
    }
}

/// `options_from` of an `[env]` key: where the choices of a `select` come from. The host does not fetch them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum OptionsFrom {
    /// A name that the asker knows.
    Named(String),
    /// A JSON document on the web.
    Http(OptionsRequest),
}

/// `options_from` as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionsRequest {
    /// The document's address; it may name other keys as `{key}`.
    pub http: String,
    /// The key whose value authorizes the request.
    pub bearer: Option<String>,
    /// Which values of the document are the choices.
    pub select: String,
    /// Keys that are asked for before.
    pub after: Vec<String>,
}

impl OptionsRequest {
    /// The `select` of a table that has none.
    pub const SELECT: &'static str = "data[].id";
}

/// `[[command]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Its name, without a slash.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// A file that holds its text, within the capsule's folder.
    pub file: Option<String>,
    /// Where a user types it.
    pub kind: CommandKind,
}

/// `command.kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandKind {
    /// In a conversation, after a slash.
    #[default]
    Slash,
    /// In a shell.
    Cli,
}

/// `[[mcp_server]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct McpServer {
    /// A name for it.
    pub id: String,
    /// What it offers.
    pub description: Option<String>,
    /// How it is reached.
    #[serde(rename = "type")]
    pub kind: McpKind,
    /// The program to start; there is one exactly if it is `stdio`.
    pub command: Option<String>,
    /// The program's arguments.
    pub args: Vec<String>,
}

/// `mcp_server.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum McpKind {
    /// The capsule itself, over its topics.
    WasmIpc,
    /// A program, over its standard input and output.
    Stdio,
}

/// `[[uplink]]`. No (name, platform) comes twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Uplink {
    /// A name for it.
    pub name: String,
    /// The platform, trimmed and in lower case.
    pub platform: String,
    /// What it can do.
    pub profile: UplinkProfile,
}

/// `uplink.profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkProfile {
    /// Conversations.
    Chat,
    /// Conversations in which questions can be asked.
    Interactive,
    /// Messages to a user only.
    Notify,
    /// A link between platforms.
    Bridge,
}

/// `[[context_file]]` or `[[skill]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedFile {
    /// A name for it.
    pub name: String,
    /// The file, within the capsule's folder.
    pub file: String,
}

/// `[[cron]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cron {
    /// A name for it.
    pub name: String,
    /// When it is due. Not parsed in this room.
    pub schedule: String,
    /// The action that the guest is called with.
    pub action: String,
}

/// `[runtime]`. The ceilings in here lower the host's, the operator's and the principal's; they
/// never raise them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Runtime {
    /// Who may meet whose memory.
    pub isolation: Isolation,
    /// Whether events of one principal are handled one at a time, in order.
    pub ordered: bool,
    /// Whether the binary has a run loop; none leaves it to what the binary exports.
    pub run: Option<bool>,
    /// Whether it has an install hook; none leaves it to what the binary exports.
    pub install: Option<bool>,
    /// Whether it has an upgrade hook; none leaves it to what the binary exports.
    pub upgrade: Option<bool>,
    /// How many instances may be alive at once; none leaves it to the host.
    pub instances: Option<u32>,
    /// Linear memory of an instance, in bytes; none leaves it to the host.
    pub memory: Option<u64>,
    /// Wall time of a call, in milliseconds; none leaves it to the host.
    pub wall_ms: Option<u64>,
    /// CPU time of a call, in milliseconds; none leaves it to the host.
    pub cpu_ms: Option<u64>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            ordered: true,
            run: None,
            install: None,
            upgrade: None,
            instances: None,
            memory: None,
            wall_ms: None,
            cpu_ms: None,
        }
    }
}

/// `runtime.isolation`: how long guest memory lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// An instance never passes from one principal to another.
    #[default]
    Principal,
    /// Each call has a fresh instance.
    Call,
    /// Instances serve all principals.
    Shared,
}
