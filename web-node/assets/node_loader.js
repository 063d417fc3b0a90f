// Starts the node worker: its program's two files are fetched at the same time.
const wasm = fetch("./node_bg.wasm");
const { default: start } = await import("./node.js");
await start({ module_or_path: wasm });
