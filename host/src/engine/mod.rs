//! The engine room: wasmtime's settings, the ticker, limits, clocks, the compiled cache and what traps mean.
//!
//! Everything here is about *a guest*, never about what a guest may do: no domain, no manifest, no principal
//! is known in this room. Other rooms hand in plain numbers (bytes, durations) and a store type of their own.

mod cache;
mod clock;
mod limits;
mod machine;
mod ticker;
mod trap;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmFeatures,
};

pub use crate::limits::engine::LIFT_LIMIT;
pub use cache::{CacheKey, CompileCache};
pub use clock::{CpuClock, GRACE, Stopped, timed};
pub use limits::{MemoryBudget, MemoryLimiter, Reclaim, Refusal};
pub use machine::memory;
pub use ticker::{Pulse, TICK};
pub use trap::{Frames, TrapKind, backtrace, trap_kind};

/// Mappings of an instance on demand, and of a slot of the pool in use (measured: 6.6 and 6).
const MAPS_ON_DEMAND: usize = 7;
const MAPS_POOLED: usize = 6;
/// Mappings left to the rest of the process: past the kernel's limit even `malloc` fails.
const MAPS_RESERVED: usize = 4_096;

/// Bytes of memory that a slot of the pool keeps mapped between two instances.
const KEEP_RESIDENT: usize = 64 * 1024;

/// Where instances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// Slots reserved at the start for so many instances; falls back to [`Allocation::OnDemand`] where the
    /// address space doesn't allow it. Right for a host that keeps running.
    Pooled {
        /// How many instances may live at once.
        instances: u32,
    },
    /// Each instance maps its own memory. Right for a command that makes a call or two: a pool's set-up
    /// costs more than it saves.
    OnDemand,
}

/// One wasmtime engine with its ticker, and the name of its compiled code.
pub struct GuestEngine {
    engine: Engine,
    allocation: Allocation,
    compatibility: String,
    ticker: ticker::Ticker,
}

impl GuestEngine {
    /// Starts an engine and its ticker thread.
    ///
    /// # Errors
    /// wasmtime's own, when even the on-demand engine can't be made on this machine.
    pub fn start(wanted: Allocation) -> wasmtime::Result<Self> {
        let wanted = match wanted {
            Allocation::Pooled { instances } => {
                let most = u32::try_from(map_limit() / MAPS_POOLED).unwrap_or(u32::MAX);
                Allocation::Pooled {
                    instances: instances.min(most),
                }
            }
            on_demand => on_demand,
        };
        let (engine, allocation) = match Engine::new(&config(wanted)) {
            Ok(engine) => (engine, wanted),
            Err(error) if wanted != Allocation::OnDemand => {
                tracing::warn!(%error, "no room for a pool of instances, they are allocated on demand");
                (
                    Engine::new(&config(Allocation::OnDemand))?,
                    Allocation::OnDemand,
                )
            }
            Err(error) => return Err(error),
        };
        let compatibility = compatibility_name(&engine);
        let ticker = ticker::Ticker::start(&engine)?;
        Ok(Self {
            engine,
            allocation,
            compatibility,
            ticker,
        })
    }

    /// The wasmtime engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// To be told of guests that run.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.ticker.pulse)
    }

    /// Where instances come from, after any fall-back.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// How many instances may live at once: the pool's slots, or on demand what the kernel's limit on mappings
    /// allows.
    pub fn capacity(&self) -> usize {
        match self.allocation {
            Allocation::Pooled { instances } => instances as usize,
            Allocation::OnDemand => map_limit() / MAPS_ON_DEMAND,
        }
    }

    /// Names what compiled code must have been made with to run here; part of the name of a cache entry.
    pub fn compatibility(&self) -> &str {
        &self.compatibility
    }
}

/// The settings of every engine; the two allocations load the same compiled code.
pub fn config(allocation: Allocation) -> Config {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::Speed);
    // Guests are synchronous; with it a call costs nearly three times as much.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.wasm_backtrace_max_frames(Some(trap::FRAMES));
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    // Backtraces name functions, not byte offsets: without the map of these there is less to read, check and keep.
    config.generate_address_map(false);
    // The accepted proposals are pinned: a newer wasmtime must not widen what a guest may be made of.
    config
        .wasm_bulk_memory(true)
        .wasm_component_model(true)
        .wasm_extended_const(true)
        .wasm_multi_value(true)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_custom_page_sizes(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false);
    // These have no setter unless a feature of wasmtime's is on, and an embedder's build may turn it on.
    config.wasm_features(
        WasmFeatures::THREADS
            | WasmFeatures::SHARED_EVERYTHING_THREADS
            | WasmFeatures::EXCEPTIONS
            | WasmFeatures::LEGACY_EXCEPTIONS
            | WasmFeatures::FUNCTION_REFERENCES
            | WasmFeatures::GC
            | WasmFeatures::STACK_SWITCHING
            | WasmFeatures::CM_ASYNC,
        false,
    );
    match allocation {
        Allocation::OnDemand => config.allocation_strategy(InstanceAllocationStrategy::OnDemand),
        Allocation::Pooled { instances } => {
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances)))
        }
    };
    config
}

/// How many mappings guests may use together.
fn map_limit() -> usize {
    // Linux's default, also where there is no such limit to read.
    const DEFAULT: usize = 65_530;
    let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(DEFAULT);
    guests_share(limit)
}

/// Of the kernel's limit on mappings, what guests may use.
fn guests_share(limit: usize) -> usize {
    limit.saturating_sub(MAPS_RESERVED).max(limit / 2)
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(limits::CORE_INSTANCES))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(limits::TABLES))
        .total_stacks(instances)
        .max_core_instances_per_component(limits::CORE_INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::TABLES)
        // Else one, and a component would be refused or not by where its instances come from.
        .max_tables_per_module(limits::TABLES)
        .decommit_batch_size(16)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(wasmtime::Enabled::Auto);
    pool
}

/// wasmtime's compatibility hash through BLAKE3, so that the name is the same in every process.
fn compatibility_name(engine: &Engine) -> String {
    struct Through(blake3::Hasher);
    impl Hasher for Through {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let mut first = [0; 8];
            self.0.finalize_xof().fill(&mut first);
            u64::from_le_bytes(first)
        }
    }
    let mut hasher = Through(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_allocations_share_compiled_code() {
        let pooled = GuestEngine::start(Allocation::Pooled { instances: 2 }).expect("a small pool");
        let on_demand = GuestEngine::start(Allocation::OnDemand).expect("on demand");
        assert_eq!(pooled.compatibility(), on_demand.compatibility());
        assert_eq!(pooled.compatibility().len(), 16);
    }

    #[test]
    fn a_pool_never_outgrows_what_the_kernel_maps() {
        let wanted = Allocation::Pooled {
            instances: u32::MAX,
        };
        let engine = GuestEngine::start(wanted).expect("clamped");
        assert!(engine.capacity() <= map_limit() / MAPS_POOLED);
    }

    #[test]
    fn guests_leave_mappings_to_the_process() {
        assert_eq!(guests_share(65_530), 61_434);
        assert_eq!(guests_share(4_000), 2_000);
        assert_eq!(guests_share(0), 0);
    }
}
