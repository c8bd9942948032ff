"""Judges the report of the public WebSocket suite: usage websocket.py REPORT/index.json.

Prints how many cases behaved and closed how, names each that is not as it should be, and exits 1 where there is one.
Passes: OK, and INFORMATIONAL (the suite itself judges nothing there). Named with the reason: UNIMPLEMENTED, which is
permessage-deflate (12.*, 13.*), since this host offers no extension. NON-STRICT does not pass.
"""

import collections
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = next(iter(json.load(file).values()))
    counts = collections.Counter((case["behavior"], case["behaviorClose"]) for case in cases.values())
    for (behavior, close), count in sorted(counts.items()):
        print(f"{count:4d}  {behavior}, closing {close}")
    bad = []
    for name, case in cases.items():
        behaves = (case["behavior"] in ("OK", "INFORMATIONAL")
                   or case["behavior"] == "UNIMPLEMENTED" and name.split(".")[0] in ("12", "13"))
        if not behaves or case["behaviorClose"] not in ("OK", "INFORMATIONAL"):
            bad.append(name)
    for name in sorted(bad, key=lambda text: [int(part) for part in text.split(".")]):
        case = cases[name]
        print(f"{name}: {case['behavior']}, closing {case['behaviorClose']} ({case.get('remoteCloseCode')})")
    deflate = sum(case["behavior"] == "UNIMPLEMENTED" for case in cases.values())
    print(f"{len(cases)} cases, {len(cases) - len(bad) - deflate} as they should be, "
          f"{deflate} of an extension that is not offered, {len(bad)} not as they should be")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
