//! Several addresses of one host: tried in their order, and the next one beside those that are silent for a while. So a dead address costs seconds
//! and not its whole time limit, and the order still decides: whoever is not the host ends the search only if no address before it is.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinSet;

/// How long an address may be silent until the next one is tried as well: most hosts answer within a tenth of it, however far away.
pub(super) const HEAD_START: Duration = Duration::from_secs(3);

/// The first attempt that succeeds. Otherwise the one fault that `ends` the search, or else all of them, in order.
pub(super) async fn first<T, E, F>(
    attempts: impl IntoIterator<Item = F>,
    head_start: Duration,
    ends: impl Fn(&E) -> bool,
) -> Result<T, Vec<E>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let mut waiting = attempts.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut faults: BTreeMap<usize, E> = BTreeMap::new();
    let mut wrong: Option<usize> = None;
    loop {
        let next = waiting.next().filter(|_| wrong.is_none());
        let more = next.is_some();
        if let Some((number, attempt)) = next {
            running.spawn(async move { (number, attempt.await) });
        }
        let ended = tokio::select! {
            ended = running.join_next() => ended,
            () = tokio::time::sleep(head_start), if more => continue,
        };
        match ended {
            // Nobody is left to ask.
            None => break,
            Some(Ok((number, Ok(found)))) if wrong.is_none_or(|wrong| number < wrong) => {
                return Ok(found);
            }
            Some(Ok((number, Err(fault)))) => {
                if ends(&fault) {
                    wrong = Some(wrong.map_or(number, |wrong| wrong.min(number)));
                }
                faults.insert(number, fault);
            }
            // It lies behind one that is not the host; or it broke, which its panic tells.
            Some(_) => {}
        }
        let settled = |wrong: usize| (0..wrong).all(|number| faults.contains_key(&number));
        if wrong.is_some_and(settled) {
            break;
        }
    }
    let faults = match wrong.and_then(|wrong| faults.remove(&wrong)) {
        Some(fault) => vec![fault],
        None => faults.into_values().collect(),
    };
    Err(faults)
}

/// What `attempt` brings if it succeeds. Otherwise its fault, and the answer of whoever knows more of it: they are asked once it has failed, and
/// beside it once it was silent for a while, so that not both are waited for.
pub(super) async fn or_ask<T, E, A>(
    attempt: impl Future<Output = Result<T, E>>,
    ask: impl Future<Output = A>,
    head_start: Duration,
) -> Result<T, (E, A)> {
    tokio::pin!(attempt, ask);
    let fault = tokio::select! {
        came = &mut attempt => match came {
            Ok(found) => return Ok(found),
            Err(fault) => fault,
        },
        answer = async {
            tokio::time::sleep(head_start).await;
            (&mut ask).await
        } => return attempt.await.map_err(|fault| (fault, answer)),
    };
    Err((fault, ask.await))
}

#[cfg(test)]
mod tests {
    use super::{first, or_ask};
    use std::time::Duration;
    use tokio::time::Instant;

    const HEAD_START: Duration = Duration::from_millis(100);

    /// `500ok`: what comes of an address after how many milliseconds. `no`: it is silent or refuses; `wrong`: somebody else answers there.
    async fn of(addresses: &str) -> (String, u128) {
        let begun = Instant::now();
        let attempts = addresses.split(' ').map(|word| {
            let digits = word.trim_end_matches(char::is_alphabetic);
            let wait = digits.parse().expect("a number");
            let word = word.to_owned();
            async move {
                tokio::time::sleep(Duration::from_millis(wait)).await;
                if word.ends_with("ok") {
                    Ok(word)
                } else {
                    Err(word)
                }
            }
        });
        let came = first(
            attempts.collect::<Vec<_>>(),
            HEAD_START,
            |fault: &String| fault.ends_with("wrong"),
        )
        .await;
        let told = came.unwrap_or_else(|faults| faults.join(" "));
        (told, begun.elapsed().as_millis())
    }

    /// By a clock that is set forward whenever everything waits for it: a busy machine changes nothing.
    #[tokio::test(start_paused = true)]
    async fn addresses_are_tried_in_order_and_beside_each_other() {
        for (addresses, wanted, after) in [
            ("5ok 0ok", "5ok", 5),
            ("5no 5ok", "5ok", 10),
            ("5000no 5ok", "5ok", 105),
            ("5000no 5no 5ok", "5ok", 110),
            ("5000no 5000no 5ok", "5ok", 205),
            // Slow is not dead.
            ("300ok 400ok", "300ok", 300),
            ("300no 0no", "300no 0no", 300),
            // Somebody else at a later address does not keep us from the host at an earlier one …
            ("300ok 0wrong", "300ok", 300),
            ("300no 0wrong 0ok", "0wrong", 300),
            // … and ends the search for what comes after it.
            ("5wrong 0ok", "5wrong", 5),
            ("300no 150wrong 100ok", "150wrong", 300),
            ("0no 5wrong 0ok", "5wrong", 5),
        ] {
            assert_eq!(
                of(addresses).await,
                (wanted.to_owned(), after),
                "{addresses}"
            );
        }
        let none = first(
            Vec::<std::future::Ready<Result<(), ()>>>::new(),
            HEAD_START,
            |()| true,
        );
        assert_eq!(none.await, Err(Vec::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_knows_more_is_asked_beside_who_is_silent() {
        async fn after<T>(milliseconds: u64, came: T) -> T {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            came
        }
        for (attempt, wanted, took) in [
            // Through before anybody is asked, or while.
            ((50, Ok("in")), Ok("in"), 50),
            ((150, Ok("in")), Ok("in"), 150),
            ((500, Ok("in")), Ok("in"), 500),
            // Asked at once where it fails, and beside it where it is silent.
            ((50, Err("no")), Err(("no", "why")), 250),
            ((150, Err("no")), Err(("no", "why")), 300),
            ((500, Err("no")), Err(("no", "why")), 500),
        ] {
            let begun = Instant::now();
            let (wait, came) = attempt;
            let told = or_ask(after(wait, came), after(200, "why"), HEAD_START).await;
            let told = (told, begun.elapsed().as_millis());
            assert_eq!(told, (wanted, took), "{attempt:?}");
        }
    }
}
