"""Signed calls of the API Gateway stand-in, by botocore's signer and over plain http.client: nothing between the test
and the wire cleans a path or adds a header."""
import http.client
import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE = "execute-api"


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def error(self):
        """Status, x-amzn-ErrorType and message of a refusal."""
        return self.status, self.headers["x-amzn-ErrorType"], self.json()["message"]


class Gateway:
    def __init__(self, port, key, secret, token=None, region="us-east-1", stage="blox"):
        self.port, self.key, self.secret, self.token = port, key, secret, token
        self.region, self.stage = region, stage
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}/{stage}"

    def sign(self, method, target, body=b"", headers=None, **other):
        """The headers of a signed request; `other` replaces key, secret, token, region or service."""
        who = {"key": self.key, "secret": self.secret, "token": self.token, **other}
        request = AWSRequest(method, f"http://{self.host}{target}", data=body, headers=headers or {})
        signer = SigV4Auth(Credentials(who["key"], who["secret"], who["token"]),
                           other.get("service", SERVICE), other.get("region", self.region))
        signer.add_auth(request)
        return dict(request.headers.items())

    def send(self, method, target, body=b"", headers=None, timeout=60):
        """Sends just this; `headers` may be a list of pairs, for a name given twice."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            pairs = list(headers.items() if hasattr(headers, "items") else headers or [])
            names = {name.lower() for name, _ in pairs}
            for name, value in pairs:
                connection.putheader(name, value)
            if "host" not in names:
                connection.putheader("Host", self.host)
            if body and "content-length" not in names:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, path, body=b"", headers=None, **other):
        """A signed call of a path of the stage."""
        body = body.encode() if isinstance(body, str) else body
        target = f"/{self.stage}{path}"
        return self.send(method, target, body, self.sign(method, target, body, headers, **other))
