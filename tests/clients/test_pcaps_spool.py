"""Captures whose store stands still: what comes waits on the disk, also when the server is killed meanwhile."""

import socket
import subprocess
import threading
import time
import urllib.parse
from contextlib import closing

import cloudflare
import pytest

from conftest import boto, may_capture
from harness import Baleen
from pcaps import Pcaps
from traffic import Traffic, about, numbers_in

PACKETS = 2000
# Of a part, see the engine: the one that is filled is lost with the process.
PART_BYTES = 8 << 20


class Gate:
    """A way to a store that can be shut: connections stay, and nothing goes to the store any more."""

    def __init__(self, store):
        to = urllib.parse.urlsplit(store.s3)
        self.to = (to.hostname, to.port)
        self.opened = threading.Event()
        self.opened.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.to)
            threading.Thread(target=self.pass_on, args=(client, server, self.opened), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(server, client, None), daemon=True).start()

    @staticmethod
    def pass_on(source, sink, opened):
        try:
            while data := source.recv(64 << 10):
                if opened:
                    opened.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.opened.set()
        self.listener.close()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_store_that_stands_still(moto, tmp_path, is_killed):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    data = tmp_path / "data"
    bucket = f"standing-still-{is_killed}".lower()
    s3 = boto(moto)
    s3.create_bucket(Bucket=bucket)
    with closing(Gate(moto)) as gate, closing(Traffic(size=60_000)) as traffic:

        def start():
            server = Baleen.start(data, "--capture-interface", "lo", DESTINATIONS_ENDPOINTS=gate.address)
            base = f"{server.api}/client/v4"
            sdk = cloudflare.Cloudflare(api_token=server.token, base_url=base)
            return server, Pcaps(sdk=sdk, base=base, account=server.project, token=server.token)

        def waiting():
            return sorted((data / "spool").glob("*/*.part"))

        server, pcaps = start()
        try:
            keys = f"access-key-id={moto.access_key}&secret-access-key={urllib.parse.quote(moto.secret_key)}"
            where = f"region=us-east-1&endpoint={urllib.parse.quote(f'http://{gate.address}', safe='')}"
            destination = pcaps.prove(s3, f"s3://{bucket}/in?{where}&{keys}")
            asked = pcaps.create(
                destination, filter_v1=traffic.filter, packet_limit=float(PACKETS + 1), extra_body={"format": "pcapng"}
            )
            pcaps.running(asked)
            gate.opened.clear()
            traffic.send(PACKETS, per_second=400)
            # Far more than there are part buffers.
            held = pcaps.wait(asked, lambda found: found.packets_captured == PACKETS)
            deadline = time.monotonic() + 20
            while (len(waiting()) + 2) * PART_BYTES < PACKETS * traffic.frame:
                assert time.monotonic() < deadline, waiting()
                time.sleep(0.05)
            assert b"." * 16 not in waiting()[0].read_bytes(), "it is sealed"
            if is_killed:
                server.kill()
                gate.opened.set()
                server, pcaps = start()
            else:
                gate.opened.set()
                traffic.send(1)
            done = pcaps.settled(asked) if is_killed else pcaps.over(asked)
            assert done.status == "success", done
            assert held.model_extra.get("packets_dropped", 0) == 0
            packets = int(done.packets_captured)
            if is_killed:
                assert f"its first {packets} packets" in done.error_message
                assert (PACKETS - packets) * traffic.frame < PART_BYTES + traffic.frame
            else:
                assert (packets, done.error_message) == (PACKETS + 1, None)
            whole, cut = tmp_path / "whole.pcapng", tmp_path / "cut.pcapng"
            s3.download_file(bucket, f"in/pcap_{asked.id}.pcapng", str(whole))
            assert about(whole)[1] == packets
            subprocess.run(["editcap", "-s", "64", str(whole), str(cut)], check=True, timeout=60)
            assert numbers_in(cut, traffic.port) == list(range(packets))
            assert waiting() == [] and not any((data / "spool").iterdir())
            assert server.stop() == 0
        finally:
            if server.process.poll() is None:
                server.kill()
