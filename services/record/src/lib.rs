//! Argus records and streams: views that read bytes in place, models that encode back.
