"""What the program gives up when it starts: asked of the kernel, and tried by making the very process call it."""

import ctypes
import errno
import os
import platform
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import boto, may_capture
from confinement import NET_BIND_SERVICE, NET_RAW, assert_confined, threads
from harness import STOP_SECONDS, Baleen
from lab import until

DAC_OVERRIDE = 1 << 1
NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture(autouse=True)
def as_root():
    if os.geteuid() != 0 or not may_capture():
        pytest.skip("only root has something to give up")


@pytest.fixture
def start(tmp_path):
    """Starts servers, which end with the test."""
    running = []

    def start(*flags, **settings):
        running.append(Baleen.start(tmp_path / f"data{len(running)}", "--capture-interface", "lo", *flags, **settings))
        return running[-1]

    yield start
    for server in running:
        if server.process.poll() is None:
            server.kill()


class Registers(ctypes.Structure):
    """`struct user_regs_struct` of x86-64."""

    NAMES = (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"
    )
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES.split()]


class Taken:
    """A process that does what somebody else wants, as after a hole was found in it: its main thread makes calls for us."""

    ATTACH, DETACH, GETREGS, SETREGS, STEP, PEEK = 16, 17, 12, 13, 9, 1
    # glibc's syscall() clobbers nothing we need; these are the registers of arguments.
    ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
    ALL_CHILDREN = 0x40000000

    def __init__(self, pid):
        self.pid = pid
        self.trace(self.ATTACH)
        self.wait()
        self.before = self.registers()
        # It waits in a call, so what is before its next instruction is the one that makes calls.
        text = self.trace(self.PEEK, self.before.rip - 2)
        assert text & 0xFFFF == 0x050F, hex(text)

    def trace(self, request, address=0, data=None):
        ctypes.set_errno(0)
        LIBC.ptrace.restype = ctypes.c_long
        done = LIBC.ptrace(request, self.pid, ctypes.c_void_p(address), data)
        assert ctypes.get_errno() == 0, os.strerror(ctypes.get_errno())
        return done

    def wait(self):
        os.waitpid(self.pid, self.ALL_CHILDREN)

    def registers(self):
        registers = Registers()
        self.trace(self.GETREGS, data=ctypes.byref(registers))
        return registers

    def call(self, number, *arguments):
        """What the kernel answers to a call of the process."""
        registers = Registers.from_buffer_copy(self.before)
        registers.rip = self.before.rip - 2
        registers.rax = number
        # No call that was interrupted is to be begun again.
        registers.orig_rax = (1 << 64) - 1
        for name, value in zip(self.ARGUMENTS, (*arguments, *[0] * 6)):
            setattr(registers, name, value % (1 << 64))
        self.trace(self.SETREGS, data=ctypes.byref(registers))
        self.trace(self.STEP)
        self.wait()
        answer = self.registers().rax
        return ctypes.c_longlong(answer).value

    def release(self):
        self.trace(self.SETREGS, data=ctypes.byref(self.before))
        self.trace(self.DETACH)


