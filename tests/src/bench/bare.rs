//! The floor of `astrid invoke`: a program that does with wasmtime alone what one call of an installed capsule can't do
//! without. It reads the capsule's files, hashes its component and its code, takes the code as it is, makes an
//! instance, calls its hook and prints the answer. It has the host's engine settings, and nobody is told of a mistake.

mod answer;

use std::process::ExitCode;

use astrid_host::engine::{Allocation, config};
use astrid_host::package::ComponentHash;
use astrid_host::wasmtime::component::{Component, Linker};
use astrid_host::wasmtime::{Engine, Store};

use answer::{Answer, HOOK};

/// What can go wrong.
type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "usage: bare ACTION PAYLOAD MANIFEST META COMPONENT CODE";

fn main() -> ExitCode {
    match run() {
        Ok(answer) => {
            println!("{} {}", answer.action, answer.data.unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Answer, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [action, payload, manifest, meta, component, code] = arguments.as_slice() else {
        return Err(USAGE.into());
    };
    for text in [manifest, meta] {
        std::hint::black_box(std::fs::read(text)?);
    }
    std::hint::black_box(ComponentHash::of(&std::fs::read(component)?));
    let code = std::fs::read(code)?;
    std::hint::black_box(ComponentHash::of(&code));
    let engine = Engine::new(&config(Allocation::OnDemand))?;
    // SAFETY: who calls this program compiled the code itself, to a folder that nobody else knows.
    let component = unsafe { Component::deserialize(&engine, &code) }?;
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(&engine, ());
    // Nothing ticks, so any deadline is far.
    store.set_epoch_deadline(1);
    let instance = linker.instantiate(&mut store, &component)?;
    let hook = instance.get_typed_func::<(&str, &[u8]), (Answer,)>(&mut store, HOOK)?;
    let (answer,) = hook.call(&mut store, (action.as_str(), payload.as_bytes()))?;
    Ok(answer)
}
