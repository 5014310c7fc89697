"""Who has keys in the tests of identity, and what the logs say of them."""

import json

from signer import Key


def secret(word):
    return (word + "-" * 40)[:40]


ANN = Key("ann", secret("ann knows"), "operator", "Ann Other")
BOB = Key("bob", secret("bob knows"), "viewer", "bob@example.org")
PROXY = Key("proxy-1", secret("lambda knows"), "proxy", "gateway")
SECRETS = [key.secret for key in (ANN, BOB, PROXY)]


def lines(stack, event=None):
    found = [json.loads(line) for program in stack.api for line in program.log().splitlines()]
    return [line for line in found if event is None or line["event"] == event]


def fcgi_parameters(method, target, headers):
    given = {"HTTP_" + name.upper().replace("-", "_"): value.decode() for name, value in headers.items()}
    return {"REQUEST_METHOD": method, "REQUEST_URI": target, "REQUEST_ID": "raw", **given}
