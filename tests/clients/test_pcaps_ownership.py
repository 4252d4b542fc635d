"""The PCAPs door through the real `cloudflare` SDK: proving that a bucket is ours."""

import cloudflare
import pytest

from pcaps import in_directory


def own(pcaps):
    return pcaps.calls.ownership


def challenge(s3, bucket, found, destination):
    return s3.get_object(Bucket=bucket, Key=in_directory(destination, found.filename))


@pytest.mark.parametrize("directory", ["", "/case-17/deep"])
def test_from_challenge_to_proof(pcaps, s3, bucket, directory):
    destination = f"s3://{bucket}{directory}?region=us-east-1"
    pending = own(pcaps).create(account_id=pcaps.account, destination_conf=destination)
    assert (pending.status, pending.destination_conf, pending.validated) == ("pending", destination, "")
    assert pending.filename.rpartition("/")[2] == f"ownership-challenge-{pending.id}.txt"
    put = challenge(s3, bucket, pending, destination)
    text = put["Body"].read().decode()
    assert put["ContentType"].startswith("text/plain")
    assert len(text.strip()) >= 22 and " " not in text.strip() and text.isascii()
    assert text.strip() not in pending.to_json()

    # White space around the answer is what a terminal adds.
    proven = own(pcaps).validate(
        account_id=pcaps.account, destination_conf=destination, ownership_challenge=f" {text}\n"
    )
    assert (proven.id, proven.status) == (pending.id, "success")
    assert proven.validated > proven.submitted
    assert [(b.id, b.status) for b in own(pcaps).get(account_id=pcaps.account) if b.id == pending.id] == [(pending.id, "success")]

    again = own(pcaps).create(account_id=pcaps.account, destination_conf=destination)
    assert (again.id, again.status) == (pending.id, "success")

    own(pcaps).delete(pending.id, account_id=pcaps.account)
    assert pending.id not in [b.id for b in own(pcaps).get(account_id=pcaps.account)]
    with pytest.raises(cloudflare.NotFoundError):
        own(pcaps).delete(pending.id, account_id=pcaps.account)


def test_both_spellings(pcaps, bucket):
    uri = f"s3://{bucket}"
    answer = pcaps.raw("POST", "/ownership", json={"destinaton_conf": uri})
    body = answer.json()
    assert (answer.status_code, body["success"], body["errors"], body["messages"]) == (200, True, [], [])
    assert body["result"]["destination_conf"] == body["result"]["destinaton_conf"] == uri
    both = {"destination_conf": uri, "destinaton_conf": f"{uri}/x"}
    answer = pcaps.raw("POST", "/ownership", json=both)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, 1001)
    pcaps.forget(uri)


def test_wrong_answers_fail_in_the_end(pcaps, s3, bucket):
    destination = f"s3://{bucket}"
    pending = own(pcaps).create(account_id=pcaps.account, destination_conf=destination)
    right = challenge(s3, bucket, pending, destination)["Body"].read().decode()
    for _ in range(5):
        with pytest.raises(cloudflare.BadRequestError) as caught:
            own(pcaps).validate(account_id=pcaps.account, destination_conf=destination, ownership_challenge="wrong")
        assert caught.value.errors[0].code == 1004
    with pytest.raises(cloudflare.BadRequestError):
        own(pcaps).validate(account_id=pcaps.account, destination_conf=destination, ownership_challenge=right)
    assert [b.status for b in own(pcaps).get(account_id=pcaps.account) if b.id == pending.id] == ["failed"]
    renewed = own(pcaps).create(account_id=pcaps.account, destination_conf=destination)
    assert (renewed.id, renewed.status) == (pending.id, "pending")
    assert challenge(s3, bucket, renewed, destination)["Body"].read().decode() != right
    pcaps.forget(destination)


@pytest.mark.parametrize(
    "destination",
    [
        "",
        "s3://",
        "s3:///x",
        "http://bucket/x",
        "ftp://bucket",
        "s3://UPPER",
        "s3://a..b",
        "s3://{bucket}/../up",
        "s3://{bucket}/x#y",
        "s3://user:secret@{bucket}",
        "s3://{bucket}?region=no%20such",
        "s3://{bucket}?endpoint=http://169.254.169.254",
        "s3://{bucket}?endpoint=http://127.0.0.1:1&access-key-id=a&secret-access-key=b",
    ],
)
def test_destinations_that_are_refused(pcaps, bucket, destination):
    with pytest.raises(cloudflare.BadRequestError) as caught:
        own(pcaps).create(account_id=pcaps.account, destination_conf=destination.format(bucket=bucket))
    assert caught.value.errors[0].code == 1001
    assert caught.value.errors[0].message


def test_a_bucket_that_is_not_there_is_told(pcaps):
    with pytest.raises(cloudflare.BadRequestError) as caught:
        own(pcaps).create(account_id=pcaps.account, destination_conf="s3://nobody-made-this-bucket")
    assert caught.value.errors[0].code in (1001, 1009)
    assert "nobody-made-this-bucket" in caught.value.errors[0].message


def test_an_unproven_destination_takes_no_capture(pcaps, bucket):
    pending = f"s3://{bucket}/pending"
    own(pcaps).create(account_id=pcaps.account, destination_conf=pending)
    for destination in (pending, f"s3://{bucket}/never-named"):
        with pytest.raises(cloudflare.BadRequestError) as caught:
            pcaps.create(destination)
        assert caught.value.errors[0].code == 1003
    pcaps.forget(pending)
