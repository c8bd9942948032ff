"""Drives the message queue and its peers with the same load, one after the other, and prints a table of what they did.

The load: messages of 100 bytes in batches of 100, 32 batches under way, from a single process on the same machine. A batch counts once all its messages
are acknowledged. Redis: XADD, pipelined by 100 on 32 connections, `appendfsync always`. NATS JetStream: published with a reply subject, file storage,
as it comes: synced every two minutes, so that an acknowledged message can be lost (the packaged version knows no other way). All figures are measured. Only processes started here are ended.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

MESSAGE_BYTES = 100
BATCH = 100
UNDER_WAY = 32


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def connect(port, patience=10.0):
    end = time.monotonic() + patience
    while True:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def peak_memory(process):
    with open(f"/proc/{process.pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def drive(lanes, seconds):
    """Keeps one batch under way in each lane: a connection, the bytes of a batch, what an answer is counted by, and how many make a batch.
    Gives batches a second and the latencies of all batches, ascending."""
    poll = select.epoll()
    by_file = {}
    for lane in lanes:
        lane["connection"].setblocking(False)
        by_file[lane["connection"].fileno()] = lane
        poll.register(lane["connection"].fileno(), select.EPOLLIN)
    started = time.monotonic()
    stop = started + seconds
    done, latencies, open_lanes = 0, [], len(lanes)

    def send(lane):
        lane["left"], lane["at"] = lane["answers"], time.monotonic()
        data = lane["batch"]
        while data:
            try:
                data = data[lane["connection"].send(data):]
            except BlockingIOError:
                select.select([], [lane["connection"]], [])

    for lane in lanes:
        lane["rest"] = b""
        send(lane)
    while open_lanes:
        for number, _ in poll.poll(5):
            lane = by_file[number]
            data = lane["connection"].recv(1 << 18)
            if not data:
                raise SystemExit("a peer closed the connection")
            # What is counted may lie across two reads.
            data = lane["rest"] + data
            lane["left"] -= data.count(lane["mark"])
            keep = len(lane["mark"]) - 1
            lane["rest"] = data[-keep:] if keep else b""
            if lane["left"] > 0:
                continue
            now = time.monotonic()
            latencies.append(now - lane["at"])
            done += 1
            if now < stop:
                send(lane)
            else:
                open_lanes -= 1
    return done / (time.monotonic() - started), sorted(latencies)


def at(latencies, percent):
    return latencies[min(len(latencies) - 1, len(latencies) * percent // 100)] * 1e3 if latencies else 0.0


def redis(folder, seconds):
    port = free_ports(1)[0]
    os.makedirs(folder)
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--appendfsync", "always",
         "--save", "", "--auto-aof-rewrite-percentage", "0"], stdout=subprocess.DEVNULL)
    try:
        payload = b"x" * MESSAGE_BYTES
        command = b"*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n$1\r\n*\r\n$1\r\nf\r\n$%d\r\n%s\r\n" % (MESSAGE_BYTES, payload)
        # Each answer is "$15\r\n1700000000000-0\r\n": one "-" in each.
        lanes = [{"connection": connect(port), "batch": command * BATCH, "mark": b"-", "answers": BATCH} for _ in range(UNDER_WAY)]
        rate, latencies = drive(lanes, seconds)
        reading = connect(port)
        began, read, last = time.monotonic(), 0, b"-"
        buffer = b""
        while time.monotonic() - began < seconds:
            reading.sendall(b"*6\r\n$6\r\nXRANGE\r\n$1\r\ns\r\n$%d\r\n%s\r\n$1\r\n+\r\n$5\r\nCOUNT\r\n$4\r\n5000\r\n" % (len(last), last))
            buffer = b""
            expected = None
            while True:
                buffer += reading.recv(1 << 20)
                if expected is None and b"\r\n" in buffer:
                    expected = int(buffer[1:buffer.index(b"\r\n")])
                if expected is not None and buffer.count(payload + b"\r\n") >= expected:
                    break
            if not expected:
                break
            read += expected
            tail = buffer.rindex(b"*2\r\n$1\r\nf\r\n")
            last = b"(" + buffer[:tail].rsplit(b"\r\n", 2)[-2]
        return {"produce": rate * BATCH, "p99": at(latencies, 99), "consume": read / (time.monotonic() - began), "memory": peak_memory(server)}
    finally:
        server.terminate()
        server.wait()


class Nats:
    """A connection that asks one thing after the other."""

    def __init__(self, port):
        self.connection = connect(port)
        self.buffer = b""
        self.line()
        self.connection.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.ask 1\r\n')

    def line(self):
        while b"\r\n" not in self.buffer:
            self.buffer += self.connection.recv(1 << 20)
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def ask(self, subject, body=b""):
        self.connection.sendall(b"PUB %s _INBOX.ask %d\r\n%s\r\n" % (subject, len(body), body))
        while True:
            line = self.line()
            if line == b"PING":
                self.connection.sendall(b"PONG\r\n")
            elif line.startswith(b"MSG"):
                count = int(line.split()[-1])
                while len(self.buffer) < count + 2:
                    self.buffer += self.connection.recv(1 << 20)
                answer, self.buffer = self.buffer[:count], self.buffer[count + 2:]
                return json.loads(answer)
            elif line.startswith(b"-ERR"):
                raise SystemExit(line.decode())


def nats(folder, seconds, servers=1):
    ports, routes = free_ports(servers), free_ports(servers)
    processes = []
    for index in range(servers):
        own = f"{folder}/{index}"
        os.makedirs(own)
        cluster = ""
        if servers > 1:
            others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
            cluster = f'cluster {{ name: c, listen: "127.0.0.1:{routes[index]}", routes: [{others}] }}\n'
        with open(f"{own}/nats.conf", "w") as file:
            file.write(
                f'server_name: n{index}\nlisten: "127.0.0.1:{ports[index]}"\n{cluster}'
                + f'jetstream {{ store_dir: "{own}", max_file_store: 20GB }}\n')
        processes.append(subprocess.Popen(["nats-server", "-c", f"{own}/nats.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        asking = Nats(ports[0])
        made = None
        for _ in range(60):
            asking.connection.settimeout(5)
            try:
                made = asking.ask(
                    b"$JS.API.STREAM.CREATE.s",
                    json.dumps({"name": "s", "subjects": ["s"], "storage": "file", "num_replicas": servers}).encode())
            except (TimeoutError, socket.timeout):
                asking = Nats(ports[0])
                continue
            if "error" not in made:
                break
            time.sleep(0.5)
        if not made or "error" in made:
            return {"note": f"no stream: {made}"}
        lanes = []
        for number in range(UNDER_WAY):
            connection = connect(ports[number % servers])
            connection.recv(1 << 16)
            inbox = b"_INBOX.%d" % number
            connection.sendall(b'CONNECT {"verbose":false}\r\nSUB %s 1\r\n' % inbox)
            message = b"PUB s %s %d\r\n%s\r\n" % (inbox, MESSAGE_BYTES, b"x" * MESSAGE_BYTES)
            lanes.append({"connection": connection, "batch": message * BATCH, "mark": b'"seq":', "answers": BATCH})
        rate, latencies = drive(lanes, seconds)
        asking = Nats(ports[0])
        asking.ask(
            b"$JS.API.CONSUMER.DURABLE.CREATE.s.c",
            json.dumps({"stream_name": "s", "config": {"durable_name": "c", "ack_policy": "none", "deliver_policy": "all",
                                                        "num_replicas": 1}}).encode())
        asking.connection.sendall(b"SUB _INBOX.read 2\r\n")
        asking.connection.settimeout(3)
        began, read, rest, asked = time.monotonic(), 0, b"", 0
        while time.monotonic() - began < seconds:
            while asked - read < 10_000:
                body = b'{"batch":5000,"expires":3000000000}'
                asking.connection.sendall(b"PUB $JS.API.CONSUMER.MSG.NEXT.s.c _INBOX.read %d\r\n%s\r\n" % (len(body), body))
                asked += 5_000
            try:
                data = rest + asking.connection.recv(1 << 20)
            except (TimeoutError, socket.timeout):
                break
            read += data.count(b"MSG s ")
            rest = data[-5:]
        return {"produce": rate * BATCH, "p99": at(latencies, 99), "consume": read / (time.monotonic() - began),
                "memory": max(peak_memory(process) for process in processes)}
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def windtunnel(folder, seconds, brokers):
    os.makedirs(folder)
    out = subprocess.run(
        [".build/release/windtunnel", "bench", "queue", "--json", "--brokers", str(brokers), "--seconds", str(int(seconds)), "--batch", str(BATCH),
         "--bytes", str(MESSAGE_BYTES), "--under-way", str(UNDER_WAY), "--data", folder], check=True, capture_output=True, text=True).stdout
    result = json.loads(out)
    return {"produce": result["produced_per_second"], "p99": result["peak_p99_ms"], "consume": result["consumed_per_second"],
            "memory": result["peak_memory_bytes"]}


def main():
    seconds, base = float(sys.argv[1]), sys.argv[2]
    folder = tempfile.mkdtemp(prefix="windtunnel-peers-", dir=base)
    try:
        rows = []
        for name, run in [
            ("Windtunnel, 1 broker", lambda f: windtunnel(f, seconds, 1)),
            ("Redis Streams, appendfsync always", lambda f: redis(f, seconds)),
            ("NATS JetStream, not synced", lambda f: nats(f, seconds)),
            ("Windtunnel, 3 brokers", lambda f: windtunnel(f, seconds, 3)),
            ("NATS JetStream, 3 replicas, not synced", lambda f: nats(f, seconds, 3)),
        ]:
            own = f"{folder}/{len(rows)}"
            rows.append((name, run(own)))
            shutil.rmtree(own, ignore_errors=True)
            print(f"done: {name}", file=sys.stderr)
        with open("/proc/cpuinfo") as info:
            model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "unknown processor")
        print(f"{model}, {os.cpu_count()} cores; {MESSAGE_BYTES}-byte messages, batches of {BATCH}, {UNDER_WAY} under way, {seconds:.0f} s each; measured\n")
        print("| | acknowledged/s | ours is | p99 of a batch at that | consumed/s | ours is | peak memory of a server |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for name, row in rows:
            if "note" in row:
                print(f"| {name} | {row['note']} | | | | | |")
                continue
            ours = next(r for n, r in rows if n == ("Windtunnel, 3 brokers" if "3 " in name else "Windtunnel, 1 broker"))
            consumed = f"{row['consume']:,.0f}"
            print(f"| {name} | {row['produce']:,.0f} | {ours['produce'] / max(1, row['produce']):.1f}x | {row['p99']:.1f} ms "
                  f"| {consumed} | {ours['consume'] / max(1, row['consume']):.1f}x | {row['memory'] >> 20} MiB |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
