//! Waiting for conditions, never for time.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Time between two looks at a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(40);

/// What a look at a condition found.
#[derive(Clone, Debug)]
pub enum Look<T> {
    /// It holds.
    Holds(T),
    /// It does not hold yet; this is what was seen instead.
    NotYet(String),
}

impl Look<()> {
    /// `holds` as a look, with what was seen in case it does not.
    pub fn from_bool(holds: bool, seen: impl Display) -> Self {
        if holds {
            Self::Holds(())
        } else {
            Self::NotYet(seen.to_string())
        }
    }
}

/// Looks again and again until the condition holds.
///
/// # Errors
/// When it does not hold within `deadline`: names the condition and what was last seen. An error
/// of a single look counts as not yet: a page may be between two documents.
pub async fn until<T>(
    condition: &str,
    deadline: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        let seen = match look().await {
            Ok(Look::Holds(value)) => return Ok(value),
            Ok(Look::NotYet(seen)) => seen,
            Err(error) => format!("{error:#}"),
        };
        if started.elapsed() >= deadline {
            bail!(
                "expected within {} ms: {condition}; last seen: {seen}",
                deadline.as_millis()
            );
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_never_holds_is_named_with_what_was_seen() {
        let mut looks = 0;
        let error = until("three looks", Duration::from_millis(100), async || {
            looks += 1;
            Ok(Look::<()>::NotYet(format!("look {looks}")))
        })
        .await
        .unwrap_err()
        .to_string();
        assert!(error.contains("three looks"), "{error}");
        assert!(error.contains(&format!("look {looks}")), "{error}");
    }

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait() {
        let mut looks = 0;
        let found = until("the third look", Duration::from_secs(10), async || {
            looks += 1;
            Ok(if looks == 3 {
                Look::Holds(looks)
            } else {
                Look::NotYet(looks.to_string())
            })
        })
        .await
        .unwrap();
        assert_eq!(found, 3);
    }
}