# Numbers of x86-64, with arguments that do nothing, and what the kernel says of them if it is asked.
NOTHING = -1
# No process can have this number.
GONE = 0x7FFFFFF0
REFUSED = {
    "execve": (59, 0, 0, 0),
    "execveat": (322, NOTHING, 0, 0, 0, 0),
    "ptrace": (101, 3, GONE, 0, 0),
    "process_vm_readv": (310, GONE, 0, 0, 0, 0, 0),
    "process_vm_writev": (311, GONE, 0, 0, 0, 0, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "keyctl": (250, 0, NOTHING, 0),
    "userfaultfd": (323, NOTHING),
    "perf_event_open": (298, 0, 0, NOTHING, NOTHING, 0),
    "unshare": (272, 0),
    "setns": (308, NOTHING, 0),
    "name_to_handle_at": (303, NOTHING, 0, 0, 0, 0),
    "clock_settime": (227, NOTHING, 0),
    "personality": (135, 0xFFFFFFFF),
    "memfd_create": (319, 0, 0),
    "setuid": (105, 0),
    "kill": (62, GONE, 0),
    "a namespace": (56, 0x10000000 | 0x00010000, 0, 0, 0, 0),
    "AF_ALG": (41, 38, 5, 0),
    "AF_VSOCK": (41, 40, 1, 0),
    "NETLINK_NETFILTER": (41, 16, 3, 12),
    "ICMP": (41, 2, 3, 1),
    # Kinds that TCP and UDP have too.
    "SCTP": (41, 2, 1, 132),
    "ping": (41, 2, 2, 1),
    "UDP-Lite": (41, 10, 2, 136),
    "a signal to a thread of another": (234, GONE, GONE, 0),
    "limits of another": (302, GONE, 7, 0, 0),
    "who gets signals": (72, NOTHING, 8, GONE),
    "who gets signals of a socket": (16, NOTHING, 0x8901, 0),
    "a file that runs as its owner": (91, NOTHING, 0o4755),
    "a file that is made so": (257, NOTHING, 0, 0o100, 0o4755),
    "a link": (265, NOTHING, 0, NOTHING, 0, 0),
    "an owner": (93, NOTHING, 0, 0),
    "memory written and run": (9, 0, 4096, 7, 0x22, NOTHING, 0),
    "memory made to run": (10, 0, 4096, 5),
    "typing": (16, NOTHING, 0x5412, 0),
    "being looked into": (157, 4, 1, 0, 0, 0),
    "getpid of short pointers": (0x40000000 | 39,),
}
UNKNOWN = {
    "openat2": (437, NOTHING, 0, 0, 0),
    "io_uring_setup": (425, 0, 0),
    "clone3": (435, 0, 0),
    "pidfd_open": (434, GONE, 0),
    "fsopen": (430, 0, 0),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="registers and numbers are those of x86-64")
def test_a_server_that_was_taken_over_gets_no_further(start):
    server = start()
    assert_confined(server.process.pid, NET_RAW)
    assert "what the process does not need was given up for good" in server.log.read_text()
    taken = Taken(server.process.pid)
    try:
        answers = {name: taken.call(*call) for name, call in REFUSED.items()}
        assert answers == dict.fromkeys(REFUSED, -errno.EPERM)
        answers = {name: taken.call(*call) for name, call in UNKNOWN.items()}
        assert answers == dict.fromkeys(UNKNOWN, -errno.ENOSYS)
        assert taken.call(39) == server.process.pid
        for allowed in ((41, 16, 3, 0), (41, 17, 3, 0), (41, 2, 1, 6), (41, 10, 2, 17)):
            assert taken.call(*allowed) > 2, allowed
        own = server.process.pid
        for allowed in ((234, own, own, 0), (302, 0, 7, 0, 0), (302, own, 7, 0, 0)):
            assert taken.call(*allowed) == 0, allowed
    finally:
        taken.release()
    # And it goes on.
    s3 = boto(server)
    s3.create_bucket(Bucket="kept")
    assert server.stop() == 0, server.tail()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="registers and numbers are those of x86-64")
def test_what_is_refused_would_have_been_answered(start):
    """Else the test above would show nothing."""
    server = start(PROCESS_CONFINE="off")
    assert "process.confine is off" in server.log.read_text()
    assert {(thread["NoNewPrivs"], thread["Seccomp"]) for thread in threads(server.process.pid)} == {("0", "0")}
    taken = Taken(server.process.pid)
    try:
        answers = {name: taken.call(*call) for name, call in REFUSED.items()}
        assert [name for name, answer in answers.items() if answer == -errno.EPERM] == []
    finally:
        taken.release()


def test_a_port_of_root_is_listened_on_with_the_right_to_it_alone(start):
    server = start(LISTEN_AGENTS="127.0.0.1:997")
    assert_confined(server.process.pid, NET_RAW | NET_BIND_SERVICE)
    assert "CAP_NET_RAW, CAP_NET_BIND_SERVICE" in server.log.read_text()


