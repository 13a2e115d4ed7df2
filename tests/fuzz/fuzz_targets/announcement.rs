#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hydroid_tests::fuzz::announcement(bytes));
