#!/usr/bin/env bash
# The cache beside Redis, in one run on this machine: values of 100 bytes, 50 connections, without pipelines and with 16 requests in each. Both speak
# their own protocol: the cache HTTP (load by wrk), Redis RESP (load by redis-benchmark). Needs Debian's redis-server, redis-tools and wrk.
#
#   Reports/Peers/stores/cache.sh [SECONDS, 5 unless said otherwise] [path of the command]
#
# Servers and loads share the machine's cores. Each figure is the better of two runs. Load goes to 127.0.0.1 alone.
set -euo pipefail
seconds=${1:-5}
command=${2:-.build/release/windtunnel}
for tool in redis-server redis-benchmark wrk; do type "$tool" > /dev/null || { echo "$tool is not installed" >&2; exit 3; }; done
[[ -x $command ]] || { echo "$command: expected the built command" >&2; exit 2; }
folder=$(mktemp -d)
own=()
trap 'for id in "${own[@]}"; do kill "$id" 2> /dev/null || true; done; rm -rf "$folder"' EXIT

"$command" serve cache --data "$folder/cache" --port 18080 > "$folder/cache.out" 2> "$folder/cache.err" &
own+=($!)
redis-server --port 18081 --save '' --appendonly no --bind 127.0.0.1 --dir "$folder" > "$folder/redis.out" 2>&1 &
own+=($!)
sleep 1
curl -s -o "$folder/answer" -X PUT 'http://127.0.0.1:18080/entries?key=key' -d "$(printf 'x%.0s' {1..100})"

for kind in get set; do
  for depth in 1 16; do
    cat > "$folder/$kind-$depth.lua" << LUA
wrk.headers["Host"] = "127.0.0.1:18080"
local one = "$kind" == "get" and wrk.format("GET", "/entries?key=key") or wrk.format("PUT", "/entries?key=key", nil, string.rep("x", 100))
local all = string.rep(one, $depth)
request = function() return all end
done = function(summary)
  if summary.errors.status > 0 then io.stderr:write(summary.errors.status .. " answers were not good\n") end
end
LUA
  done
done

ours() {
  for _ in 1 2; do
    wrk -t1 -c50 -d"${seconds}s" -s "$folder/$1-$2.lua" http://127.0.0.1:18080 | awk '/Requests\/sec/ { print int($2) }'
  done | sort -n | tail -n 1
}
# Enough requests for about as long.
theirs() {
  for _ in 1 2; do
    redis-benchmark -p 18081 -c 50 -P "$2" -n "$((seconds * 60000 * ($2 > 1 ? 8 : 1)))" -d 100 -t "$1" --csv 2> /dev/null | tail -n 1 | cut -d, -f2 | tr -d '"' | cut -d. -f1
  done | sort -n | tail -n 1
}

echo "requests a second, values of 100 bytes, 50 connections:"
for kind in get set; do
  for depth in 1 16; do
    mine=$(ours "$kind" "$depth")
    peer=$(theirs "$kind" "$depth")
    echo "$kind, $depth under way on each connection: cache $mine, Redis $peer, ratio $(awk -v a="$mine" -v b="$peer" 'BEGIN { printf "%.2f", a / b }')"
  done
done
