"""A server of the files in a folder that can send parts of them, and misbehaves on purpose."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler

from chat_server import QuietServer

BLOCK = 1 << 14  # bytes sent at a time


class FileServer:
    """Serves the files of a folder while it is used as a context manager.

    Args:
        folder: of the files, by their names.
        faults: by name, what to do with the next requests, one a request: 'cut' (hang up half way), 'no range' (send
            all whatever is asked for), 'wrong range', 'busy' (503), 'gone' (404), 'page' (a web page); or `None`.
        delay: seconds after each block.
    """

    def __init__(self, folder, faults=(), delay=0):
        self.folder, self.delay = folder, delay
        self.faults = {name: list(value) for name, value in dict(faults).items()}
        self.requests = []  # (name, first byte, status)
        self.sent, self.lock = 0, threading.Lock()

    def __enter__(self):
        handler = type('BoundHandler', (Handler,), dict(server_of=self))
        self.http = QuietServer(('127.0.0.1', 0), handler)
        self.url = f'http://127.0.0.1:{self.http.server_port}'
        threading.Thread(target=self.http.serve_forever, kwargs=dict(poll_interval=0.05), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()

    def of(self, name):
        """(first byte, status) of the requests for a file, in order."""
        with self.lock:
            return [(first, status) for asked, first, status in self.requests if asked == name]

    def next_fault(self, name):
        """What to do with this request."""
        with self.lock:
            return self.faults[name].pop(0) if self.faults.get(name) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        """Keeps the tests' output readable."""

    def do_GET(self):
        name = self.path.lstrip('/')
        path, fault = self.server_of.folder / name, self.server_of.next_fault(name)
        asked = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range', ''))
        first = int(asked[1]) if asked and fault != 'no range' else 0
        content = path.read_bytes() if path.is_file() else b''
        if fault == 'page':
            self.answer(name, 0, 200, b'<html>we have moved</html>')
        elif fault == 'busy':
            self.answer(name, first, 503, b'')
        elif fault == 'gone' or not path.is_file():
            self.answer(name, first, 404, b'')
        elif first >= len(content) > 0:
            self.answer(name, first, 416, b'', {'Content-Range': f'bytes */{len(content)}'})
        else:
            shift = 7 if fault == 'wrong range' and first else 0
            where = {'Content-Range': f'bytes {first + shift}-{len(content) - 1}/{len(content)}'} if first else {}
            self.answer(name, first, 206 if first else 200, content[first + shift :], where, fault == 'cut')

    def answer(self, name, first, status, content, headers=(), cut=False):
        with self.server_of.lock:
            self.server_of.requests.append((name, first, status))
        self.send_response(status)
        for key, value in (dict(headers) | {'Content-Length': len(content)}).items():
            self.send_header(key, str(value))
        self.end_headers()
        for begin in range(0, len(content) // 2 if cut else len(content), BLOCK):
            block = content[begin : begin + BLOCK]
            self.wfile.write(block)
            with self.server_of.lock:
                self.server_of.sent += len(block)
            time.sleep(self.server_of.delay)
        self.close_connection = self.close_connection or cut
