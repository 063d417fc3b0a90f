//! What the bytes of each message are: the tables of `docs/protocol.md`, as data.
//!
//! A test takes a frame of every message there and back, and the vectors have them all.

/// How a value is encoded (section 2), and so how it is written in JSON.
pub(super) enum Type {
    /// `true` or `false`.
    Bool,
    /// A number.
    U8,
    /// A number.
    U16,
    /// A number.
    U32,
    /// A number; as text where it is beyond 2^53 - 1, which JavaScript would round.
    U64,
    /// So many bytes, hexadecimal.
    Bytes(usize),
    /// A little-endian number of so many bytes, hexadecimal, its last byte first.
    Reversed(usize),
    /// A public key: Bech32m, `tab1…`.
    Key,
    /// An invitation: Bech32m, `tabinvite1…`.
    Invitation,
    /// Text.
    Text,
    /// A value, or `null`.
    Option(&'static Type),
    /// An array.
    List(&'static Type),
    /// Two values: an array of two.
    Pair(&'static Type, &'static Type),
    /// An object.
    Struct(&'static [(&'static str, Type)]),
    /// A variant without content is its name, another one an object with its name and content.
    Enum(Variants),
    /// A type that stands elsewhere, since it occurs more than once.
    Of(&'static Type),
}

/// The variants of an enumeration.
pub(super) struct Variants {
    /// The number of the first; the others follow.
    pub(super) first: u8,
    /// Names, and what the variant holds.
    pub(super) all: &'static [(&'static str, Option<Type>)],
}

use Type::{
    Bool, Bytes, Enum, Invitation, Key, List, Of, Option as Optional, Pair, Reversed, Struct, Text,
    U8, U16, U32, U64,
};

const HASH: Type = Bytes(32);
const BLOCK_HASH: Type = Reversed(32);
const NONCE: Type = Bytes(32);
const SIGNATURE: Type = Bytes(64);

const fn variants(all: &'static [(&'static str, Option<Type>)]) -> Type {
    Enum(Variants { first: 0, all })
}

/// Section 6.
static PARAMETERS: Type = Struct(&[
    ("name", Text),
    (
        "consensus",
        variants(&[
            (
                "work",
                Some(Struct(&[
                    ("spacing_ms", U64),
                    ("first_bits", U32),
                    ("easiest_bits", U32),
                ])),
            ),
            (
                "stake",
                Some(Struct(&[
                    ("slot_ms", U64),
                    ("epoch_slots", U64),
                    ("holders", List(&Struct(&[("key", Key), ("stake", U64)]))),
                ])),
            ),
        ]),
    ),
    (
        "admission",
        variants(&[("open", None), ("invite_only", None)]),
    ),
    ("created_at_ms", U64),
    ("salt", Bytes(16)),
    ("relay", Key),
    ("block_reward", U64),
    ("transaction_work_bits", U8),
    ("state_bytes_per_account_max", U64),
    ("forced_changes_allowed", Bool),
]);

/// Section 7.
static SIGNED_TRANSACTION: Type = Struct(&[
    (
        "transaction",
        Struct(&[
            ("network", HASH),
            ("sender", Key),
            ("sequence", U64),
            ("valid_until", Optional(&U64)),
            (
                "action",
                variants(&[
                    (
                        "put",
                        Some(Struct(&[
                            ("key", Text),
                            ("value", Text),
                            (
                                "expect",
                                variants(&[
                                    ("anything", None),
                                    ("absent", None),
                                    ("written_by", Some(HASH)),
                                ]),
                            ),
                        ])),
                    ),
                    ("transfer", Some(Struct(&[("to", Key), ("amount", U64)]))),
                ]),
            ),
            ("work", U64),
        ]),
    ),
    ("signature", SIGNATURE),
]);

/// Section 8.1.
static OUTCOME: Type = variants(&[
    ("applied", None),
    ("expect_failed", None),
    ("balance_too_small", None),
    ("quota_exceeded", None),
]);

/// Section 9.
static SEALED_HEADER: Type = Struct(&[
    (
        "header",
        Struct(&[
            ("version", U32),
            ("height", U64),
            ("timestamp_ms", U64),
            ("previous", BLOCK_HASH),
            ("tx_root", HASH),
            ("state_root", HASH),
            ("producer", Key),
            ("bits", U32),
            ("nonce", U64),
        ]),
    ),
    (
        "seal",
        variants(&[("work", None), ("stake", Some(SIGNATURE))]),
    ),
]);

