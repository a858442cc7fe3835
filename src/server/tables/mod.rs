//! The tables of OpenDKIM with the meaning that their options give to plain data sets:
//! host sets, MilterPeers, SigningTable, KeyTable, MacroList.

pub mod hosts;
pub mod key_table;
pub mod macros;
pub mod peers;
pub mod signing_table;
