//! What the slots of tables hold once every core instance is made.
//!
//! A host function that needs the guest's memory can't be lowered before the guest is there, so
//! `wit-component` gives the guest a shim instead: its functions call constant slots of a table,
//! which a third module's element segment fills with the lowered functions. A call of a constant
//! slot is therefore followed like a direct one, if exactly one segment fills the slot. Code that
//! writes to tables itself is not looked for: no toolchain calls a constant slot that changes.

use std::collections::{HashMap, HashSet};

use wasmparser::{ConstExpr, ElementItems, ElementKind, Operator};

use super::layout::Layout;
use super::limits::{Budget, Spent};
use super::linked::{CoreInstance, Linked, Place, exported_table};

/// The functions in the slots of all tables.
#[derive(Default)]
pub(super) struct Tables {
    /// By the table's owner and the slot; `None` if it can't be told.
    slots: HashMap<(Place, u32), Option<Place>>,
    /// Tables that some segment fills at a place that isn't a constant.
    unsure: HashSet<Place>,
    /// All functions that segments put into each table; under `None`, those that code may put into any.
    held: HashMap<Option<Place>, Vec<Place>>,
}

impl Tables {
    /// Applies the element segments of all instances.
    pub(super) fn fill(
        layout: &Layout<'_>,
        linked: &Linked<'_>,
        budget: &mut Budget,
    ) -> Result<Self, Spent> {
        let mut tables = Self::default();
        for (instance, evaluated) in linked.instances.iter().enumerate() {
            let CoreInstance::Module { module, .. } = evaluated else {
                continue;
            };
            let segments = layout.modules.get(*module).map(|m| &m.segments);
            for segment in segments.into_iter().flatten() {
                budget.spend(1)?;
                let (table, offset) = match &segment.kind {
                    ElementKind::Active {
                        table_index,
                        offset_expr,
                    } => {
                        let place = Place {
                            instance,
                            index: table_index.unwrap_or(0),
                        };
                        let table = owner(layout, linked, place, budget)?;
                        (table, constant(offset_expr))
                    }
                    ElementKind::Passive | ElementKind::Declared => (None, None),
                };
                if let (Some(table), None) = (table, offset) {
                    tables.unsure.insert(table);
                }
                tables.apply(table, offset, instance, &segment.items, budget)?;
            }
        }
        Ok(tables)
    }

    fn apply(
        &mut self,
        table: Option<Place>,
        offset: Option<u32>,
        instance: usize,
        items: &ElementItems<'_>,
        budget: &mut Budget,
    ) -> Result<(), Spent> {
        if let ElementItems::Expressions(_, expressions) = items {
            // An expression is read to its end, however long it is.
            budget.spend(expressions.range().len() as u64)?;
        }
        let held = self.held.entry(table).or_default();
        let mut slot = offset;
        let mut put = |function: Option<u32>| {
            budget.spend(1)?;
            let function = function.map(|index| Place { instance, index });
            held.extend(function);
            if let (Some(table), Some(slot)) = (table, &mut slot) {
                self.slots
                    .entry((table, *slot))
                    .and_modify(|earlier| *earlier = None)
                    .or_insert(function);
                *slot = slot.wrapping_add(1);
            }
            Ok(())
        };
        match items {
            ElementItems::Functions(functions) => {
                for index in functions.clone() {
                    put(index.ok())?;
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions.clone() {
                    put(expression.ok().and_then(|e| function_reference(&e)))?;
                }
            }
        }
        Ok(())
    }

    /// All functions that a call through the table `table` may lead to, if code doesn't fill it with others.
    pub(super) fn held(&self, table: Place) -> impl Iterator<Item = Place> {
        let lists = [Some(table), None].map(|of| self.held.get(&of));
        lists.into_iter().flatten().flatten().copied()
    }

    /// The function in slot `slot` of the table `place`.
    pub(super) fn function(
        &self,
        layout: &Layout<'_>,
        linked: &Linked<'_>,
        place: Place,
        slot: u32,
        budget: &mut Budget,
    ) -> Result<Option<Place>, Spent> {
        let Some(table) = owner(layout, linked, place, budget)? else {
            return Ok(None);
        };
        if self.unsure.contains(&table) {
            return Ok(None);
        }
        Ok(self.slots.get(&(table, slot)).copied().flatten())
    }
}

/// Follows a table to the instance that defines it. An instance is made of earlier ones, so this
/// ends.
pub(super) fn owner(
    layout: &Layout<'_>,
    linked: &Linked<'_>,
    mut place: Place,
    budget: &mut Budget,
) -> Result<Option<Place>, Spent> {
    loop {
        budget.spend(1)?;
        let Some(CoreInstance::Module { module, args }) = linked.instances.get(place.instance)
        else {
            return Ok(None);
        };
        let Some(module) = layout.modules.get(*module) else {
            return Ok(None);
        };
        let Some(import) = module.table_imports.get(place.index as usize) else {
            return Ok(Some(place));
        };
        budget.spend_name(import.module)?;
        budget.spend_name(import.field)?;
        let exported = args.get(import.module).and_then(|&instance| {
            exported_table(layout, &linked.instances, instance, import.field)
        });
        match exported {
            Some(next) => place = next,
            None => return Ok(None),
        }
    }
}

/// The value of an expression that is just `i32.const`.
fn constant(expression: &ConstExpr<'_>) -> Option<u32> {
    match only_operator(expression)? {
        Operator::I32Const { value } => Some(value.cast_unsigned()),
        _ => None,
    }
}

/// The index in an expression that is just `ref.func`.
fn function_reference(expression: &ConstExpr<'_>) -> Option<u32> {
    match only_operator(expression)? {
        Operator::RefFunc { function_index } => Some(function_index),
        _ => None,
    }
}

fn only_operator<'a>(expression: &ConstExpr<'a>) -> Option<Operator<'a>> {
    let mut reader = expression.get_operators_reader();
    let operator = reader.read().ok()?;
    reader.is_end_then_eof().then_some(operator)
}
