#!/usr/bin/env bash
# Rows of 100 bytes, one to a transaction, beside SQLite as Python has it (its `sqlite3`), on the same disk and in one run: the node's SQLite takes each in a
# turn of its own on the live host, with its group commits and syncs; Python's with `synchronous=OFF` never syncs, in its default journal and in a
# write-ahead log. Needs python3.
#
#   Reports/Peers/stores/rows.sh [FOLDER on the disk, that of temporary files unless said otherwise] [path of the command]
#
# The ratios are those of the node's turns that do not wait for the disk: Python's do not either. Each figure is the median of three runs, in turns.
set -euo pipefail
base=${1:-${TMPDIR:-/tmp}}
command=${2:-.build/release/windtunnel}
type python3 > /dev/null || { echo "python3 is not installed" >&2; exit 3; }
[[ -x $command ]] || { echo "$command: expected the built command" >&2; exit 2; }
folder=$(mktemp -d "$base/rows-XXXXXX")
trap 'rm -rf "$folder"' EXIT
here=$(dirname "$0")

figure() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
median() { sort -n "$folder/$1" | sed -n 2p; }
for run in 1 2 3; do
  mkdir "$folder/$run"
  "$command" bench store --json --data "$folder" > "$folder/one"
  figure commits_per_second < "$folder/one" >> "$folder/turns"
  figure durable_commits_per_second < "$folder/one" >> "$folder/durable"
  for mode in delete wal; do python3 "$here/rows.py" "$folder/$run" $mode 100000 >> "$folder/$mode"; done
done
ratio() { awk -v a="$(median turns)" -v b="$(median "$1")" 'BEGIN { printf "%.2f", a / b }'; }
echo "commits a second, rows of 100 bytes, one to a transaction:"
echo "a node's turns that do not wait for the disk: $(median turns)"
echo "Python's sqlite3, synchronous=OFF, its default journal: $(median delete), ratio $(ratio delete)"
echo "Python's sqlite3, synchronous=OFF, write-ahead log: $(median wal), ratio $(ratio wal)"
echo "each row once the one before is durable (Python's are never durable; no ratio): $(median durable)"
