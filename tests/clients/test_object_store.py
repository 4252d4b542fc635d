"""Apache Arrow's `object_store` crate, which Rust data tools are built on: its own integration tests, against us."""

import os
from pathlib import Path


def test_its_own_tests(run, store, bucket):
    program = Path(os.environ["BALEEN_BIN"]).parent / "examples" / "object_store"
    run(program, store.s3, bucket)
