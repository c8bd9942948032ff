"""Divides what callgrind counted by room: what a room's functions took with all that they called, as far as it was entered from another room.

Called by instructions.sh. The room of a function is the module in its mangled name; functions of the runtime and of the standard library have none
and count for whoever called them. A room that is entered again from below itself is counted twice: shares add up to more than the whole.
"""

import collections
import re
import sys


def room(symbol):
    found = re.match(r"\$s(\d+)(.*)", symbol)
    return found.group(2)[: int(found.group(1))] if found else None


def counts(path):
    """The sum of all instructions, and for each pair of rooms what calls from the first to the second took."""
    names, total, entered = {}, 0, collections.Counter()
    caller = callee = None
    is_call = False

    def name(text):
        number, spelled = re.match(r"\((\d+)\)(?: (.*))?", text).groups()
        if spelled:
            names[number] = spelled
        return names[number]

    with open(path) as lines:
        for line in lines:
            if line.startswith("fn="):
                caller = name(line[3:].rstrip())
            elif line.startswith("cfn="):
                callee = name(line[4:].rstrip())
            elif line.startswith("calls="):
                is_call = True
            elif line[0] in "+-*0123456789":
                count = int(line.split()[-1])
                if is_call:
                    if room(caller) != room(callee):
                        entered[room(caller), room(callee)] += count
                    is_call = False
                else:
                    total += count
    return total, entered


def work(path):
    """How many events or requests a bench says that it did."""
    return int(re.search(r"^(\d+) (?:events|requests)", open(path).read(), re.MULTILINE).group(1))


bench, short, long, short_output, long_output = sys.argv[1:]
(short_total, short_entered), (long_total, long_entered) = counts(short), counts(long)
done = work(long_output) - work(short_output)
spent = long_total - short_total
unit = "event" if bench == "kernel" else "request"
print(f"bench {bench}: {spent / done:,.0f} instructions for each {unit} ({spent / 1e6:,.0f} million for {done:,} of them)")
if bench == "monitoring":
    entered = long_entered - short_entered
    for caller, callee, title in [
        ("World", "MessageQueue", "the broker"),
        ("MessageQueue", "Raft", "of it Raft with its journal"),
        ("World", "Ingestion", "ingestion"),
        ("World", "TimeSeriesStorage", "storage"),
        ("World", "MonitoringLoad", "the load"),
    ]:
        print(f"  {title}: {100 * entered[caller, callee] / spent:.1f} %")
