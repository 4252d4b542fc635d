"""What the tests of the PCAPs door share: the real SDK, a proven bucket, and waiting for a capture."""

import time
from dataclasses import dataclass

import cloudflare
import requests

from traffic import about

OVER = {"success", "failed", "complete"}
# A capture over its limits still has to upload; a debug build on two cores takes a few seconds for ten MiB.
OVER_SECONDS = 60


@dataclass
class Pcaps:
    """The SDK and the bare HTTP below it, for one account."""

    sdk: cloudflare.Cloudflare
    base: str
    account: str
    token: str

    @property
    def calls(self):
        return self.sdk.magic_transit.pcaps

    def raw(self, method, path, authorized=True, **more):
        """A request as no SDK would send it."""
        headers = {"Authorization": f"Bearer {self.token}"} if authorized else {}
        headers.update(more.pop("headers", {}))
        return requests.request(method, f"{self.base}/accounts/{self.account}/pcaps{path}", headers=headers, timeout=20, **more)

    def create(self, destination, **asked):
        wanted = {
            "account_id": self.account,
            "system": "magic-transit",
            "type": "full",
            "colo_name": "local",
            "destination_conf": destination,
            "time_limit": 60.0,
            **asked,
        }
        return self.calls.create(**wanted)

    def get(self, capture):
        return self.calls.get(capture.id, account_id=self.account)

    def stop(self, capture):
        self.calls.stop(capture.id, account_id=self.account)

    def running(self, capture):
        """Waits until packets are taken."""
        return self.wait(capture, lambda found: found.status != "pending")

    def over(self, capture):
        return self.wait(capture, lambda found: found.status in OVER)

    def settled(self, capture):
        """The same of one whose server was killed: its counts become those of its file, which may be less."""
        return self.wait(capture, lambda found: found.status in OVER, may_shrink=True)

    def wait(self, capture, holds, may_shrink=False):
        deadline = time.monotonic() + OVER_SECONDS
        most = 0
        while True:
            found = self.get(capture)
            assert may_shrink or found.packets_captured >= most, "the number of packets went down"
            most = found.packets_captured
            if holds(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def prove(self, s3, destination):
        """Takes a bucket through the challenge; answers with the destination in the form that is shown."""
        bucket = self.calls.ownership.create(account_id=self.account, destination_conf=destination)
        name = place(destination)[0]
        challenge = s3.get_object(Bucket=name, Key=in_directory(destination, bucket.filename))["Body"].read().decode()
        proven = self.calls.ownership.validate(
            account_id=self.account, destination_conf=bucket.destination_conf, ownership_challenge=challenge
        )
        assert proven.status == "success", proven
        return proven.destination_conf

    def forget(self, destination):
        for bucket in self.calls.ownership.get(account_id=self.account):
            if bucket.destination_conf == destination:
                self.calls.ownership.delete(bucket.id, account_id=self.account)


def place(destination):
    """The bucket of a destination, and what is behind it."""
    return destination.partition("://")[2].split("?")[0].split("/")


def in_directory(destination, filename):
    """The key of the challenge, whether or not its name is given with the directory."""
    directory = "/".join(place(destination)[1:])
    return filename if not directory or filename.startswith(f"{directory}/") else f"{directory}/{filename}"


def fetch(s3, bucket, capture, path, directory=""):
    """Fetches the one file of a capture and checks that it is a sound classic pcap; answers with its packets and bytes."""
    prefix = f"{directory}/pcap_{capture.id}" if directory else f"pcap_{capture.id}"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    assert [entry["Key"] for entry in found] == [f"{prefix}.pcap"]
    s3.download_file(bucket, found[0]["Key"], str(path))
    head = s3.head_object(Bucket=bucket, Key=found[0]["Key"])
    assert head["ContentType"] == "application/vnd.tcpdump.pcap"
    kind, packets, size = about(path)
    assert kind.startswith("pcap") and "pcapng" not in kind
    return packets, size
