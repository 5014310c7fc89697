"""A FastCGI client: what reaches a worker when nginx is not in between."""

import socket
import struct

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


def record(kind, content=b""):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def stream(kind, content):
    """The content in records of at most 32 KiB, and the empty one which ends it."""
    size = 32768
    parts = [record(kind, content[i : i + size]) for i in range(0, len(content), size)]
    return b"".join(parts) + record(kind)


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def length(text):
    return struct.pack("!B", len(text)) if len(text) < 128 else struct.pack("!I", len(text) | 1 << 31)


def request(parameters, body=b""):
    """The bytes of a whole request; parameters is a dictionary, or pairs."""
    pairs = parameters.items() if isinstance(parameters, dict) else parameters
    text = b"".join(length(name) + length(value) + name.encode() + value.encode() for name, value in pairs)
    return record(BEGIN, struct.pack("!HBxxxxx", 1, 0)) + stream(PARAMS, text) + stream(STDIN, body)


def read_record(connection):
    """The next record's version, kind and content."""
    version, kind, _, size, padding, _ = struct.unpack("!BBHHBB", read_exactly(connection, 8))
    return version, kind, read_exactly(connection, size + padding)[:size]


def ask_all(path, parameters, body=b""):
    """The status, the headers and the body which a worker answers on the socket at path."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(request(parameters, body))
        while True:
            _, kind, content = read_record(connection)
            if kind == STDOUT:
                answer += content
            elif kind == END:
                break
    head, _, text = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    return int(headers["Status"].split()[0]), headers, text.decode()


def ask(path, parameters, body=b""):
    """The status and the body alone."""
    status, _, text = ask_all(path, parameters, body)
    return status, text
