"""What customers have and have used, and the audit log: raw signed calls with the document's examples, and real counters."""

import datetime
import hashlib
import json

import pytest

from conftest import boto, pattern
from harness import Baleen
from identity import IAM, Keys, call, fresh, good, new_user, remove_user

PASSWORD = "Password22"
NEVER = "0001-01-01T00:00:00Z"


def new_customer(store, name):
    """A customer as the document's example makes it; its account, and its root with an access key."""
    email = f"admin@{name}.com"
    example = {"AssumeRoleControl": "customer", "ReplicationEnforcement": "false", "ReplicationPolicy": "{}"}
    made = good(call(store, "RSCreateCustomer", Version=IAM, Name=name, Email=email, Password=PASSWORD, **example)).json()
    told = good(call(store, "RSLogin", service="sts", signed=False, Customer=name, UserName=email, Password=PASSWORD)).json()
    session = told["Credentials"]
    key = Keys(store.s3, session["AccessKeyId"], session["SecretAccessKey"]).client("iam").create_access_key()["AccessKey"]
    return made["RootID"], Keys(store.s3, key["AccessKeyId"], key["SecretAccessKey"])


def today():
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def billing(store, day, **more):
    return good(call(store, "RSListBillingData", From=day, Till=today(), **more)).json()


def test_details_as_the_document_asks_for_them(baleen):
    name = fresh("newcorp")
    _, root = new_customer(baleen, name)
    bucket = fresh("details-")
    root.client("s3").create_bucket(Bucket=bucket)
    root.client("s3").put_object(Bucket=bucket, Key="a", Body=pattern(741))
    user, _ = new_user(root, root.client("iam"))
    asked = {"Action": "RSCustomerDetails", "Version": IAM, "CustomerName": name}
    told = good(call(baleen, query=asked, body="")).json()
    assert told.pop("LastAccess") != NEVER
    project = told.pop("ProjectID")
    assert good(call(root, "RSGetUserInfo", Version=IAM)).json()[0]["ProjectID"] == project
    # What RSListCustomer tells, beside the document's members.
    more = {member: told.pop(member) for member in ("RootID", "CreatedOn", "Regions", "Services", "Status")}
    assert more["Status"] == "enabled" and more["RootID"].isdigit() and more["Regions"], more
    assert told == {
        "Name": name,
        "ReplicationEnforcement": False,
        "RestrictServiceAccess": False,
        "Email": f"admin@{name}.com",
        "AssumeRoleControl": "customer",
        "AssumeRoleEnabled": False,
        "Active": True,
        "NumBuckets": 1,
        "NumFiles": 1,
        "NumUsers": 2,
        "NumAdminUsers": 0,
        "NumAdminRoots": 1,
        "UsedSpace": 741,
    }
    assert good(call(baleen, method="GET", query=asked)).json()["UsedSpace"] == 741
    unknown = call(baleen, "RSCustomerDetails", Version=IAM, CustomerName=fresh("unknown"))
    assert (unknown.status_code, unknown.json()["Code"], unknown.json()["Ok"]) == (404, "NoSuchEntity", False)
    # A customer is no reseller, not even its own.
    denied = [call(root, "RSCustomerDetails", CustomerName=asked) for asked in (name, fresh("unknown"))]
    assert [answer.json()["Code"] for answer in denied] == ["AccessDenied"] * 2
    remove_user(root.client("iam"), user)


def test_billing_as_the_document_asks_for_it(baleen):
    asked = {"From": "2020-03-04T00:00:00.000Z", "Till": "2020-04-04T00:00:00.000Z"}
    told = good(call(baleen, "RSListBillingData", Version=IAM, **asked)).json()
    assert told == {"Stats": {}, "UsedSpace": [], "ObjectCount": []}, "nobody was here then"
    for wrong in ({"From": asked["From"]}, {"Till": asked["Till"]}, {"From": asked["Till"], "Till": asked["From"]}):
        answer = call(baleen, "RSListBillingData", Version=IAM, **wrong)
        assert (answer.status_code, answer.json()["Code"]) == (400, "ValidationError")
    assert isinstance(good(call(baleen, "RSLiveBilling", Version=IAM)).json(), list)
    name, user = new_user(baleen, boto(baleen, "iam"))
    for action, more in (("RSListBillingData", asked), ("RSLiveBilling", {})):
        answer = call(user, action, Version=IAM, **more)
        assert (answer.status_code, answer.json()["Code"]) == (403, "AccessDenied")
    remove_user(boto(baleen, "iam"), name)


