//! Asking whether an author domain lets a third party sign for it (RFC 6541).

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    dkim::atps::AtpsQuery,
    dns::{TxtLookup, TxtRecords, name::DnsName},
    headers::auth_results::AtpsResult,
};

/// How long the question may take, after the keys were waited for; with
/// [`crate::dns::MESSAGE_DEADLINE`] it stays below the MTA's patience.
pub const ATPS_LIMIT: Duration = Duration::from_secs(5);

/// Asks for the record. When DNS gives no answer the result is neutral, because then nothing is
/// known.
pub async fn ask(source: &dyn TxtLookup, query: &AtpsQuery) -> AtpsResult {
    let Ok(name) = DnsName::parse(&query.name) else {
        return AtpsResult::Fail;
    };
    let Ok(answer) = timeout(ATPS_LIMIT, source.txt(&name)).await else {
        return AtpsResult::Neutral;
    };
    let granted = match answer.result {
        Ok(TxtRecords::None(_)) => false,
        Ok(TxtRecords::One(text)) => query.is_granted_by(&text),
        Ok(TxtRecords::Several(texts)) => texts.iter().any(|text| query.is_granted_by(text)),
        Err(_) => return AtpsResult::Neutral,
    };
    match granted {
        true => AtpsResult::Pass,
        false => AtpsResult::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dkim::atps::AtpsHash, dns::file::FileRecords};

    #[tokio::test]
    async fn leave_is_granted_by_a_record_and_refused_without_one() {
        let records = FileRecords::parse(
            "good.example._atps.a.example v=ATPS1\n\
             two.example._atps.a.example other\ntwo.example._atps.a.example v=ATPS1\n\
             late.example._atps.a.example !TIMEOUT\n",
        )
        .unwrap();
        for (signer, result) in [
            ("good.example", AtpsResult::Pass),
            ("two.example", AtpsResult::Pass),
            ("none.example", AtpsResult::Fail),
            ("late.example", AtpsResult::Neutral),
        ] {
            let query = AtpsQuery::new(signer, AtpsHash::None, "a.example");
            assert_eq!(ask(&records, &query).await, result, "{signer}");
        }
    }
}
