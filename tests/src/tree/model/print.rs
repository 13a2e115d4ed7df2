//! A fingerprint of 128 bits: of ten million states, two share one with a chance of 1 in 10^24.

use std::hash::{Hash, Hasher};

/// The print of a thing.
pub(super) fn print(thing: &impl Hash) -> u128 {
    let mut hash = Print(0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f);
    thing.hash(&mut hash);
    (u128::from(mix(hash.0)) << 64) | u128::from(mix(hash.1))
}

struct Print(u64, u64);

fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl Hasher for Print {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0 = (self.0 ^ number)
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(29);
        self.1 = mix(self.1.wrapping_add(number).rotate_left(17));
    }
}
