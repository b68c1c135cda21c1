//! What a package asks for, term by term, and how two packages differ in it. Pure: a manifest, what its binary exports
//! and the hashes of its files enter.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::describe;
use crate::exports::{Binary, EntryPoint};
use crate::manifest::{CapsuleManifest, Granted, Runtime, TOOL_ACTION};
use crate::package::Files;

/// What a term is about. The order is that in which terms are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// An entry of `[capabilities]`.
    Capability,
    /// A topic that it may publish to.
    Publish,
    /// A topic that it may subscribe to.
    Subscribe,
    /// A handler in the chain of a topic.
    Handle,
    /// How its instances are made and what they may use.
    Runtime,
    /// A connection to a chat platform.
    Uplink,
    /// A server of the Model Context Protocol.
    McpServer,
    /// A tool that it offers to models.
    Tool,
    /// A skill that it gives to models.
    Skill,
    /// A file for a model's context.
    ContextFile,
    /// A command that it offers to users.
    Command,
    /// An action that the clock calls.
    Cron,
    /// A key of its configuration, and what a person is asked for it.
    Env,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Capability => "capability",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Handle => "handle",
            Self::Runtime => "runtime",
            Self::Uplink => "uplink",
            Self::McpServer => "mcp-server",
            Self::Tool => "tool",
            Self::Skill => "skill",
            Self::ContextFile => "context-file",
            Self::Command => "command",
            Self::Cron => "cron",
            Self::Env => "env",
        })
    }
}

/// One thing that a package asks for or declares, and that changes its rights or what others rely on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// What it is about.
    pub area: Area,
    /// Which one of its area; no other term of the area has this name.
    pub name: String,
    /// Its details; empty where the name says it all. Neither is escaped.
    pub detail: String,
}

/// All terms of a package, sorted. What is the default is no term.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Terms(Vec<Term>);

/// A term that one of two packages has, or that they have with other details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What it is about.
    pub area: Area,
    /// Which one of its area.
    pub name: String,
    /// Its details before; none if it is new.
    pub before: Option<String>,
    /// Its details now; none if it is dropped.
    pub now: Option<String>,
}

impl Terms {
    /// The terms of a manifest. Its tools and run loop also depend on what the binary exports; without a binary, only
    /// those that the manifest declares are found. `files` are those of the package, with their hashes.
    pub fn of(manifest: &CapsuleManifest, binary: Option<&Binary>, files: &Files) -> Self {
        // Without `..`, so that a new table cannot be forgotten.
        let CapsuleManifest {
            package: _,
            component: _,
            imports: _,
            exports: _,
            publish,
            subscribe,
            topics: _,
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
        } = manifest;
        let mut terms = Collected::default();
        for granted in capabilities.granted() {
            terms.capability(&granted);
        }
        for entry in publish {
            let detail = describe::fanout(entry.fanout);
            terms.add(Area::Publish, entry.topic.to_string(), detail);
        }
        for entry in subscribe {
            match &entry.handler {
                None => {
                    let detail = describe::fanout(entry.fanout);
                    terms.add(Area::Subscribe, entry.topic.to_string(), detail);
                }
                Some(handler) => {
                    let name = format!("{} by {}", entry.topic, handler.action);
                    terms.add(Area::Handle, name, describe::handler(handler));
                }
            }
        }
        terms.runtime(runtime, binary);
        for uplink in uplinks {
            let name = format!("{} on {}", uplink.name, uplink.platform);
            terms.add(Area::Uplink, name, describe::word(&uplink.profile));
        }
        for server in mcp_servers {
            terms.add(
                Area::McpServer,
                server.id.clone(),
                describe::mcp_server(server),
            );
        }
        for tool in tools {
            terms.add(Area::Tool, tool.name.clone(), describe::tool(tool));
        }
        let handlers = binary.and_then(|binary| binary.handlers.as_ref());
        for handler in handlers.into_iter().flatten() {
            if let Some(name) = handler.action.strip_prefix(TOOL_ACTION)
                && !tools.iter().any(|tool| tool.name == name)
            {
                terms.add(Area::Tool, name.to_owned(), String::new());
            }
        }
        for (area, named) in [(Area::Skill, skills), (Area::ContextFile, context_files)] {
            for file in named {
                terms.add(area, file.name.clone(), describe::file(&file.file, files));
            }
        }
        for command in commands {
            let detail = describe::command(command, files);
            terms.add(Area::Command, command.name.clone(), detail);
        }
        for cron in cron {
            let detail = format!("{} calls {}", cron.schedule, cron.action);
            terms.add(Area::Cron, cron.name.clone(), detail);
        }
        for (key, asked) in env {
            terms.add(Area::Env, key.clone(), describe::env(asked));
        }
        terms.sorted()
    }

