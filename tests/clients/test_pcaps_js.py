"""Cloudflare's SDK for JavaScript with its default settings. What it does is in sdkjs/pcaps.js."""

import os
from pathlib import Path

import pytest

from harness import REGION

CASES = ["ownership", "captures", "stopping", "refusals"]
SCRIPT = Path(__file__).parent / "sdkjs" / "pcaps.js"


@pytest.fixture
def node(run, pcaps):
    environment = {
        "AWS_REGION": REGION,
        "NODE_PATH": f"{os.environ['BALEEN_TEST_SDK_JS']}/node_modules",
        "NODE_NO_WARNINGS": "1",
        "CLOUDFLARE_BASE_URL": pcaps.base,
        "CLOUDFLARE_API_TOKEN": pcaps.token,
        "BALEEN_ACCOUNT": pcaps.account,
    }
    return lambda *words: run("node", SCRIPT, *words, **environment)


@pytest.mark.parametrize("case", CASES)
def test_pcaps_js(node, bucket, case):
    node(case, bucket)


def test_every_case_is_run(node):
    assert node().stdout.split() == CASES
