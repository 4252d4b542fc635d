"""A customer's life: made by the reseller, entered by its root, its users held to their policies, cut off at once."""

from conftest import boto
from identity import Keys, allow, call, document, fresh, good, new_user, refused

PASSWORD = "Password22"


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
