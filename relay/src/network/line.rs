//! The end of a connection at its socket: hands frames to the network's task, and does before what
//! needs nothing of the network's state.
//!
//! Most of the time that a transaction takes is the check of its signature. Each socket's task does
//! that for what it receives, so that the network's one task goes on meanwhile. The order of what a
//! socket sends is kept, since its task does one thing after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use shared::message::Message;
use shared::relay::interface::ConnectionId;
use shared::transaction::{InvalidTransaction, SignedTransaction, Verified, Verifier};
use tokio::task::yield_now;

use super::handle::{Input, NetworkHandle, Unanswered};
use crate::limits::{SENDERS_PER_SOCKET_MAX, VERIFIED_AT_ONCE_MAX};

/// A connection as its socket's task knows it.
#[derive(Debug)]
pub(crate) struct Line {
    network: NetworkHandle,
    connection: ConnectionId,
    membership: Membership,
    verifier: Verifier,
}

/// Whether the node at the other end has registered: the network's task says so, the socket's
/// reads it. For nobody else a signature is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Membership(Arc<AtomicBool>);

impl Membership {
    pub(super) fn grant(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_granted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Line {
    pub(super) fn new(
        network: NetworkHandle,
        connection: ConnectionId,
        membership: Membership,
    ) -> Self {
        Self {
            verifier: Verifier::new(network.parameters(), SENDERS_PER_SOCKET_MAX),
            network,
            connection,
            membership,
        }
    }

    /// Passes a frame on; waits while too many bytes are queued before it.
    pub(crate) async fn frame(&mut self, frame: Bytes) -> Result<(), Unanswered> {
        let connection = self.connection;
        let permit = self.network.claim_input(frame.len()).await?;
        let transactions = self.membership.is_granted().then_some(&frame);
        let input = match transactions.and_then(|frame| Message::transactions_of(frame)) {
            Some(transactions) => Input::Transactions {
                connection,
                transactions: self.verify(transactions).await,
                permit,
            },
            None => Input::Frame {
                connection,
                frame,
                permit,
            },
        };
        self.network.send(input).await
    }

    /// Leaves the thread to others from time to time: a message may have hundreds.
    async fn verify(
        &mut self,
        transactions: Vec<SignedTransaction>,
    ) -> Vec<Result<Verified, InvalidTransaction>> {
        let mut results = Vec::with_capacity(transactions.len());
        for signed in transactions {
            if results.len() % VERIFIED_AT_ONCE_MAX == VERIFIED_AT_ONCE_MAX - 1 {
                yield_now().await;
            }
            results.push(self.verifier.verify(signed));
        }
        results
    }

    /// Announces the connection's end.
    pub(crate) async fn close(self) {
        let connection = self.connection;
        // A network that has ended has forgotten its sockets.
        let _ = self.network.send(Input::Closed { connection }).await;
    }
}

#[cfg(test)]
mod tests {
    use shared::encoding::List;
    use shared::keys::{SecretKey, Signature};
    use shared::network::NetworkParameters;
    use shared::transaction::{Action, Transaction};
    use tokio::sync::mpsc;

    use super::*;
    use crate::network::test_parameters;
    use crate::outbox::outbox;

    fn signed(network: &NetworkParameters, sequence: u64) -> SignedTransaction {
        let secret = SecretKey::from_seed(&[1; 32]);
        let transaction = Transaction {
            network: network.id(),
            sender: secret.public_key(),
            sequence,
            valid_until: None,
            action: Action::Transfer {
                to: secret.public_key(),
                amount: 1,
            },
            work: 0,
        }
        .with_work(network.transaction_work_bits);
        SignedTransaction {
            signature: secret.sign(&transaction.statement()),
            transaction,
        }
    }

    async fn passed(line: &mut Line, inputs: &mut mpsc::Receiver<Input>, frame: &[u8]) -> Input {
        let frame = Bytes::copy_from_slice(frame);
        line.frame(frame).await.unwrap();
        inputs.recv().await.unwrap()
    }

    #[tokio::test]
    async fn transactions_of_members_are_verified_on_the_way_and_nothing_else_is_touched() {
        let network = test_parameters("line");
        let mut transactions: Vec<_> = (0..40).map(|number| signed(&network, number)).collect();
        transactions[7].signature = Signature([7; 64]);
        let frame = Message::Transactions(List::truncated(transactions.clone())).to_frame();
        let (handle, mut inputs) = NetworkHandle::new(network, None);
        let (outbox, _reader) = outbox(None);
        let mut line = handle.open(outbox).await.unwrap();
        let membership = match inputs.recv().await.unwrap() {
            Input::Opened { membership, .. } => membership,
            other => panic!("{other:?}"),
        };

        let input = passed(&mut line, &mut inputs, &frame).await;
        assert!(matches!(input, Input::Frame { .. }), "no member: {input:?}");
        membership.grant();
        let results = match passed(&mut line, &mut inputs, &frame).await {
            Input::Transactions { transactions, .. } => transactions,
            other => panic!("{other:?}"),
        };
        assert_eq!(results.len(), transactions.len());
        for (number, (result, signed)) in results.iter().zip(&transactions).enumerate() {
            match result {
                Ok(verified) => assert_eq!(verified.signed(), signed),
                Err(invalid) => assert_eq!(invalid.id, signed.transaction.id()),
            }
            assert_eq!(result.is_err(), number == 7);
        }
        let cut = &frame[..frame.len() - 1];
        for other in [&Message::Leave.to_frame(), cut, &[]] {
            let input = passed(&mut line, &mut inputs, other).await;
            assert!(matches!(input, Input::Frame { .. }), "{input:?}");
        }
    }
}
