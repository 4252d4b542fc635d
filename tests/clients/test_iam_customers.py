"""A customer's life: made by the reseller, entered by its root, its users held to their policies, cut off at once."""

import time

import cloudflare
import requests

from conftest import boto
from identity import Keys, allow, call, document, fresh, good, new_user, refused
from pcaps import OVER_SECONDS, Pcaps
from traffic import Traffic

PASSWORD = "Password22"
# The hash of no body.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def log_in(store, customer, user, password=PASSWORD):
    return call(store, "RSLogin", service="sts", signed=False, Customer=customer, UserName=user, Password=password)


def test_a_customer_from_its_making_to_its_end(baleen):
    customer = fresh("newcorp")
    email = f"admin@{customer}.com"
    made = good(call(baleen, "RSCreateCustomer", Version="2010-05-08", Name=customer, Email=email, Password=PASSWORD)).json()
    assert made["Ok"] is True and made["Root"].endswith(f":{customer}") and "Token" not in made

    wrong = log_in(baleen, customer, email, "Password23")
    assert (wrong.status_code, wrong.json()["Code"]) == (403, "AccessDenied")
    told = good(log_in(baleen, customer, email)).json()
    keys = told["Credentials"]
    assert keys["SessionToken"] == "" and told["UserInfo"]["Type"] == "root"
    root = Keys(baleen.s3, keys["AccessKeyId"], keys["SecretAccessKey"])
    assert root.client("sts").get_caller_identity()["Account"] == made["RootID"]

    bucket = fresh("customer-")
    root.client("s3").create_bucket(Bucket=bucket)
    root.client("s3").put_object(Bucket=bucket, Key="a", Body=b"text")
    refused("AccessDenied", 403, boto(baleen).get_object, Bucket=bucket, Key="a")

    iam = root.client("iam")
    name, user = new_user(baleen, iam)
    s3 = user.client("s3")
    refused("AccessDenied", 403, s3.get_object, Bucket=bucket, Key="a")
    policy = iam.create_policy(
        PolicyName="reader", PolicyDocument=document(allow("s3:GetObject", resource=f"arn:aws:s3:::{bucket}/*"))
    )["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=policy)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"text"
    refused("AccessDenied", 403, s3.put_object, Bucket=bucket, Key="a", Body=b"other")

    root.client("s3").delete_object(Bucket=bucket, Key="a")
    root.client("s3").delete_bucket(Bucket=bucket)
    good(call(baleen, "RSModifyCustomer", CustomerName=customer, Status="disabled"))
    refused("AccessDenied", 403, s3.list_buckets)
    refused("AccessDenied", 403, root.client("s3").list_buckets)
    assert log_in(baleen, customer, email).json() | {"RequestId": ""} == wrong.json() | {"RequestId": ""}
    good(call(baleen, "RSModifyCustomer", CustomerName=customer, Status="deleted"))


def new_customer(store):
    """A customer, with what its making answered, and its root logged in."""
    name = fresh("corp")
    email = f"admin@{name}.com"
    made = good(call(store, "RSCreateCustomer", CustomerName=name, CustomerEmail=email, Password=PASSWORD)).json()
    keys = good(log_in(store, name, email)).json()["Credentials"]
    return name, email, made, Keys(store.s3, keys["AccessKeyId"], keys["SecretAccessKey"])


def status(store, customer, wanted):
    return call(store, "RSModifyCustomer", CustomerName=customer, Status=wanted)


def test_every_way_in_stops_at_once_and_comes_back(baleen):
    customer, email, _, login = new_customer(baleen)
    _, user = new_user(baleen, login.client("iam"))
    key = login.client("iam").create_access_key()["AccessKey"]
    root = Keys(baleen.s3, key["AccessKeyId"], key["SecretAccessKey"])
    bucket = fresh("customer-")
    root.client("s3").create_bucket(Bucket=bucket)
    root.client("s3").put_object(Bucket=bucket, Key="a", Body=b"text")
    derived = root.client("sts").assume_role(RoleArn="arn:aws:iam::000000000000:role/any", RoleSessionName="night")["Credentials"]
    derived = Keys(baleen.s3, derived["AccessKeyId"], derived["SecretAccessKey"], session_token=derived["SessionToken"])
    # boto3's default here is version 2.
    presigner = root.client("s3", signature_version="s3v4")
    link = presigner.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=3600)

    def ways_in():
        """What each way in is answered: the status, and the code of a refusal."""
        for who in (root, login, derived):
            yield call(who, "GetCallerIdentity", service="sts", Version="2011-06-15")
            yield call(who, service="s3", method="GET", path="/", body="", headers={"x-amz-content-sha256": EMPTY})
        yield call(user, "GetCallerIdentity", service="sts", Version="2011-06-15")
        yield requests.get(link, timeout=30)
        yield log_in(baleen, customer, email)

    assert [answer.status_code for answer in ways_in()] == [200] * 9
    for wanted in ("disabled", "deleted"):
        good(status(baleen, customer, wanted))
        for answer in ways_in():
            assert (answer.status_code, "AccessDenied" in answer.text) == (403, True), (wanted, answer.text)
    # Nothing but the status of a deleted customer changes.
    for asked in ({"Regions": "us-east-1"}, {"ReplicationEnforcement": "true"}):
        answer = call(baleen, "RSModifyCustomer", CustomerName=customer, **asked)
        assert (answer.status_code, answer.json()["Code"]) == (409, "EntityTemporarilyUnmodifiable"), asked
    assert customer not in [found["Name"] for found in good(call(baleen, "RSListCustomer")).json()]
    # The data is there, and everything works again.
    good(status(baleen, customer, "enabled"))
    assert [answer.status_code for answer in ways_in()] == [200] * 9
    assert requests.get(link, timeout=30).content == b"text"
    root.client("s3").delete_object(Bucket=bucket, Key="a")
    root.client("s3").delete_bucket(Bucket=bucket)
    good(status(baleen, customer, "deleted"))


