//! Chooses an auth alternative and applies it, bound to the hosts it belongs to (H17).