    /// The terms, in the order in which they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &Term> {
        self.0.iter()
    }

    /// Whether there are none: such a package computes, logs and is called by name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is new, changed and dropped since `before`, in the order of the areas.
    pub fn changes_since(&self, before: &Self) -> Vec<Change> {
        let (was, now) = (before.by_name(), self.by_name());
        let names: std::collections::BTreeSet<_> = was.keys().chain(now.keys()).collect();
        let change = |key: &(Area, &str)| {
            let (was, now) = (was.get(key), now.get(key));
            (was != now).then(|| Change {
                area: key.0,
                name: key.1.to_owned(),
                before: was.map(|detail| (*detail).to_owned()),
                now: now.map(|detail| (*detail).to_owned()),
            })
        };
        names.into_iter().filter_map(change).collect()
    }

    fn by_name(&self) -> BTreeMap<(Area, &str), &str> {
        let terms = self.0.iter();
        terms
            .map(|term| ((term.area, term.name.as_str()), term.detail.as_str()))
            .collect()
    }
}

/// Terms as they are found; what has the same name is one term with the details of all.
#[derive(Default)]
struct Collected(BTreeMap<(Area, String), Vec<String>>);

impl Collected {
    fn add(&mut self, area: Area, name: impl Into<String>, detail: impl Into<String>) {
        self.0
            .entry((area, name.into()))
            .or_default()
            .push(detail.into());
    }

    /// One term for a flag, and one for each entry of a list.
    fn capability(&mut self, granted: &Granted<'_>) {
        let Granted { name, doc, entries } = granted;
        let doc = describe::sentence(doc);
        if entries.is_empty() {
            self.add(Area::Capability, name.as_ref(), doc);
            return;
        }
        for entry in *entries {
            let name = format!("{name} = {}", describe::quoted(entry));
            self.add(Area::Capability, name, doc.as_str());
        }
    }

    fn runtime(&mut self, runtime: &Runtime, binary: Option<&Binary>) {
        let Runtime {
            isolation,
            ordered,
            run,
            // A hook may do no more than a handler.
            install: _,
            upgrade: _,
            instances,
            memory,
            wall_ms,
            cpu_ms,
        } = runtime;
        let has_loop = match binary {
            Some(binary) => {
                let exported = binary.entry_points.contains_key(&EntryPoint::Run);
                exported && run.unwrap_or_else(|| binary.is_real(EntryPoint::Run))
            }
            None => *run == Some(true),
        };
        if has_loop {
            let detail = "one instance that hears all principals";
            self.add(Area::Runtime, "run loop", detail);
        }
        if let Some(detail) = describe::isolation(*isolation) {
            let name = format!("isolation = \"{}\"", describe::word(isolation));
            self.add(Area::Runtime, name, detail);
        }
        if !ordered {
            let detail = "events of one principal may overtake each other";
            self.add(Area::Runtime, "ordered = false", detail);
        }
        let instances = instances.map(u64::from);
        for (name, asked) in [
            ("instances", instances),
            ("memory", *memory),
            ("wall_ms", *wall_ms),
            ("cpu_ms", *cpu_ms),
        ] {
            if let Some(asked) = asked {
                self.add(Area::Runtime, name, asked.to_string());
            }
        }
    }

    fn sorted(self) -> Terms {
        let term = |((area, name), details): ((Area, String), Vec<String>)| Term {
            area,
            name,
            detail: details.join("; "),
        };
        Terms(self.0.into_iter().map(term).collect())
    }
}
