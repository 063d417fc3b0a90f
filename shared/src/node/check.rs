//! Consistency checks: answered by every member from its stored bytes, led by the leader, and
//! what a member does that turns out to differ.

use litemap::LiteMap;

use super::interface::{CommandError, RequestId};
use super::{Followup, Loading, Node, Signing};
use crate::block::Body;
use crate::chain::index_of;
use crate::encoding::{List, decode, encode};
use crate::hash::Hash;
use crate::keys::Signature;
use crate::limits::CHECK_TIMEOUT_MS;
use crate::merkle;
use crate::message::{CheckAnswer, CheckQuery, CheckReport, MemberId, Message, Term};
use crate::rejection::RejectionKind;
use crate::replica::{StoredRange, certified_tree};
use crate::store::{Row, Table, Write, number_key};
use crate::transaction::{Action, Value};

/// Checks that this node leads.
#[derive(Debug, Default)]
pub(super) struct Checks {
    count: u64,
    running: Option<Check>,
    /// Somebody has asked for another one meanwhile: what it is to find may be newer.
    is_wanted_again: bool,
    /// What is read next: stored blocks are read for one purpose at a time, and once more for
    /// whatever came meanwhile.
    next_answer: Option<CheckQuery>,
    next_search: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Check {
    check: (Term, u64),
    /// The height up to which replicas are compared.
    height: u64,
    since_ms: u64,
    /// What each member has to answer next.
    waiting: LiteMap<MemberId, (u64, u64)>,
    /// What stored blocks must hash to.
    certified: merkle::Tree,
    agree: Vec<MemberId>,
    differ: Vec<(MemberId, u64)>,
}

/// Stored blocks that are being read.
#[derive(Debug)]
pub(super) struct Reading {
    purpose: Purpose,
    range: StoredRange,
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// To answer the leader.
    Answer(CheckQuery),
    /// To find every damaged block of one's own.
    FindDamage,
}

impl Checks {
    pub(super) fn clear(&mut self) {
        self.running = None;
        self.is_wanted_again = false;
        self.next_answer = None;
        self.next_search = None;
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.running
            .as_ref()
            .map(|check| check.since_ms + CHECK_TIMEOUT_MS)
    }
}

impl Node {
    /// The user wants a check: the relay asks the leader for it.
    pub(super) fn request_check(&mut self) -> Result<(), CommandError> {
        let ledger = self.ledger.as_ref().ok_or(CommandError::NoNetwork)?;
        if !self.session.is_joined() {
            return Err(CommandError::NotConnected);
        }
        if ledger.replica.chain().final_height() == 0 {
            return Err(CommandError::NothingFinal);
        }
        if self.leader.is_none() {
            return Err(CommandError::NoLeader);
        }
        self.send(&Message::RequestCheck);
        Ok(())
    }

    /// This node leads: it asks everyone, itself included.
    pub(super) fn begin_check(&mut self, now_ms: u64) {
        let (Some(ledger), Some(leader)) = (&self.ledger, self.leader) else {
            return;
        };
        let height = ledger.replica.chain().final_height();
        if leader.key != self.key || height == 0 {
            return;
        }
        if self.checks.running.is_some() {
            self.checks.is_wanted_again = true;
            return;
        }
        self.checks.count += 1;
        let check = (leader.term, self.checks.count);
        let mut waiting = LiteMap::new();
        for id in self.members.keys() {
            waiting.insert(*id, (0, height + 1));
        }
        self.checks.running = Some(Check {
            check,
            height,
            since_ms: now_ms,
            waiting,
            certified: certified_tree(ledger.replica.chain(), height + 1),
            agree: Vec::new(),
            differ: Vec::new(),
        });
        self.ask(CheckQuery {
            check,
            member: None,
            start: 0,
            end: height + 1,
        });
    }

    pub(super) fn answer_check(&mut self, query: &CheckQuery) {
        let is_for_me = query.member.is_none() || query.member == self.session.id;
        let height = self.ledger.as_ref().map_or(0, |ledger| {
            ledger
                .replica
                .chain()
                .height()
                .max(ledger.log.last().height)
        });
        if is_for_me && query.start < query.end && query.end <= height.saturating_add(1) {
            self.checks.next_answer = Some(*query);
            self.read_next();
        }
    }

    pub(super) fn check_rows(&mut self, now_ms: u64, mut reading: Reading, rows: &[Row]) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        reading.range.take(ledger.replica.chain(), rows);
        if reading.range.query().is_some() {
            return self.read_for_check(reading);
        }
        match reading.purpose {
            Purpose::Answer(query) => {
                let root = reading.range.root();
                let network = ledger.replica.chain().network_id();
                let statement = CheckAnswer::statement(&network, &self.key, &query, &root);
                self.sign(statement, Signing::CheckAnswer(query, root));
            }
            Purpose::FindDamage => {
                ledger.damaged = reading.range.damaged().to_vec();
                self.view_changed = true;
                self.tell_damage(now_ms);
            }
        }
        self.read_next();
    }

