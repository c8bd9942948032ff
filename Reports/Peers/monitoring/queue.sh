#!/usr/bin/env bash
# The message queue beside Redis Streams (appendfsync always) and NATS JetStream, in one run on this machine: the same 100-byte messages, batches of 100,
# 32 batches under way. Installs the peers (Debian packages) where they are missing; everything listens on 127.0.0.1 and ends with the script.
#
# Usage: Reports/Peers/monitoring/queue.sh [SECONDS] [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/../../.."
missing=()
command -v redis-server > /dev/null || missing+=(redis-server redis-tools)
command -v nats-server > /dev/null || missing+=(nats-server)
command -v python3 > /dev/null || missing+=(python3)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=$([ "$(id -u)" = 0 ] || echo sudo)
  $as_root apt-get update -qq
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" > /dev/null
fi
[ -x .build/release/windtunnel ] || swift build -c release --static-swift-stdlib --product windtunnel
exec python3 Reports/Peers/monitoring/queue.py "${1:-8}" "${2:-${TMPDIR:-/tmp}}"
