//! What every daemon does alike: messages, signals, pid file, background, user and group, readiness.
