#!/bin/sh
# Builds every fuzz target and runs each for so many seconds, from the fixtures as seeds. Usage: fuzz/run.sh SECONDS [target…]
set -eu
cd "$(dirname "$0")/.."
seconds="$1"
shift
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzz: nothing was run: there is no nightly toolchain (rustup toolchain install nightly)" >&2
    exit 1
fi
if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "fuzz: nothing was run: cargo-fuzz is not installed (cargo install cargo-fuzz --locked)" >&2
    exit 1
fi
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # one word per target
    set -- $(cargo +nightly fuzz list)
fi
echo "fuzz: building $# targets: expect 10 minutes on two cores the first time"
cargo +nightly fuzz build
for target in "$@"; do
    fuzz/seed.sh "$target"
    echo "fuzz: $target for $seconds s"
    cargo +nightly fuzz run "$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1
done
echo "fuzz: $# targets, $seconds s each, without a finding"
