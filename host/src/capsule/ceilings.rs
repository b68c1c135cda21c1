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
    /// Who says so.
    pub set_by: SetBy,
}

/// Whose word each of the [`Ceilings`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetBy {
    /// Of the memory.
    pub memory: Source,
    /// Of the CPU time.
    pub cpu: Source,
    /// Of the wall time.
    pub wall: Source,
}

/// Whose word a ceiling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The capsule's manifest, or the default where it says nothing.
    Manifest,
    /// The operator's, `[limits]` in etc/config.toml.
    Operator,
    /// The principal's profile.
    Profile,
    /// The caller's.
    Call,
}

impl Ceilings {
    /// The least of what the manifest asks for (or the default), the operator and the principal's profile allow.
    pub fn new(asked: &Runtime, operator: &OperatorLimits, principal: &PrincipalLimits) -> Self {
        let least = |asked: Option<u64>, default, operator: u64, principal: Option<u64>| {
            let mut least = (asked.unwrap_or(default), Source::Manifest);
            let others = [
                (Some(operator), Source::Operator),
                (principal, Source::Profile),
            ];
            for (amount, source) in others {
                least = amount
                    .filter(|amount| *amount < least.0)
                    .map_or(least, |amount| (amount, source));
            }
            least
        };
        // A principal's memory is that of all its instances together, which its account counts.
        let memory = least(asked.memory, MEMORY, operator.memory, None);
        let cpu = least(asked.cpu_ms, CPU_MS, operator.cpu_ms, principal.cpu_ms);
        let wall = least(asked.wall_ms, WALL_MS, operator.wall_ms, principal.wall_ms);
        Self {
            memory: usize::try_from(memory.0).unwrap_or(usize::MAX),
            cpu: Duration::from_millis(cpu.0),
            wall: Duration::from_millis(wall.0),
            set_by: SetBy {
                memory: memory.1,
                cpu: cpu.1,
                wall: wall.1,
            },
        }
    }

    /// Lowered to what a call allows itself.
    #[must_use]
    pub fn for_call(self, cpu: Option<Duration>, wall: Option<Duration>) -> Self {
        self.lowered(cpu, wall, Source::Call)
    }

    /// Lowered to what the manifest allows one of its handlers.
    #[must_use]
    pub(super) fn for_handler(self, wall: Option<Duration>) -> Self {
        self.lowered(None, wall, Source::Manifest)
    }

    fn lowered(mut self, cpu: Option<Duration>, wall: Option<Duration>, by: Source) -> Self {
        if let Some(cpu) = cpu.filter(|cpu| *cpu < self.cpu) {
            (self.cpu, self.set_by.cpu) = (cpu, by);
        }
        if let Some(wall) = wall.filter(|wall| *wall < self.wall) {
            (self.wall, self.set_by.wall) = (wall, by);
        }
        self
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
            ..PrincipalLimits::default()
        };
        let ceilings = Ceilings::new(&asked, &operator, &principal);
        assert_eq!(
            ceilings,
            Ceilings {
                memory: 1 << 30,
                cpu: Duration::from_secs(2),
                wall: Duration::from_secs(1),
                set_by: SetBy {
                    memory: Source::Operator,
                    cpu: Source::Operator,
                    wall: Source::Manifest,
                },
            }
        );
        let call = ceilings.for_call(Some(Duration::from_secs(9)), Some(Duration::from_millis(5)));
        assert_eq!(
            (call.cpu, call.wall),
            (Duration::from_secs(2), Duration::from_millis(5))
        );
        let set_by = (call.set_by.cpu, call.set_by.wall);
        assert_eq!(set_by, (Source::Operator, Source::Call));
    }
}
