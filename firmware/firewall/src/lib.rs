//! Renders the box's configuration as one nftables table.
