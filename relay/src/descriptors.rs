//! How many files, and so sockets, the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::limits::SOCKETS_MAX;

/// What is open beside sockets: the database and its journal, a dump's connections, the log.
const OTHERS: u64 = 64;

/// Raises the limit as far as this process may by itself, and says what it is then.
pub fn raise_limit() {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        warn!("the limit of open files stays as it was: {error}");
    }
    // Without a limit there is nothing to say.
    let Some(files) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let sockets_max = u64::try_from(SOCKETS_MAX).unwrap_or(u64::MAX);
    if files < sockets_max + OTHERS {
        let connections = files.saturating_sub(OTHERS);
        warn!(
            files,
            connections,
            "fewer connections than {SOCKETS_MAX} can be open: raise the limit with ulimit -n, or LimitNOFILE in a unit"
        );
    } else {
        info!(
            files,
            "the limit of open files is enough for {SOCKETS_MAX} connections"
        );
    }
}
