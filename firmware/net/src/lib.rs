//! Network interfaces as the box sees them: discovery, roles, addresses, offloads, hot-plug.
