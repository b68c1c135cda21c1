//! The changes that are made to a component.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::parts::{self, Parts, Section};
use super::{INSTANCE, IPC, SYS};

// Sections of a component, by their numbers in the binary format.
const CUSTOM: u8 = 0;
const ALIAS: u8 = 6;
const TYPE: u8 = 7;
const IMPORT: u8 = 10;

// And of a core module.
const DATA: u8 = 11;

/// Imports that are offered to some of the specimens.
const OFFERED: [&str; 3] = [SYS, INSTANCE, IPC];

/// Imports that are offered to none, and ways to name one that an engine might take for another.
const OTHERS: [&str; 12] = [
    "astrid:sys/host@1.0.1",
    "astrid:sys/host@1.7.0",
    "astrid:sys/host@2.0.0",
    "astrid:sys/host",
    "astrid:sys/other@1.0.0",
    "astrid:nowhere/host@1.0.0",
    "wasi:cli/environment@0.2.0",
    "acme:billing/host@1.0.1",
    "acme:else/thing",
    "plain-name",
    "locked-dep=<astrid:nowhere/host@1.0.0>",
    "url=<https://example.com/astrid>",
];

/// Functions that the specimens take, and other names for them.
const FUNCTIONS: [&str; 4] = ["log", "charge", "get-config", "publish"];
const OTHER_FUNCTIONS: [&str; 4] = ["shout", "refund", "clock-ms", "go"];

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    /// A bit, wherever it is.
    Flip(Index, u8),
    /// A bit of what isn't code: imports, types, aliases, wiring, exports.
    FlipWiring(Index, Index, u8),
    /// Bytes of a section that isn't code, and its length with them.
    Splice(Index, Index, usize, Vec<u8>),
    /// Nothing follows.
    Cut(Index),
    /// A section twice.
    Double(Index, Index),
    /// A section less.
    Drop(Index),
    /// Two sections in each other's place.
    Swap(Index, Index),
    /// An import, or a function of one, by another name wherever it is declared or taken.
    Rename(&'static str, &'static str),
    /// One more import, of the shape of one that is there: which, how its name is encoded, and the name.
    Import(Index, u8, &'static str),
    /// One more import, of a resource type.
    ImportResource(&'static str),
    /// A custom section with these contents.
    Custom(Index, &'static str, Vec<u8>),
    /// A bit of the data, or of a custom section, of a core module.
    FlipInert(Index, Index, u8),
}

/// Whatever may happen, the likelier the more often the outcome is a component.
pub(crate) fn any_mutations() -> impl Strategy<Value = Vec<Mutation>> {
    use Mutation::{
        Cut, Double, Drop, Flip, FlipWiring, Import, ImportResource, Rename, Splice, Swap,
    };
    let at = any::<Index>;
    let bit = 0..8_u8;
    let names: Vec<_> = OFFERED.into_iter().chain(OTHERS).collect();
    let functions: Vec<_> = FUNCTIONS.into_iter().chain(OTHER_FUNCTIONS).collect();
    let one = prop_oneof![
        2 => (at(), bit.clone()).prop_map(|(at, bit)| Flip(at, bit)),
        6 => (at(), at(), bit).prop_map(|(section, at, bit)| FlipWiring(section, at, bit)),
        2 => (at(), at(), 0..4_usize, vec(any::<u8>(), 0..4))
            .prop_map(|(section, at, less, more)| Splice(section, at, less, more)),
        1 => at().prop_map(Cut),
        2 => (at(), at()).prop_map(|(which, to)| Double(which, to)),
        2 => at().prop_map(Drop),
        2 => (at(), at()).prop_map(|(one, other)| Swap(one, other)),
        4 => (select(&OFFERED[..]), select(names.clone())).prop_map(|(from, to)| Rename(from, to)),
        4 => (select(&FUNCTIONS[..]), select(functions)).prop_map(|(from, to)| Rename(from, to)),
        6 => (at(), 0..3_u8, select(names.clone())).prop_map(|(which, kind, name)| Import(which, kind, name)),
        1 => select(names).prop_map(ImportResource),
        1 => inert_custom(),
    ];
    vec(one, 1..3)
}

/// What no code, no import and no export is touched by.
pub(crate) fn beside_the_code() -> impl Strategy<Value = Vec<Mutation>> {
    let at = any::<Index>;
    let inert =
        (at(), at(), 0..8_u8).prop_map(|(section, at, bit)| Mutation::FlipInert(section, at, bit));
    // Two flips could meet and undo each other.
    prop_oneof![
        2 => vec(inert, 1..2),
        1 => vec(inert_custom(), 1..3),
    ]
}

/// A custom section of the component, where only those of its core modules mean anything.
fn inert_custom() -> impl Strategy<Value = Mutation> {
    let names = select(&["name", "producers", "astrid:exports", ""][..]);
    (any::<Index>(), names, vec(any::<u8>(), 0..16))
        .prop_map(|(at, name, contents)| Mutation::Custom(at, name, contents))
}

/// The component with all of the changes made, one after the other.
pub(crate) fn applied(parts: &Parts, mutations: &[Mutation]) -> Vec<u8> {
    let mut parts = parts.clone();
    let mut flips = Vec::new();
    let mut cut = None;
    for mutation in mutations {
        match mutation {
            Mutation::Flip(at, bit) => flips.push((at, bit)),
            Mutation::Cut(at) => cut = Some(at),
            mutation => apply(&mut parts, mutation),
        }
    }
    // These know no sections, so they come last.
    let mut bytes = parts.bytes();
    for (at, bit) in flips {
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes
}

fn apply(parts: &mut Parts, mutation: &Mutation) {
    let sections = &mut parts.sections;
    if sections.is_empty() {
        return;
    }
    match mutation {
        Mutation::Flip(..) | Mutation::Cut(_) => {}
        Mutation::FlipWiring(section, at, bit) => {
            flip(&mut wiring(sections, section).body, at, *bit);
        }
        Mutation::Splice(section, at, less, more) => {
            let body = &mut wiring(sections, section).body;
            let from = at.index(body.len() + 1);
            let to = body.len().min(from + less);
            body.splice(from..to, more.iter().copied());
        }
        Mutation::Double(which, to) => {
            let section = which.get(sections).clone();
            sections.insert(to.index(sections.len() + 1), section);
        }
        Mutation::Drop(which) => drop(sections.remove(which.index(sections.len()))),
        Mutation::Swap(one, other) => {
            let (one, other) = (one.index(sections.len()), other.index(sections.len()));
            sections.swap(one, other);
        }
        Mutation::Rename(from, to) => rename(sections, from, to),
        Mutation::Import(which, kind, name) => {
            if let Some(shape) = shape_of_an_import(sections, which) {
                import(sections, *kind, name, &shape);
            }
        }
        // A type, bounded by nothing but being a resource.
        Mutation::ImportResource(name) => import(sections, 0, name, &[3, 1]),
        Mutation::Custom(at, name, contents) => {
            let mut body = parts::name(name);
            body.extend(contents);
            let at = at.index(sections.len() + 1);
            sections.insert(at, Section { id: CUSTOM, body });
        }
        Mutation::FlipInert(which, at, bit) => {
            let mut modules: Vec<_> = sections
                .iter_mut()
                .filter(|section| section.is_module())
                .map(|section| (Parts::of(&section.body), section))
                .collect();
            let mut inert: Vec<_> = modules
                .iter_mut()
                .flat_map(|(inner, _)| &mut inner.sections)
                .filter(|section| is_inert(section))
                .collect();
            if !inert.is_empty() {
                let which = which.index(inert.len());
                let body = &mut inert[which].body;
                let half = body.len() / 2;
                flip(&mut body[half..], at, *bit);
            }
            for (inner, module) in modules {
                module.body = inner.bytes();
            }
        }
    }
}

fn flip(body: &mut [u8], at: &Index, bit: u8) {
    if !body.is_empty() {
        body[at.index(body.len())] ^= 1 << bit;
    }
}

/// A section that isn't a core module; the first section if all are.
fn wiring<'a>(sections: &'a mut [Section], which: &Index) -> &'a mut Section {
    let own: Vec<_> = (0..sections.len())
        .filter(|&at| !sections[at].is_module())
        .collect();
    let at = if own.is_empty() { 0 } else { *which.get(&own) };
    &mut sections[at]
}

/// Whether the second half of a section of a core module is neither code nor wiring, nor the section's own name.
fn is_inert(section: &Section) -> bool {
    section.body.len() > 64 && [DATA, CUSTOM].contains(&section.id)
}

/// Renames what is declared by imports and types, and taken by aliases.
fn rename(sections: &mut [Section], from: &str, to: &str) {
    let (from, to) = (parts::name(from), parts::name(to));
    for section in sections {
        if [IMPORT, TYPE, ALIAS].contains(&section.id) {
            let mut done = 0;
            while let Some(found) = parts::find(&section.body[done..], &from) {
                let start = done + found.start;
                section
                    .body
                    .splice(start..start + from.len(), to.iter().copied());
                done = start + to.len();
            }
        }
    }
}

/// The sort and the type of an instance that is imported, the first of its section.
fn shape_of_an_import(sections: &[Section], which: &Index) -> Option<Vec<u8>> {
    const INSTANCES: u8 = 5;
    let imports: Vec<_> = sections.iter().filter(|it| it.id == IMPORT).collect();
    let body = &imports.get(which.index(imports.len().max(1)))?.body;
    // How many there are; then of each how its name is encoded, its name, its sort and its type.
    let (_, count) = parts::number(body)?;
    let (length, size) = parts::number(body.get(count + 1..)?)?;
    let shape = body.get(count + 1 + size + length..)?;
    let (_, index) = parts::number(shape.get(1..)?)?;
    (shape[0] == INSTANCES).then(|| shape[..=index].to_vec())
}

/// Adds an import, after everything else: what follows an import counts on how many there are.
fn import(sections: &mut Vec<Section>, kind: u8, name: &str, shape: &[u8]) {
    let mut body = vec![1, kind];
    body.extend(parts::name(name));
    if kind == 2 {
        // Options of the name, of which there are none.
        body.push(0);
    }
    body.extend(shape);
    sections.push(Section { id: IMPORT, body });
}
