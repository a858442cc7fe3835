//! The tables of OpenDKIM with the meaning that their options give to plain data sets:
//! host sets, SigningTable, KeyTable, MacroList (reference §3.2 to §3.4).

pub mod hosts;
pub mod key_table;
pub mod macros;
pub mod signing_table;
