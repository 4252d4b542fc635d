"""Real clients over TLS, with a certificate of an authority that they are told of."""

import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import time

import boto3
import cloudflare
import httpx
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import may_capture, pattern
from harness import REGION, Admin, Baleen


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def days(number):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=number)


class Authority:
    """A private authority; issues certificates for this machine."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / "ca.pem"
        certificate = self.begin(self.key, "ca").issuer_name(named("ca"))
        certificate = certificate.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        usage = {name: False for name in ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")}
        usage |= {"encipher_only": False, "decipher_only": False, "crl_sign": True, "key_cert_sign": True}
        certificate = certificate.add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        certificate = certificate.sign(self.key, hashes.SHA256())
        self.certificate = certificate
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def begin(key, name):
        builder = x509.CertificateBuilder().subject_name(named(name)).public_key(key.public_key())
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return builder.serial_number(x509.random_serial_number()).not_valid_before(days(-1)).not_valid_after(days(30))

    def issue(self):
        """Writes `cert.pem` and `key.pem`, both anew; the serial number of the certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = self.begin(key, "server").issuer_name(self.certificate.subject)
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        certificate = builder.sign(self.key, hashes.SHA256())
        (self.folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pkcs8 = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "key.pem").write_bytes(pkcs8)
        os.chmod(self.folder / "key.pem", 0o600)
        return certificate.serial_number


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    authority.issue()
    return authority


@pytest.fixture(scope="module")
def secure(tmp_path_factory, authority):
    server = Baleen.start(
        tmp_path_factory.mktemp("secure") / "data",
        "--capture-interface",
        "lo",
        ca=authority.file,
        TLS_CERTIFICATE=str(authority.folder / "cert.pem"),
        TLS_KEY=str(authority.folder / "key.pem"),
        ENCRYPTION_SECURE_KEYS_ONLY="on",
    )
    yield server
    assert server.stop() == 0, server.tail()
    assert not server.secrets_in_log()


@pytest.fixture(scope="module")
def secure_s3(secure, authority):
    return boto3.client(
        "s3",
        endpoint_url=secure.s3,
        region_name=REGION,
        aws_access_key_id=secure.access_key,
        aws_secret_access_key=secure.secret_key,
        verify=str(authority.file),
    )


def test_addresses_say_how_they_are_reached(secure):
    assert secure.s3.startswith("https://") and secure.api.startswith("https://")
    assert secure.ops.startswith("http://")
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(secure.s3, timeout=10)
    # In the clear, not even an answer.
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(secure.s3.replace("https", "http"), timeout=10)


def test_boto3(secure_s3, authority):
    secure_s3.create_bucket(Bucket="by-boto3")
    body = pattern(20 << 20)
    secure_s3.put_object(Bucket="by-boto3", Key="a", Body=body)
    assert secure_s3.get_object(Bucket="by-boto3", Key="a")["Body"].read() == body
    # Keys of customers may come, since the way is encrypted.
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    secure_s3.put_object(Bucket="by-boto3", Key="sealed", Body=b"sealed", **key)
    assert secure_s3.get_object(Bucket="by-boto3", Key="sealed", **key)["Body"].read() == b"sealed"
    link = secure_s3.generate_presigned_url("get_object", Params={"Bucket": "by-boto3", "Key": "a"})
    assert link.startswith("https://")
    assert requests.get(link, verify=authority.file, timeout=30).content == body


