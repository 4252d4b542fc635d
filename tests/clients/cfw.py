"""What the tests of the capture-task door share: the vendor's SDK, which signs, and the bare proxy of another, with a token."""

import time
from dataclasses import dataclass

import openstack
import requests
from huaweicloudsdkcfw.v1 import CfwClient
from huaweicloudsdkcfw.v1 import model
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from otcextensions import sdk as otc

INSTANCE = "local"
RUNNING, FINISHED, FAILED, STOPPED, STOPPING = 2, 1, 3, 4, 5
OVER = {FINISHED, FAILED, STOPPED}
OVER_SECONDS = 60


@dataclass
class Cfw:
    """The door, by both."""

    client: CfwClient
    base: str
    project: str
    token: str

    def create(self, name, traffic=None, client=None, **changed):
        """A task for the packets of `traffic`."""
        address = {"address": "127.0.0.1", "address_type": 0, "type": 0}
        asked = {
            "name": name,
            "duration": 5,
            "max_packets": 1000,
            "source": model.CaptureRuleAddressDto(**address),
            "destination": model.CaptureRuleAddressDto(**address),
            "service": model.CaptureServiceDto(protocol=17, source_port="", dest_port=str(traffic.port) if traffic else ""),
            **changed,
        }
        request = model.CreateCaptureTaskRequest(fw_instance_id=INSTANCE, body=model.CaptureTaskDto(**asked))
        return (client or self.client).create_capture_task(request).data

    def page(self, limit=1024, offset=0, **more):
        request = model.ListCaptureTaskRequest(fw_instance_id=INSTANCE, limit=limit, offset=offset, **more)
        return self.client.list_capture_task(request).data

    def task(self, id):
        return next(task for task in self.page().records if task.task_id == id)

    def stop(self, id):
        body = model.CancelCaptureTaskDto(task_id=id)
        return self.client.cancel_capture_task(model.CancelCaptureTaskRequest(fw_instance_id=INSTANCE, body=body)).data

    def delete(self, *ids):
        body = model.DeleteCaptureTaskDto(task_ids=list(ids))
        return self.client.delete_capture_task(model.DeleteCaptureTaskRequest(fw_instance_id=INSTANCE, body=body)).data

    def result(self, id, **more):
        request = model.ListCaptureResultRequest(fw_instance_id=INSTANCE, task_id=id, **more)
        return self.client.list_capture_result(request).data

    def until(self, id, statuses):
        deadline = time.monotonic() + OVER_SECONDS
        while (found := self.task(id)).status not in statuses:
            assert time.monotonic() < deadline, found
            time.sleep(0.05)
        return found

    def proxy(self):
        """The bare proxy of the other SDK: it knows no operation, and sends a token."""
        auth = {"endpoint": f"{self.base}/v1/{self.project}", "token": self.token}
        connection = openstack.connect(auth_type="admin_token", auth=auth)
        otc.register_otc_extensions(connection)
        return connection.cfwv1


def client(base, access_key, secret_key, project):
    credentials = BasicCredentials(access_key, secret_key, project)
    return CfwClient.new_builder().with_credentials(credentials).with_endpoint(base).build()


def fetch(link, host, path):
    """Follows a link as its result says it is to be followed: with that host, and nothing else."""
    answer = requests.get(link.url, headers={"Host": host}, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    assert link.file_name in answer.headers["content-disposition"]
    path.write_bytes(answer.content)
    return path
