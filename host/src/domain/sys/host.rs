//! The functions of `astrid:sys/host`.

use std::time::Duration;

use super::wit::{
    CallerContext, CapabilityCheckRequest, CapabilityCheckResponse, ErrorCode, Host,
    LogLevel as Level,
};
use super::{LastWords, SysView};
use crate::call::Entry;
use crate::policy::gate::{Denied, Row};
use crate::policy::gates;
use crate::storage::LogLevel;

/// Most bytes of entropy for one call.
const MAX_RANDOM: u64 = 4_096;
/// The longest sleep, in nanoseconds: 60 s.
const MAX_SLEEP: u64 = 60_000_000_000;

const SYS: &str = "astrid:sys/host";
const GET_CONFIG: Row<'static> = gates::row(SYS, "get-config");
const GET_CALLER: Row<'static> = gates::row(SYS, "get-caller");
const LOG: Row<'static> = gates::row(SYS, "log");
const SIGNAL_READY: Row<'static> = gates::row(SYS, "signal-ready");
const CLOCK_MS: Row<'static> = gates::row(SYS, "clock-ms");
const CLOCK_MONOTONIC_NS: Row<'static> = gates::row(SYS, "clock-monotonic-ns");
const SLEEP_NS: Row<'static> = gates::row(SYS, "sleep-ns");
const RANDOM_BYTES: Row<'static> = gates::row(SYS, "random-bytes");
const CHECK_CAPSULE_CAPABILITY: Row<'static> = gates::row(SYS, "check-capsule-capability");
const ENUMERATE_CAPABILITIES: Row<'static> = gates::row(SYS, "enumerate-capabilities");

impl From<Denied> for ErrorCode {
    fn from(_: Denied) -> Self {
        Self::CapabilityDenied
    }
}

impl Host for SysView<'_> {
    async fn get_config(&mut self, key: String) -> Result<Option<String>, ErrorCode> {
        self.call.gate(&GET_CONFIG)?;
        self.config(&key).await
    }

    fn get_caller(&mut self) -> Result<CallerContext, ErrorCode> {
        self.call.gate(&GET_CALLER)?;
        let principal = || Some(self.call.principal().to_string());
        let (principal, time) = match self.call.entry {
            Entry::RunLoop(None) => {
                return Ok(CallerContext {
                    principal: None,
                    source_id: String::new(),
                    timestamp: String::new(),
                });
            }
            Entry::RunLoop(Some(received)) => (
                if received.by_host { None } else { principal() },
                Some(received.published),
            ),
            Entry::Handler | Entry::Lifecycle => {
                // By the clock as it is set now: it may have been set since, or the machine suspended.
                let began = jiff::Timestamp::now().saturating_sub(self.call.began.elapsed());
                (principal(), began.ok())
            }
        };
        Ok(CallerContext {
            principal,
            source_id: self.call.source.to_string(),
            timestamp: time.map(|time| time.to_string()).unwrap_or_default(),
        })
    }

    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.call.gate(&LOG)?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        if level == LogLevel::Error && LastWords::are(&message) {
            // It explains the trap that follows.
            let end = message.floor_char_boundary(crate::principal::LOG_LINE);
            self.ctx.last_words = Some(message[..end].to_owned());
            // Not held back by the lines before it, once for an instance: the trap ends it, and a guest that only
            // pretends gets no second line.
            if !std::mem::replace(&mut self.ctx.announced, true) {
                self.call.scope.log_beside(level, message);
                return Ok(());
            }
        }
        self.call.scope.log(level, message);
        Ok(())
    }

    fn signal_ready(&mut self) -> wasmtime::Result<()> {
        self.call.gate(&SIGNAL_READY)?;
        self.ctx.capsule.signal_ready();
        Ok(())
    }

    fn clock_ms(&mut self) -> wasmtime::Result<u64> {
        self.call.gate(&CLOCK_MS)?;
        Ok(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0))
    }

    fn clock_monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.call.gate(&CLOCK_MONOTONIC_NS)?;
        Ok(u64::try_from(self.ctx.born.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn sleep_ns(&mut self, duration_ns: u64) -> Result<(), ErrorCode> {
        self.call.gate(&SLEEP_NS)?;
        if duration_ns > MAX_SLEEP {
            return Err(ErrorCode::TooLarge);
        }
        let unloaded = self.ctx.capsule.unloaded();
        let slept = async {
            tokio::select! {
                biased;
                () = unloaded.cancelled() => Err(ErrorCode::Cancelled),
                () = tokio::time::sleep(Duration::from_nanos(duration_ns)) => Ok(()),
            }
        };
        self.call.waits();
        self.waiting.within("astrid:sys/host.sleep-ns", slept).await
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, ErrorCode> {
        self.call.gate(&RANDOM_BYTES)?;
        if length > MAX_RANDOM {
            return Err(ErrorCode::TooLarge);
        }
        let length = usize::try_from(length).map_err(|_| ErrorCode::TooLarge)?;
        let mut bytes = vec![0; length];
        getrandom::fill(&mut bytes).map_err(|error| ErrorCode::Unknown(error.to_string()))?;
        Ok(bytes)
    }

    fn check_capsule_capability(
        &mut self,
        request: CapabilityCheckRequest,
    ) -> Result<CapabilityCheckResponse, ErrorCode> {
        self.call.gate(&CHECK_CAPSULE_CAPABILITY)?;
        let allowed = request
            .source_uuid
            .parse()
            .ok()
            .and_then(|session| self.ctx.shared.registry.by_session(session))
            .is_some_and(|capsule| capsule.capabilities.contains(&request.capability.as_str()));
        Ok(CapabilityCheckResponse { allowed })
    }

    fn enumerate_capabilities(&mut self) -> wasmtime::Result<Vec<String>> {
        self.call.gate(&ENUMERATE_CAPABILITIES)?;
        let held = self.ctx.capsule.capabilities.iter();
        Ok(held.map(|&name| name.to_owned()).collect())
    }
}