def test_policies_see_that_the_way_is_secure(secure, secure_s3, authority):
    secure_s3.create_bucket(Bucket="secure-only")
    secure_s3.put_object(Bucket="secure-only", Key="a", Body=b"for all who come by TLS")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::secure-only/*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
    }
    secure_s3.put_bucket_policy(
        Bucket="secure-only", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    got = requests.get(f"{secure.s3}/secure-only/a", verify=authority.file, timeout=30)
    assert (got.status_code, got.content) == (200, b"for all who come by TLS")


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_curl_signs_in_both_versions(run, secure, authority, tmp_path, version):
    """curl signs the name of the host, which HTTP/2 brings in another place."""
    whole = tmp_path / "whole"
    whole.write_bytes(pattern(12 << 20))
    signed = ["--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{secure.access_key}:{secure.secret_key}"]
    curl = ["curl", "--silent", "--show-error", "--fail-with-body", "--cacert", authority.file, f"--http{version}", *signed]
    bucket = f"{secure.s3}/by-curl-{version.replace('.', '-')}"
    run(*curl, "--request", "PUT", bucket)
    run(*curl, "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--upload-file", whole, f"{bucket}/a%20b?x-id=PutObject")
    done = run(
        *curl, "--output", tmp_path / "back", "--write-out", "%{http_version} %{http_code}", f"{bucket}/a%20b"
    )
    assert done.stdout == f"{version} 200"
    assert (tmp_path / "back").read_bytes() == whole.read_bytes()
    refused = run(*curl[:-1], f"{secure.access_key}:wrong", f"{bucket}/a%20b", check=False)
    assert "SignatureDoesNotMatch" in refused.stdout
    old = run(*curl[:-2], "--tls-max", "1.1", f"{bucket}/a", check=False)
    assert old.returncode == 35, old.stderr


def test_aws_cli(run, secure, authority, tmp_path):
    more = {
        "AWS_ENDPOINT_URL": secure.s3,
        "AWS_CA_BUNDLE": str(authority.file),
        "AWS_ACCESS_KEY_ID": secure.access_key,
        "AWS_SECRET_ACCESS_KEY": secure.secret_key,
    }
    large = tmp_path / "large"
    large.write_bytes(pattern(30 << 20, 3))
    run("aws", "s3", "mb", "s3://by-cli", **more)
    run("aws", "s3", "cp", large, "s3://by-cli/large", **more)
    run("aws", "s3", "cp", "s3://by-cli/large", tmp_path / "back", **more)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    untold = run("aws", "s3", "ls", check=False, **{k: v for k, v in more.items() if k != "AWS_CA_BUNDLE"})
    assert "SSL" in untold.stderr


def test_the_capture_door(secure, authority, monkeypatch):
    if not may_capture():
        pytest.skip("capturing packets needs root or CAP_NET_RAW")
    context = ssl.create_default_context(cafile=str(authority.file))
    sdk = cloudflare.Cloudflare(
        api_token=secure.token, base_url=f"{secure.api}/client/v4", http_client=httpx.Client(verify=context)
    )
    assert list(sdk.magic_transit.pcaps.list(account_id=secure.project)) == []
    # As the README says it, with no word in the program.
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    told = cloudflare.Cloudflare(api_token=secure.token, base_url=f"{secure.api}/client/v4")
    assert list(told.magic_transit.pcaps.list(account_id=secure.project)) == []


def test_commands_trust_the_server_of_their_folder(secure, authority):
    admin = Admin(secure)
    assert admin("whoami")
    # From elsewhere, one has to be told whom to trust.
    keys = {"AWS_ACCESS_KEY_ID": secure.access_key, "AWS_SECRET_ACCESS_KEY": secure.secret_key}
    elsewhere = ["whoami", "--endpoint-url", secure.s3.replace("127.0.0.1", "localhost")]
    assert "certificate" in admin.refused(*elsewhere, **keys)
    assert admin(*elsewhere, **keys, SSL_CERT_FILE=str(authority.file))


def serial(server, authority):
    """The number of the certificate that is served now."""
    host, port = server.s3.removeprefix("https://").split(":")
    context = ssl.create_default_context(cafile=str(authority.file))
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname=host) as stream:
            return x509.load_der_x509_certificate(stream.getpeercert(binary_form=True)).serial_number


def until(what, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_new_certificate_is_taken_up_at_sighup(secure, secure_s3, authority):
    before = serial(secure, authority)
    new = authority.issue()
    assert new != before and serial(secure, authority) == before
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: serial(secure, authority) == new)
    # Half of a pair changes nothing, and is told.
    authority.issue()
    whole = (authority.folder / "key.pem").read_bytes()
    (authority.folder / "key.pem").write_text("nothing")
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: "the certificate of before is still served" in secure.log.read_text())
    assert serial(secure, authority) == new
    (authority.folder / "key.pem").write_bytes(whole)
    assert secure_s3.list_buckets()["Buckets"]
    # Commands trust what is in the file, which is not what is served: they say so.
    assert "SIGHUP" in Admin(secure).refused("whoami")
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: serial(secure, authority) != new)


def test_what_is_no_certificate_is_no_start(authority, tmp_path):
    (tmp_path / "key.pem").write_text("nothing")
    settings = {
        "BALEEN_TLS_CERTIFICATE": str(authority.folder / "cert.pem"),
        "BALEEN_TLS_KEY": str(tmp_path / "key.pem"),
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BALEEN_")} | settings
    listen = [flag for door in ("s3", "api", "ops") for flag in (f"--listen-{door}", "127.0.0.1:0")]
    done = subprocess.run(
        [Baleen.binary(), "serve", "--data", tmp_path / "data", *listen],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "no private key" in done.stderr, done.stderr
