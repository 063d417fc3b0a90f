// Runs before any script of each document under test and records what tests ask for later.
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const recorder = {
    started_ms: performance.timeOrigin,
    // data-testid of a member's row -> when it was first in the document.
    members_ms: {},
    // What the page showed of connection and replica, each time that it showed something else.
    states: [],
    // Tasks of the page's thread over 50 ms, by the Long Tasks API.
    long_tasks: [],
    // What a page must never do.
    faults: [],
  };
  globalThis.__recorder = recorder;

  // The memory of the page's program, which no heap of JavaScript counts.
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const original = WebAssembly[name];
    WebAssembly[name] = async (...parts) => {
      const made = await original(...parts);
      globalThis.__memory = (made.instance ?? made).exports.memory;
      return made;
    };
  }

  const state = (testid) => document.querySelector(`[data-testid="${testid}"]`)?.dataset.state;

  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) {
      recorder.long_tasks.push({
        start_ms: performance.timeOrigin + task.startTime,
        duration_ms: task.duration,
      });
    }
  }).observe({ type: "longtask", buffered: true });

  addEventListener("error", (event) => {
    recorder.faults.push(`error: ${event.message ?? "a resource did not load"}`);
  }, true);
  addEventListener("unhandledrejection", (event) => {
    recorder.faults.push(`unhandled rejection: ${event.reason}`);
  });
  addEventListener("securitypolicyviolation", (event) => {
    recorder.faults.push(`policy: ${event.violatedDirective} ${event.blockedURI}`);
  });

  new MutationObserver(() => {
    for (const row of document.querySelectorAll('[data-testid^="member-"]')) {
      recorder.members_ms[row.dataset.testid] ??= now();
    }
    const [connection, sync] = [state("connection-state"), state("sync-progress")];
    const before = recorder.states.at(-1);
    if (connection && sync && (before?.connection !== connection || before.sync !== sync)) {
      recorder.states.push({ at_ms: now(), connection, sync });
    }
  }).observe(document, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["data-testid", "data-state"],
  });
})();
