//! Where records come from and go to: files, sockets, the Argus network protocol, time ranges.