    /// Reads what is wanted, unless it is being read for the same purpose: then after that, once,
    /// however often it is wanted meanwhile.
    pub(super) fn read_next(&mut self) {
        let is_running = |is_it: fn(&Purpose) -> bool| {
            let mut loading = self.after_load.values();
            loading.any(
                |loading| matches!(loading, Loading::Check(reading) if is_it(&reading.purpose)),
            )
        };
        let is_answering = is_running(|purpose| matches!(purpose, Purpose::Answer(_)));
        let is_searching = is_running(|purpose| matches!(purpose, Purpose::FindDamage));
        if !is_answering && let Some(query) = self.checks.next_answer.take() {
            self.read_for_check(Reading {
                purpose: Purpose::Answer(query),
                range: StoredRange::new(query.start, query.end),
            });
        }
        if !is_searching && let Some((start, end)) = self.checks.next_search.take() {
            self.read_for_check(Reading {
                purpose: Purpose::FindDamage,
                range: StoredRange::new(start, end),
            });
        }
    }

    pub(super) fn check_answer_signed(
        &mut self,
        now_ms: u64,
        query: CheckQuery,
        root: Hash,
        signature: Signature,
    ) {
        let answer = CheckAnswer {
            query,
            key: self.key,
            root,
            signature,
        };
        if self.leader.is_some_and(|leader| leader.key == self.key) {
            self.check_answered(now_ms, &answer);
        } else {
            self.send(&Message::CheckAnswer(answer));
        }
    }

    /// The leader judges an answer against the certified history, and descends where it differs.
    pub(super) fn check_answered(&mut self, now_ms: u64, answer: &CheckAnswer) {
        let member = self
            .members
            .values()
            .find(|member| member.key == answer.key)
            .map(|member| member.id);
        let (Some(ledger), Some(member), Some(check)) =
            (&self.ledger, member, &mut self.checks.running)
        else {
            return;
        };
        if let Err(error) = answer.verify(&ledger.replica.chain().network_id()) {
            let reason = format!("a check's answer was refused: {error}");
            return self.reject(now_ms, RejectionKind::Check, reason);
        }
        let (start, end) = (answer.query.start, answer.query.end);
        let is_due = answer.query.check == check.check
            && check.waiting.get(&member).is_some_and(|&(first, last)| {
                // The answer is to the whole range, or to the lower half of what is left.
                first == start && (last == end || middle(first, last) == end)
            });
        if !is_due {
            return;
        }
        let is_equal = check.certified.range(index_of(start), index_of(end)) == Some(answer.root);
        let left = check.waiting.get(&member).copied().unwrap_or((start, end));
        let next = match (is_equal, left.1 == end) {
            (true, true) => {
                check.waiting.remove(&member);
                insert_sorted(&mut check.agree, member);
                None
            }
            (true, false) => Some((end, left.1)),
            (false, _) => Some((start, end)),
        };
        if let Some((first, last)) = next {
            if last - first == 1 {
                check.waiting.remove(&member);
                insert_sorted(&mut check.differ, (member, first));
            } else {
                check.waiting.insert(member, (first, last));
                let query = CheckQuery {
                    check: check.check,
                    member: Some(member),
                    start: first,
                    end: middle(first, last),
                };
                self.ask(query);
            }
        }
        self.close_check(now_ms);
    }

    pub(super) fn wake_check(&mut self, now_ms: u64) {
        self.close_check(now_ms);
    }

    pub(super) fn check_reported(&mut self, report: CheckReport) {
        let own = self.session.id;
        let first = report
            .differ
            .iter()
            .find(|(member, _)| Some(*member) == own)
            .map(|(_, height)| *height);
        let mut height = 0;
        if let Some(ledger) = &mut self.ledger {
            ledger.damaged.clear();
            height = ledger.replica.chain().height();
        }
        // The leader's word is not enough: the node looks at its own stored bytes, and at no more
        // than it has.
        if let Some(start) = first {
            let end = report.height.min(height).saturating_add(1);
            self.checks.next_search = Some((start, end));
            self.read_next();
        }
        self.report = Some(report);
        self.view_changed = true;
    }

