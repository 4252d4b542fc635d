"""Our own client of remote stores, against another maker's store and against our own door."""

import os
import subprocess
from pathlib import Path

import pytest

from conftest import boto, keys_of


def program():
    return Path(os.environ["BALEEN_BIN"]).parent / "examples" / "store_round"


@pytest.mark.parametrize("whose", ["moto", "baleen"])
def test_everything_the_client_does(request, whose):
    store = request.getfixturevalue(whose)
    s3 = boto(store)
    s3.create_bucket(Bucket="store-round")
    environment = {"STORE_ACCESS_KEY_ID": store.access_key, "STORE_SECRET_ACCESS_KEY": store.secret_key}
    done = subprocess.run(
        [program(), store.s3, "store-round"], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert keys_of(s3, "store-round") == []
    s3.delete_bucket(Bucket="store-round")


def test_what_a_wrong_key_is_told(baleen):
    environment = {"STORE_ACCESS_KEY_ID": baleen.access_key, "STORE_SECRET_ACCESS_KEY": "canary-wrong"}
    done = subprocess.run(
        [program(), baleen.s3, "store-round"], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode != 0
    assert "403" in done.stderr
    assert "canary" not in done.stderr
