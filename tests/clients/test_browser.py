"""Pages of another origin in a real browser: forms, and scripts that read and write with links."""

import html
from urllib.parse import parse_qs, urlsplit

import pytest

from browser import Browser, Pages, required
from conftest import boto, pattern

MIB = 1 << 20


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    required()
    browser = Browser.start(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.stop()


@pytest.fixture(scope="module")
def site():
    site = Pages()
    yield site
    site.stop()


@pytest.fixture
def signer(store):
    """boto3's with SigV4, which SDKs of pages use."""
    return boto(store, signature_version="s3v4", s3={"addressing_style": "path"})


def allow(s3, bucket, origin):
    """What the reference of CORS rules has for pages that upload."""
    rule = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "PUT", "POST"],
        "AllowedHeaders": ["content-type", "x-amz-*"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def form_of(signer, bucket, key, **fields):
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", 1, 8 * MIB]]
    return signer.generate_presigned_post(bucket, key, Fields=dict(fields), Conditions=conditions)


@pytest.mark.parametrize("size", [11, 3 * MIB])
def test_a_form_of_a_page(s3, signer, bucket, browser, site, tmp_path, size):
    """As a person does it: choose a file, press the button, be sent on. Forms need no CORS rule."""
    file = tmp_path / "räksmörgås.bin"
    file.write_bytes(pattern(size, seed=size))
    site.pages["/done"] = "<body>thank you</body>"
    form = form_of(
        signer,
        bucket,
        "from/${filename}",
        success_action_redirect=f"{site.origin}/done",
        **{"Content-Type": "application/x-page", "x-amz-meta-colour": "blue"},
    )
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in form["fields"].items()
    )
    site.pages["/form"] = (
        f'<form action="{html.escape(form["url"])}" method="post" enctype="multipart/form-data">{fields}'
        '<input type="file" name="file"><button>send</button></form>'
    )
    browser.open(f"{site.origin}/form")
    browser.type("input[type=file]", file)
    browser.click("button")
    browser.wait_for("thank you")
    at = urlsplit(browser.address())
    key = f"from/{file.name}"
    stored = s3.get_object(Bucket=bucket, Key=key)
    assert f"{at.scheme}://{at.netloc}{at.path}" == f"{site.origin}/done"
    assert parse_qs(at.query) == {"bucket": [bucket], "key": [key], "etag": [stored["ETag"]]}
    assert stored["Body"].read() == file.read_bytes()
    assert (stored["ContentType"], stored["Metadata"]) == ("application/x-page", {"colour": "blue"})


def test_a_form_that_is_refused_says_so(s3, signer, bucket, browser, site, tmp_path):
    file = tmp_path / "empty"
    file.write_bytes(b"")
    form = form_of(signer, bucket, "k", success_action_redirect=f"{site.origin}/done")
    fields = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in form["fields"].items())
    site.pages["/form"] = (
        f'<form action="{form["url"]}" method="post" enctype="multipart/form-data">{fields}'
        '<input type="file" name="file"><button>send</button></form>'
    )
    browser.open(f"{site.origin}/form")
    browser.type("input[type=file]", file)
    browser.click("button")
    browser.wait_for("EntityTooSmall")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


PUT = """
    const answer = await fetch(given[0], {method: 'PUT', body: given[1], headers: {'Content-Type': 'text/x-page'}});
    return [answer.status, answer.headers.get('ETag')];
"""


def test_a_link_that_a_script_puts_to(s3, signer, bucket, browser, site):
    """A PUT is asked about first (preflight), and what answers it is read only as far as the rules say."""
    named = {"Bucket": bucket, "Key": "from/a script"}
    put = signer.generate_presigned_url("put_object", Params={**named, "ContentType": "text/x-page"})
    get = signer.generate_presigned_url("get_object", Params=named)
    browser.open(f"{site.origin}/")
    assert "TypeError" in browser.run(PUT, put, "data")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    allow(s3, bucket, site.origin)
    status, etag = browser.run(PUT, put, "data")
    stored = s3.get_object(**named)
    assert (status, etag) == (200, stored["ETag"])
    assert (stored["Body"].read(), stored["ContentType"]) == (b"data", "text/x-page")
    read = "const answer = await fetch(given[0]); return [answer.status, await answer.text(), answer.headers.get('x-amz-request-id')];"
    assert browser.run(read, get) == [200, "data", None]
    # Errors are read as well.
    absent = signer.generate_presigned_url("get_object", Params={**named, "Key": "absent"})
    status, document, _ = browser.run(read, absent)
    assert (status, "NoSuchKey" in document) == (404, True)
    browser.open(f"{site.other_origin}/")
    assert "TypeError" in browser.run(PUT, put, "other")
    assert "TypeError" in browser.run(read, get)
    assert s3.get_object(**named)["Body"].read() == b"data"


def test_a_form_that_a_script_sends(s3, signer, bucket, browser, site):
    form = form_of(signer, bucket, "from/a script", success_action_status="201")
    allow(s3, bucket, site.origin)
    browser.open(f"{site.origin}/")
    sent = """
        const form = new FormData();
        for (const [name, value] of Object.entries(given[0].fields)) form.append(name, value);
        form.append('file', new Blob(['data'], {type: 'text/x-page'}), 'a.txt');
        const answer = await fetch(given[0].url, {method: 'POST', body: form});
        return [answer.status, await answer.text(), answer.headers.get('ETag')];
    """
    status, document, etag = browser.run(sent, form)
    assert (status, "<Key>from/a script</Key>" in document) == (201, True), document
    stored = s3.get_object(Bucket=bucket, Key="from/a script")
    assert (etag, stored["Body"].read()) == (stored["ETag"], b"data")
