# The page in English. Every message stands in every language; the compiler sees to it.

skip-to-content = Skip to the content
you = you
close = Close
language = Language
theme-to-dark = Switch to dark
theme-to-light = Switch to light
reload = Reload

# Times

ago-now = just now
ago-seconds = { $count } s ago
ago-minutes = { $count } min ago
ago-hours = { $count } h ago
duration-unknown = unknown
duration-seconds = { $count } s
duration-minutes = { $count } min
duration-hours = { $count } h

# Connection

connection-starting = Starting
connection-connecting = Connecting
connection-waiting = Offline, retrying
connection-registering = Registering
connection-joined = Connected
connection-refused = Refused
connection-left = Left

# Banners: what happened, and what to do

banner-relay-unreachable = The relay does not answer. Your replica stays here, and what you write is sent as soon as it is back. Check that the relay runs and that this device is on its network.
banner-next-attempt = { $count ->
    [0] Trying now.
    [one] Next attempt in { $count } second.
   *[other] Next attempt in { $count } seconds.
}
banner-superseded = Another tab or device of this identity took over, so this one was disconnected. Close the other one, or continue here.
banner-version = This page and the relay speak different versions of the protocol. Reload to get the relay's page; if that does not help, empty the browser's cache for this address.
banner-network = The relay serves another network than the one that this replica belongs to. Open the address of your own network, or use another browser profile for this one.
banner-refused = The relay refused this node and will do so until something changes. Read its reason below, then try again.
banner-left = You left the network. Nothing is sent or received until you join again.
banner-build = This page and its node worker come from different builds: the browser has an old file in its cache. Reload; if that does not help, empty the cache for this address.
banner-storage-full = The storage that this browser grants is full, so nothing more can be kept. Free some space on this device or in the browser's site data, then reload.
banner-storage = The browser's storage failed, so the replica cannot be kept. Close other tabs of this address and reload; in a private window, use an ordinary one.
banner-key = This tab's key is stored, but the browser cannot use it. Open this address in the browser that made it, or remove this address's site data to become a new member.
banner-crashed = The node worker crashed and is being started again. If this comes back, reload the page.
banner-miner = A miner failed and is being started again; the node itself goes on. If this stays, reload the page or use a current version of the browser.
banner-worker-silent = The node worker does not start. Reload; if that does not help, check that the relay still runs and that no extension blocks workers.
banner-old-storage = This node does not vote for now: its storage is older than what its key has voted. It votes again with the next decision.
banner-damaged = What is stored of the chain is damaged, and nothing of it is used. Fetch it anew; the key stays.
banner-invitation = This network is for those who are invited, and this node has no invitation that holds. Press the network's name above and enter one.
banner-language = The texts in this language could not be loaded: the relay does not answer, or runs another build by now. Choose it again once the relay is back.
start-afresh = Fetch anew
banner-forked = The relay signed two histories that contradict each other: it cannot be trusted, and nothing more is taken from it. Compare the log's fingerprint with others. Fetch anew only once its operator has explained it.
convicted-votes = A member voted twice for decision { $instance }, and its signatures prove it:
convicted-proposals = A leader proposed two different blocks for decision { $instance }, and its signatures prove it:
convicted-blocks = A holder of stake signed two blocks for one slot, and its signatures prove it:
convicted-log = The relay signed two logs that contradict each other, and its signatures prove it:
reconnect = Connect again
connect-now = Try now

# Share

share = Share
share-title = Bring others in
share-reachable = Anyone on this network can open this address, or scan the code.
share-link = Link
share-qr = QR code of the link
share-asking = Asking the relay for its address…
share-loopback = Only this computer can reach the relay: it listens on the loopback address alone. Further tabs and profiles on this computer may open:
share-bind = To let other devices in, stop the relay and start it with:

# Status

