#!/usr/bin/env bash
# Counts the instructions of the two simulator benches with callgrind. Times swing with the machine's hours; these counts repeat to a few in a
# million, so two versions of the code can be compared by them. Needs valgrind (Debian package of that name).
#
#   Reports/Profile/instructions.sh [path of the command, .build/release/windtunnel unless said otherwise]
#
# A short and a long run are counted, and their difference is divided, so that the command's own start does not count.
set -euo pipefail
command=${1:-.build/release/windtunnel}
[[ -x $command ]] || { echo "$command: expected the built command (swift build -c release --static-swift-stdlib --product windtunnel)" >&2; exit 2; }
type valgrind > /dev/null || { echo "valgrind is not installed" >&2; exit 3; }
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Debug information of this size is read for minutes; the symbols stay.
strip -g -o "$folder/windtunnel" "$command"

for bench in "kernel 20 420" "monitoring 2 7"; do
  read -r name short long <<< "$bench"
  for seconds in $short $long; do
    valgrind --tool=callgrind --callgrind-out-file="$folder/$name.$seconds" "$folder/windtunnel" bench "$name" --seconds "$seconds" \
      > "$folder/$name.$seconds.out" 2> "$folder/$name.$seconds.log" || { cat "$folder/$name.$seconds.log" >&2; exit 3; }
  done
  python3 "$here/rooms.py" "$name" "$folder/$name.$short" "$folder/$name.$long" "$folder/$name.$short.out" "$folder/$name.$long.out"
done
