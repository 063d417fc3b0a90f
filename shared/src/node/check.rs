//! Consistency checks: answered by every member from its stored bytes, led by the leader, and
//! what a member does that turns out to differ.

use std::collections::{BTreeMap, BTreeSet};

use super::interface::{CommandError, RequestId};
use super::{Followup, Loading, Node, Signing};
use crate::block::Body;
use crate::encoding::{List, decode, encode};
use crate::hash::Hash;
use crate::keys::Signature;
use crate::limits::CHECK_TIMEOUT_MS;
use crate::message::{CheckAnswer, CheckQuery, CheckReport, MemberId, Message, Term};
use crate::replica::{ConsistencyRequest, expected_root, stored_root};
use crate::store::{Row, Table, Write, number_key};
use crate::transaction::{Action, Value};

/// Checks that this node leads.
#[derive(Debug, Default)]
pub(super) struct Checks {
    count: u64,
    running: Option<Check>,
}

#[derive(Debug)]
struct Check {
    check: (Term, u64),
    /// The height up to which replicas are compared.
    height: u64,
    since_ms: u64,
    /// What each member has to answer next.
    waiting: BTreeMap<MemberId, (u64, u64)>,
    agree: Vec<MemberId>,
    differ: Vec<(MemberId, u64)>,
}

/// Rows that are being read for an answer, headers before bodies.
#[derive(Debug)]
pub(super) struct Reading {
    purpose: Purpose,
    request: ConsistencyRequest,
    headers: Option<Vec<Row>>,
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
        if leader.key != self.key || height == 0 || self.checks.running.is_some() {
            return;
        }
        self.checks.count += 1;
        let check = (leader.term, self.checks.count);
        let waiting = self
            .members
            .keys()
            .map(|id| (*id, (0, height + 1)))
            .collect();
        self.checks.running = Some(Check {
            check,
            height,
            since_ms: now_ms,
            waiting,
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
        if is_for_me && query.start < query.end {
            let request = ConsistencyRequest {
                start: query.start,
                end: query.end,
            };
            self.read_for_check(Purpose::Answer(*query), request);
        }
    }

    pub(super) fn check_rows(&mut self, now_ms: u64, mut reading: Reading, rows: Vec<Row>) {
        let Some(headers) = reading.headers.take() else {
            let query = reading.request.query(Table::Bodies);
            reading.headers = Some(rows);
            return self.load(query, Loading::Check(reading));
        };
        let Some(ledger) = &self.ledger else {
            return;
        };
        let chain = ledger.replica.chain();
        match reading.purpose {
            Purpose::Answer(query) => {
                let root = stored_root(chain, &reading.request, &headers, &rows);
                let statement = CheckAnswer::statement(&query, &root);
                self.sign(statement, Signing::CheckAnswer(query, root));
            }
            Purpose::FindDamage => {
                let damaged = self.find_damage(&reading.request, &headers, &rows);
                if let Some(ledger) = &mut self.ledger {
                    ledger.damaged.extend(damaged);
                }
                self.view_changed = true;
                self.checked_damage(now_ms);
            }
        }
    }

    pub(super) fn check_answer_signed(
        &mut self,
        now_ms: u64,
        query: CheckQuery,
        root: Option<Hash>,
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
        let statement = CheckAnswer::statement(&answer.query, &answer.root);
        if let Err(error) = answer.key.verify(&statement, &answer.signature) {
            return self.reject(now_ms, format!("a check's answer was refused: {error}"));
        }
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
        let (start, end) = (answer.query.start, answer.query.end);
        let is_due = answer.query.check == check.check
            && check.waiting.get(&member).is_some_and(|&(first, last)| {
                // The answer is to the whole range, or to the lower half of what is left.
                first == start && (last == end || middle(first, last) == end)
            });
        if !is_due {
            return;
        }
        let is_equal = expected_root(ledger.replica.chain(), start, end) == answer.root;
        let left = check.waiting.get(&member).copied().unwrap_or((start, end));
        let next = match (is_equal, left.1 == end) {
            (true, true) => {
                check.waiting.remove(&member);
                check.agree.push(member);
                None
            }
            (true, false) => Some((end, left.1)),
            (false, _) => Some((start, end)),
        };
        if let Some((first, last)) = next {
            if last - first == 1 {
                check.waiting.remove(&member);
                check.differ.push((member, first));
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
        if let Some(ledger) = &mut self.ledger {
            ledger.damaged.clear();
            ledger.damaged.extend(first);
        }
        if let Some(start) = first {
            let request = ConsistencyRequest {
                start,
                end: report.height + 1,
            };
            self.read_for_check(Purpose::FindDamage, request);
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
            return self.reject(
                now_ms,
                format!("the body that came to repair block {height} is not its own"),
            );
        }
        let writes = vec![
            Write::put(Table::Headers, number_key(height), &sealed),
            Write::put(Table::Bodies, number_key(height), body),
        ];
        self.write(writes, vec![Followup::Repaired(height)]);
    }

    pub(super) fn repaired(&mut self, height: u64) {
        if let Some(ledger) = &mut self.ledger {
            ledger.damaged.remove(&height);
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

    fn read_for_check(&mut self, purpose: Purpose, request: ConsistencyRequest) {
        let query = request.query(Table::Headers);
        let reading = Reading {
            purpose,
            request,
            headers: None,
        };
        self.load(query, Loading::Check(reading));
    }

    fn find_damage(
        &self,
        request: &ConsistencyRequest,
        headers: &[Row],
        bodies: &[Row],
    ) -> BTreeSet<u64> {
        let Some(ledger) = &self.ledger else {
            return BTreeSet::new();
        };
        let chain = ledger.replica.chain();
        let row_at = |rows: &[Row], height: u64| -> Vec<Row> {
            rows.iter()
                .filter(|row| row.key == number_key(height))
                .cloned()
                .collect()
        };
        (request.start.max(1)..request.end)
            .filter(|&height| {
                let single = ConsistencyRequest {
                    start: height,
                    end: height + 1,
                };
                let header = row_at(headers, height);
                let body = row_at(bodies, height);
                stored_root(chain, &single, &header, &body)
                    != expected_root(chain, height, height + 1)
            })
            .collect()
    }

    fn checked_damage(&mut self, now_ms: u64) {
        let damaged = self
            .ledger
            .as_ref()
            .map_or(0, |ledger| ledger.damaged.len());
        if damaged > 0 {
            self.reject(
                now_ms,
                format!(
                    "{damaged} stored blocks are not those of the certified history: repair them"
                ),
            );
        }
    }

    fn close_check(&mut self, now_ms: u64) {
        let members: BTreeSet<_> = self.members.keys().copied().collect();
        let is_over = self.checks.running.as_mut().is_some_and(|check| {
            check.waiting.retain(|id, _| members.contains(id));
            check.waiting.is_empty() || check.since_ms + CHECK_TIMEOUT_MS <= now_ms
        });
        if !is_over {
            return;
        }
        let Some(mut check) = self.checks.running.take() else {
            return;
        };
        check.agree.sort_unstable();
        check.differ.sort_unstable();
        let report = CheckReport {
            check: check.check,
            height: check.height,
            agree: List::truncated(check.agree),
            differ: List::truncated(check.differ),
            silent: List::truncated(check.waiting.into_keys()),
        };
        self.send(&Message::CheckReport(report.clone()));
        self.check_reported(report);
    }
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