status = Status
own = Your node
balance = balance { $amount }
leader = Leader
leader-term = term { $term }
leader-none = nobody leads yet
leads = leader
height = Height
synced = in sync
syncing = { $height } of { $best }
syncing-label = Blocks fetched
final = Final
final-by = final by { $signers } of { $of }
final-none = nothing decided yet
forced-changes = { $count ->
    [one] { $count } forced change
   *[other] { $count } forced changes
}
forced-changes-why = So often the relay replaced the voters because more than a third of them had vanished. Finality then rests on an honest relay.
log = Decision log
log-length = { $count ->
    [one] { $count } entry
   *[other] { $count } entries
}
log-why = Compare this fingerprint with that of others: it differs if the relay told you different decisions.

# Mining

mining = Mining
mine-once = Mine a block
mine-start = Keep mining
mine-stop = Stop
mining-off = off
mining-on = searching
mining-paused-syncing = paused: the chain is still being fetched
mining-paused-undecided = paused: too many blocks wait for a decision
mining-paused-no-network = paused: no network is known yet
mining-paused-no-stake = paused: no stake of this key counts yet
mining-paused-no-relay = paused: the relay is not heard
producing = Producing
produce-once = Produce one block
produce-start = Keep producing
producing-on = waiting for a draw
stake-absent = Nobody who holds stake is here, so no block can come. One of the holders below must open this network; then ask for a part of the stake.
stake-none = This key holds no stake that counts, so it is never drawn. Ask a holder below to hand you some: it counts one to two epochs later.
stake-soon = { $amount } of stake count for this key from the next epoch on.
stake-next = Next, in { $count } s:
stake-epoch = The next epoch begins in { $count } s.
stake-more = and { $count } others
hand-stake = Hand over { $amount } of stake
hash-rate = Rate
expected-time = Expected
expected-hashes = { $count } hashes
expected-time-why = The average time until you alone find a block. Each attempt is a new draw.
found = Found
mining-settings = Workers and load
mining-settings-why = Each worker keeps one processor core busy for the chosen share of the time.
miner-workers = { $count ->
    [one] { $count } worker
   *[other] { $count } workers
}
miner-duty = { $percent } % of the time

# Write

write = Write an entry
key = Key
value = Value
expect = Only if
expect-anything = in any case
expect-absent = the key is new
expect-unchanged = the key is unchanged since I saw it
expect-unchanged-seen = Takes effect only while the value is still “{ $value }” as written in block { $height }.
expect-unchanged-none = This key was never written: choose “the key is new”.
submit = Sign and send
byte-count = { $bytes } of { $max } bytes
submission-pending = pending
submission-mined = in block { $height }
transfer = Transfer balance
transfer-to = To: a member's number or a key
transfer-amount = How much of { $amount }
transfer-sent = Sent. It is among the pending ones until a block has it.
error-recipient = Enter the number of a member who is here, as #2, or a whole key.
error-amount = Enter a whole number above zero.
error-empty-key = Enter a key.
error-too-long = At most { $max } bytes fit here, this has { $bytes }: shorten it.
error-nul = The character U+0000 cannot be stored: remove it.
error-signature = The signature that this browser made does not hold. Reload the page and try again.
error-invalid = This program made a transaction that its network refuses. Reload the page for a newer program.
error-mempool-full = Too many transactions are pending. Wait for the next block and try again.
error-no-network = No network is known yet. Wait until this node has reached a relay once.
error-not-connected = There is no connection to the relay. Try again when it is back.
error-nothing-final = No block is final yet. Mine one, and wait until the members have decided it.
error-no-leader = Nobody leads at the moment. Try again in a few seconds.
error-no-block = There is no block at height { $height }.
no-receipt-not-mined = No block has this transaction. Wait until it is mined.
no-receipt-not-final = Block { $height } is not final yet, blocks up to { $final } are. Wait until the members have decided it.
no-receipt-fetching = Blocks up to { $height } are final, and are still being fetched. Try again in a moment.
no-receipt-damaged = The stored block is damaged. Repair it first.
no-receipt-too-long = The proof of this entry would be longer than a receipt may be.
error-file-kind = The file was refused: it is something else than is asked for here.
error-file-version = The file was refused: it is of another version. Use a newer program.
error-file-network = The file was refused: it is of another network.
error-file-truncated = The file was refused: its end is missing.
error-file-invalid = The file was refused: it was altered, or does not prove what it says. The node's words: “{ $reason }”.
error-storage = The browser's storage failed: { $reason }

