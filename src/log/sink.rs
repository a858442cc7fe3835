//! Syslog, standard error, and a sink for tests (H5).
