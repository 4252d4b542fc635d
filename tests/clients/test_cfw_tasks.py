"""The capture-task door through the vendor's own SDK and through another's bare proxy: live packets on the loopback interface."""

import itertools
import re
import time
import uuid
from contextlib import closing

import pytest
import requests
from huaweicloudsdkcore.exceptions import exceptions

from cfw import FINISHED, INSTANCE, OVER, OVER_SECONDS, RUNNING, STOPPED, STOPPING, Cfw, client, fetch
from conftest import boto, may_capture
from harness import Baleen
from test_pcaps_restart import stored_parts
from traffic import Traffic, about, numbers_in, tshark

NAMES = (f"task {number}" for number in itertools.count(1))


@pytest.fixture
def traffic():
    traffic = Traffic()
    yield traffic
    traffic.close()


@pytest.fixture(scope="module")
def cfw(baleen):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    made = client(baleen.api, baleen.access_key, baleen.secret_key, baleen.project)
    cfw = Cfw(client=made, base=baleen.api, project=baleen.project, token=baleen.token)
    yield cfw
    ids = [task.task_id for task in cfw.page().records]
    for task in cfw.page().records:
        if task.status == RUNNING:
            cfw.stop(task.task_id)
        cfw.until(task.task_id, OVER)
    if ids:
        cfw.delete(*ids)
    assert cfw.page().total == 0


def refused(status, code, call, *words, **more):
    """A call that the SDK raises for, with what it makes of the answer."""
    kind = exceptions.ClientRequestException if status < 500 else exceptions.ServerResponseException
    with pytest.raises(kind) as told:
        call(*words, **more)
    error = told.value
    assert (error.status_code, error.error_code) == (status, code), error.error_msg
    assert error.request_id and error.error_msg
    return error.error_msg


def test_the_packet_limit_is_exact(cfw, traffic, tmp_path):
    name = next(NAMES)
    made = cfw.create(name, traffic, max_packets=50)
    assert (str(uuid.UUID(made.id)), made.name) == (made.id, name)
    running = cfw.until(made.id, {RUNNING})
    assert (running.duration, running.max_packets, running.protocol) == (5, 50, 17)
    assert (running.source_address, running.source_address_type) == ("127.0.0.1", 0)
    assert (running.dest_port, running.source_port, running.is_deleted) == (str(traffic.port), "", 0)
    assert running.remaining_days == 7
    for date in [running.created_date, running.modified_date]:
        assert re.fullmatch(r"20\d\d/\d\d/\d\d \d\d:\d\d:\d\d", date)
    traffic.send(200)
    done = cfw.until(made.id, OVER)
    assert (done.status, done.capture_size) == (FINISHED, "7kb")
    result = cfw.result(made.id)
    assert (result.captcha, result.expires, result.url) == (None, None, None)
    [link] = result.file_list
    assert link.file_name == link.file_path == f"pcap_{made.id.replace('-', '')}.pcap"
    path = fetch(link, result.request_header.host, tmp_path / link.file_name)
    kind, packets, size = about(path)
    assert kind.startswith("pcap") and "pcapng" not in kind
    assert (packets, size) == (50, 50 * traffic.frame)
    assert numbers_in(path, traffic.port) == list(range(50))
    assert tshark(path, "-Y", f"not udp.dstport=={traffic.port}") == []


def test_a_task_that_is_stopped(cfw, traffic, tmp_path):
    made = cfw.create(next(NAMES), traffic)
    cfw.until(made.id, {RUNNING})
    refused(400, "CFW.00200016", cfw.result, made.id)
    refused(400, "CFW.00200004", cfw.delete, made.id)
    traffic.send(3)
    stopped = cfw.stop(made.id)
    assert (stopped.id, stopped.name) == (made.id, made.name)
    assert cfw.until(made.id, {STOPPED, STOPPING}).status in (STOPPED, STOPPING)
    done = cfw.until(made.id, OVER)
    assert done.status == STOPPED
    refused(400, "CFW.00200016", cfw.stop, made.id)
    result = cfw.result(made.id)
    path = fetch(result.file_list[0], result.request_header.host, tmp_path / "stopped.pcap")
    assert numbers_in(path, traffic.port) == [0, 1, 2]
    deleted = cfw.delete(made.id)
    assert (deleted.id, deleted.name) == (INSTANCE, INSTANCE)
    refused(400, "CFW.00200005", cfw.result, made.id)
    assert requests.get(result.file_list[0].url, timeout=20).status_code == 401


