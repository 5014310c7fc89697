"""A Lambda function in Python: it polls the Runtime API, as a process of its own would."""
import http.client
import json
import threading


class Function:
    """Answers each event with what `handle(event)` gives: a reply as dict, bytes to be posted as they are, or an
    exception to be posted as the function's error. Keeps the events and the headers they came with."""

    def __init__(self, port, handle=None, environment=""):
        self.port = port
        self.handle = handle or (lambda event: {"statusCode": 200, "body": "fine"})
        self.base = f"{environment}/2018-06-01/runtime"
        self.events, self.headers, self.verdicts = [], [], []
        self.stopping = False
        self.connection = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def call(self, method, path, body=None, headers=None):
        """One call of the Runtime API: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, self.base + path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def next(self):
        status, headers, body = self.call("GET", "/invocation/next")
        assert status == 200, body
        return headers, json.loads(body)

    def post(self, headers, what, document):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.call("POST", f"/invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/{what}", body)

    def respond(self, headers, reply):
        return self.post(headers, "response", reply)

    def fail(self, headers, kind, message):
        return self.post(headers, "error", {"errorType": kind, "errorMessage": message, "stackTrace": []})

    def run(self):
        while not self.stopping:
            try:
                headers, event = self.next()
            except (OSError, http.client.HTTPException):
                return  # the simulator has ended
            self.headers.append(headers)
            self.events.append(event)
            try:
                reply = self.handle(event)
            except Exception as error:  # a function may fail with anything
                self.verdicts.append(self.fail(headers, type(error).__name__, str(error)))
            else:
                self.verdicts.append(self.respond(headers, reply))
