//! Any bytes are judged or refused, with no more work than their number allows.

#![no_main]

use astrid_host::exports::{EntryPoint, analyse_counting};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (judged, work) = analyse_counting(bytes);
    let size = bytes.len() as u64;
    assert!(work.operators <= size, "{work:?} for {size} bytes");
    assert!(
        work.walk_steps <= 4 * size + 4096,
        "{work:?} for {size} bytes"
    );
    assert!(work.link_steps <= 1 << 17, "{work:?} for {size} bytes");
    match judged {
        Ok(binary) => {
            assert_eq!(binary.size, size);
            assert!(binary.imports.is_sorted());
            for import in binary.import_functions.keys() {
                assert!(binary.imports.contains(import), "{import}: {binary:?}");
            }
            for entry in EntryPoint::ALL {
                let judgement = binary.entry_points.get(&entry);
                assert_eq!(binary.is_real(entry), judgement.is_some_and(|it| it.real));
                let shown = judgement.map_or("", |it| &it.why);
                assert!(!shown.contains(char::is_control), "{shown:?}");
            }
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }
});
