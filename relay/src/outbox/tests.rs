//! The queue by itself, and on a wire.

use std::pin::pin;
use std::task::Context;

use tokio::io::AsyncReadExt as _;

use super::*;
use crate::wire::tests::connection;

fn send(outbox: &Outbox, frame: &'static [u8]) -> Result<(), Full> {
    outbox.send(&Frame::new(frame), Instant::now())
}

/// What is taken until the end.
async fn all(reader: &mut OutboxReader) -> (Vec<Bytes>, Closing) {
    let mut frames = Vec::new();
    loop {
        if let Err(closing) = reader.next(&mut frames).await {
            return (frames.iter().map(Frame::message).collect(), closing);
        }
    }
}

#[tokio::test]
async fn frames_come_out_in_order_and_the_first_close_last() {
    let (outbox, mut reader) = outbox(None);
    send(&outbox, b"one").unwrap();
    send(&outbox, b"two").unwrap();
    outbox.close(Closing::too_slow());
    outbox.close(Closing::shutting_down());
    send(&outbox, b"never sent").unwrap();
    let expected = (vec!["one".into(), "two".into()], Closing::too_slow());
    assert_eq!(all(&mut reader).await, expected);
}

#[tokio::test]
async fn frames_are_bounded_and_a_close_still_fits() {
    let (outbox, mut reader) = outbox(None);
    for _ in 0..SOCKET_QUEUE_FRAMES_MAX {
        send(&outbox, b"x").unwrap();
    }
    assert_eq!(send(&outbox, b"x"), Err(Full));
    outbox.close(Closing::too_slow());
    let (frames, _) = all(&mut reader).await;
    assert_eq!(frames.len(), SOCKET_QUEUE_FRAMES_MAX);
}

#[tokio::test]
async fn bytes_are_bounded_and_given_back() {
    let (outbox, mut reader) = outbox(None);
    const HEADER_BYTES: usize = 10;
    let half = Frame::new(&vec![0; SOCKET_QUEUE_BYTES_MAX / 2 - HEADER_BYTES]);
    let now = Instant::now();
    outbox.send(&half, now).unwrap();
    outbox.send(&half, now).unwrap();
    assert_eq!(send(&outbox, b"x"), Err(Full));
    let mut batch = Vec::new();
    reader.next(&mut batch).await.unwrap();
    assert_eq!(batch.len(), 1, "more than a batch was taken");
    assert_eq!(outbox.queued(), (1, half.bytes()));
    outbox.send(&half, now).unwrap();
}

#[tokio::test]
async fn a_cut_overtakes_what_is_queued_and_what_is_being_sent() {
    let (outbox, mut reader) = outbox(None);
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(reader.cut()).poll(&mut context).is_pending());
    send(&outbox, b"never sent").unwrap();
    outbox.cut(Closing::too_slow());
    assert_eq!(reader.cut().await, Closing::too_slow());
    assert_eq!(all(&mut reader).await, (vec![], Closing::too_slow()));
}