    /// The user wants the damaged blocks fetched anew.
    pub(super) fn request_repair(&mut self, command: RequestId) {
        let Some(ledger) = &self.ledger else {
            return self.fail(command, CommandError::NoNetwork);
        };
        if !self.session.is_joined() {
            return self.fail(command, CommandError::NotConnected);
        }
        let chain = ledger.replica.chain();
        let hashes: Vec<_> = ledger
            .damaged
            .iter()
            .filter_map(|height| chain.hash_at(*height))
            .collect();
        self.send(&Message::GetBodies(List::truncated(hashes)));
        self.effects.push(super::Effect::Answer(
            command,
            super::interface::Answer::Done,
        ));
    }

    /// A body came for a damaged block: it is stored if it is the one that the header commits to.
    pub(super) fn repair(&mut self, now_ms: u64, height: u64, body: &Body) {
        let sealed = self
            .ledger
            .as_ref()
            .and_then(|ledger| ledger.replica.chain().header(height).cloned());
        let Some(sealed) = sealed else {
            return;
        };
        if body.root() != sealed.header.tx_root {
            let reason = format!("the body that came to repair block {height} is not its own");
            return self.reject(now_ms, RejectionKind::Body, reason);
        }
        let writes = vec![
            Write::put(Table::Headers, number_key(height), &sealed),
            Write::put(Table::Bodies, number_key(height), body),
        ];
        self.write(writes, vec![Followup::Repaired(height)]);
    }

    pub(super) fn repaired(&mut self, height: u64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.damaged.retain(|&damaged| damaged != height);
        }
        self.view_changed = true;
    }

    /// For demonstrations: changes a stored block as somebody with access to the disk could.
    pub(super) fn tamper_row(&mut self, command: RequestId, height: u64, rows: &[Row]) {
        let Some(ledger) = &self.ledger else {
            return self.fail(command, CommandError::NoNetwork);
        };
        let sealed = ledger.replica.chain().header(height).cloned();
        let body: Option<Body> = rows.first().and_then(|row| decode("body", &row.value).ok());
        let (Some(mut sealed), Some(body)) = (sealed, body) else {
            return self.fail(command, CommandError::NoBlock(height));
        };
        let key = number_key(height);
        let row = match edited(&body) {
            Some(body) => Write {
                table: Table::Bodies,
                key,
                value: Some(encode(&body)),
            },
            None => {
                sealed.header.timestamp_ms = sealed.header.timestamp_ms.saturating_add(1);
                Write::put(Table::Headers, key, &sealed)
            }
        };
        let done = Followup::Answer(command, super::interface::Answer::Done);
        self.write(vec![row], vec![done]);
        self.view_changed = true;
    }

    fn ask(&mut self, query: CheckQuery) {
        self.send(&Message::Check(query));
        self.answer_check(&query);
    }

    fn read_for_check(&mut self, reading: Reading) {
        if let Some(query) = reading.range.query() {
            self.load(query, Loading::Check(Box::new(reading)));
        }
    }

    fn tell_damage(&mut self, now_ms: u64) {
        let damaged = self
            .ledger
            .as_ref()
            .map_or(0, |ledger| ledger.damaged.len());
        if damaged > 0 {
            let reason = format!(
                "{damaged} stored blocks are not those of the certified history: repair them"
            );
            self.reject(now_ms, RejectionKind::Storage, reason);
        }
    }

    fn close_check(&mut self, now_ms: u64) {
        let members = &self.members;
        let is_over = self.checks.running.as_mut().is_some_and(|check| {
            check.waiting.retain(|id, _| members.contains_key(id));
            check.waiting.is_empty() || check.since_ms + CHECK_TIMEOUT_MS <= now_ms
        });
        if !is_over {
            return;
        }
        let Some(check) = self.checks.running.take() else {
            return;
        };
        let report = CheckReport {
            check: check.check,
            height: check.height,
            agree: List::truncated(check.agree),
            differ: List::truncated(check.differ),
            silent: List::truncated(check.waiting.keys().copied()),
        };
        self.send(&Message::CheckReport(report.clone()));
        self.check_reported(report);
        if core::mem::take(&mut self.checks.is_wanted_again) {
            self.begin_check(now_ms);
        }
    }
}

/// Few items at a time: a sorting algorithm of its own for each type is not worth its bytes.
fn insert_sorted<T: Ord>(items: &mut Vec<T>, item: T) {
    items.insert(items.partition_point(|before| *before < item), item);
}

fn middle(start: u64, end: u64) -> u64 {
    start.midpoint(end)
}

/// The body with its first transaction changed; nothing where it has none.
fn edited(body: &Body) -> Option<Body> {
    let mut transactions = body.transactions.to_vec();
    match &mut transactions.first_mut()?.transaction.action {
        Action::Put { value, .. } => *value = Value::truncated(&format!("{value} (edited)")),
        Action::Transfer { amount, .. } => *amount = amount.wrapping_add(1),
    }
    Some(Body {
        transactions: List::new(transactions)?,
        outcomes: body.outcomes.clone(),
    })
}
