//! New keys and the TXT record that publishes them (reference §8.1) (H4).
