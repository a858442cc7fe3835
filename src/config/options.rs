//! The one table of option names (H2).
