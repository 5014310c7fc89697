"""Lambda's side of a function: a Runtime API to take events from, the process, and events as API Gateway makes them."""

import contextlib
import http.server
import json
import os
import pathlib
import queue
import subprocess
import threading
import time
import uuid

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BLOX_BUILD", TOP / ".dev" / "build"))
KEY_ID, SECRET = "proxy-1", "a-secret-of-forty-characters-for-a-test!"
CALLER = "arn:aws:iam::123456789012:user/alice"
WAIT_S = 40  # for whatever the function should do


class RuntimeApi:
    """The four calls of the version 2018-06-01. `respond` may be told to answer posts with another status."""

    def __init__(self):
        self.events = queue.Queue()
        self.posts = queue.Queue()  # (path, headers, body)
        self.waiting = threading.Event()  # the function has asked for an event
        self.post_status = 202
        self.next_status = 200
        self.connections = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _handler(api):  # noqa: N805: the handler below has a self of its own
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def setup(self):
                api.connections += 1
                super().setup()

            def log_message(self, *_):
                pass

            def answer(self, status, body, headers=()):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def do_GET(self):
                assert self.path == "/2018-06-01/runtime/invocation/next", self.path
                api.waiting.set()
                event = api.events.get()
                if event is None:  # the API goes away
                    self.close_connection = True
                    return
                body, headers = event
                self.answer(api.next_status, body, headers)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = api.post_status
                self.answer(status, b'{"status":"OK"}' if status == 202 else b'{"errorType":"Refused"}')
                api.posts.put((self.path, self.headers, body))

        return Handler

    def close(self):
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()

    def give(self, event, deadline_ms=28000, **headers):
        """Puts an event before the function, and gives its id."""
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        name = str(uuid.uuid4())
        fields = {
            "Lambda-Runtime-Aws-Request-Id": name,
            "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:blox",
            **{key.replace("_", "-"): value for key, value in headers.items()},
        }
        self.events.put((body, [field for field in fields.items() if field[1] is not None]))
        return name

    def invoke(self, event, **more):
        """What the gateway would make of the function's answer."""
        name = self.give(event, **more)
        path, _, body = self.posts.get(timeout=WAIT_S)
        assert path == f"/2018-06-01/runtime/invocation/{name}/response", (path, body)
        return Answer(name, json.loads(body))


class Answer:
    def __init__(self, request_id, raw):
        self.request_id = request_id
        self.raw = raw
        self.status = raw["statusCode"]
        self.headers = raw["headers"]
        self.multi = raw.get("multiValueHeaders", {})
        self.body = raw["body"]
        self.base64 = raw["isBase64Encoded"]
        # What the gateway insists on.
        assert isinstance(self.status, int) and isinstance(self.body, str)
        assert all(isinstance(value, str) for value in self.headers.values())
        assert all(isinstance(value, list) for value in self.multi.values())

    def message(self):
        assert self.headers["Content-Type"] == "application/json"
        assert self.headers["X-Request-Id"] == self.request_id
        return json.loads(self.body)["message"]


class Function:
    """The process, with its log."""

    def __init__(self, api_address, backend_url, program=BUILD / "blox-lambda-proxy", **environment):
        env = {
            "AWS_LAMBDA_RUNTIME_API": api_address,
            "BLOX_BACKEND_URL": backend_url,
            "BLOX_KEY_ID": KEY_ID,
            "BLOX_KEY_SECRET": SECRET,
            **environment,
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        self.process = subprocess.Popen(
            [program],
            env={name: value for name, value in env.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace"))

    def log(self, event):
        """The lines of one event so far, oldest first."""
        return [line for line in map(json.loads, list(self.lines)) if line["event"] == event]

    def wait(self):
        """Its exit status; afterwards the log is complete."""
        status = self.process.wait(WAIT_S)
        self.reader.join(WAIT_S)
        return status

    def stop(self):
        self.process.terminate()
        status = self.wait()
        assert not any("runtime error:" in line or "Sanitizer" in line for line in self.lines), self.lines
        return status


@contextlib.contextmanager
def running(backend_url, **environment):
    """A Runtime API and a function that has asked it for its first event; ends in order."""
    api = RuntimeApi()
    function = Function(api.address, backend_url, **environment)
    try:
        assert api.waiting.wait(WAIT_S), function.lines
        yield api, function
        if function.process.poll() is None:
            assert function.stop() == 0
    finally:
        if function.process.poll() is None:
            function.process.kill()
        function.wait()
        assert not any(SECRET in line for line in function.lines)
        api.close()


def event(method="GET", path="/v1/environments", *, headers=None, query=None, body=None, **more):
    """An event as API Gateway makes it for a call signed by alice. headers and query: names with a value, or a list."""
    headers = {"Host": "abc123.execute-api.us-east-1.amazonaws.com", "X-Forwarded-For": "203.0.113.7",
               "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https", **(headers or {})}
    made = {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        **_maps("headers", "multiValueHeaders", headers),
        **_maps("queryStringParameters", "multiValueQueryStringParameters", query),
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abcdef",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "extendedRequestId": "JJbxmE0IIAMFz8g=",
            "requestTime": "20/Nov/2026:12:00:00 +0000",
            "path": f"/blox{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "blox",
            "domainPrefix": "abc123",
            "requestTimeEpoch": 1795089600000,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {
                "cognitoIdentityPoolId": None,
                "accountId": "123456789012",
                "cognitoIdentityId": None,
                "caller": "AIDAALICE",
                "sourceIp": "203.0.113.7",
                "principalOrgId": None,
                "accessKey": "AKIDALICE",
                "cognitoAuthenticationType": None,
                "cognitoAuthenticationProvider": None,
                "userArn": CALLER,
                "userAgent": "curl/7.88.1",
                "user": "AIDAALICE",
            },
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "apiId": "abc123",
        },
        "body": body,
        "isBase64Encoded": False,
    }
    return made | more


def _maps(single, multi, pairs):
    if pairs is None:
        return {single: None, multi: None}
    lists = {name: value if isinstance(value, list) else [value] for name, value in pairs.items()}
    return {single: {name: values[-1] for name, values in lists.items()}, multi: lists}