# Look-up

lookup = Look up a key
lookup-submit = Look up
lookup-this = Look this key up
lookup-none = “{ $key }” was never written.
error-lookup-key = No key is that long: at most 256 bytes.
written-by = Written by
in-block = in block { $height }
history = History
block = Block
writer = By

# Mempool

mempool = Pending
mempool-empty = No transaction waits for a block.
list-range = { $first } to { $last } of { $count }
previous-page = Back
next-page = Next
acknowledged = stored
acknowledged-why = The relay has stored it durably.
unacknowledged = on its way
unacknowledged-why = The relay has not confirmed it yet. It is stored here and sent again until it is.
transfer-of = transfers { $amount }
condition-absent = if new
condition-unchanged = if unchanged
outcome-applied = applied
outcome-expect-failed = condition failed
outcome-balance-too-small = balance too small
outcome-quota-exceeded = quota used up

# Blocks

blocks = Blocks
blocks-none = No block is here yet.
blocks-range = { $top } to { $bottom }
goto = Go
goto-height = Go to the block at this height
goto-placeholder = Height
newer = Newer
older = Older
latest = Latest
genesis = Genesis: follows from the network's parameters
previous-why = The hash of the block before: what chains them
previous-goto = Show the block before
badge-final = final
badge-undecided = not final yet
badge-damaged = damaged
transactions = { $count ->
    [0] empty
    [one] { $count } entry
   *[other] { $count } entries
}
field-hash = Hash
field-previous = Previous
field-tx-root = Merkle root
field-tx-root-why = Root of the tree over the block's transactions (RFC 6962)
root-mismatch = The transactions stored here hash to another root:
field-state-root = State root
field-state-root-why = Root of the tree over all keys and accounts after this block
field-time = Time
field-producer = Producer
field-difficulty = Difficulty
difficulty-one-in = about { $count } hashes for a block
field-nonce = Nonce
block-without-transactions = This block has no transactions.
tamper = Tamper with this block
tamper-why = For demonstrations: edits the copy stored in this tab. A consistency check finds it out.

# Members

members = Members
members-none = Nobody is here yet.
member-height = at { $height }
presence-synced = in sync
presence-hidden = tab in the background
presence-syncing = catching up
leave = Leave the network

# Consistency

consistency = Consistency
consistency-why = Compares what every member has stored with what was decided.
check = Check consistency
check-none = Not checked yet.
check-agree = { $count ->
    [one] The one member agrees up to block { $height }.
   *[other] All { $count } members agree up to block { $height }.
}
check-agree-so-far = { $count ->
    [one] { $count } member agrees up to block { $height }.
   *[other] { $count } members agree up to block { $height }.
}
check-differ = { $count ->
    [one] { $count } replica differs, compared up to block { $height }.
   *[other] { $count } replicas differ, compared up to block { $height }.
}
check-differs = { $member } differs from block { $height } on.
check-differs-self = { $member } (you) differs from block { $height } on.
check-silent = No answer from { $members }.
damaged = { $count ->
    [one] Your stored copy of block { $heights } is damaged.
   *[other] Your stored copies of blocks { $heights } are damaged.
}
repair = Repair

# Receipts and copies