def test_root_by_name_alone_is_told_whose_folder_it_is(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    os.chown(data, NOBODY, NOBODY)
    command = [Baleen.binary(), "serve", "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BALEEN_")}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert refused.returncode == 1
    assert "root gives up its right to the files of others" in refused.stderr
    # One that is root's, with something in it that is not.
    os.chown(data, 0, 0)
    (data / "meta").mkdir(mode=0o700)
    os.chown(data / "meta", NOBODY, NOBODY)
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert refused.returncode == 1
    assert f"{data}/meta belongs to user {NOBODY}" in refused.stderr
    doctor = subprocess.run(
        [Baleen.binary(), "doctor", "--data", str(data)], env=environment, capture_output=True, text=True, timeout=STOP_SECONDS
    )
    assert "baleen serve keeps CAP_NET_RAW of its rights" in doctor.stdout


@pytest.fixture
def open_place():
    """A folder that everybody may look into: those of tests are root's."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield Path(place)


def test_a_server_that_root_starts_goes_on_as_the_user_that_it_is_told(open_place):
    data = open_place / "data"
    server = Baleen.start(data, "--capture-interface", "lo", PROCESS_USER=f"{NOBODY}:{NOBODY}")
    try:
        assert_confined(server.process.pid, NET_RAW)
        for thread in threads(server.process.pid):
            assert set(thread["Uid"].split() + thread["Gid"].split() + thread["Groups"].split()) == {str(NOBODY)}, thread
        assert "runs as root" not in server.log.read_text()
        assert {path.stat().st_uid for path in (data, *data.rglob("*"))} == {NOBODY}
        s3 = boto(server)
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="x", Body=b"x" * 100_000)
    finally:
        assert server.stop() == 0, server.tail()
    # What root has written there meanwhile is told, with what to do.
    (data / "meta" / "of-root").write_text("")
    os.chmod(data / "meta" / "of-root", 0o600)
    command = [Baleen.binary(), "serve", "--data", str(data)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BALEEN_")}
    environment["BALEEN_PROCESS_USER"] = f"{NOBODY}:{NOBODY}"
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert refused.returncode == 1
    assert f"{data}/meta/of-root belongs to user 0" in refused.stderr
    assert f"chown -R {NOBODY}:{NOBODY} {data}" in refused.stderr
    doctor = [Baleen.binary(), "doctor", "--data", str(data)]
    told = subprocess.run(doctor, env=environment, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert f"goes on as {NOBODY}:{NOBODY}" in told.stdout and f"chown -R {NOBODY}:{NOBODY} {data}" in told.stdout
    check = [Baleen.binary(), "fsck", "--data", str(data)]
    told = subprocess.run(check, env=environment, capture_output=True, text=True, timeout=STOP_SECONDS)
    assert told.returncode == 0 and f"{data} belongs to user {NOBODY}" in told.stderr, told.stderr


def test_who_stays_root_is_told_what_that_means(start):
    server = start()
    assert "it runs as root, who owns the system" in server.log.read_text()


def ping():
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("127.0.0.1", 9))


def test_a_capture_by_sudo_is_written_where_its_user_wants_it(tmp_path):
    """A file is opened before the right to do so is given up. Only who goes on in another file keeps it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)
    for place, rotate, left in (
        (tmp_path / "own.pcapng", [], 0),
        (home / "theirs.pcapng", [], 0),
        (tmp_path / "many.pcapng", ["--rotate", "1s"], 0),
        (home / "many.pcapng", ["--rotate", "1s"], DAC_OVERRIDE),
    ):
        command = [Baleen.binary(), "capture", "-i", "lo", "-t", "30s", "-q", *rotate, str(place)]
        first = place.with_name("many_0000.pcapng") if rotate else place
        awaited = place.with_name("many_0002.pcapng") if rotate else place
        capture = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until("it captures", lambda: capture.poll() is not None or first.exists() and len(threads(capture.pid)) > 2)
        kept = {int(thread["CapPrm"], 16) for thread in threads(capture.pid)}
        assert kept == {NET_RAW | left}, place
        until("it goes on", lambda: ping() or capture.poll() is not None or awaited.exists())
        capture.send_signal(signal.SIGINT)
        assert capture.wait(STOP_SECONDS) == 0, capture.stderr.read()
        capture.stderr.close()
        assert stat.S_ISREG(first.stat().st_mode) and first.stat().st_size > 0
