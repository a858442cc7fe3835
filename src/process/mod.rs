//! The process: user, umask, pid file, descriptors, signals, readiness (reference §7) (H5).