def test_captures_end_with_their_customer_and_do_not_begin_again(baleen, pcaps):
    customer, _, made, root = new_customer(baleen)
    told = good(call(root, "CreateApiToken", Label="capturing", Methods="capture,info,search")).json()
    base, token, project = f"{baleen.api}/client/v4", told["Token"], made["ProjectID"]
    theirs = Pcaps(sdk=cloudflare.Cloudflare(api_token=token, base_url=base), base=base, account=project, token=token)
    bucket = fresh("customer-")
    s3 = root.client("s3")
    s3.create_bucket(Bucket=bucket)
    destination = theirs.prove(s3, f"s3://{bucket}/case")
    traffic = Traffic()
    capture = theirs.create(destination, filter_v1=traffic.filter, time_limit=300.0)
    theirs.running(capture)
    traffic.send(20)
    theirs.wait(capture, lambda found: found.packets_captured == 20)

    good(status(baleen, customer, "disabled"))
    answer = theirs.raw("GET", f"/{capture.id}")
    assert answer.status_code == 403, answer.text
    # It ends while nobody of the account can look, so the operator's numbers tell.
    deadline = time.monotonic() + OVER_SECONDS
    while "baleen_captures_running 0" not in requests.get(f"{baleen.ops}/metrics", timeout=20).text:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.1)
    good(status(baleen, customer, "enabled"))
    done = theirs.over(capture)
    assert (done.status, done.packets_captured) == ("success", 20)
    assert done.error_message == "the capture ended early: its account was disabled or deleted"
    assert s3.head_object(Bucket=bucket, Key=done.object_key)["ContentLength"] > 0
    traffic.send(20)
    traffic.close()
    assert theirs.get(capture).packets_captured == 20, "it does not begin again"
    good(status(baleen, customer, "deleted"))
