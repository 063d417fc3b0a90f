//! What a page shows at one moment, read from its `data-testid` elements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

/// A look at a page.
#[derive(Clone, Debug, Deserialize)]
pub struct Page {
    elements: Vec<Element>,
    /// Whether the browser calls this a secure context.
    pub is_secure_context: bool,
    recorder: Option<Recorder>,
}

/// An element with a `data-testid`.
#[derive(Clone, Debug, Deserialize)]
pub struct Element {
    test_id: String,
    /// Its text, or what was typed into it; at most 2,000 characters.
    pub text: String,
    data: BTreeMap<String, String>,
    /// Whether it is a control that cannot be used now.
    pub is_disabled: bool,
    /// Its CSS classes.
    pub classes: BTreeSet<String>,
}

/// What `recorder.js` saw since the document began.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorder {
    /// When the navigation began, milliseconds since 1970 UTC.
    pub started_ms: f64,
    members_ms: BTreeMap<String, f64>,
    /// What was shown of connection and replica, one after the other.
    pub states: Vec<State>,
    /// Tasks of more than 50 ms on the page's thread.
    pub long_tasks: Vec<LongTask>,
    /// Uncaught errors and violations of the content security policy.
    pub faults: Vec<String>,
}

/// What a page shows of its node.
#[derive(Clone, Debug, Deserialize)]
pub struct State {
    /// Since when, milliseconds since 1970 UTC.
    pub at_ms: f64,
    /// The state of the connection.
    pub connection: String,
    /// Whether the replica is in sync, and otherwise why not.
    pub sync: String,
}

/// A task during which the page could not answer its user.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct LongTask {
    /// When it began, milliseconds since 1970 UTC.
    pub start_ms: f64,
    /// How long it took.
    pub duration_ms: f64,
}

/// A row of the mempool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The transaction's id in hex.
    pub id: String,
    /// The sender's number, if it is present.
    pub sender: Option<u64>,
    /// The ledger key that it writes.
    pub key: String,
    /// The value that it writes.
    pub value: String,
    /// Whether the relay has stored it.
    pub is_acknowledged: bool,
}

/// A card in the list of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Its hash in hex.
    pub hash: String,
    /// Number of transactions.
    pub transactions: u64,
    /// Whether a logged decision stands on it.
    pub is_final: bool,
    /// Whether its stored bytes are known to be damaged.
    pub is_damaged: bool,
}

impl Element {
    /// A `data-` attribute, by its name in camel case.
    #[must_use]
    pub fn data(&self, name: &str) -> Option<&str> {
        self.data.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.data(name)?.parse().ok()
    }

    fn is(&self, name: &str) -> bool {
        self.data(name) == Some("true")
    }
}

impl Recorder {
    /// When a member's row was first shown, milliseconds since 1970 UTC.
    #[must_use]
    pub fn member_shown_ms(&self, id: u64) -> Option<f64> {
        self.members_ms.get(&format!("member-{id}")).copied()
    }

    /// Since when a member is shown that has all blocks, milliseconds since 1970 UTC.
    #[must_use]
    pub fn in_step_since_ms(&self) -> Option<f64> {
        let last = self.states.last()?;
        let is_in_step = last.connection == "joined" && last.sync == "synced";
        is_in_step.then_some(last.at_ms)
    }

    /// The longest task that began at or after `since_ms`; 0 where all were under 50 ms.
    #[must_use]
    pub fn longest_task_ms(&self, since_ms: f64) -> f64 {
        self.long_tasks
            .iter()
            .filter(|task| task.start_ms >= since_ms)
            .map(|task| task.duration_ms)
            .fold(0.0, f64::max)
    }
}

impl Page {
    /// The first element with this `data-testid`.
    #[must_use]
    pub fn element(&self, test_id: &str) -> Option<&Element> {
        self.all(test_id).next()
    }

    fn all(&self, test_id: &str) -> impl Iterator<Item = &Element> {
        self.elements
            .iter()
            .filter(move |element| element.test_id == test_id)
    }

    /// Elements named `PREFIX-REST`, with the rest.
    fn numbered(&self, prefix: &str) -> impl Iterator<Item = (u64, &Element)> {
        self.elements.iter().filter_map(move |element| {
            let rest = element.test_id.strip_prefix(prefix)?.strip_prefix('-')?;
            Some((rest.parse().ok()?, element))
        })
    }

    /// A `data-` attribute of the first element with this `data-testid`.
    #[must_use]
    pub fn data(&self, test_id: &str, name: &str) -> Option<&str> {
        self.element(test_id)?.data(name)
    }