def test_counters_are_exact_also_after_a_crash(tmp_path):
    """Uploads, downloads and deletions are billed to the byte; a kill takes nothing of what was answered away."""
    day = today()
    server = Baleen.start(tmp_path / "data")
    try:
        _, root = new_customer(server, "newcorp")
        s3 = root.client("s3")
        s3.create_bucket(Bucket="counted")
        for key, size in (("a", 100_000), ("b", 2_000), ("b", 3_000), ("c", 40)):
            s3.put_object(Bucket="counted", Key=key, Body=pattern(size))
        upload = s3.create_multipart_upload(Bucket="counted", Key="m")["UploadId"]
        of = {"Bucket": "counted", "Key": "m", "UploadId": upload}
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(**of, PartNumber=n, Body=pattern(size, n))["ETag"]}
            for n, size in ((1, 5 << 20), (2, 1_000))
        ]
        s3.complete_multipart_upload(**of, MultipartUpload={"Parts": parts})
        s3.copy_object(Bucket="counted", Key="copy", CopySource="counted/c")
        s3.get_object(Bucket="counted", Key="a")["Body"].read()
        s3.get_object(Bucket="counted", Key="a", Range="bytes=10-19")["Body"].read()
        s3.delete_object(Bucket="counted", Key="c")
        # Downloads are written when the server stops, at the latest.
        assert server.stop() == 0, server.tail()
        server = Baleen.start(tmp_path / "data")
        root = Keys(server.s3, root.access_key, root.secret_key)
        uploaded, deleted = 100_000 + 2_000 + 3_000 + 40 + (5 << 20) + 1_000, 2_000 + 40
        assert_billed(server, root, day, uploaded, 100_010, deleted, stored=uploaded + 40 - deleted, objects=4)

        s3 = root.client("s3")
        s3.put_object(Bucket="counted", Key="late", Body=pattern(777))
        s3.delete_object(Bucket="counted", Key="m")
        server.kill()
        server = Baleen.start(tmp_path / "data")
        root = Keys(server.s3, root.access_key, root.secret_key)
        uploaded, deleted = uploaded + 777, deleted + (5 << 20) + 1_000
        assert_billed(server, root, day, uploaded, 100_010, deleted, stored=uploaded + 40 - deleted, objects=4)
        details = good(call(server, "RSCustomerDetails", CustomerName="newcorp")).json()
        assert (details["NumFiles"], details["UsedSpace"]) == (4, uploaded + 40 - deleted)
        assert server.stop() == 0, server.tail()
    finally:
        server.process.kill()


def assert_billed(server, root, day, uploaded, downloaded, deleted, stored, objects):
    told = billing(root, day)
    assert told == billing(server, day, Customer="newcorp")
    (days,) = told["Stats"].values()
    # Midnight may pass in between.
    sums = [sum(of[name] for of in days) for name in ("UploadBytes", "DownloadBytes", "DeleteBytes")]
    assert sums == [uploaded, downloaded, deleted]
    assert {"UsedSpace": stored, "GhostSpace": 0}.items() <= told["UsedSpace"][0].items()
    assert told["ObjectCount"][0]["ObjectCount"] == objects
    assert told["UsedSpace"][0]["Date"] == f"{today()}T00:00:00Z"


def test_the_audit_log_is_read_and_taken_away(baleen):
    _, root = new_customer(baleen, fresh("audited"))
    iam = root.client("iam")
    name, user = new_user(root, iam)
    user.client("s3").list_buckets()
    with pytest.raises(Exception, match="AccessDenied"):
        user.client("iam").list_users()
    # Looks are in the log soon; what changes something is there when it is answered, and so is what came before it.
    iam.tag_user(UserName=name, Tags=[{"Key": "seen", "Value": "yes"}])
    told = good(call(root, "RSListAuditLog", UserName=name)).json()
    denied = next(entry for entry in told["Entries"] if entry["operation"] == "ListUsers")
    assert (denied["decision"], denied["status"], denied["action"]) == ("denied", 403, "iam:ListUsers")
    made = good(call(root, "RSListAuditLog", ActionName="iam:CreateUser")).json()["Entries"]
    assert [entry["resource"].rpartition("/")[2] for entry in made] == [name], made

    seen, marker = [], None
    while True:
        page = good(call(root, "RSListAuditLog", Order="OldestFirst", MaxItems=2, Marker=marker)).json()
        seen += [entry["sequence"] for entry in page["Entries"]]
        if not page["IsTruncated"]:
            break
        marker = page["Marker"]
    assert seen[:4] == [1, 2, 3, 4] and seen == sorted(set(seen))

    answer = good(call(root, "RSExportAuditLog", method="GET"))
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    before = "0" * 64
    for line in answer.content.splitlines():
        assert json.loads(line)["before"] == before
        before = hashlib.sha256(line).hexdigest()
    assert len(answer.content.splitlines()) >= len(seen)
    assert root.secret_key not in answer.text and PASSWORD not in answer.text
    for action in ("RSListAuditLog", "RSExportAuditLog"):
        answer = call(user, action)
        assert (answer.status_code, answer.json()["Code"]) == (403, "AccessDenied")
    remove_user(iam, name)
