//! The text of every log line (reference §6).
