//! What large trees come to.
