//! Boots the image in QEMU against simulated hosts and checks it from outside.
