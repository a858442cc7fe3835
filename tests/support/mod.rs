//! What several test programs share; each uses a part of it.

#![allow(dead_code)]

pub mod verifying;
