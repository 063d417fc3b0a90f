//! libFuzzer on the target that the variable `FUZZ_TARGET` names. Its own options come as
//! arguments: <https://llvm.org/docs/LibFuzzer.html>.

#![no_main]
#![allow(
    unsafe_code,
    reason = "the entry points that libFuzzer calls are made by its macro"
)]

use std::sync::OnceLock;

use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    TARGET
        .get_or_init(|| {
            let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
            Target::named(&name).unwrap_or(Target::Decode)
        })
        .run(input);
});
