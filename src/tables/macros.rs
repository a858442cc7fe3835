//! MacroList: macros whose presence or value makes a client's mail ours (reference §1.2) (H2).

/// A compiled MacroList.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacroList {
    /// Name without braces, accepted values (empty: any).
    pub entries: Vec<(String, Vec<String>)>,
}
