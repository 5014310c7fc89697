"""Watches streams through failures, and judges what was seen by the store's log alone. Shares no code with the product:
the log's values are read here once more, and what each watcher should have seen is worked out from them.

A watcher does what docs/streams.md tells a client to do: it remembers the last version, and goes on after it, wherever
it is let in, whatever ended the stream before. The judge then wants every change, once, in order, up to the end."""

import json
import random
import socket
import threading
import time


class Change:
    """One entry of the log."""

    def __init__(self, entry_id, values):
        self.revision = int(entry_id.partition("-")[0])
        self.kind, self.key = values["kind"], values["key"]
        self.deleted, self.cause = values.get("deleted") == "1", values["cause"]
        _, _, body = values["value"].split("\n", 2) if self.kind in ("task", "instance") else ("", "", "")
        self.entity = json.loads(body) if body else None


def history(redis):
    """All changes of tasks and instances which the log has."""
    changes, after = [], "-"
    while page := redis.xrange("{blox}:log", min=after, count=1000):
        changes += [Change(entry_id, values) for entry_id, values in page]
        after = f"({page[-1][0]}"
    return [change for change in changes if change.entity]


def commit_ends(redis):
    """The revisions at which a commit was complete."""
    ends, after = set(), "-"
    while page := redis.xrange("{blox}:log", min=after, count=1000):
        ends |= {int(entry_id.partition("-")[0]) for entry_id, values in page if int(values.get("following", 0)) == 0}
        after = f"({page[-1][0]}"
    return ends


def expected(changes, kind, after, status=None, deletes=False):
    """(revision, key, why deleted or None) of every line from a position on."""
    lines, shown = [], {}
    for change in changes:
        if change.kind != kind:
            continue
        matches = not status or change.entity["lastStatus"].lower() == status
        why = change.cause if change.deleted else None
        if not matches and shown.get(change.key) and not change.deleted:
            matches, why = True, "unmatched"
            shown[change.key] = False
        else:
            shown[change.key] = matches and not change.deleted
        if matches and change.revision > after and (deletes or not why):
            lines.append((change.revision, change.key, why))
    return lines


class Watcher(threading.Thread):
    """A client that never gives up: begins live, or with a snapshot, and resumes after its last version."""

    def __init__(self, port, kind, status=None, deletes=False, snapshot=False, inclusive=False, heartbeat=False):
        super().__init__(daemon=True)
        self.port, self.kind, self.status, self.deletes = port, kind, status, deletes
        self.snapshot, self.inclusive, self.heartbeat = snapshot, inclusive, heartbeat
        self.position = None  # the last version; None before the first connection
        self.began = None  # where it began to watch
        self.lines = []  # (version, key, why deleted)
        self.bookmarks = set()
        self.held = {}  # with a snapshot: key -> version, what is there
        self.in_snapshot = False
        self.connections, self.refusals = 0, []
        self.done = threading.Event()

    # ---- what it asks for

    def target(self):
        query = []
        if self.status:
            query.append(f"status={self.status}")
        if self.deletes:
            query.append("deletes=true")
        if self.heartbeat:
            query.append("heartbeat=1")
        if self.position is None:
            query += ["snapshot=true"] if self.snapshot else []
        elif self.inclusive:  # v0.3.0's way: from the last version on, and drop the repeat
            query.append(f"entityVersion={self.position}")
        else:
            query.append(f"after={self.position}")
        return f"/v1/stream/{self.kind}s" + ("?" + "&".join(query) if query else "")

    # ---- reading

    def run(self):
        while not self.done.is_set():
            try:
                self.connect()
            except (OSError, EOFError, ValueError):
                pass
            time.sleep(random.uniform(0.01, 0.1))

    def connect(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=3) as connection:
            connection.sendall(f"GET {self.target()} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
            reader = connection.makefile("rb")
            status = int(reader.readline().split()[1])
            headers = {}
            while (line := reader.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            if status != 200:
                if status == 400:
                    self.refusals.append((self.position, reader.read(int(headers["content-length"]))))
                return
            self.connections += 1
            self.begin(int(headers["x-blox-revision"]))
            self.read_chunks(connection, reader)

    def begin(self, revision):
        if self.position is not None:
            return
        self.held = {}
        self.in_snapshot = self.snapshot
        if not self.snapshot:
            self.began = self.position = revision

    def read_chunks(self, connection, reader):
        text = b""
        while not self.done.is_set():
            try:
                size = int(reader.readline(), 16)
            except TimeoutError:
                if not self.heartbeat:
                    connection.settimeout(3)
                raise  # idle, or dead: connect again
            if size == 0:
                return
            text += reader.read(size)
            if len(reader.read(2)) < 2:
                return  # broken: what is in the last chunk may be half a line
            *whole, text = text.split(b"\n")
            for line in whole:
                self.take(json.loads(line))

    def take(self, line):
        version = int(line["metadata"]["entityVersion"])
        if line.get("bookmark"):
            self.bookmarks.add(version)
            if self.in_snapshot:
                self.in_snapshot, self.began = False, version
            self.position = version
            return
        key = line["entity"]["taskARN" if self.kind == "task" else "containerInstanceARN"]
        why = line["reason"] if line.get("deleted") else None
        if why:
            self.held.pop(key, None)
        else:
            self.held[key] = version
        if self.in_snapshot:
            return
        if self.inclusive and version == self.position:
            return
        self.lines.append((version, key, why))
        self.position = version

    # ---- the verdict

    def judge(self, changes, ends=()):
        """Every change, once, in order, up to the log's end; no bookmark within a commit."""
        wanted = expected(changes, self.kind, self.began, self.status, self.deletes)
        versions = [version for version, _, _ in self.lines]
        assert not self.refusals, f"a position was refused: {self.refusals}"
        assert versions == sorted(versions), "reordered"
        assert len(versions) == len(set(versions)), "repeated"
        missing, surplus = set(wanted) - set(self.lines), set(self.lines) - set(wanted)
        assert not missing, f"{len(missing)} of {len(wanted)} missing, as {min(missing)}; began at {self.began}"
        assert not surplus, f"{len(surplus)} that never happened, as {min(surplus)}"
        cut = self.bookmarks - set(ends)
        assert not cut, f"bookmarks within commits: {cut}"
        if self.snapshot and self.deletes:
            assert self.held == now(changes, self.kind, self.status), "list and watch do not add up"

    def is_at_end(self, changes):
        wanted = expected(changes, self.kind, self.began or 0, self.status, self.deletes)
        return self.began is not None and (not wanted or wanted[-1][0] <= (self.position or 0))


def now(changes, kind, status=None):
    """key -> revision of all that is there at the end."""
    there = {}
    for change in changes:
        if change.kind == kind:
            there.pop(change.key, None)
            if not change.deleted and (not status or change.entity["lastStatus"].lower() == status):
                there[change.key] = change.revision
    return there
