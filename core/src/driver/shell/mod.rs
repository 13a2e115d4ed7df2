//! temporary
pub mod recorder;
