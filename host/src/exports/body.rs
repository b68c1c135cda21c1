//! What one function body calls. Each body is read at most once.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{FunctionBody, Operator};

use super::BinaryError;
use super::layout::Layout;

/// The calls of a function, without repeats. A call whose next operator is `unreachable` is a
/// panic edge: whatever it reaches is on the way to a trap.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Called, tail-called, or referred to by `ref.func`.
    pub(super) direct: Vec<u32>,
    /// Called right before a trap.
    pub(super) panicking: Vec<u32>,
    /// Called through a slot of a table that is a constant of the code.
    pub(super) slots: Vec<Slot>,
    /// The same, right before a trap.
    pub(super) panicking_slots: Vec<Slot>,
    /// The tables through which calls are made whose target can't be told; `None` is a call by reference.
    pub(super) indirect: Vec<Option<u32>>,
    /// The same, right before a trap.
    pub(super) panicking_indirect: Vec<Option<u32>>,
}

/// A slot of a table, by the module's own index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) table: u32,
    pub(super) slot: u32,
}

/// A call that was read, before it is known what follows it.
enum Call {
    Direct(u32),
    Slot(Slot),
    /// Through this table; `None` is by reference.
    Indirect(Option<u32>),
}

impl Calls {
    fn read(body: &FunctionBody<'_>, operators: &mut u64) -> Result<Self, BinaryError> {
        let mut calls = Self::default();
        let mut reader = body.get_operators_reader()?;
        let mut pending = None;
        let mut constant = None;
        while !reader.eof() {
            let operator = reader.read()?;
            *operators += 1;
            if let Some(call) = pending.take() {
                calls.add(call, matches!(operator, Operator::Unreachable));
            }
            let index = constant.take();
            match operator {
                Operator::I32Const { value } => constant = Some(value.cast_unsigned()),
                Operator::Call { function_index } => pending = Some(Call::Direct(function_index)),
                Operator::CallIndirect { table_index, .. } => {
                    pending = Some(indirect(table_index, index));
                }
                Operator::CallRef { .. } => pending = Some(Call::Indirect(None)),
                // A tail call returns to the caller: what follows it is never its next operator.
                Operator::ReturnCall { function_index } | Operator::RefFunc { function_index } => {
                    calls.add(Call::Direct(function_index), false);
                }
                Operator::ReturnCallIndirect { table_index, .. } => {
                    calls.add(indirect(table_index, index), false);
                }
                Operator::ReturnCallRef { .. } => calls.add(Call::Indirect(None), false),
                _ => {}
            }
        }
        if let Some(call) = pending {
            calls.add(call, false);
        }
        for list in [&mut calls.direct, &mut calls.panicking] {
            list.sort_unstable();
            list.dedup();
        }
        for list in [&mut calls.slots, &mut calls.panicking_slots] {
            list.sort_unstable();
            list.dedup();
        }
        for list in [&mut calls.indirect, &mut calls.panicking_indirect] {
            list.sort_unstable();
            list.dedup();
        }
        Ok(calls)
    }

    fn add(&mut self, call: Call, panics: bool) {
        match (call, panics) {
            (Call::Direct(index), false) => self.direct.push(index),
            (Call::Direct(index), true) => self.panicking.push(index),
            (Call::Slot(slot), false) => self.slots.push(slot),
            (Call::Slot(slot), true) => self.panicking_slots.push(slot),
            (Call::Indirect(table), false) => self.indirect.push(table),
            (Call::Indirect(table), true) => self.panicking_indirect.push(table),
        }
    }
}

fn indirect(table: u32, constant: Option<u32>) -> Call {
    match constant {
        Some(slot) => Call::Slot(Slot { table, slot }),
        None => Call::Indirect(Some(table)),
    }
}

/// The bodies that were read.
pub(super) struct Bodies<'l, 'a> {
    layout: &'l Layout<'a>,
    /// By module, and function within it.
    read: HashMap<(usize, usize), Rc<Calls>>,
    /// Operators read so far.
    pub(super) operators: u64,
}

impl<'l, 'a> Bodies<'l, 'a> {
    pub(super) fn new(layout: &'l Layout<'a>) -> Self {
        Self {
            layout,
            read: HashMap::new(),
            operators: 0,
        }
    }

    /// The calls of `module`'s own function `body`, or `None` if it has no such function.
    pub(super) fn calls(
        &mut self,
        module: usize,
        body: usize,
    ) -> Result<Option<Rc<Calls>>, BinaryError> {
        if let Some(calls) = self.read.get(&(module, body)) {
            return Ok(Some(Rc::clone(calls)));
        }
        let bodies = self.layout.modules.get(module).map(|m| &m.bodies);
        let Some(function) = bodies.and_then(|bodies| bodies.get(body)) else {
            return Ok(None);
        };
        let calls = Rc::new(Calls::read(function, &mut self.operators)?);
        self.read.insert((module, body), Rc::clone(&calls));
        Ok(Some(calls))
    }
}
