//! One connection of the MTA, and the message under way on it.
