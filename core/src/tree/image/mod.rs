//! A member's picture of the others: who is there, where, below whom and by what name. It owns the
//! entries, how they travel and how they are repaired. What it holds about others are hints; only a
//! name that its bearer signed is shown as one.
