//! Option tables and configuration files: declared once, giving parser, help, manual page and completion.
