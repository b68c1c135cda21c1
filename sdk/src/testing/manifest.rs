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
                self.core().broken_manifest = Some(format!("Capsule.toml: {reason}"));
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
        let listed = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let topics = listed.iter().filter_map(Value::as_str).map(String::from);
        match name.as_str() {
            "ipc_publish" => access.publish.extend(topics),
            "ipc_subscribe" => access.subscribe.extend(topics),
            _ if value.as_bool() == Some(true) || !listed.is_empty() => {
                manifest.capabilities.push((name.clone(), value.clone()));
            }
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
