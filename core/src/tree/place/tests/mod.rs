//! The place by itself: it is built, called, and its effects are looked at.
