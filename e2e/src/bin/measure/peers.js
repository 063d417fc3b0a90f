// Other people's SHA-256 over a tagged header: each attempt sets the nonce and hashes the 180 bytes.
// Where a library can keep a state, it is measured once more from behind the 128 that never change.
import { createSHA256 } from "/modules/hash-wasm/dist/index.esm.js";
import { sha256 } from "/modules/@noble/hashes/sha2.js";

const HEADER_BYTES = 180;
const KEPT_BYTES = 128;
const NONCE_OFFSET_BYTES = 172;
const ATTEMPTS_PER_LOOK = 256;

const header = crypto.getRandomValues(new Uint8Array(HEADER_BYTES));
const kept = header.slice(0, KEPT_BYTES);
const rest = header.subarray(KEPT_BYTES);
const nonce = new DataView(header.buffer, NONCE_OFFSET_BYTES, 8);
let attempts = 0;
const next = () => nonce.setUint32(4, attempts++, true);

function perSecond(duration_ms, hash) {
  const first = attempts;
  const start_ms = performance.now();
  let elapsed_ms = 0;
  while (elapsed_ms < duration_ms) {
    for (let i = 0; i < ATTEMPTS_PER_LOOK; i += 1) {
      next();
      hash();
    }
    elapsed_ms = performance.now() - start_ms;
  }
  return ((attempts - first) * 1000) / elapsed_ms;
}

const hashWasm = await createSHA256();
const hashWasmKept = hashWasm.init().update(kept).save();
const nobleKept = sha256.create().update(kept);
const nobleState = sha256.create();

const ways = {
  "hash-wasm": () => hashWasm.init().update(header).digest("binary"),
  "hash-wasm from a kept state": () => hashWasm.load(hashWasmKept).update(rest).digest("binary"),
  noble: () => sha256(header),
  "noble from a kept state": () => nobleKept._cloneInto(nobleState).update(rest).digest(),
};

// Each way has to give what WebCrypto gives, or its speed means nothing.
async function check() {
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  for (const [name, hash] of Object.entries(ways)) {
    next();
    const found = hash();
    const right = new Uint8Array(await crypto.subtle.digest("SHA-256", header));
    if (!same(found, right)) throw Error(`${name} gives another hash than WebCrypto`);
  }
}

async function webCryptoPerSecond(duration_ms) {
  const first = attempts;
  const start_ms = performance.now();
  let elapsed_ms = 0;
  while (elapsed_ms < duration_ms) {
    const batch = [];
    for (let i = 0; i < ATTEMPTS_PER_LOOK; i += 1) {
      next();
      batch.push(crypto.subtle.digest("SHA-256", header));
    }
    await Promise.all(batch);
    elapsed_ms = performance.now() - start_ms;
  }
  return ((attempts - first) * 1000) / elapsed_ms;
}

onmessage = async ({ data: { duration_ms } }) => {
  try {
    await check();
    const rates = { WebCrypto: await webCryptoPerSecond(duration_ms) };
    for (const [name, hash] of Object.entries(ways)) rates[name] = perSecond(duration_ms, hash);
    postMessage({ rates });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
postMessage({ ready: true });
