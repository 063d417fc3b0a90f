// Other people's SHA-256 over a tagged header: each attempt sets the nonce and hashes 180 bytes.
// Where a library can keep a state, it may skip the 128 bytes that never change; of its ways the
// fastest counts.
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

async function perSecond(duration_ms, attempt) {
  const first = attempts;
  const start_ms = performance.now();
  let elapsed_ms = 0;
  while (elapsed_ms < duration_ms) {
    for (let i = 0; i < ATTEMPTS_PER_LOOK; i += 1) attempt();
    elapsed_ms = performance.now() - start_ms;
  }
  return ((attempts - first) * 1000) / elapsed_ms;
}

const hashWasm = await createSHA256();
const hashWasmKept = hashWasm.init().update(kept).save();
const nobleKept = sha256.create().update(kept);
const nobleState = sha256.create();

const ways = {
  "hash-wasm": [
    () => {
      next();
      return hashWasm.init().update(header).digest("binary");
    },
    () => {
      next();
      return hashWasm.load(hashWasmKept).update(rest).digest("binary");
    },
  ],
  noble: [
    () => {
      next();
      return sha256(header);
    },
    () => {
      next();
      return nobleKept._cloneInto(nobleState).update(rest).digest();
    },
  ],
};

// Each way has to give what WebCrypto gives, or its speed means nothing.
async function check() {
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  for (const [name, attempts] of Object.entries(ways)) {
    for (const attempt of attempts) {
      const hash = attempt();
      const right = new Uint8Array(await crypto.subtle.digest("SHA-256", header));
      if (!same(hash, right)) throw Error(`${name} gives another hash than WebCrypto`);
    }
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
    for (const [name, attempts] of Object.entries(ways)) {
      rates[name] = 0;
      for (const attempt of attempts) {
        rates[name] = Math.max(rates[name], await perSecond(duration_ms, attempt));
      }
    }
    postMessage({ rates });
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
postMessage({ ready: true });
