//! What a test host takes from Capsule.toml. Whether the manifest is a good one is for `astrid check`: here only what is
//! needed is read, and what isn't understood is a mistake that every call tells.

use toml::{Table, Value};

use super::{Host, access::Access};

impl Host {
    /// Gives the host the capsule's manifest, `include_str!("../Capsule.toml")`. From then on
    ///
    /// * only what `[publish]` and `[subscribe]` list may be published and subscribed to,
    /// * the handlers of `[subscribe]` are bound, as [`ipc::bindings`](crate::ipc::bindings) tells,
    /// * the capabilities of `[capabilities]` are held,
    /// * the defaults of `[env]` are there, unless the test sets a key.
    ///
    /// A manifest that can't be read refuses every call.
    pub fn manifest(self, text: &str) -> Self {
        let manifest = match read(text) {
            Ok(manifest) => manifest,
            Err(reason) => {
                self.core().mistake = Some(format!("Capsule.toml: {reason}"));
                return self;
            }
        };
        {
            let mut core = self.core();
            core.access = Some(manifest.access);
            core.capabilities.extend(manifest.capabilities);
        }
        let mut host = self;
        for (key, default) in manifest.env {
            host = host.env_default(key, default);
        }
        for (action, topic) in manifest.bindings {
            host = host.binding(action, topic);
        }
        host
    }
}

/// What is needed of a manifest.
#[derive(Default)]
struct Manifest {
    access: Access,
    /// Action and topic.
    bindings: Vec<(String, String)>,
    capabilities: Vec<(String, Value)>,
    /// Key and default.
    env: Vec<(String, String)>,
}

fn read(text: &str) -> Result<Manifest, String> {
    let root: Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let mut manifest = Manifest::default();
    let access = &mut manifest.access;
    access
        .publish
        .extend(table(&root, "publish")?.map(|(topic, _)| topic.clone()));
    for (topic, entry) in table(&root, "subscribe")? {
        access.subscribe.push(topic.clone());
        if let Some(action) = entry.get("handler").and_then(Value::as_str) {
            manifest.bindings.push((action.into(), topic.clone()));
        }
    }
    for (name, value) in table(&root, "capabilities")? {
        let topics = value.as_array().into_iter().flatten();
        let topics = topics.filter_map(Value::as_str).map(String::from);
        match (name.as_str(), value) {
            ("ipc_publish", _) => access.publish.extend(topics),
            ("ipc_subscribe", _) => access.subscribe.extend(topics),
            // The capabilities of an embedder's domain.
            (namespace, Value::Table(keys)) => {
                let held = keys.iter().filter(|(_, value)| is_held(value));
                let named = held.map(|(key, value)| (format!("{namespace}.{key}"), value.clone()));
                manifest.capabilities.extend(named);
            }
            _ if is_held(value) => manifest.capabilities.push((name.clone(), value.clone())),
            _ => {}
        }
    }
    for (key, entry) in table(&root, "env")? {
        if let Some(default) = entry.get("default") {
            manifest.env.push((key.clone(), plain(default)));
        }
    }
    Ok(manifest)
}

/// Whether a capability with this value is held: `true`, or a list with an entry.
fn is_held(value: &Value) -> bool {
    value.as_bool() == Some(true) || value.as_array().is_some_and(|list| !list.is_empty())
}

/// The entries of a table of the manifest; none if it isn't there.
fn table<'a>(
    root: &'a Table,
    name: &str,
) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, String> {
    let table = match root.get(name) {
        None => None,
        Some(Value::Table(table)) => Some(table),
        Some(_) => return Err(format!("`{name}` must be a table")),
    };
    Ok(table.into_iter().flatten())
}

/// A default as a capsule gets it: a text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}
