//! Hydroid over tokio.
