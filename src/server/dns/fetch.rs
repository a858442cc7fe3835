//! The keys of one message: all asked for at once, while its body is still on its way.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{DnsFailure, MESSAGE_DEADLINE, key::KeyCache, name::DnsName};
use crate::dkim::{key_answer::KeyAnswer, verify::KeyQuery};

/// Key queries under way; they end when this is dropped.
#[derive(Debug)]
pub struct KeyFetch {
    answers: Vec<Option<KeyAnswer>>,
    waiting: JoinSet<(usize, KeyAnswer)>,
}

impl KeyFetch {
    /// Asks for every key. What the cache holds is there at once; the rest is there within
    /// [`MESSAGE_DEADLINE`] or has failed for now.
    pub fn start(cache: &Arc<KeyCache>, queries: &[KeyQuery]) -> Self {
        Self::start_within(cache, queries, MESSAGE_DEADLINE)
    }

    /// Like [`KeyFetch::start`], with another limit.
    pub fn start_within(cache: &Arc<KeyCache>, queries: &[KeyQuery], limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        let mut waiting = JoinSet::new();
        let answers = queries
            .iter()
            .enumerate()
            .map(|(index, query)| {
                let Ok(name) = DnsName::parse(&query.name) else {
                    return Some(KeyAnswer::Failed(DnsFailure::Unreachable));
                };
                if let Some(answer) = cache.held(&name) {
                    return Some(answer);
                }
                let cache = Arc::clone(cache);
                waiting.spawn(async move {
                    let answer = timeout_at(deadline, cache.get(&name)).await;
                    (
                        index,
                        answer.unwrap_or(KeyAnswer::Failed(DnsFailure::Timeout)),
                    )
                });
                None
            })
            .collect();
        Self { answers, waiting }
    }

    /// The answers in the order of the queries, waiting where that is needed.
    pub async fn answers(mut self) -> Vec<KeyAnswer> {
        while let Some(ended) = self.waiting.join_next().await {
            if let Ok((index, answer)) = ended
                && let Some(slot) = self.answers.get_mut(index)
            {
                *slot = Some(answer);
            }
        }
        self.answers
            .into_iter()
            // Only a task that panicked leaves its answer out.
            .map(|answer| answer.unwrap_or(KeyAnswer::Failed(DnsFailure::Malformed)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{TxtAnswer, TxtFuture, TxtLookup, file::FileRecords, key::key_cache},
        *,
    };

    /// Answers after a second, but never for `silent.example`.
    #[derive(Debug)]
    struct Slow(FileRecords);

    impl TxtLookup for Slow {
        fn txt<'a>(&'a self, name: &'a DnsName) -> TxtFuture<'a> {
            Box::pin(async {
                if name.as_str() == "silent.example" {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
                let answer: TxtAnswer = self.0.answer(name);
                answer
            })
        }
    }

    fn queries(names: &[&str]) -> Vec<KeyQuery> {
        names
            .iter()
            .map(|name| KeyQuery {
                name: (*name).into(),
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_asked_for_together_and_come_in_the_order_of_the_queries() {
        let records = FileRecords::parse("a.example v=DKIM1; p=\nb.example x\nb.example y\n");
        let cache = Arc::new(key_cache(Arc::new(Slow(records.unwrap()))));
        let begun = Instant::now();
        let wanted = queries(&["c.example", "b.example", "a.example", "bad..example"]);
        let answers = KeyFetch::start(&cache, &wanted).answers().await;
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
        assert!(
            matches!(
                &answers[..],
                [
                    KeyAnswer::NotFound { .. },
                    KeyAnswer::Several { count: 2 },
                    KeyAnswer::Found(_),
                    KeyAnswer::Failed(DnsFailure::Unreachable),
                ]
            ),
            "{answers:?}"
        );
        KeyFetch::start(&cache, &wanted).answers().await;
        assert_eq!(
            begun.elapsed(),
            Duration::from_secs(1),
            "now from the cache"
        );
        assert_eq!(cache.figures().hits, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_never_comes_is_a_timeout_below_the_mta_s_patience() {
        let cache = Arc::new(key_cache(Arc::new(Slow(FileRecords::default()))));
        let begun = Instant::now();
        let answers = KeyFetch::start(&cache, &queries(&["silent.example"]))
            .answers()
            .await;
        assert!(matches!(
            answers[..],
            [KeyAnswer::Failed(DnsFailure::Timeout)]
        ));
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
