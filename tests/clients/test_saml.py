"""Federated login against a real identity provider (npm samlp), as a browser does it, and what must be refused."""

import base64
import re
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from federation import Browser, Idp, somebody
from harness import REGION, Admin, Baleen

ANA = "ana@example.com"
MALLORY = "mallory@example.com"
REFUSED = "Access denied"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Baleen.start(tmp_path_factory.mktemp("saml") / "data")
    yield server
    assert server.stop() == 0, server.tail()


@pytest.fixture(scope="module")
def connection(server, idp):
    """A connection of the server's account, with users who log in through it and one who does not."""
    made = rs(server, "RSCreateSAMLConnection", MetadataXML=idp.metadata)
    assert made.status_code == 200, made.text
    connection = made.json()
    metadata = requests.get(connection["ProviderUrl"].removesuffix("acs") + "metadata", timeout=20)
    assert metadata.status_code == 200
    idp.trust(metadata.text)
    iam = client(server, "iam")
    for name in (ANA, MALLORY):
        iam.create_user(UserName=name)
    assert rs(server, "RSSetUserAuthMethod", Name=ANA, AuthMethod="federated").json() == {"Ok": True}
    return connection


def client(server, service, keys=None):
    keys = keys or {"AccessKeyId": server.access_key, "SecretAccessKey": server.secret_key}
    return boto3.client(
        service,
        endpoint_url=server.s3,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        config=Config(retries={"max_attempts": 1}),
    )


def rs(server, action, **parameters):
    """A signed call of an action that boto3 does not know."""
    request = AWSRequest("POST", server.s3 + "/", data={"Action": action, "Version": "2010-05-08", **parameters})
    SigV4Auth(Credentials(server.access_key, server.secret_key), "iam", REGION).add_auth(request)
    prepared = request.prepare()
    return requests.post(prepared.url, data=prepared.body, headers=dict(prepared.headers), timeout=30)


def exchange(server, code):
    form = {"Action": "RSFederatedLogin", "Version": "2011-06-15", "Code": code}
    return somebody().post(server.s3 + "/", data=form, timeout=20)


def keys_of(server, answer):
    assert answer.status_code == 200, answer.text
    exchanged = exchange(server, answer.json()["Code"])
    assert exchanged.status_code == 200, exchanged.text
    return exchanged.json()


def assert_refused(answer):
    assert answer.status_code == 403, answer.text
    assert (answer.json()["Code"], answer.json()["Message"]) == ("AccessDenied", REFUSED)


def test_connection(server, connection, idp):
    name = f"baleen-{server.account}-saml"
    assert connection["Success"] == "true"
    assert connection["Provider"] == name
    assert connection["EntityId"] == f"urn:baleen:{name}"
    assert connection["ProviderUrl"] == f"{server.s3}/saml/{name}/acs"
    assert connection["Expiry"] == idp.ends.strftime("%m/%d/%Y")
    got = rs(server, "RSGetSAMLConnection").json()
    assert got == {name: value for name, value in connection.items() if name != "Success"}
    again = rs(server, "RSCreateSAMLConnection", MetadataXML=idp.metadata)
    assert (again.status_code, again.json()["Code"]) == (409, "EntityAlreadyExists")


def test_metadata_that_is_refused(server, connection, idp):
    for metadata in (
        "<a/>",
        '<!DOCTYPE a [<!ENTITY b "c">]>' + idp.metadata,
        idp.metadata.replace("http://127.0.0.1", "http://idp.example"),
        "<a>" * 200,
    ):
        answer = rs(server, "RSUpdateSAMLConnection", MetadataXML=metadata)
        assert (answer.status_code, answer.json()["Code"]) == (400, "InvalidInput"), answer.text
    large = rs(server, "RSUpdateSAMLConnection", MetadataXML=idp.metadata + " " * 262144)
    assert large.status_code == 400


