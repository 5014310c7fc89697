"""What a test asks of lists, and when they stand still."""

from clients import answer
from harness import eventually


def have_looked_at(blox, *names):
    """A drift pass has filled in what events do not tell, and both workers show it: now nothing changes by itself."""

    def wish(name):
        """The revision that was asked at; None while who is asked has not heard of the cluster."""
        response = blox.state.post(f"/v1/reconcile?cluster={name}")
        return int(response.json()["revision"]) if response.status_code == 202 else None

    asked = {name: eventually(lambda name=name: wish(name), 10) for name in names}

    def passed():
        of = {cluster["clusterARN"].rpartition("/")[2]: int(cluster["lastDriftRevision"] or 0) for cluster in blox.clusters()}
        return all(of.get(name, 0) >= revision for name, revision in asked.items())

    eventually(lambda: passed() and passed(), 20)


def token_of(blox, path, server=None, **query):
    return answer((server or blox.state).get(path, params=query | {"maxResults": 1}))["nextToken"]


def fetch(blox, path, etag=None):
    """As the worker says it: compressed answers have weak tags."""
    headers = {"Accept-Encoding": "identity"} | ({} if etag is None else {"If-None-Match": etag})
    return blox.state.get(path, headers=headers)


def tag(blox, path):
    return fetch(blox, path).headers.get("ETag")
