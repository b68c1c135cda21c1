//! The functions of `astrid:sys/host`.

use std::time::Duration;

use super::wit::{
    CallerContext, CapabilityCheckRequest, CapabilityCheckResponse, ErrorCode, Host,
    LogLevel as Level,
};
use super::{INTERFACES, Sys};
use crate::domain::{Entry, LastWords, View};
use crate::limits::sys::{MAX_RANDOM, MAX_SLEEP};
use crate::policy::contract;
use crate::policy::gate::{Denied, Row};
use crate::storage::LogLevel;

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:sys/host", function)
}

impl From<Denied> for ErrorCode {
    fn from(_: Denied) -> Self {
        Self::CapabilityDenied
    }
}

impl Host for View<'_, Sys> {
    async fn get_config(&mut self, key: String) -> Result<Option<String>, ErrorCode> {
        self.gate(const { &row("get-config") })?;
        self.config(&key).await
    }

    fn get_caller(&mut self) -> Result<CallerContext, ErrorCode> {
        self.gate(const { &row("get-caller") })?;
        let principal = || Some(self.call.principal().to_string());
        let (principal, time) = match &self.call.entry {
            Entry::RunLoop { received: None, .. } => {
                return Ok(CallerContext {
                    principal: None,
                    source_id: String::new(),
                    timestamp: String::new(),
                });
            }
            Entry::RunLoop {
                received: Some(received),
                ..
            } => (
                if received.by_host { None } else { principal() },
                Some(received.published),
            ),
            Entry::Handler | Entry::Install | Entry::Upgrade { .. } => {
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
        self.gate(const { &row("log") })?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let mut message = message;
        if level == LogLevel::Error && LastWords::are(&message) {
            // It explains the trap that follows.
            message = self.call.scope.masks().masked(message);
            let end = message.floor_char_boundary(crate::principal::LOG_LINE);
            self.call.last_words = Some(LastWords::parse(&message[..end]));
            // Not held back by the lines before it, once for an instance: the trap ends it, and a guest that only
            // pretends gets no second line.
            if !std::mem::replace(&mut self.instance.announced, true) {
                self.call.scope.log_beside(level, message);
                return Ok(());
            }
        }
        self.call.scope.log(level, message);
        Ok(())
    }

    fn signal_ready(&mut self) -> wasmtime::Result<()> {
        self.gate(const { &row("signal-ready") })?;
        self.call.capsule.signal_ready();
        Ok(())
    }

    fn clock_ms(&mut self) -> wasmtime::Result<u64> {
        self.gate(const { &row("clock-ms") })?;
        Ok(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0))
    }

    fn clock_monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.gate(const { &row("clock-monotonic-ns") })?;
        Ok(u64::try_from(self.instance.born.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn sleep_ns(&mut self, duration_ns: u64) -> Result<(), ErrorCode> {
        self.gate(const { &row("sleep-ns") })?;
        if duration_ns > MAX_SLEEP {
            return Err(ErrorCode::TooLarge);
        }
        let unloaded = self.call.capsule.unloaded();
        let slept = async {
            tokio::select! {
                biased;
                () = unloaded.cancelled() => Err(ErrorCode::Cancelled),
                () = tokio::time::sleep(Duration::from_nanos(duration_ns)) => Ok(()),
            }
        };
        self.call.waits();
        self.call
            .waiting
            .within("astrid:sys/host.sleep-ns", slept)
            .await
    }

    fn random_bytes(&mut self, length: u64) -> Result<Vec<u8>, ErrorCode> {
        self.gate(const { &row("random-bytes") })?;
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
        self.gate(const { &row("check-capsule-capability") })?;
        let allowed = request
            .source_uuid
            .parse()
            .ok()
            .and_then(|session| self.domain.registry.by_session(session))
            .is_some_and(|capsule| capsule.manifest.capabilities.has(&request.capability));
        Ok(CapabilityCheckResponse { allowed })
    }

    fn enumerate_capabilities(&mut self) -> wasmtime::Result<Vec<String>> {
        self.gate(const { &row("enumerate-capabilities") })?;
        Ok(self.call.capsule.manifest.capabilities.held())
    }
}
