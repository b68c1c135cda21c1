//! Functions that no compiler should be asked to compile: its time and memory are quadratic in the calls and the loops
//! of one function, and in the variables that its loops assign to, which count once for each loop around them.

use wasmparser::{FunctionBody, Name, NameSectionReader, Operator};

use super::BinaryError;
use super::layout::{Layout, Module};
use super::limits::{
    FUNCTION_BYTES, FUNCTION_CALLS, FUNCTION_LOCALS, FUNCTION_LOOP_DEPTH, FUNCTION_LOOP_SETS,
    FUNCTION_LOOPS, shown,
};

/// The least bytes of a loop within a loop: its operator, its type and its end. No function that is shorter than one of
/// as many as may be exceeds a bound on its operators.
const LOOP_BYTES: usize = 3;

/// Refuses a component with a function beyond the bounds; counts the operators that were read.
pub(super) fn check(layout: &Layout<'_>, operators: &mut u64) -> Result<(), BinaryError> {
    for module in &layout.modules {
        for (index, body) in module.bodies.iter().enumerate() {
            let weight = Weight::of(body, operators)?;
            for (what, count, limit) in [
                ("bytes of code", weight.bytes, FUNCTION_BYTES),
                ("calls", weight.calls, FUNCTION_CALLS),
                ("loops", weight.loops, FUNCTION_LOOPS),
                ("loops within each other", weight.depth, FUNCTION_LOOP_DEPTH),
                ("variables", weight.locals, FUNCTION_LOCALS),
                ("assignments in loops", weight.loop_sets, FUNCTION_LOOP_SETS),
            ] {
                if count > limit {
                    return Err(BinaryError::FunctionTooLarge {
                        function: name(module, index),
                        count,
                        what,
                        limit,
                    });
                }
            }
        }
    }
    Ok(())
}

/// What compiling a function depends on.
#[derive(Default)]
struct Weight {
    bytes: usize,
    calls: usize,
    loops: usize,
    depth: usize,
    locals: usize,
    loop_sets: usize,
}

impl Weight {
    fn of(body: &FunctionBody<'_>, operators: &mut u64) -> Result<Self, BinaryError> {
        let range = body.range();
        let mut weight = Self {
            bytes: range.end.saturating_sub(range.start),
            ..Self::default()
        };
        // Nothing more of it is read.
        if weight.bytes > FUNCTION_BYTES {
            return Ok(weight);
        }
        // Thousands of variables take a few bytes.
        for group in body.get_locals_reader()? {
            let (count, _) = group?;
            weight.locals = weight.locals.saturating_add(count as usize);
        }
        if weight.bytes <= LOOP_BYTES * FUNCTION_LOOP_DEPTH {
            return Ok(weight);
        }
        // Of each block that is open, whether it is a loop.
        let mut open = Vec::new();
        let mut loops = 0;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            *operators += 1;
            match operator {
                Operator::Block { .. } | Operator::If { .. } => open.push(false),
                Operator::Loop { .. } => {
                    open.push(true);
                    loops += 1;
                    weight.loops += 1;
                    weight.depth = weight.depth.max(loops);
                }
                Operator::LocalSet { .. } | Operator::LocalTee { .. } => weight.loop_sets += loops,
                Operator::End => loops -= usize::from(open.pop().unwrap_or_default()),
                operator => weight.calls += usize::from(is_call(&operator)),
            }
        }
        Ok(weight)
    }
}

/// Whether an operator is compiled to a call: also of the engine's own functions.
fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::RefFunc { .. }
            | Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::ElemDrop { .. }
    )
}

/// The name of a module's own function, or its number where it has none.
fn name(module: &Module<'_>, body: usize) -> String {
    let index = module.func_imports.len() + body;
    let names = module.names.iter().flat_map(|names| {
        let sections = NameSectionReader::new(names.clone());
        sections.map_while(Result::ok)
    });
    let functions = names.filter_map(|section| match section {
        Name::Function(functions) => Some(functions.into_iter().map_while(Result::ok)),
        _ => None,
    });
    let name = functions
        .flatten()
        .find(|naming| naming.index as usize == index);
    match name {
        Some(naming) => {
            let name = format!("{:#}", rustc_demangle::demangle(naming.name));
            format!("`{}`", shown(&name))
        }
        None => format!("number {index}"),
    }
}
