//! Waiting for what a controller does in its own time.

use std::time::{Duration, Instant};

const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Far more than anything here takes, even where others keep the machine busy: a limit against
/// hanging, not a measure of speed.
const LIMIT: Duration = Duration::from_secs(240);

/// Tries until the probe succeeds, and returns what it found. A probe says why it is not
/// satisfied yet; after four minutes the last such answer ends the test.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(found) => return found,
            Err(why) if start.elapsed() > LIMIT => {
                panic!("waited {}s for {what}: {why}", LIMIT.as_secs())
            }
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}
