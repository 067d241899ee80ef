"""A model that does what its input says, well or badly: the column `act` names a function, `x` is its argument."""

import ctypes
import os
import signal
import socket
import stat
import struct
import sys
import threading

import numpy as np
import pandas as pd

HEADER = struct.Struct("<IBxxxQ")


def wire():
    """The descriptor of the worker's socket, which a hostile model finds easily."""
    for descriptor in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                return descriptor
        except OSError:
            pass
    raise RuntimeError("no socket")


def hang(seconds):
    threading.Event().wait(seconds)


def attempt(function):
    try:
        return f"done: {function()!r}"
    except BaseException as error:
        return type(error).__name__


def everything(x):
    """Tries what a worker may not do; the name of the exception for each."""
    server = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number, *arguments):
        result = libc.syscall(number, *arguments)
        if result < 0:
            raise OSError(ctypes.get_errno(), "refused")
        return result

    def write(path):
        with open(path, "w") as file:
            file.write("x")

    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        return child

    def connect(family, address):
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.connect(address)

    attempts = {
        "write_tmp": lambda: write("/tmp/atalaya-worker-was-here"),
        "write_model": lambda: write(os.path.join(os.path.dirname(__file__), "x")),
        "write_above_scratch": lambda: write(os.path.join(os.environ["HOME"], "..", "x")),
        "write_home": lambda: write(os.path.expanduser("~/fine")),
        "read_passwd": lambda: open("/etc/shadow").read(1),
        "read_root": lambda: os.listdir("/root"),
        "list_tmp": lambda: os.listdir("/tmp"),
        "server_environment": lambda: open(f"/proc/{server}/environ").read(1),
        "server_memory": lambda: open(f"/proc/{server}/mem", "rb").read(1),
        "server_files": lambda: os.listdir(f"/proc/{server}/fd"),
        "signal_server": lambda: os.kill(server, 0),
        "trace_server": lambda: call(101, 16, server, 0, 0),
        "limit_server": lambda: __import__("resource").prlimit(server, 7, (10, 10)),
        "internet": lambda: connect(socket.AF_INET, ("127.0.0.1", 9)),
        "internet6": lambda: connect(socket.AF_INET6, ("::1", 9)),
        "metadata_address": lambda: connect(socket.AF_INET, ("169.254.169.254", 80)),
        "abstract_socket": lambda: connect(socket.AF_UNIX, "\0something"),
        "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "fork": fork,
        "subprocess": lambda: __import__("subprocess").run(["/bin/true"]),
        "new_session": os.setsid,
        "outlive_server": lambda: call(157, 1, 0, 0, 0, 0),
        "unshare": lambda: call(272, 0x10000000),
        "keyring": lambda: call(250, 0, -3, 0),
    }
    return {name: attempt(function) for name, function in attempts.items()}


