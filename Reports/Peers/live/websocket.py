"""Judges the report of the public WebSocket suite: usage websocket.py REPORT/index.json.

Prints a table of how many cases of each part behaved and closed how, names each that is not as it should be, and exits 1 where there is one.
Passes: OK, and INFORMATIONAL (the suite itself judges nothing there). Named with the reason: UNIMPLEMENTED, which is
permessage-deflate (12.*, 13.*), since this host offers no extension. NON-STRICT does not pass.
"""

import collections
import json
import sys

PARTS = {
    "1": "whole messages", "2": "pings and pongs", "3": "reserved bits", "4": "opcodes", "5": "messages in fragments", "6": "UTF-8", "7": "the close",
    "9": "long messages, and many", "10": "a message in many frames", "12": "permessage-deflate", "13": "permessage-deflate with its parameters",
}
COMPRESSION = ("12", "13")


def verdict(name, case):
    """In which column a case counts."""
    if case["behavior"] == "UNIMPLEMENTED" and name.split(".")[0] in COMPRESSION:
        return "not offered"
    if case["behavior"] not in ("OK", "INFORMATIONAL") or case["behaviorClose"] not in ("OK", "INFORMATIONAL"):
        return "fails"
    return "passes" if case["behavior"] == "OK" and case["behaviorClose"] == "OK" else "informational"


def order(name): return [int(part) for part in name.split(".")]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = next(iter(json.load(file).values()))
    columns = ["passes", "informational", "not offered", "fails"]
    counts = collections.Counter((name.split(".")[0], verdict(name, case)) for name, case in cases.items())
    print("| part of the suite | cases | pass | not judged by it | of an extension that is not offered | fail |")
    print("|---|---:|---:|---:|---:|---:|")
    for part in sorted({name.split(".")[0] for name in cases}, key=int):
        row = [counts[part, column] for column in columns]
        print(f"| {part}: {PARTS.get(part, '?')} | {sum(row)} | {' | '.join(str(count) for count in row)} |")
    row = [sum(counts[part, column] for part in {name.split(".")[0] for name in cases}) for column in columns]
    print(f"| all | {sum(row)} | {' | '.join(str(count) for count in row)} |")
    bad = sorted((name for name, case in cases.items() if verdict(name, case) == "fails"), key=order)
    for name in bad:
        case = cases[name]
        print(f"{name}: {case['behavior']}, closing {case['behaviorClose']} ({case.get('remoteCloseCode')})")
    unjudged = sorted((name for name, case in cases.items() if verdict(name, case) == "informational"), key=order)
    print(f"not judged by the suite: {', '.join(unjudged) or 'none'}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
