"""Signs requests as docs/security.md says, for tests and for whoever wants an example; shares no code with Blox."""

import hashlib
import hmac
import json
import time
import uuid

IDENTITY = ["Caller-Arn", "Caller-Account", "Caller-Id", "Source-Ip", "Api-Request-Id"]


def signed_text(timestamp, method, target, body, key_id, identity):
    fields = ["v1", timestamp, method, target, hashlib.sha256(body).hexdigest(), key_id]
    return "".join(f"{field}\n" for field in [*fields, *(identity.get(name, "") for name in IDENTITY)])


class Key:
    """One key. Usable as `auth=` of requests; identity: what each request says, "Caller-Arn" and the like."""

    def __init__(self, id, secret, role="operator", principal=None, previous=None, **identity):
        self.id, self.secret, self.role, self.principal = id, secret, role, principal or id
        self.previous = previous
        self.identity = {name.replace("_", "-").title(): value for name, value in identity.items()}

    def entry(self):
        """As it stands in a key file."""
        entry = {"id": self.id, "secret": self.secret, "principal": self.principal, "role": self.role}
        return entry | ({"previous": {"id": self.previous.id, "secret": self.previous.secret}} if self.previous else {})

    def speaking_for(self, arn, **identity):
        return Key(self.id, self.secret, self.role, self.principal, caller_arn=arn, **identity)

    def headers(self, method, target, body=b"", timestamp=None, **identity):
        """The headers of one request; a request id is invented unless it is given."""
        timestamp = str(int(time.time()) if timestamp is None else timestamp)
        given = {name.replace("_", "-").title(): value for name, value in identity.items()}
        identity = {"Api-Request-Id": str(uuid.uuid4()), **self.identity, **given}
        text = signed_text(timestamp, method, target, body, self.id, identity)
        mac = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"Timestamp": timestamp, "Key-Id": self.id, "Signature": f"v1={mac}"} | identity
        return {f"X-Blox-{name}": value.encode() for name, value in headers.items() if value}

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        request.headers.update(self.headers(request.method, request.path_url, body))
        return request


def write_keys(path, *keys, mode=0o600):
    """A key file, put in its place in one step."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps([key.entry() for key in keys]))
    fresh.chmod(mode)
    fresh.rename(path)
