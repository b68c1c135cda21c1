//! How much a call may use: the least of what everybody who has a say allows.

use std::time::Duration;

use crate::config::OperatorLimits;
use crate::limits::capsule::{CPU_MS, MEMORY, WALL_MS};
use crate::manifest::Runtime;
use crate::principal::PrincipalLimits;

/// What one call of one capsule for one principal may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// Linear memory of the instance, in bytes.
    pub memory: usize,
    /// CPU time.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
}

impl Ceilings {
    /// The least of what the manifest asks for (or the default), the operator and the principal's profile allow.
    pub fn new(asked: &Runtime, operator: &OperatorLimits, principal: &PrincipalLimits) -> Self {
        let least = |asked: Option<u64>, default, operator: u64, principal: Option<u64>| {
            asked
                .unwrap_or(default)
                .min(operator)
                .min(principal.unwrap_or(u64::MAX))
        };
        // A principal's memory is that of all its instances together, which its account counts.
        let memory = least(asked.memory, MEMORY, operator.memory, None);
        let cpu = least(asked.cpu_ms, CPU_MS, operator.cpu_ms, principal.cpu_ms);
        let wall = least(asked.wall_ms, WALL_MS, operator.wall_ms, principal.wall_ms);
        Self {
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            cpu: Duration::from_millis(cpu),
            wall: Duration::from_millis(wall),
        }
    }

    /// Lowered to what a call allows itself.
    #[must_use]
    pub fn for_call(self, cpu: Option<Duration>, wall: Option<Duration>) -> Self {
        Self {
            cpu: cpu.map_or(self.cpu, |cpu| cpu.min(self.cpu)),
            wall: wall.map_or(self.wall, |wall| wall.min(self.wall)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_counts() {
        let operator = OperatorLimits {
            cpu_ms: 2_000,
            ..OperatorLimits::default()
        };
        let asked = Runtime {
            memory: Some(1 << 40),
            wall_ms: Some(1_000),
            ..Runtime::default()
        };
        let principal = PrincipalLimits {
            memory: Some(1 << 20),
            wall_ms: Some(500),
            ..PrincipalLimits::default()
        };
        let ceilings = Ceilings::new(&asked, &operator, &principal);
        assert_eq!(
            ceilings,
            Ceilings {
                memory: 1 << 30,
                cpu: Duration::from_secs(2),
                wall: Duration::from_millis(500)
            }
        );
        let call = ceilings.for_call(Some(Duration::from_secs(9)), Some(Duration::from_millis(5)));
        assert_eq!(
            (call.cpu, call.wall),
            (Duration::from_secs(2), Duration::from_millis(5))
        );
    }
}
