//! Every order of events.
