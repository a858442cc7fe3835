//! SigningTable: author address to key names and signers (reference §3.3) (H2).

use crate::dataset::{Answer, LookupError};

/// A compiled SigningTable.
#[derive(Debug)]
pub struct SigningTable {}

/// A line that applies to an author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningEntry {
    /// The entry's pattern or key as written, for log and `explain`.
    pub pattern: String,
    /// Line in its file, where there is one.
    pub line: Option<u32>,
    /// The key's name, `%` already replaced by the author domain.
    pub key_name: String,
    /// The signer (`i=`), `%` already replaced, where there is one.
    pub signer: Option<String>,
}

impl SigningTable {
    /// The entries for `local@domain`, in the order of OpenDKIM: the first only, or all with
    /// `multiple`.
    pub fn find<'a>(
        &'a self,
        local: &'a str,
        domain: &'a str,
        multiple: bool,
    ) -> Answer<'a, Result<Vec<SigningEntry>, LookupError>> {
        todo!("H2: {local} {domain} {multiple}")
    }
}