static BODY: Type = Struct(&[
    ("transactions", List(&SIGNED_TRANSACTION)),
    ("outcomes", List(&OUTCOME)),
]);

/// Section 12.2.
static TIP: Type = Struct(&[
    ("height", U64),
    ("hash", BLOCK_HASH),
    ("work", Reversed(40)),
]);

static STATUS: Type = Struct(&[
    ("tip", Of(&TIP)),
    ("log_length", U64),
    ("log_head", HASH),
    ("synced", Bool),
    ("visible", Bool),
    ("abstains", Bool),
    ("stays", Bool),
    ("hashes_per_second", U64),
]);

static MEMBER: Type = Struct(&[
    ("id", U64),
    ("key", Key),
    ("agent", Text),
    ("since_ms", U64),
    ("status", Of(&STATUS)),
]);

static PRESENCE: Type = Struct(&[
    ("complete", Bool),
    ("present", List(&MEMBER)),
    ("left", List(&U64)),
    (
        "leader",
        Optional(&Struct(&[("id", U64), ("key", Key), ("term", U64)])),
    ),
]);

static MARK: Type = Struct(&[
    ("log_length", U64),
    ("prevote", Optional(&VOTE)),
    ("precommit", Optional(&VOTE)),
]);

/// Section 14.1.
static ROSTER: Type = Struct(&[("members", List(&Key))]);

static DECISION: Type = Struct(&[
    ("network", HASH),
    ("instance", U64),
    ("height", U64),
    ("block", BLOCK_HASH),
    ("history_root", HASH),
    ("forced_changes", U64),
    ("next_roster", Of(&ROSTER)),
]);

static VOTE: Type = Struct(&[
    (
        "ballot",
        Struct(&[
            ("network", HASH),
            ("roster", HASH),
            ("instance", U64),
            ("forced_changes", U64),
            ("round", U64),
            ("step", variants(&[("prevote", None), ("precommit", None)])),
            ("value", Optional(&HASH)),
        ]),
    ),
    ("voter", Key),
    ("signature", SIGNATURE),
]);

static CERTIFICATE: Type = Struct(&[
    ("round", U64),
    ("signatures", List(&Pair(&U16, &SIGNATURE))),
]);

static PROPOSAL: Type = Struct(&[
    ("decision", Of(&DECISION)),
    ("roster", HASH),
    ("round", U64),
    ("valid", Optional(&CERTIFICATE)),
    ("proposer", Key),
    ("signature", SIGNATURE),
]);

static CERTIFIED: Type = Struct(&[
    ("decision", Of(&DECISION)),
    ("certificate", Of(&CERTIFICATE)),
]);

static LOG_ENTRY: Type = Struct(&[
    (
        "record",
        Struct(&[
            ("network", HASH),
            ("index", U64),
            ("previous", HASH),
            ("timestamp_ms", U64),
            (
                "event",
                variants(&[
                    ("decided", Some(Of(&CERTIFIED))),
                    (
                        "forced",
                        Some(Struct(&[
                            ("instance", U64),
                            ("old_roster", HASH),
                            ("new_roster", Of(&ROSTER)),
                            ("base_height", U64),
                            ("base", BLOCK_HASH),
                        ])),
                    ),
                ]),
            ),
        ]),
    ),
    ("signature", SIGNATURE),
]);

/// Section 15.
static CHECK: Type = Struct(&[
    ("check", Pair(&U64, &U64)),
    ("member", Optional(&U64)),
    ("start", U64),
    ("end", U64),
]);

/// Section 12.3.
static ERROR_CODE: Type = Enum(Variants {
    first: 1,
    all: &[
        ("malformed", None),
        ("version", None),
        ("network", None),
        ("registration", None),
        ("superseded", None),
        ("full", None),
        ("unresponsive", None),
        ("misbehaved", None),
        ("too_slow", None),
        ("shutting_down", None),
        ("invalid", None),
        ("unavailable", None),
        ("left", None),
        ("invitation", None),
        ("forked", None),
    ],
});