#[tokio::test]
async fn a_core_that_is_gone_closes_after_the_last_frame() {
    let (outbox, mut reader) = outbox(None);
    send(&outbox, b"last").unwrap();
    drop(outbox);
    let expected = (vec!["last".into()], Closing::shutting_down());
    assert_eq!(all(&mut reader).await, expected);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_frames_closes_and_cuts() {
    for happens in [
        |outbox: &Outbox| {
            send(outbox, b"frame").unwrap();
            outbox.flusher().flush();
        },
        |outbox: &Outbox| outbox.close(Closing::shutting_down()),
        |outbox: &Outbox| outbox.cut(Closing::too_slow()),
    ] {
        let (outbox, mut reader) = outbox(None);
        let reading = tokio::spawn(async move { reader.next(&mut Vec::new()).await });
        while lock(&outbox.0).idle.is_none() {
            tokio::task::yield_now().await;
        }
        happens(&outbox);
        // It completes, or the test does not.
        let _ = reading.await.unwrap();
    }
}

#[test]
fn nothing_is_kept_for_a_socket_that_has_ended() {
    let (outbox, reader) = outbox(None);
    send(&outbox, b"waits").unwrap();
    drop(reader);
    send(&outbox, b"comes late").unwrap();
    assert_eq!(outbox.queued(), (0, 0));
}

#[test]
fn a_frame_has_the_header_of_its_length() {
    for (length, header) in [
        (0, vec![0x82, 0]),
        (125, vec![0x82, 125]),
        (126, vec![0x82, 126, 0, 126]),
        (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let message = vec![7; length];
        let frame = Frame::new(&message);
        assert_eq!(frame.0, [header, message.clone()].concat());
        assert_eq!(frame.message(), message);
    }
}

#[tokio::test]
async fn a_flush_writes_on_the_wire_without_the_socket() {
    let (_stream, wire, mut client) = connection().await;
    let (outbox, _reader) = outbox(Some(wire));
    send(&outbox, b"one").unwrap();
    send(&outbox, b"two").unwrap();
    assert_eq!(outbox.queued().0, 2, "they go out together");
    assert!(outbox.flusher().flush());
    assert_eq!(outbox.queued(), (0, 0));
    let mut read = [0; 10];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"\x82\x03one\x82\x03two");
}

#[tokio::test]
async fn joined_frames_count_by_themselves_and_only_a_wire_gets_them_in_one_piece() {
    let joined = Joined::new(vec![Frame::new(b"one"), Frame::new(b"two")]);
    let (_stream, wire, mut client) = connection().await;
    let (outbox, _reader) = outbox(Some(wire));
    outbox.send_joined(&joined, Instant::now()).unwrap();
    assert_eq!(outbox.queued(), (2, 10));
    assert_eq!(lock(&outbox.0).pieces.len(), 1);
    assert!(outbox.flusher().flush());
    assert_eq!(outbox.queued(), (0, 0));
    let mut read = [0; 10];
    client.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"\x82\x03one\x82\x03two");

    let (outbox, mut reader) = super::outbox(None);
    outbox.send_joined(&joined, Instant::now()).unwrap();
    outbox.close(Closing::too_slow());
    let expected = (vec!["one".into(), "two".into()], Closing::too_slow());
    assert_eq!(all(&mut reader).await, expected);
}

#[tokio::test]
async fn joined_frames_are_bounded_like_others() {
    let (_stream, wire, _client) = connection().await;
    let (outbox, _reader) = outbox(Some(wire));
    lock(&outbox.0).is_full = true;
    let joined = Joined::new(vec![Frame::new(b"x"); SOCKET_QUEUE_FRAMES_MAX / 2]);
    outbox.send_joined(&joined, Instant::now()).unwrap();
    outbox.send_joined(&joined, Instant::now()).unwrap();
    assert_eq!(outbox.send_joined(&joined, Instant::now()), Err(Full));
}

#[tokio::test]
async fn what_a_slow_reader_leaves_comes_in_order_and_before_the_end() {
    const MESSAGE_BYTES: usize = 50_000;
    let (_stream, wire, mut client) = connection().await;
    wire.begin_frames();
    let (outbox, mut reader) = outbox(Some(wire.clone()));
    let mut sent = 0_u8;
    while !lock(&outbox.0).is_full {
        let frame = Frame::new(&vec![sent; MESSAGE_BYTES]);
        outbox.send(&frame, Instant::now()).unwrap();
        sent += 1;
    }
    outbox.close(Closing::too_slow());
    let frame_bytes = MESSAGE_BYTES + 4;
    let mut all = vec![0; usize::from(sent) * frame_bytes];
    let reading = tokio::spawn(async move {
        client.read_exact(&mut all).await.unwrap();
        all
    });
    let closing = loop {
        match reader.behind().await {
            Ok(()) => wire.writable().await.unwrap(),
            Err(closing) => break closing,
        }
        reader.catch_up();
    };
    assert_eq!(closing, Closing::too_slow());
    let all = reading.await.unwrap();
    let numbers: Vec<_> = all.chunks(frame_bytes).map(|frame| frame[4]).collect();
    assert_eq!(numbers, (0..sent).collect::<Vec<_>>());
}
