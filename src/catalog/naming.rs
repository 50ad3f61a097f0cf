//! Groups, command words and flag names, and what happens when they collide (H32).
