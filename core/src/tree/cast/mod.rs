//! Broadcasts: each message once, in its origin's order, to every member. It owns the signing and
//! checking of messages, the log from which new neighbours are told what they missed, and the limits
//! of both. It never decides who a neighbour is.
