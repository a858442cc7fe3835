//! Sign, verify or leave alone: facts in, a decision and its reason out (reference §3.1).
