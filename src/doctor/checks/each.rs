//! The same questions about many things: asked side by side, told in order.

use std::{future::Future, sync::Arc};

use tokio::task::JoinSet;

use super::no_domain;
use crate::{host::Host, report::Report};

/// What `examine` has to say of all domains that are examined, each named by its place among them.
pub(super) async fn each_domain<F>(
    host: &Arc<Host>,
    examine: impl Fn(Arc<Host>, usize) -> F,
) -> Report
where
    F: Future<Output = Report> + Send + 'static,
{
    if host.domains.is_empty() {
        return no_domain();
    }
    let domains = 0..host.domains.len();
    each(domains, |place| examine(Arc::clone(host), place)).await
}

/// What `examine` has to say of all `things`, in their order. What is true of several of them, such
/// as of a record that they share, is said once.
pub(super) async fn each<T, F>(
    things: impl IntoIterator<Item = T>,
    examine: impl Fn(T) -> F,
) -> Report
where
    F: Future<Output = Report> + Send + 'static,
{
    let mut all = Report::idle();
    for mut report in side_by_side(things.into_iter().map(examine)).await {
        report
            .findings
            .retain(|finding| !all.findings.contains(finding));
        all.merge(report);
    }
    all
}

/// What comes of all `questions`, asked at once, in their order.
///
/// # Panics
/// If one of them does.
pub(super) async fn side_by_side<F>(questions: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut asking = JoinSet::new();
    for (place, question) in questions.into_iter().enumerate() {
        asking.spawn(async move { (place, question.await) });
    }
    let mut answers: Vec<_> = (0..asking.len()).map(|_| None).collect();
    for (place, answer) in asking.join_all().await {
        answers[place] = Some(answer);
    }
    answers.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use dkimd_advice::{Code, Finding, text};

    #[tokio::test(start_paused = true)]
    async fn what_is_found_comes_in_order_and_only_once() {
        let of = |code: &'static str| async move {
            // The first thing takes longest.
            tokio::time::sleep(Duration::from_secs(if code == "a" { 9 } else { 1 })).await;
            Report::from(vec![Finding::info(
                Code::new(code),
                "subject",
                text!("what"),
            )])
        };
        let report = each(["a", "b", "a", "c"], of).await;
        let codes: Vec<_> = report
            .findings
            .iter()
            .map(|found| found.code.word())
            .collect();
        assert_eq!(codes, ["a", "b", "c"]);
    }
}
