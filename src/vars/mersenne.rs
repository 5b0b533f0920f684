//! The random numbers of Python's `random.Random(seed)`: MT19937, seeded as `CPython` does.
//!
//! Ansible's `lookup('password', ... seed=...)` and `random(seed=...)` must give the same values.

use sha2::Digest as _;

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// A generator.
pub struct Mersenne {
    state: [u32; SIZE],
    at: usize,
}

impl Mersenne {
    /// Seeded with text: its bytes and their SHA-512 are one large number.
    pub fn from_text(seed: &str) -> Self {
        let mut bytes = seed.as_bytes().to_vec();
        bytes.extend(sha2::Sha512::digest(seed.as_bytes()));
        Self::from_bytes(&bytes)
    }

    /// Seeded with a number.
    pub fn from_number(seed: u128) -> Self {
        Self::from_bytes(&seed.to_be_bytes())
    }

    /// Seeded with the bytes of a number, the highest first.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut key: Vec<u32> =
            bytes.rchunks(4).map(|chunk| chunk.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))).collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        if key.is_empty() {
            key.push(0);
        }
        Self::from_key(&key)
    }

    fn from_key(key: &[u32]) -> Self {
        let mut state = [0u32; SIZE];
        state[0] = 19_650_218;
        for i in 1..SIZE {
            state[i] = 1_812_433_253u32.wrapping_mul(state[i - 1] ^ (state[i - 1] >> 30)).wrapping_add(u32::try_from(i).unwrap_or(0));
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..SIZE.max(key.len()) {
            let mixed = state[i] ^ (state[i - 1] ^ (state[i - 1] >> 30)).wrapping_mul(1_664_525);
            state[i] = mixed.wrapping_add(key[j]).wrapping_add(u32::try_from(j).unwrap_or(0));
            i += 1;
            j += 1;
            if i >= SIZE {
                state[0] = state[SIZE - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 0..SIZE - 1 {
            let mixed = state[i] ^ (state[i - 1] ^ (state[i - 1] >> 30)).wrapping_mul(1_566_083_941);
            state[i] = mixed.wrapping_sub(u32::try_from(i).unwrap_or(0));
            i += 1;
            if i >= SIZE {
                state[0] = state[SIZE - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Self { state, at: SIZE }
    }

    fn next(&mut self) -> u32 {
        if self.at >= SIZE {
            for i in 0..SIZE {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % SIZE] & 0x7fff_ffff);
                self.state[i] = self.state[(i + SHIFT) % SIZE] ^ (y >> 1) ^ (if y & 1 == 1 { 0x9908_b0df } else { 0 });
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// As Python's `getrandbits`.
    fn bits(&mut self, count: u32) -> u64 {
        if count <= 32 {
            return u64::from(self.next() >> (32 - count));
        }
        let low = u64::from(self.next());
        let high = u64::from(self.next() >> (64 - count));
        (high << 32) | low
    }

    /// A number below `limit`, which must be above 0, as Python's `_randbelow`.
    pub fn below(&mut self, limit: u64) -> u64 {
        let count = 64 - limit.leading_zeros();
        if count == 0 {
            return 0;
        }
        loop {
            let number = self.bits(count);
            if number < limit {
                return number;
            }
        }
    }
}