def test_login(server, connection):
    browser = Browser(connection)
    location = browser.begin()
    query = parse_qs(urlsplit(location).query)
    assert query["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    told = keys_of(server, browser.post(browser.answered(location, ANA)))
    assert told["Credentials"]["SessionToken"] == ""
    assert told["Credentials"]["AccessKeyId"].startswith("STX")
    assert told["UserInfo"]["Name"] == ANA
    who = client(server, "sts", told["Credentials"]).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{server.account}:user/{ANA}"
    with pytest.raises(ClientError, match="AccessDenied"):
        client(server, "s3", told["Credentials"]).create_bucket(Bucket="not-allowed")


def test_login_with_both_levels_signed(server, connection):
    assert keys_of(server, Browser(connection).login(ANA, sign="response-too"))["UserInfo"]["Name"] == ANA


def test_identity_provider_checks_our_signature(connection):
    location = Browser(connection).begin()
    tampered = location.replace("RelayState=", "RelayState=0")
    assert requests.get(tampered, headers={"x-user": ANA}, timeout=20).status_code == 400


def test_page_for_people(connection):
    browser = Browser(connection)
    form = browser.answered(browser.begin(), ANA)
    answer = browser.session.post(browser.acs, data=form, headers={"Accept": "text/html"}, timeout=20)
    assert answer.status_code == 200 and re.search("<code>[0-9a-f]+</code>", answer.text)
    assert answer.headers["cache-control"] == "no-store"


def test_code_is_good_once(server, connection):
    code = Browser(connection).login(ANA).json()["Code"]
    assert exchange(server, code).status_code == 200
    for used in (code, code[:-2] + "00", "0" * 100):
        assert_refused(exchange(server, used))


def test_names_of_nobody(connection):
    for name in (MALLORY, "unknown@example.com", "root"):
        assert_refused(Browser(connection).login(name))


def test_replay(connection):
    browser = Browser(connection)
    form = browser.answered(browser.begin(), ANA)
    cookies = requests.cookies.merge_cookies(requests.cookies.RequestsCookieJar(), browser.session.cookies)
    assert browser.post(form).status_code == 200
    # Without the cookie, which is gone, and with it, if somebody had kept it.
    assert_refused(browser.post(form))
    browser.session.cookies = cookies
    assert_refused(browser.post(form))


def test_other_browser(connection):
    mine, theirs = Browser(connection), Browser(connection)
    form = theirs.answered(theirs.begin(), ANA)
    assert_refused(mine.post(form))
    mine.begin()
    assert_refused(mine.post(form))
    assert_refused(mine.post({"SAMLResponse": form["SAMLResponse"]}))
    # Begun by nobody.
    assert_refused(requests.post(mine.acs, data=form, timeout=20))
    form_of_nothing = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_refused(requests.post(mine.acs, data="", headers=form_of_nothing, timeout=20))


SIGNATURE = re.compile(r"<Signature xmlns.*?</Signature>", re.S)
ASSERTION = re.compile(r"<saml:Assertion .*</saml:Assertion>", re.S)


def forged(xml):
    """The assertion for somebody else, unsigned, under another id."""
    assertion = SIGNATURE.sub("", ASSERTION.search(xml)[0]).replace(ANA, "root")
    return re.sub(r' ID="[^"]+"', ' ID="_forged"', assertion, count=1)


def around(xml, assertion):
    return ASSERTION.sub(lambda _: assertion, xml)


TAMPERED = {
    "altered name": lambda xml: xml.replace(ANA, MALLORY),
    "stripped signature": lambda xml: SIGNATURE.sub("", xml),
    "forged assertion before": lambda xml: around(xml, forged(xml) + ASSERTION.search(xml)[0]),
    "forged assertion behind": lambda xml: around(xml, ASSERTION.search(xml)[0] + forged(xml)),
    "signed one in extensions": lambda xml: around(
        xml, f"<samlp:Extensions>{ASSERTION.search(xml)[0]}</samlp:Extensions>{forged(xml)}"
    ),
    "forged one around": lambda xml: around(
        xml, forged(xml).replace("</saml:Assertion>", ASSERTION.search(xml)[0] + "</saml:Assertion>")
    ),
    "comment that hides": lambda xml: xml.replace(ANA, "ana<!--@example.com-->"),
    "document type": lambda xml: '<!DOCTYPE x [<!ENTITY e "x">]>' + xml,
    "other destination": lambda xml: re.sub(r'Destination="[^"]+"', 'Destination="https://other.example/acs"', xml),
    "other request": lambda xml: re.sub(r'InResponseTo="[^"]+"', 'InResponseTo="_other"', xml, count=1),
    "no request": lambda xml: re.sub(r' InResponseTo="[^"]+"', "", xml, count=1),
    "other audience": lambda xml: xml.replace("urn:baleen:", "urn:other:"),
    "later end": lambda xml: re.sub(r'NotOnOrAfter="20', 'NotOnOrAfter="21', xml),
    "deep": lambda xml: xml.replace("<samlp:Status>", "<a>" * 100 + "</a>" * 100 + "<samlp:Status>"),
    "not XML": lambda xml: xml[:-1],
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampered(connection, how):
    browser = Browser(connection)
    form = browser.answered(browser.begin(), ANA)
    xml = base64.b64decode(form["SAMLResponse"]).decode()
    changed = TAMPERED[how](xml)
    assert changed != xml
    assert_refused(browser.post({**form, "SAMLResponse": base64.b64encode(changed.encode()).decode()}))
    # The same browser can still finish: what was refused was not used up.
    assert browser.post(form).status_code == 200


@pytest.mark.parametrize("weak", [{"algorithm": "rsa-sha1"}, {"digest": "sha1"}])
def test_sha1(connection, weak):
    assert_refused(Browser(connection).login(ANA, **weak))


def test_large_answer(connection):
    browser = Browser(connection)
    form = browser.answered(browser.begin(), ANA)
    assert_refused(browser.post({**form, "SAMLResponse": "A" * 380_000}))
    assert browser.post({**form, "SAMLResponse": "A" * 2_000_000}).status_code == 413


def test_connection_of_nobody(server):
    for name in ("x-100000000001-saml", f"other-{server.account}-saml"):
        answer = requests.get(f"{server.s3}/saml/{name}/login", allow_redirects=False, timeout=20)
        assert (answer.status_code, answer.json()["Code"]) == (404, "NoSuchEntity")


def test_other_certificate(tmp_path, server, connection, idp):
    """An identity provider with the same name and another key."""
    stranger = Idp(tmp_path)
    try:
        stranger.trust(requests.get(connection["ProviderUrl"].removesuffix("acs") + "metadata", timeout=20).text)
        browser = Browser(connection)
        location = browser.begin().replace(idp.url, stranger.url)
        assert_refused(browser.post(browser.answered(location, ANA)))
    finally:
        stranger.stop()


def test_sessions_end_with_the_connection(server, connection, idp):
    """Last: it takes the connection away."""
    keys = keys_of(server, Browser(connection).login(ANA))["Credentials"]
    sts = client(server, "sts", keys)
    sts.get_caller_identity()
    same = rs(server, "RSUpdateSAMLConnection", MetadataXML=idp.metadata)
    assert same.status_code == 200
    sts.get_caller_identity()
    another = rs(server, "RSUpdateSAMLConnection", MetadataXML=idp.metadata.replace("urn:baleen-test:idp", "urn:x"))
    assert another.status_code == 200
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        sts.get_caller_identity()
    assert_refused(Browser(connection).login(ANA))
    assert rs(server, "RSUpdateSAMLConnection", MetadataXML=idp.metadata).status_code == 200
    keys = keys_of(server, Browser(connection).login(ANA))["Credentials"]
    assert rs(server, "RSDeleteSAMLConnection").json() == {"Success": "true"}
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client(server, "sts", keys).get_caller_identity()
    assert rs(server, "RSGetSAMLConnection").json()["Code"] == "NoSuchEntity"
    answer = requests.get(f"{server.s3}/saml/{connection['Provider']}/login", timeout=20)
    assert answer.status_code == 404


def test_the_command_line_connects_and_ends_it(server, idp, tmp_path):
    """After the last: it makes a connection of its own."""
    admin, file = Admin(server), tmp_path / "idp.xml"
    file.write_text(idp.metadata)
    assert "(NoSuchEntity)" in admin.refused("saml", "show")
    connection = admin("saml", "connect", str(file))
    metadata = admin.run("saml", "metadata").stdout
    assert metadata == requests.get(connection["ProviderUrl"].removesuffix("acs") + "metadata", timeout=20).text
    idp.trust(metadata)
    admin("user", "log-in-with", ANA, "federated")
    assert "/login" in admin.run("saml", "show").stderr
    code = Browser(connection).login(ANA).json()["Code"]
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    admin("login", "--federated", "--save", "ana", stdin=code + "\n", **home)
    assert admin("whoami", "--profile", "ana", **home)["Arn"].endswith(ANA)
    assert admin("saml", "update", "-", stdin=idp.metadata)["Provider"] == connection["Provider"]
    assert admin("saml", "disconnect") == {"Success": "true"}
    admin.refused("whoami", "--profile", "ana", **home)


def test_log_says_why_and_keeps_secrets(server):
    log = server.log.read_text()
    assert "a federated login was refused" in log
    assert "SAMLResponse" not in log and "PRIVATE KEY" not in log
