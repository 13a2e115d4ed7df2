//! Who a member's parent and children are. It owns joining, the rule that makes loops impossible,
//! the repair of holes, the merging of trees and their balance. It holds no time (a timer is a name
//! that somebody else keeps), sends nothing itself, and knows neither broadcasts nor addresses.
