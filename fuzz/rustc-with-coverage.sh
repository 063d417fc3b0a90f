#!/bin/sh
# rustc with the coverage that guides libFuzzer, as `cargo fuzz` asks for it, but by flags that the
# stable compiler has. Cargo calls it for this workspace's crates only (RUSTC_WORKSPACE_WRAPPER): the
# curve's arithmetic would be slower by a multiple, and nothing is to be found there.
exec "$@" \
  -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
