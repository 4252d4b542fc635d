"""A request whose answer is lost on the way back: the SDK sends it again by itself, and no second capture begins."""

import http.server
import threading
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import cloudflare
import pytest
import requests

from pcaps import Pcaps
from traffic import Traffic


@contextmanager
def losing_answers(base):
    """A proxy that passes requests on to `base`, and of each POST to /pcaps loses the first answer; tells what it saw."""
    seen = []
    origin = urlsplit(base)

    class Proxy(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            url = f"{origin.scheme}://{origin.netloc}{self.path}"
            answer = requests.request(self.command, url, headers=headers, data=body, timeout=20)
            is_create = self.command == "POST" and self.path.endswith("/pcaps")
            if is_create:
                seen.append((self.headers.get("x-stainless-retry-count"), answer.status_code, body))
            if is_create and len(seen) == 1:
                # The request was served; nobody will know.
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for name in ("content-type", "x-request-id", "x-should-retry"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = pass_on

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{origin.path}", seen
    finally:
        server.shutdown()
        server.server_close()


def test_a_lost_answer_is_got_by_the_next_try(pcaps, s3, bucket):
    proven = pcaps.prove(s3, f"s3://{bucket}/case-17")
    with losing_answers(pcaps.base) as (base, seen), closing(Traffic()) as traffic:
        sdk = cloudflare.Cloudflare(api_token=pcaps.token, base_url=base)
        through = Pcaps(sdk=sdk, base=base, account=pcaps.account, token=pcaps.token)
        before = {found.id for found in pcaps.calls.list(account_id=pcaps.account)}
        made = through.create(proven, filter_v1=traffic.filter)
        assert [(count, status) for count, status, _ in seen] == [("0", 200), ("1", 200)]
        assert seen[0][2] == seen[1][2]
        after = {found.id for found in pcaps.calls.list(account_id=pcaps.account)}
        assert after - before == {made.id}
        # The same again is a request of its own, and is refused while that one runs.
        with pytest.raises(cloudflare.ConflictError):
            through.create(proven, filter_v1=traffic.filter)
        pcaps.stop(made)
        pcaps.over(made)
    pcaps.forget(proven)
