"""A server of the OpenAI kind that answers from a table and misbehaves on purpose."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from itaclip_mmseg.text.generation.prompts import PROMPTS

RETRY_AFTER = 1  # seconds
BAD_ANSWERS = {
    'empty': '',
    'markup': '**Answer:** `thing`',
    'echo': ' '.join(prompt.instruction for prompt in PROMPTS.values()),
    'too long': 'very ' * 60 + 'long',
    'talk': 'Sure, that is easy to say',
    'lines': 'a thing\nanother thing',
}
DAMAGE = ('rate limit', 'error', 'cut', 'cut in the middle', 'hang')  # what the client package repeats by itself
FAULTS = (*BAD_ANSWERS, *DAMAGE, 'the word itself', 'not JSON', 'no choices', 'no text', 'cut off')


class ChatServer:
    """Serves /v1/chat/completions while it is used as a context manager.

    Args:
        answers: by (kind, word).
        faults: by (kind, word), the `FAULTS` to commit, one a request, before the answer is given.
        delay: seconds before each reply.
        good_replies: after so many replies, every request is refused with `refusal` (status, message).
    """

    def __init__(self, answers, faults=(), delay=0, good_replies=10**6, refusal=(401, 'bad key')):
        self.answers, self.faults, self.delay = (
            answers,
            {key: list(value) for key, value in dict(faults).items()},
            delay,
        )
        self.good_replies, self.refusal = good_replies, refusal
        self.requests = []  # (time, (kind, word), body, headers)
        self.lock, self.closing = threading.Lock(), threading.Event()

    def __enter__(self):
        handler = type('BoundHandler', (Handler,), dict(chat=self))
        self.http = QuietServer(('127.0.0.1', 0), handler)
        self.url = f'http://127.0.0.1:{self.http.server_port}/v1'
        threading.Thread(target=self.http.serve_forever, kwargs=dict(poll_interval=0.05), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def counts(self):
        """Requests by (kind, word)."""
        with self.lock:
            return Counter(key for _, key, _, _ in self.requests)

    def of(self, key):
        """Requests for one text, in order."""
        with self.lock:
            return [request for request in self.requests if request[1] == key]

    def next_fault(self, key, body, headers):
        """Write a request down; what to do with it."""
        with self.lock:
            self.requests.append((time.monotonic(), key, body, headers))
            if len(self.requests) > self.good_replies:
                return 'refusal'
            return self.faults[key].pop(0) if self.faults.get(key) else None


class QuietServer(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 64

    def handle_error(self, *_):
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Keeps the tests' output readable."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        *_, word_line, kind_line = body['messages'][0]['content'].splitlines()
        key = kind_line.rstrip(':').lower(), word_line.removeprefix('Word: ')
        fault = self.chat.next_fault(key, body, self.headers)
        time.sleep(self.chat.delay)
        if self.path != '/v1/chat/completions':
            self.reply(404, dict(error=dict(message='no such address')))
        elif fault in DAMAGE or fault == 'refusal':
            getattr(self, fault.replace(' ', '_'))()
        elif fault == 'not JSON':
            self.reply(200, '<html>\nbusy')
        elif fault == 'no choices':
            self.reply(200, dict(object='error'))
        elif fault == 'no text':
            self.complete([dict(type='image')], 'stop')
        else:
            text = {None: self.chat.answers[key], 'the word itself': key[1].title()} | BAD_ANSWERS
            self.complete(text.get(fault, 'a thing that'), 'length' if fault == 'cut off' else 'stop')

    def complete(self, text, reason):
        choice = dict(index=0, finish_reason=reason, message=dict(role='assistant', content=text))
        self.reply(200, dict(id='1', object='chat.completion', created=0, model='m', choices=[choice]))

    def reply(self, status, content, **headers):
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (dict(Content_Type='application/json', Content_Length=len(data)) | headers).items():
            self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()
        self.wfile.write(data)

    def refusal(self):
        status, message = self.chat.refusal
        self.reply(status, dict(error=dict(message=message)))

    def rate_limit(self):
        self.reply(429, dict(error=dict(message='slow down')), Retry_After=RETRY_AFTER)

    def error(self):
        self.reply(500, dict(error=dict(message='out of\nmemory')))

    def cut(self):
        self.close_connection = True

    def cut_in_the_middle(self):
        self.reply(200, '{"choices": [', Content_Length=1000)
        self.close_connection = True

    def hang(self):
        self.chat.closing.wait()
        self.close_connection = True
