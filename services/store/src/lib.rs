//! The archive on disk: its layout, durable writing, compression, retention, recovery.