def test_one_direction_as_written(cfw, traffic, tmp_path):
    traffic.sender.settimeout(5)
    made = cfw.create(next(NAMES), traffic)
    cfw.until(made.id, {RUNNING})
    for _ in range(3):
        traffic.send(1)
        _, sender = traffic.receiver.recvfrom(2000)
        traffic.receiver.sendto(b"answer", sender)
        traffic.sender.recv(2000)
    cfw.stop(made.id)
    cfw.until(made.id, OVER)
    result = cfw.result(made.id)
    path = fetch(result.file_list[0], result.request_header.host, tmp_path / "one.pcap")
    assert tshark(path, "-T", "fields", "-e", "udp.dstport") == [str(traffic.port)] * 3


def test_files_are_in_the_accounts_own_bucket(cfw, s3, traffic):
    made = cfw.create(next(NAMES), traffic, max_packets=1)
    cfw.until(made.id, {RUNNING})
    traffic.send(1)
    cfw.until(made.id, OVER)
    [bucket] = [found["Name"] for found in s3.list_buckets()["Buckets"] if found["Name"].startswith("baleen-captures-")]
    link = cfw.result(made.id).file_list[0]
    assert s3.head_object(Bucket=bucket, Key=link.file_path)["ContentLength"] == 24 + 16 + traffic.frame
    cfw.delete(made.id)
    assert link.file_path not in [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_pages(cfw):
    ids = []
    for _ in range(3):
        made = cfw.create(next(NAMES))
        cfw.until(made.id, {RUNNING})
        cfw.stop(made.id)
        cfw.until(made.id, OVER)
        ids.insert(0, made.id)
    whole = cfw.page()
    assert [task.task_id for task in whole.records][:3] == ids
    page = cfw.page(limit=2, offset=1, enterprise_project_id="default")
    assert (page.limit, page.offset, page.total) == (2, 1, whole.total)
    assert [task.task_id for task in page.records] == [task.task_id for task in whole.records[1:3]]
    assert cfw.page(limit=1, offset=whole.total).records == []
    cfw.delete(*ids)
    assert cfw.page().total == whole.total - 3


def test_links_for_some_addresses(cfw, traffic):
    made = cfw.create(next(NAMES), traffic, max_packets=1)
    cfw.until(made.id, {RUNNING})
    traffic.send(1)
    cfw.until(made.id, OVER)
    # The SDK repeats the member.
    for ips, status in [(["10.0.0.2", "127.0.0.1"], 200), (["10.0.0.2", "10.0.0.1"], 401)]:
        link = cfw.result(made.id, type=1, ip=ips).file_list[0]
        assert requests.get(link.url, timeout=20).status_code == status, ips
    link = cfw.result(made.id, type=0).file_list[0]
    part = requests.get(link.url, headers={"Range": "bytes=0-3"}, timeout=20)
    assert (part.status_code, part.content) == (206, b"\xd4\xc3\xb2\xa1")
    refused(400, "CFW.00200001", cfw.result, made.id, type=1)
    refused(400, "CFW.00200027", cfw.result, made.id, type=1, ip=["one"])


def test_refusals(cfw, baleen, traffic):
    name = next(NAMES)
    made = cfw.create(name, traffic)
    refused(400, "CFW.00200007", cfw.create, name)
    refused(400, "CFW.00200001", cfw.create, "", traffic)
    for member, value, code in [
        ("duration", 1441, "CFW.00200001"),
        ("max_packets", 1_000_001, "CFW.00200001"),
        ("source", None, "CFW.00200041"),
        ("service", None, "CFW.00200001"),
    ]:
        refused(400, code, cfw.create, next(NAMES), traffic, **{member: value})
    for limit, offset in [(0, 0), (1025, 0), (1, -1)]:
        refused(400, "CFW.00200001", cfw.page, limit, offset)
    unknown = str(uuid.uuid4())
    for call in [cfw.stop, cfw.delete, cfw.result]:
        refused(400, "CFW.00200005", call, unknown)
    refused(400, "CFW.00200001", cfw.delete)
    cfw.until(made.id, {RUNNING})
    # Three more run; a fifth does not.
    more = [cfw.create(next(NAMES), traffic).id for _ in range(3)]
    refused(400, "CFW.00200024", cfw.create, next(NAMES), traffic)
    for id in [made.id, *more]:
        cfw.until(id, {RUNNING})
        cfw.stop(id)
        cfw.until(id, {STOPPED})
    cfw.delete(made.id, *more)


def test_credentials(cfw, baleen, user, iam):
    def page(access_key, secret_key, project):
        return Cfw(client(baleen.api, access_key, secret_key, project), baleen.api, project, "").page()

    key, secret = baleen.access_key, baleen.secret_key
    assert page(key, secret, baleen.project).limit == 1024
    for wrong in [(key, "wrong"), ("AKIAAAAAAAAAAAAAAAAA", secret)]:
        message = refused(401, "APIGW.0301", page, *wrong, baleen.project)
        assert message.startswith("Incorrect IAM authentication information: ")
    refused(400, "CFW.00200005", page, key, secret, "0123456789abcdef0123456789abcdef")
    # A user of the account has what policies give.
    name, keys = user
    theirs = (keys.access_key, keys.secret_key, baleen.project)
    assert "cfw:ListCaptureTasks" in refused(403, "APIGW.0302", page, *theirs)
    policy = '{"Statement": {"Effect": "Allow", "Action": "cfw:ListCaptureTasks", "Resource": "*"}}'
    iam.put_user_policy(UserName=name, PolicyName="looks", PolicyDocument=policy)
    assert page(*theirs).offset == 0


def test_the_bare_proxy_of_another_sdk(cfw, baleen, traffic, tmp_path):
    proxy = cfw.proxy()
    any_address = {"address": "0.0.0.0/0", "address_type": 0, "type": 0}
    asked = {
        "name": next(NAMES),
        "duration": 1,
        "max_packets": 4,
        "hold_day": 1,
        "source": any_address,
        "destination": any_address,
        "service": {"protocol": -1, "dest_port": f"{traffic.port},65535"},
        "bidirectional": True,
    }
    where = {"fw_instance_id": INSTANCE, "enterprise_project_id": "0"}
    made = proxy.post("/capture-task", params=where, json=asked)
    assert made.status_code == 200, made.text
    id = made.json()["data"]["id"]
    cfw.until(id, {RUNNING})
    traffic.send(4)
    cfw.until(id, OVER)
    listed = proxy.get("/capture-task", params={**where, "limit": 1, "offset": 0}).json()["data"]
    assert listed["records"][0]["remaining_days"] == 1
    result = proxy.get("/capture-task/capture-result", params={**where, "task_id": id}).json()["data"]
    assert result["request_header"]["Host"] == baleen.api.removeprefix("http://")
    answer = requests.get(result["file_list"][0]["url"], timeout=20)
    path = tmp_path / "proxy.pcap"
    path.write_bytes(answer.content)
    assert numbers_in(path, traffic.port) == [0, 1, 2, 3]
    again = proxy.post("/capture-task", params=where, json=asked)
    assert (again.status_code, again.json()["error_code"]) == (400, "CFW.00200007")
    assert again.headers["X-Request-Id"]
    deleted = proxy.post("/capture-task/batch-delete", params=where, json={"task_ids": [id]})
    assert deleted.json() == {"data": {"id": INSTANCE, "name": INSTANCE}}
    nobody = Cfw(cfw.client, cfw.base, cfw.project, "nobody").proxy().get("/capture-task", params=where)
    assert (nobody.status_code, nobody.json()["error_code"]) == (401, "APIGW.0301")


def test_a_task_whose_server_was_killed(tmp_path):
    """What was stored before the kill is what the result has; the name is taken still, and the slot is free."""
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")

    def start():
        server = Baleen.start(tmp_path / "data", "--capture-interface", "lo", CAPTURE_TASKS_MAX="1")
        made = client(server.api, server.access_key, server.secret_key, server.project)
        return server, Cfw(client=made, base=server.api, project=server.project, token=server.token)

    server, cfw = start()
    s3 = boto(server)
    try:
        with closing(Traffic(size=60_000)) as traffic:
            made = cfw.create("killed", traffic, max_packets=1_000_000)
            cfw.until(made.id, {RUNNING})
            refused(400, "CFW.00200024", cfw.create, "another", traffic)
            [bucket] = [found["Name"] for found in s3.list_buckets()["Buckets"]]
            deadline = time.monotonic() + OVER_SECONDS
            # A part is sent when the one before it is noted.
            while stored_parts(s3, bucket) <= 1:
                assert time.monotonic() < deadline
                traffic.send(20, per_second=1000)
            server.kill()
            server, cfw = start()
            done = cfw.until(made.id, OVER)
            assert (done.status, done.remaining_days) == (FINISHED, 7)
            result = cfw.result(made.id)
            path = fetch(result.file_list[0], result.request_header.host, tmp_path / "killed.pcap")
            _, packets, size = about(path)
            assert packets >= (8 << 20) // traffic.frame and size == packets * traffic.frame
            refused(400, "CFW.00200007", cfw.create, "killed", traffic)
            again = cfw.create("another", traffic, max_packets=1)
            cfw.until(again.id, {RUNNING})
            traffic.send(1)
            assert cfw.until(again.id, OVER).status == FINISHED
            cfw.delete(made.id, again.id)
        assert "Contents" not in boto(server).list_objects_v2(Bucket=bucket)
        assert server.stop() == 0
        assert not server.secrets_in_log()
    finally:
        if server.process.poll() is None:
            server.kill()
