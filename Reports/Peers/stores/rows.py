"""Commits rows of 100 bytes with Python's sqlite3, one INSERT a transaction, and prints commits a second: rows.py FOLDER JOURNAL-MODE ROWS."""
import sqlite3, sys, time

folder, mode, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = sqlite3.connect(f"{folder}/{mode}.db", isolation_level=None)
found = connection.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0]
assert found == mode, found
connection.execute("PRAGMA synchronous = OFF")
connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, body TEXT NOT NULL)")
text = "x" * 100
began = time.perf_counter()
for number in range(rows): connection.execute("INSERT INTO entries VALUES (?, ?)", (number, text))  # Each is a transaction: nothing began one.
print(round(rows / (time.perf_counter() - began)))
