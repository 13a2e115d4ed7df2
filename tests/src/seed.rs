//! Where randomness of a test comes from: printed, and settable by `HYDROID_SEED`.

/// The seed of a run: `HYDROID_SEED` if it is set, else `default`. It is printed, so that a failure
/// can be run again.
///
/// # Panics
/// If `HYDROID_SEED` is no number.
pub fn seed(default: u64) -> u64 {
    let seed = match std::env::var("HYDROID_SEED") {
        Ok(text) => text.parse().expect("HYDROID_SEED is a number"),
        Err(_) => default,
    };
    println!("HYDROID_SEED={seed}");
    seed
}
