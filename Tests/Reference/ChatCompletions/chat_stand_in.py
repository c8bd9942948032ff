#!/usr/bin/env python3
"""A server of the chat-completions interface, for a test of the client over real sockets. It streams slowly, in pieces of
odd lengths that break characters and events apart, and does what the last message asks for:

    plain     answers
    limited   answers the first request of its model 429, with retry-after: 1, and the next ones plainly
    cut       breaks the connection in the middle
    error     sends an error in the middle
    unended   ends in order, with a reason to end, and without [DONE]
    close     answers without chunks: the answer ends with the connection

Prints the port it listens on. Limits: nothing of a request is checked beyond its key and its JSON.
"""
import http.server
import json
import sys
import threading
import time

TEXT = "Na\u00efve \u98a8\u6d1e \U0001f32c\ufe0f \"quoted\"\nand the end"
KEY = "Bearer k1"


class StandIn(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    limited = set()
    guard = threading.Lock()

    def log_message(self, *arguments):
        pass

    def refuse(self, status, error, headers=()):
        body = json.dumps({"error": error}).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def piece(self, data, chunked):
        """Writes bytes in pieces of 1, 2, 3, 5 and 7 bytes, with a pause now and then."""
        lengths, position, count = [1, 2, 3, 5, 7], 0, 0
        while position < len(data):
            part = data[position:position + lengths[count % 5]]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
            position += len(part)
            count += 1
            if count % 20 == 0:
                self.wfile.flush()
                time.sleep(0.001)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.headers.get("authorization") != KEY:
            return self.refuse(401, {"message": "who are you?", "type": "invalid_request_error", "code": "invalid_api_key"})
        if self.path != "/v1/chat/completions":
            return self.refuse(404, {"message": "no such path", "type": "invalid_request_error", "code": None})
        request = json.loads(body)
        wish, model = request["messages"][-1]["content"], request["model"]
        if wish == "limited":
            with self.guard:
                is_first = model not in self.limited
                self.limited.add(model)
            if is_first:
                error = {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
                return self.refuse(429, error, [("retry-after", "1")])
        chunked = wish != "close"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked") if chunked else self.send_header("connection", "close")
        self.end_headers()

        def event(delta=None, finish=None, **rest):
            choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
            document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, **rest}
            self.piece(b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n", chunked)

        event({"role": "assistant", "content": ""})
        self.piece(b": a comment\n\n", chunked)
        half = len(TEXT) // 2
        for place, letter in enumerate(TEXT):
            if place == half and wish == "cut":
                self.wfile.flush()
                self.close_connection = True
                return self.connection.shutdown(2)
            if place == half and wish == "error":
                self.piece(b'data: {"error":{"message":"slow down","type":"rate_limit_error","code":429}}\n\n', chunked)
                break
            event({"content": letter})
        else:
            event({}, "stop")
            if wish != "unended":
                if request.get("stream_options", {}).get("include_usage"):
                    event(usage={"prompt_tokens": 3, "completion_tokens": len(TEXT), "total_tokens": 3 + len(TEXT)})
                self.piece(b"data: [DONE]\n\n", chunked)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.daemon_threads = True
    # It goes when whoever started it does.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    print(server.server_address[1], flush=True)
    server.serve_forever()
