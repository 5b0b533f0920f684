//! Mutated texts for the readers of YAML, INI, vaults and expressions: no panic, no hang, no unbounded memory.
//!
//! The same seed gives the same texts. `HOMESTEAD_FUZZ_EXECUTIONS` says how many a reader gets (2,000 otherwise),
//! `HOMESTEAD_FUZZ_SEED` which, `HOMESTEAD_FUZZ_FIRST` where to begin, and `HOMESTEAD_FUZZ_TRACE=1` prints each before
//! it is read, for what takes the whole process down. A long run wants `cargo test --profile fuzz`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, clippy::print_stderr, reason = "a test that cannot go on fails")]

#[path = "../fuzz/readers.rs"]
mod readers;

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything may take, even on a busy machine and without optimisation.
const LONGEST: Duration = Duration::from_secs(20);
/// More memory than a reader may need, in kilobytes.
const MOST_MEMORY: u64 = 2_000_000;
/// Longer texts are cut.
const MOST_BYTES: usize = 20_000;

struct Random(u64);

impl Random {
    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    fn choose<'a, T: AsRef<str>>(&mut self, items: &'a [T]) -> &'a str {
        items[self.below(items.len())].as_ref()
    }

    fn times(&mut self) -> usize {
        [2, 5, 20, 150, 1000][self.below(5)]
    }
}

struct Target {
    name: &'static str,
    run: fn(&str),
    seeds: Vec<String>,
    /// Pieces of the language.
    words: &'static [&'static str],
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn corpus(name: &str) -> Vec<String> {
    let folder = format!("{}/fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The expressions that are compared with Ansible.
fn expressions() -> Vec<String> {
    let text = include_str!("ansible/expressions.yml");
    let value = |line: &str| {
        let quoted = line.split_once(": ")?.1.strip_prefix('"')?.strip_suffix('"')?;
        Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    text.lines().filter_map(value).collect()
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn range(random: &mut Random, text: &str, longest: usize) -> std::ops::Range<usize> {
    let start = boundary(text, random.below(text.len() + 1));
    let end = boundary(text, (start + random.below(longest)).min(text.len()));
    start..end.max(start)
}

/// Changes a text a little, some times over.
fn mutate(random: &mut Random, target: &Target) -> String {
    let mut text = random.choose(&target.seeds).to_owned();
    for _ in 0..=random.below(6) {
        let at = boundary(&text, random.below(text.len() + 1));
        match random.below(12) {
            0 | 1 => text.insert_str(at, random.choose(target.words)),
            2 => text.replace_range(range(random, &text, 8), random.choose(target.words)),
            3 => text.replace_range(range(random, &text, 30), ""),
            4 => {
                let other = random.choose(&target.seeds);
                let piece = other[range(random, other, 60)].to_owned();
                text.insert_str(at, &piece);
            }
            5 => {
                let piece = text[range(random, &text, 40)].to_owned();
                text.insert_str(at, &piece);
            }
            // Deep and long things.
            6 => {
                let piece =
                    if random.below(2) == 0 { random.choose(target.words).to_owned() } else { text[range(random, &text, 6)].to_owned() };
                let times = random.times();
                text.insert_str(at, &piece.repeat(times));
            }
            7 => text.truncate(at),
            8 => text.insert(at, char::from_u32(u32::try_from(random.next() % 0x250).unwrap()).unwrap_or('\u{fffd}')),
            9 => {
                let extreme = [
                    "0",
                    "-1",
                    "1e400",
                    "9223372036854775807",
                    "170141183460469231731687303715884105727",
                    "99999999999999999999999999999999999999999",
                    "2147483648",
                    "-0.0",
                    "1000000",
                ];
                text.insert_str(at, random.choose(&extreme));
            }
            10 => {
                let place = range(random, &text, 2);
                let character = char::from(u8::try_from(32 + random.below(95)).unwrap());
                text.replace_range(place, character.encode_utf8(&mut [0; 4]));
            }
            _ => {
                let half = text[at..].to_owned();
                text.insert_str(boundary(&text, at / 2), &half);
            }
        }
        let end = boundary(&text, text.len().min(MOST_BYTES));
        text.truncate(end);
    }
    text
}

/// The most memory that this process had, in kilobytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

fn fuzz(target: &Target) {
    let executions = number("HOMESTEAD_FUZZ_EXECUTIONS", 2_000);
    let (seed, first) = (number("HOMESTEAD_FUZZ_SEED", 1), number("HOMESTEAD_FUZZ_FIRST", 0));
    let trace = std::env::var_os("HOMESTEAD_FUZZ_TRACE").is_some();
    let (index, current) = (AtomicU64::new(first), Mutex::new((String::new(), Instant::now())));
    let begun = Instant::now();
    let slowest = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut slowest = (Duration::ZERO, 0);
            for at in first..first + executions {
                let mut random = Random(seed.wrapping_mul(0x0100_0000_01b3) ^ at);
                random.next();
                let text = mutate(&mut random, target);
                if trace {
                    eprintln!("{} {at}: {text:?}", target.name);
                }
                let start = Instant::now();
                *current.lock().unwrap() = (text.clone(), start);
                index.store(at, Ordering::Relaxed);
                (target.run)(&text);
                slowest = slowest.max((start.elapsed(), at));
            }
            slowest
        });
        while !worker.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            let (text, start) = current.lock().unwrap().clone();
            let at = index.load(Ordering::Relaxed);
            if start.elapsed() > LONGEST && !worker.is_finished() || memory() > MOST_MEMORY {
                // The thread cannot be ended, so the process is.
                eprintln!("{} seed {seed}, {at}: takes {:?} and {} kB: {text:?}", target.name, start.elapsed(), memory());
                std::process::abort();
            }
        }
        worker.join().unwrap_or_else(|_| {
            let (text, _) = current.lock().unwrap().clone();
            panic!("{} seed {seed}, {}: panics on {text:?}", target.name, index.load(Ordering::Relaxed))
        })
    });
    let line = format!(
        "\nfuzz: {} {executions} executions with seed {seed} in {:.1} s; the slowest took {} ms (number {}); at most {} MB\n",
        target.name,
        begun.elapsed().as_secs_f64(),
        slowest.0.as_millis(),
        slowest.1,
        memory() / 1024
    );
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[test]
fn yaml() {
    let mut seeds = corpus("yaml");
    seeds.extend([include_str!("ansible/recorded/inventory/host_vars/matrix.example.com/b.yml").to_owned()]);
    let words = &[
        "a",
        ": ",
        "- ",
        "? ",
        "\n",
        "\n  ",
        "\n    ",
        "  ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "<<: *a\n",
        "<<: ",
        "!unsafe ",
        "!vault ",
        "!!int ",
        "!!float ",
        "!!bool ",
        "!x ",
        "|\n",
        ">-\n",
        "|2-\n",
        "'",
        "\"",
        "\\",
        "\\x",
        "\\u",
        "#",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "null",
        "~",
        "0x",
        "0b",
        "1:30",
        "1_0",
        ".inf",
        "é",
        "\u{feff}",
        "\r",
        "\u{85}",
        "\u{0}",
    ];
    fuzz(&Target { name: "yaml", run: readers::yaml, seeds, words });
}

