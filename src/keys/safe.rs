//! RequireSafeKeys: who may read or replace a key file (reference §9.2) (H4).
