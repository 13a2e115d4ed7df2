//! Tests of the room by its effects.