    fn number(&self, test_id: &str, name: &str) -> Option<u64> {
        self.element(test_id)?.number(name)
    }

    /// What was recorded; nothing where the document was loaded without the recorder.
    #[must_use]
    pub fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    /// The state of the connection.
    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        self.data("connection-state", "state")
    }

    /// Whether the node is a member now.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.connection() == Some("joined")
    }

    /// Whether the replica has all blocks that it knows of.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.data("sync-progress", "state") == Some("synced")
    }

    /// The node's number.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.number("own-id", "value")
    }

    /// The node's key.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.data("own-key", "key").filter(|key| !key.is_empty())
    }

    /// The leader and its term.
    #[must_use]
    pub fn leader(&self) -> Option<(u64, u64)> {
        let leader = self.element("leader-id")?;
        Some((leader.number("value")?, leader.number("term")?))
    }

    /// Everyone present.
    #[must_use]
    pub fn members(&self) -> BTreeSet<u64> {
        self.numbered("member").map(|(id, _)| id).collect()
    }

    /// Height of the best block.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.number("height", "value").unwrap_or_default()
    }

    /// Hash of the best block, once there is a chain.
    #[must_use]
    pub fn tip(&self) -> Option<&str> {
        self.data("height", "tip").filter(|tip| !tip.is_empty())
    }

    /// Height of the last final block.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.number("final-height", "value").unwrap_or_default()
    }

    /// Number of pending transactions.
    #[must_use]
    pub fn pending_count(&self) -> Option<u64> {
        self.number("pending-count", "value")
    }

    /// The rows of the mempool.
    #[must_use]
    pub fn mempool(&self) -> Vec<Pending> {
        let rows = self.elements.iter();
        rows.filter_map(|row| {
            let id = row.test_id.strip_prefix("pending-")?;
            Some(Pending {
                id: id.to_owned(),
                sender: row.number("sender"),
                key: row.data("key")?.to_owned(),
                value: row.data("value")?.to_owned(),
                is_acknowledged: row.is("acknowledged"),
            })
        })
        .collect()
    }

    /// The pending transaction that writes this.
    #[must_use]
    pub fn pending(&self, key: &str, value: &str) -> Option<Pending> {
        self.mempool()
            .into_iter()
            .find(|pending| pending.key == key && pending.value == value)
    }

    /// The blocks in the list, as far as it is shown.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        self.numbered("block")
            .filter_map(|(height, card)| {
                Some(Block {
                    height,
                    hash: card.data("hash")?.to_owned(),
                    transactions: card.number("transactions")?,
                    is_final: card.is("final"),
                    is_damaged: card.is("damaged"),
                })
            })
            .collect()
    }

    /// The block of this height, if the list shows it.
    #[must_use]
    pub fn block(&self, height: u64) -> Option<Block> {
        self.blocks()
            .into_iter()
            .find(|block| block.height == height)
    }

    /// Blocks found by this node since it was started.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.number("found-count", "value").unwrap_or_default()
    }

    /// Hashes a second.
    #[must_use]
    pub fn hash_rate(&self) -> u64 {
        self.number("hash-rate", "value").unwrap_or_default()
    }

    /// The text of a banner of this kind.
    #[must_use]
    pub fn banner(&self, kind: &str) -> Option<&str> {
        self.all("banner")
            .find(|banner| banner.data("kind") == Some(kind))
            .map(|banner| banner.text.as_str())
    }
}

/// In one line, for the message of a failed test.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.element("boot-error") {
            return write!(f, "boot error: {}", error.text);
        }
        if self.element("app").is_none() {
            return f.write_str("the page has not started");
        }
        write!(
            f,
            "{}, id {:?}, leader {:?}, members {:?}, height {} ({}), final {}, mempool {:?}, \
             mining {:?}, found {}",
            self.connection().unwrap_or("no connection state"),
            self.id(),
            self.leader(),
            self.members(),
            self.height(),
            self.tip().and_then(|tip| tip.get(..8)).unwrap_or("no tip"),
            self.final_height(),
            self.mempool()
                .iter()
                .map(|pending| format!("{}={:.40}", pending.key, pending.value))
                .collect::<Vec<_>>(),
            self.data("mining-state", "state"),
            self.found(),
        )?;
        for banner in self.all("banner") {
            write!(f, ", banner: {}", banner.text)?;
        }
        if let Some(check) = self.element("check-result") {
            write!(f, ", check {:?}", check.data)?;
        }
        match &self.recorder {
            Some(recorder) if !recorder.faults.is_empty() => {
                write!(f, ", faults {:?}", recorder.faults)
            }
            _ => Ok(()),
        }
    }
}
