#!/bin/bash
# Runs the public WebSocket suite (PyPI autobahntestsuite) against the live host's echo, and judges its report.
# Usage: Reports/Peers/live/websocket.sh [FOLDER]   (FOLDER: where the suite is installed and reports to; default: a new one)
# Needs Python 2.7 with virtualenv (PYTHON2, default python2.7); the suite is not made for a later one. LIVE_PROCESS names
# the server where it is built already; else it is built, for release. The suite takes about a minute. All traffic stays
# on 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=${1:-$(mktemp -d)}
python2=${PYTHON2:-python2.7}
"$python2" --version >/dev/null 2>&1 || { echo "no Python 2.7 here: set PYTHON2 to one" >&2; exit 2; }
mkdir -p "$folder"
if [ ! -x "$folder/suite/bin/wstest" ]; then
  "$python2" -m virtualenv -q "$folder/suite" || { echo "this Python has no virtualenv: $python2 -m pip install virtualenv==20.15.1" >&2; exit 2; }
  "$folder/suite/bin/pip" install -q autobahntestsuite==0.8.2
fi
server=${LIVE_PROCESS-}
if [ -z "$server" ]; then
  swift build -c release --product LiveProcess
  server=$(swift build -c release --show-bin-path)/LiveProcess
fi
"$server" --streams 0 >"$folder/server.log" &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  grep -qs listening "$folder/server.log" && break
  sleep 0.1
done
port=$(sed -n 's/^listening on //p' "$folder/server.log")
[ -n "$port" ] || { echo "the server does not listen" >&2; exit 1; }
# The permessage-deflate extension (12.*, 13.*) is not offered: the suite counts these as unimplemented.
cat >"$folder/fuzzingclient.json" <<JSON
{
  "outdir": "$folder/report",
  "servers": [{"agent": "windtunnel", "url": "ws://127.0.0.1:$port/echo"}],
  "cases": ["*"],
  "exclude-cases": [],
  "exclude-agent-cases": {}
}
JSON
rm -rf "$folder/report"
timeout 3600 "$folder/suite/bin/wstest" -m fuzzingclient -s "$folder/fuzzingclient.json" >"$folder/suite.log" 2>&1
python3 Reports/Peers/live/websocket.py "$folder/report/index.json"
