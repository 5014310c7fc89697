"""Lists: entity tags, HEAD, compression."""

import gzip
import re
import urllib.parse

import pytest

import raw_fcgi
from harness import eventually
from list_client import fetch, have_looked_at, tag, token_of

LONELY = "lists-lonely"  # nobody starts anything there but the tests of entity tags
OTHER = "lists-tags-other"
BUSY = "lists-tags-busy"  # here daemons may come and go
QUIET = f"/v1/instances?cluster={LONELY}"


# ---- entity tags -------------------------------------------------------------------------------


def workers_say(shared, target, **headers):
    """Each worker's own answer, without nginx: (status, entity tag)."""
    said = []
    for api in shared.api:
        request = {"REQUEST_METHOD": "GET", "REQUEST_URI": target} | headers
        status, answered, _ = raw_fcgi.ask_all(shared.dir / api.name / "state.sock", request)
        said.append((status, answered.get("ETag")))
    return said


@pytest.fixture(scope="module")
def clusters(shared):
    """Clusters that have been looked at: nothing changes in them by itself."""
    sim = shared.sim
    for cluster, n_instances in ((LONELY, 1), (OTHER, 5), (BUSY, 1)):
        sim.create_cluster(cluster)
        sim.register_task_definition(cluster)
        sim.add_instances(cluster, n_instances)
        sim.add_tasks(cluster, count=3, taskDefinition=cluster, startedBy=cluster, events=True)
    for cluster in (LONELY, OTHER, BUSY):
        eventually(lambda cluster=cluster: len(shared.blox.tasks(cluster=cluster, status="running")) == 3, 20)
    have_looked_at(shared.blox, LONELY, OTHER, BUSY)


@pytest.fixture
def blox(shared, clusters):
    return shared.blox


def test_an_entity_tag_is_the_same_in_every_worker(shared, blox):
    def is_the_same(target):
        one, two = workers_say(shared, target)
        assert one == two and one[0] == 200 and one[1]
        assert workers_say(shared, target, HTTP_IF_NONE_MATCH=one[1]) == [(304, one[1])] * 2
        return True

    for target in (QUIET, f"/v1/tasks?cluster={LONELY}", f"/v1/tasks?cluster={LONELY}&maxResults=1"):
        eventually(lambda target=target: is_the_same(target), 10)


def test_not_modified(blox):
    def is_known():
        etag = tag(blox, QUIET)
        assert re.fullmatch(r'"[0-9a-f-]+"', etag)
        for value in (etag, "W/" + etag, '"x", ' + etag, "*"):
            again = fetch(blox, QUIET, value)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == etag
            assert int(again.headers["X-Blox-Revision"]) > 0
            assert "Content-Type" not in again.headers
        return etag

    etag = eventually(is_known, 5)  # nothing came in between
    for value in ("", '"x"', etag.strip('"'), "nonsense", etag[:-1]):
        assert fetch(blox, QUIET, value).status_code == 200


def test_the_tag_tells_filters_and_pages_apart(blox):
    targets = [f"/v1/tasks?cluster={LONELY}" + more for more in ("", "&status=running", "&maxResults=1", "&maxResults=2")]
    targets += [QUIET, f"/v1/tasks?cluster={OTHER}"]
    token = token_of(blox, "/v1/tasks", cluster=LONELY)
    targets.append(f"/v1/tasks?cluster={LONELY}&maxResults=1&nextToken={token}")
    tags = [tag(blox, target) for target in targets]
    assert len(set(tags)) == len(tags)


def test_the_tag_changes_with_the_cluster_and_not_with_others(shared, blox):
    path = f"/v1/tasks?cluster={LONELY}"
    before, quiet_before = (tag(blox, p) for p in (path, QUIET))
    shared.sim.add_tasks(LONELY, count=1, taskDefinition=OTHER, events=True)
    eventually(lambda: len(blox.tasks(cluster=LONELY, family=OTHER)) == 1, 10)
    changed = eventually(lambda: (e := tag(blox, path)) != before and e, 10)
    assert fetch(blox, path, before).status_code == 200
    assert tag(blox, QUIET) == quiet_before
    shared.sim.add_tasks(OTHER, count=1, startedBy="another-passer-by", events=True)
    eventually(lambda: blox.tasks(cluster=OTHER, startedBy="another-passer-by"), 10)
    eventually(lambda: {etag for _, etag in workers_say(shared, path)} == {changed}, 10)


def test_a_query_about_tasks_depends_on_tasks(shared, blox):
    target = "/v1/instances?" + urllib.parse.urlencode({"cluster": LONELY, "query": "runningTasksCount > 100"})
    before = tag(blox, target)
    shared.sim.add_tasks(LONELY, count=1, taskDefinition=OTHER, startedBy="third", events=True)
    eventually(lambda: tag(blox, target) != before, 10)


def test_environments_have_tags(blox):
    blox.create_environment("lists-tag", BUSY, BUSY)

    def known_tag(path):
        etag = blox.scheduler.get(path).headers["ETag"]
        return blox.scheduler.get(path, headers={"If-None-Match": etag}).status_code == 304 and etag

    for path in ("/v1/environments", "/v1/environments/lists-tag/deployments"):
        etag = eventually(lambda path=path: known_tag(path), 5)
    token = blox.environment("lists-tag")["deploymentToken"]
    blox.create_deployment("lists-tag", token)
    for path in ("/v1/environments/lists-tag/deployments",):
        assert blox.scheduler.get(path, headers={"If-None-Match": etag}).status_code == 200
    blox.delete_environment("lists-tag")


# ---- HEAD and compression ----------------------------------------------------------------------


def test_head(blox):
    target = QUIET

    def says_the_same():
        get, head = fetch(blox, target), blox.state.request("HEAD", target)
        assert (head.status_code, head.content) == (200, b"")
        head = blox.state.request("HEAD", target, headers={"Accept-Encoding": "identity"})
        for name in ("Content-Length", "Content-Type", "ETag"):
            assert head.headers[name] == get.headers[name]
        return blox.state.request("HEAD", target, headers={"If-None-Match": get.headers["ETag"]}).status_code == 304

    eventually(says_the_same, 5)  # nothing came in between
    assert blox.state.request("HEAD", "/v1/tasks?maxResults=0").status_code == 400


def test_compression(blox):
    target = f"/v1/instances?cluster={OTHER}"

    def both():
        plain = fetch(blox, target)
        packed = blox.state.get(target, headers={"Accept-Encoding": "gzip"}, stream=True)
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(packed.raw.read()) == plain.content
        assert packed.headers["ETag"] == "W/" + plain.headers["ETag"]
        return packed.headers["ETag"]

    etag = eventually(both, 5)  # nothing came in between
    again = blox.state.get(target, headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
    assert again.status_code == 304
