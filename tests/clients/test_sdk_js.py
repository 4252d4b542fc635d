"""The AWS SDK for JavaScript with its default settings. What it does is in sdkjs/cases.js."""

import os
from pathlib import Path

import pytest

from harness import REGION

CASES = ["objects", "streams", "checksums", "uploads", "paginators", "waiters", "conditions", "links"]
SCRIPT = Path(__file__).parent / "sdkjs" / "cases.js"


@pytest.fixture
def node(run):
    environment = {"AWS_REGION": REGION, "NODE_PATH": f"{os.environ['BALEEN_TEST_SDK_JS']}/node_modules", "NODE_NO_WARNINGS": "1"}
    return lambda *words: run("node", SCRIPT, *words, **environment)


@pytest.mark.parametrize("case", CASES)
def test_sdk_js(node, bucket, case):
    node(case, bucket)


def test_every_case_is_run(node):
    assert node().stdout.split() == CASES
