//! Randomness for crates that ask `getrandom`, which on this target knows no source of its own.
//!
//! Version 0.2 calls the one, 0.3 and 0.4 the other of two symbols that it leaves to be defined.
//! The signatures are getrandom's. The only unsafe code of this crate's own.

#![expect(
    unsafe_code,
    reason = "getrandom's custom backends are symbols that take raw pointers"
)]

/// Fills a buffer for getrandom 0.2; 0 is success.
fn fill_02(buffer: &mut [u8]) -> Result<(), getrandom_02::Error> {
    crate::runtime::random_bytes(buffer).map_err(|_| getrandom_02::Error::UNSUPPORTED)
}

getrandom_02::register_custom_getrandom!(fill_02);

/// Fills a buffer for getrandom 0.3 and 0.4, which share this symbol.
///
/// # Safety
///
/// `dest` must be valid for writing `len` bytes.
#[cfg(getrandom_backend = "custom")]
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(
    dest: *mut u8,
    len: usize,
) -> Result<(), getrandom::Error> {
    // SAFETY: the caller may hand over uninitialised memory, so it is written before it is a slice
    // of integers; that it may be written is the caller's promise.
    let buffer = unsafe {
        core::ptr::write_bytes(dest, 0, len);
        core::slice::from_raw_parts_mut(dest, len)
    };
    crate::runtime::random_bytes(buffer).map_err(|_| getrandom::Error::UNEXPECTED)
}
