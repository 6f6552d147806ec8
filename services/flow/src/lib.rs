//! Turns packets into Argus flow records: keys, directions, timers, metrics, states.