def act(name, frame):
    x = frame["x"].to_numpy()
    rows = len(frame)
    if name == "echo":
        return x
    if name == "slow":
        hang(float(x[0]))
        return x
    if name == "everything":
        return [f"{key}: {value}" for key, value in everything(x).items()][:rows]
    if name == "inherited":
        return [", ".join(sorted(os.environ)), ", ".join(os.listdir(f"/proc/{os.getpid()}/fd"))][:rows]
    if name == "pid":
        return [os.getpid()] * rows
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "crash":
        ctypes.string_at(0)
    if name == "exit":
        os._exit(3)
    if name == "leave":
        sys.exit(3)
    if name == "loop":
        while True:
            pass
    if name == "deaf_loop":
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
        while True:
            pass
    if name == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if name == "hog":
        kept = [np.ones(1 << 20) for _ in range(1 << 14)]
        return [float(len(kept))] * rows
    if name == "mapped":
        # Shared memory is no private memory: only the watchdog sees it.
        import mmap

        area = mmap.mmap(-1, int(x[0]))
        for place in range(0, len(area), 4096):
            area[place] = 1
        hang(60)
    if name == "leak":
        LEAKED.append(np.ones(int(x[0]) // 8))
        return x
    if name == "threads":
        def spin():
            while True:
                pass

        for _ in range(8):
            threading.Thread(target=spin, daemon=True).start()
        return x
    if name == "fill":
        for number in range(10_000):
            with open(os.path.expanduser(f"~/{number}"), "wb") as file:
                file.write(b"x" * (1 << 20))
        hang(60)
    if name == "noise":
        for _ in range(20_000):
            print("noise " * 10)
        os.write(1, b"\xff\xfe\x00 no text")
        print("noise", file=sys.stderr)
        return x
    if name == "raise":
        raise ValueError(f"secret {x[0]}")
    if name == "raise_odd":
        raise if_negative(x)
    if name == "odd_rows":
        if (x < 0).any():
            raise ValueError("a negative one")
        return x
    return protocol(name, x)


def if_negative(x):
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text either")

    return Odd()


def protocol(name, x):
    """Speaks to the server behind the worker's back."""
    out = wire()
    if name == "garbage":
        os.write(out, b"HTTP/1.1 200 OK\r\n\r\n" * 4)
    elif name == "half":
        os.write(out, HEADER.pack(1000, 18, 2) + b"x" * 10)
        os._exit(0)
    elif name == "half_and_hang":
        os.write(out, HEADER.pack(1000, 18, 2) + b"x" * 10)
        hang(60)
    elif name == "huge":
        os.write(out, HEADER.pack(0xFFFFFFFF, 18, 2))
    elif name == "long":
        os.write(out, HEADER.pack(200 << 20, 18, 2))
        os._exit(0)
    elif name == "wrong_id":
        os.write(out, HEADER.pack(0, 18, 77777))
    elif name == "no_arrow":
        for identity in range(2, 40):
            os.write(out, HEADER.pack(8, 18, identity) + b"\2\0\0\0{}xx")
    elif name == "twice":
        global TWICE
        TWICE = True
    elif name == "closed":
        os.close(out)
        hang(60)
    else:
        raise KeyError(name)
    return x


TWICE = False
LEAKED = []


class Acts:
    def predict(self, frame, params=None):
        if params:
            return [sorted(params.items())[0][0]] * len(frame)
        if TWICE:
            # Frames that look like answers to what was asked before and to what comes next.
            for identity in range(2, 200):
                os.write(wire(), HEADER.pack(0, 18, identity))
        return act(frame["act"].iloc[0], frame)


class Outputs:
    """Answers of every kind that user code gives."""

    def predict(self, frame, params=None):
        n = len(frame)
        kind = frame["act"].iloc[0]
        texts = [None if text is None else text for text in ["a", "é"][:n]]
        import scipy.sparse

        kinds = {
            "int32": lambda: np.arange(n, dtype=np.int32),
            "float32": lambda: np.full(n, 0.1, dtype=np.float32),
            "bool": lambda: np.arange(n) > 0,
            "text": lambda: np.array(texts),
            "matrix": lambda: np.arange(2.0 * n).reshape(n, 2),
            "cube": lambda: np.arange(4 * n).reshape(n, 2, 2),
            "series": lambda: pd.Series(np.arange(n) * 0.5),
            "named_series": lambda: pd.Series(texts, name="label"),
            "frame": lambda: pd.DataFrame({"a": np.arange(n), "b": texts, "t": pd.to_datetime(["2026-01-02"] * n)}),
            "nullable": lambda: pd.DataFrame({"i": pd.array([1, None][:n], dtype="Int64"), "c": pd.Categorical(texts)}),
            "list": lambda: [1, None][:n],
            "list_of_lists": lambda: [[1.5], []][:n],
            "list_of_dicts": lambda: [{"label": "a", "scores": [1.0]}] * n,
            "dict": lambda: {"y": np.arange(n), "z": texts},
            "sparse": lambda: scipy.sparse.csr_matrix(np.eye(n)),
            "bytes": lambda: [b"\x00\xff"] * n,
            "nan": lambda: np.full(n, np.nan),
            "none": lambda: [None] * n,
            "generator": lambda: (row for row in range(n)),
            "scalar": lambda: 3.0,
            "mixed": lambda: [1, "x"],
            "short": lambda: np.arange(n - 1),
            "complex": lambda: np.ones(n, dtype=complex),
            "object": lambda: [object()] * n,
            "dtypes": lambda: [", ".join(f"{name}={frame[name].dtype}" for name in frame)] * n,
            "values": lambda: [repr(row) for row in frame.to_dict(orient="records")],
        }
        return kinds[kind]()


def _load_pyfunc(path):
    return Outputs() if os.path.exists(os.path.join(os.path.dirname(__file__), "outputs")) else Acts()
