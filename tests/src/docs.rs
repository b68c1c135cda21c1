//! The examples of `host/docs/` that need a guest: they run as tests here.

#[doc = include_str!("../../host/docs/domains.md")]
mod domains {}
