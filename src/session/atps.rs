//! Asking whether an author domain lets a third party sign for it (RFC 6541).

use crate::{
    dkim::atps::AtpsQuery,
    dns::{TxtLookup, TxtRecords, name::DnsName},
    headers::auth_results::AtpsResult,
};

/// Asks for the record. When DNS gives no answer the result is neutral, because then nothing is
/// known.
pub async fn ask(source: &dyn TxtLookup, query: &AtpsQuery) -> AtpsResult {
    let Ok(name) = DnsName::parse(&query.name) else {
        return AtpsResult::Fail;
    };
    let granted = match source.txt(&name).await.result {
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
