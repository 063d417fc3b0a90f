// Keeps one build of the page with its workers, all of it or nothing, so that it opens where the
// relay does not answer. While the relay answers, everything comes from the relay.

/** What the page starts by fixed names; index.html names the rest of a build. */
const FIXED = [
  "/boot.js",
  "/en.ftl",
  "/pt-BR.ftl",
  ...["node", "miner", "miner-scalar"].flatMap((name) => [
    `/${name}_loader.js`,
    `/${name}.js`,
    `/${name}_bg.wasm`,
  ]),
];
/** A relay that takes longer is taken for absent, where there is something kept. */
const PATIENCE_MS = 4_000;

/** So many pages and workers of the kept build are told from others; older ones have been closed. */
const MARKS_MAX = 200;
/** Where they are noted among the files of the build; the relay serves nothing there. */
const MARKS = "/of-this-build/";

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fetch("/", { cache: "no-cache" }).then(keep));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || url.pathname.startsWith("/api")) return;
  event.respondWith(request.mode === "navigate" ? openPage(event) : openFile(event, url));
});

async function openPage(event) {
  const fromRelay = fetch(event.request);
  try {
    const response = await inTime(fromRelay, await kept("/"));
    if (response.ok) event.waitUntil(keep(response.clone()).catch(console.warn));
    return response;
  } catch (cause) {
    const page = await kept("/");
    if (!page) return fromRelay;
    console.warn(cause);
    await mark(event.resultingClientId);
    return page;
  }
}

async function openFile(event, url) {
  const [file, isMarked] = await Promise.all([kept(url.pathname), kept(markOf(event.clientId))]);
  if (file && isMarked && event.resultingClientId) await mark(event.resultingClientId);
  if (file && (isMarked || /-[0-9a-f]{16}[._]/.test(url.pathname))) return file;
  return inTime(fetch(event.request), file).catch(() => file ?? Response.error());
}

/** Waits for the relay: as long as it takes where nothing else is to be had. */
function inTime(response, alternative) {
  if (!alternative) return response;
  const late = new Promise((_, reject) =>
    setTimeout(() => reject(new Error("the relay did not answer in time")), PATIENCE_MS),
  );
  return Promise.race([response, late]);
}

/**
 * Notes that a page or worker was begun from what is kept: what it loads must be of the same build.
 * Noted beside the build, so that it outlasts this worker, which the browser ends as it likes, and goes
 * when the build does.
 */
async function mark(client) {
  const [build] = await caches.keys();
  const cache = await caches.open(build);
  await cache.put(markOf(client), new Response());
  const marks = (await cache.keys()).filter(({ url }) => new URL(url).pathname.startsWith(MARKS));
  await Promise.all(marks.slice(0, -MARKS_MAX).map((old) => cache.delete(old)));
}

function markOf(client) {
  return MARKS + client;
}

/**
 * The kept file; there is at most one complete build. By its path alone: a search that ignores queries
 * would read through all that is kept.
 */
function kept(path) {
  return caches.match(path, { ignoreVary: true });
}

/** Keeps the build that this page begins, and forgets the one before. */
async function keep(page) {
  const html = await page.clone().text();
  const named = html.matchAll(/(?:href|data-js|data-wasm)="(\/[^"]+)"/g);
  const files = [...new Set([...named].map(([, path]) => path)), ...FIXED];
  // Names of files carry a hash of the content, so that they are the build's name too.
  const build = files.join(" ");
  if (await caches.has(build)) return;
  const requests = files.map((path) => new Request(path, { cache: "no-cache" }));
  const responses = await Promise.all(requests.map((request) => fetch(request)));
  const missing = responses.find((response) => !response.ok);
  if (missing) throw new Error(`${missing.url}: ${missing.status}`);
  const before = await caches.keys();
  const cache = await caches.open(build);
  try {
    await Promise.all(requests.map((request, index) => cache.put(request, responses[index])));
    await cache.put("/", page);
  } catch (cause) {
    await caches.delete(build);
    throw cause;
  }
  await Promise.all(before.map((name) => caches.delete(name)));
}