#[test]
fn ini() {
    let mut seeds = corpus("ini");
    seeds.extend([include_str!("ansible/recorded/inventory/hosts")[..1500].to_owned()]);
    let words = &[
        "[a]\n",
        "[a:vars]\n",
        "[a:children]\n",
        "[",
        "]",
        ":",
        "=",
        "\n",
        "host",
        "a",
        "web[01:99]",
        "[1:9999999999]",
        "[a:z]",
        "[0:10:2]",
        "[1:5:0]",
        "x=1",
        "x='",
        "\"",
        "#",
        ";",
        "{",
        "}",
        "(",
        ")",
        ",",
        "True",
        "None",
        "0x",
        "1_0",
        "1e5",
        "b'",
        "r'",
        "\\",
        "\\x",
        "\\N{",
        "'''",
        "-",
        "+",
        "ansible_group_priority=",
        "[::1]:22",
        "é",
        "\u{feff}",
    ];
    fuzz(&Target { name: "ini", run: readers::ini, seeds, words });
}

#[test]
fn vault() {
    let words =
        &["$ANSIBLE_VAULT;1.1;AES256\n", "$ANSIBLE_VAULT;1.2;AES256;dev\n", ";", "\n", "30", "0a", "61", "g", "0", "\r\n", " ", "é"];
    fuzz(&Target { name: "vault", run: readers::vault, seeds: corpus("vault"), words });
}

#[test]
fn expression() {
    let mut seeds = corpus("expression");
    seeds.extend(expressions());
    let words = &[
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{-",
        "-%}",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        ".",
        "|",
        "~",
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "==",
        "<",
        " in ",
        " not ",
        " and ",
        " or ",
        " is ",
        " if ",
        " else ",
        "'",
        "\"",
        "\\",
        "x",
        "again",
        "numbers",
        "users",
        "range(9)",
        "range(10**9)",
        "2**127",
        "'a'*10**9",
        "|list",
        "|map('",
        "|select('",
        "|join",
        "|int",
        "|string",
        "|to_json",
        "|from_json",
        "|to_nice_yaml",
        "|from_yaml",
        "|regex_replace('(a+)+$','')",
        "|regex_search('",
        "|combine(",
        "|product(",
        "|default(",
        "|indent(",
        "|center(",
        "|random(",
        "|password_hash('sha512',rounds=",
        "|slice(",
        "|batch(",
        "{% for i in ",
        "{% endfor %}",
        "{% if ",
        "{% endif %}",
        "{% set x = ",
        "{% macro m() %}",
        "{% endmacro %}",
        "{% raw %}",
        "{% endraw %}",
        "{{ m() }}",
        "loop.index",
        ".append(",
        ".format(",
        "lookup('",
        "query('sequence','count=",
        "'%s'%",
        "'%9d'%",
        "'{:9}'.format(",
        "[::-1]",
        "[1:]",
        "none",
        "true",
        "omit",
        "é",
        "\n",
        " ",
        "  ",
    ];
    fuzz(&Target { name: "expression", run: readers::expression, seeds, words });
}
