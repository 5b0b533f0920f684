#![no_main]

#[path = "../readers.rs"]
#[allow(dead_code, reason = "a target uses one of them")]
mod readers;

libfuzzer_sys::fuzz_target!(|text: &str| readers::ini(text));
