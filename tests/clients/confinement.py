"""What the kernel says of the rights of a process, and of the calls that it may make."""

from pathlib import Path

NET_BIND_SERVICE, NET_RAW = 1 << 10, 1 << 13


def threads(pid):
    """What is said of each thread, by the kernel's name for it."""
    seen = []
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            lines = [line.split(":", 1) for line in status.read_text().splitlines()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        seen.append({name: value.strip() for name, value in lines})
    return seen


def assert_confined(pid, left):
    """Every thread has the rights that are `left` and no others, can get none, and makes no call that is not listed."""
    seen = threads(pid)
    assert len(seen) > 1
    for thread in seen:
        rights = {name: int(thread[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd")}
        assert rights == {"CapPrm": left, "CapEff": left, "CapInh": 0, "CapAmb": 0, "CapBnd": 0}, thread
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2"), thread
