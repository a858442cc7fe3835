//! Opening the listener, and accepting for as long as the daemon lives (H3).