/// Section 12.2: all messages, by their numbers.
pub(super) static MESSAGE: Type = variants(&[
    (
        "hello",
        Some(Struct(&[
            ("protocol_version", U8),
            ("network", Optional(&HASH)),
            ("key", Key),
            ("nonce", NONCE),
            ("agent", Text),
        ])),
    ),
    (
        "challenge",
        Some(Struct(&[
            ("network", Of(&PARAMETERS)),
            ("nonce", NONCE),
            ("signature", SIGNATURE),
        ])),
    ),
    (
        "register",
        Some(Struct(&[
            ("signature", SIGNATURE),
            ("invitation", Optional(&Invitation)),
            (
                "remembered",
                Struct(&[
                    ("head", Optional(&LOG_ENTRY)),
                    ("id", Optional(&U64)),
                    ("term", U64),
                ]),
            ),
        ])),
    ),
    (
        "welcome",
        Some(Struct(&[
            ("id", U64),
            ("session", U64),
            ("relay_time_ms", U64),
            ("presence", Of(&PRESENCE)),
            ("tip", Of(&TIP)),
            ("log_length", U64),
            ("mark", Optional(&MARK)),
        ])),
    ),
    (
        "error",
        Some(Struct(&[("code", Of(&ERROR_CODE)), ("explanation", Text)])),
    ),
    (
        "ping",
        Some(Struct(&[("sequence", U64), ("relay_time_ms", U64)])),
    ),
    (
        "pong",
        Some(Struct(&[("sequence", U64), ("status", Of(&STATUS))])),
    ),
    ("status", Some(Of(&STATUS))),
    ("leave", None),
    ("presence", Some(Of(&PRESENCE))),
    ("transactions", Some(List(&SIGNED_TRANSACTION))),
    (
        "admitted",
        Some(List(&Pair(
            &HASH,
            &variants(&[("pending", None), ("mined", None), ("refused", Some(Text))]),
        ))),
    ),
    (
        "block",
        Some(Struct(&[
            ("sealed", Of(&SEALED_HEADER)),
            (
                "body",
                variants(&[
                    ("full", Some(Of(&BODY))),
                    (
                        "compact",
                        Some(Struct(&[
                            ("transactions", List(&HASH)),
                            ("outcomes", List(&OUTCOME)),
                        ])),
                    ),
                ]),
            ),
        ])),
    ),
    ("get_headers", Some(List(&BLOCK_HASH))),
    ("headers", Some(List(&SEALED_HEADER))),
    ("get_bodies", Some(List(&BLOCK_HASH))),
    ("bodies", Some(List(&Pair(&BLOCK_HASH, &BODY)))),
    ("proposal", Some(Of(&PROPOSAL))),
    ("vote", Some(Of(&VOTE))),
    ("certified", Some(Of(&CERTIFIED))),
    ("log", Some(List(&LOG_ENTRY))),
    ("get_log", Some(Struct(&[("from", U64)]))),
    ("request_check", None),
    ("check", Some(Of(&CHECK))),
    (
        "check_answer",
        Some(Struct(&[
            ("query", Of(&CHECK)),
            ("key", Key),
            ("root", HASH),
            ("signature", SIGNATURE),
        ])),
    ),
    (
        "check_report",
        Some(Struct(&[
            ("check", Pair(&U64, &U64)),
            ("height", U64),
            ("agree", List(&U64)),
            ("differ", List(&Pair(&U64, &U64))),
            ("silent", List(&U64)),
        ])),
    ),
    (
        "submitted",
        Some(List(&Struct(&[
            ("submitter", Key),
            ("signed", Of(&SIGNED_TRANSACTION)),
        ]))),
    ),
    (
        "evidence",
        Some(variants(&[
            ("votes", Some(Pair(&VOTE, &VOTE))),
            ("proposals", Some(Pair(&PROPOSAL, &PROPOSAL))),
            ("log", Some(Pair(&LOG_ENTRY, &LOG_ENTRY))),
            ("blocks", Some(Pair(&SEALED_HEADER, &SEALED_HEADER))),
        ])),
    ),
    (
        "come_back",
        Some(Struct(&[("after_ms", U32), ("within_ms", U32)])),
    ),
]);