records = Receipts and copies
records-why = A receipt shows anyone, without a relay, that an entry is final. A copy of the chain can be verified and taken in elsewhere.
records-working = Reading the file
receipt = Receipt
receipt-why = Download the proof that this entry is final
receipt-verify = Verify a receipt
receipt-proves = Proves that the entry stands in block { $height } of this network.
receipt-foreign = Holds, but in another network: “{ $name }”. Anybody may name a network so; compare its id with the one that you trust.
receipt-transaction = Entry
receipt-final-by = by { $signers } of { $of }, deciding block { $height }
receipt-limits = It proves that the entry is there, and its order. The time is what the block's producer said.
network-id = Network
chain-export = Export the chain
chain-exported = The chain was written to a file of { $bytes } bytes.
chain-import = Import a chain
chain-imported = The chain of “{ $name }” was verified and is in this replica.
chain-transactions = Entries
key-backup = Back the key up
key-backup-why = The browser keeps this tab's key so that nobody can read it out: it cannot be backed up. A new key can, when it is made. The number and the balance stay with the present key, and what still waits to be sent is given up. In a network by invitation the other key needs an invitation of its own.
key-passphrase = Passphrase
key-passphrase-short = Take a passphrase of at least { $count } characters: it alone protects the file.
key-make = New key with a backup
key-file = Backup
key-restore = Restore the key
key-working = The browser is making it…
key-changed = The key is put aside. Reload the page to begin with it.
key-no-file = Choose the file of a key: this is none.
key-wrong-passphrase = The passphrase is wrong, or the file was altered.
key-unsupported = This browser cannot do it here: it takes Ed25519 in WebCrypto, storage, and a page opened over https or on localhost.
error-browser = The browser did not do its part: { $reason }
error-lost = The node worker crashed before it was done. Try again.

# Networks and their administration

networks = Networks of this relay
network-own = this tab
network-open = Open
network-kind = Blocks are sealed by
network-work = proof of work
network-kind-why = By work: whoever computes most. By stake: whoever holds balance, drawn by it; this tab holds all of it at first.
network-stake = proof of stake
network-invite-only = by invitation
network-join-by = Link or invitation
network-join = Join
network-no-invitation = This is neither a link nor an invitation: one looks like tabinvite1…
network-new = Make a network
network-name = Name
network-spacing = Seconds between blocks
network-hashes = Hashes of the first block, as a power of two
network-reward = Reward of a block
network-default = as the relay's own
network-invited = By invitation only
network-token = Operator's token
network-token-why = only where the relay asks for it
network-make = Make it
network-made = “{ $name }” is made.
network-administrator = Administrator's token: keep it, it is shown this once
administrator-token = Administrator's or operator's token
administer = Administer this network
invite-uses = How many may join by it
invite = Make an invitation
invitation = Invitation: whoever has this link can join
dumps = Dumps into PostgreSQL
dumps-none = The relay's operator named no database: --dump-target does.
dump-start = Start
dump-stop = Stop
dump-status = { $state }: block { $height }, { $lag } behind, { $rate } rows a second
dump-error = The last error was of this kind: { $reason }. The relay's log has its words.
network-remove = Remove this network
network-remove-why = The relay serves it no more: its members are sent away, and its name is free again. What they have stored stays with them.
error-relay = The relay refused: { $reason }

# Rejections and environment

rejections = { $count ->
    [0] Nothing was refused
    [one] { $count } thing was refused
   *[other] { $count } things were refused
}
environment-persistent = The replica is kept in this browser for good.
environment-evictable = The replica is kept in this browser, which may drop it when space runs out.
environment-quota = { $used } of { $allowed } MiB used.
environment-memory = The replica is only in memory and is lost with this tab, since the browser refused its storage: { $reason }.
environment-insecure = Opened over plain http: the browser withholds some protections here.
environment-key = The key is kept by this page, not by the browser.
environment-leases = Tabs are told apart by leases instead of locks.
environment-scalar = This browser has no wasm SIMD: mining is slower.
environment-slot = This is node { $number } of this browser.

# Navigation

navigation = Parts of the page
nav-mine = Mine
nav-write = Write
nav-blocks = Blocks
nav-members = Members
nav-check = Check
