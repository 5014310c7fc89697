"""Requests whose target reaches the server as it was written."""

import http.client
import urllib.parse


def ask(server, method, target, **options):
    """No client cleans or quotes the target."""
    place = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    connection.request(method, target, **options)
    response = connection.getresponse()
    response.text = response.read().decode()
    connection.close()
    return response
