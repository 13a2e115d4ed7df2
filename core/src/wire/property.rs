//! How this room's properties are tried: with a seed that is printed and can be given.

use std::{env, println};

use quickcheck::{Gen, QuickCheck};

/// A `QuickCheck` of `tests` tries with values of about `size`. The environment variable
/// `HYDROID_SEED` gives another seed than the usual one.
pub(crate) fn property(size: usize, tests: u64) -> QuickCheck {
    let given = env::var("HYDROID_SEED").ok();
    let seed = given.map_or(0x68_7964_726f_6964, |text| {
        text.parse().expect("HYDROID_SEED is a number")
    });
    println!("HYDROID_SEED={seed}");
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(size, seed))
        .tests(tests)
}
