"""Starts the built program, waits for it, kills it, and reads what it left behind.

Nothing here sleeps a fixed time in the hope that something has happened by then: every wait names a condition and a
deadline.
"""
import contextlib
import http.server
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

import requests
from deltalake import DeltaTable

ROOT = Path(__file__).resolve().parent.parent
DIABETES = ROOT / "fixtures" / "diabetes"
MODEL = "diabetes_predictor"
FEATURES = ["age", "bmi", "blood_pressure", "glucose"]
# A debug build on a busy two-core machine; a healthy start takes a fraction of a second.
START_DEADLINE_S = 60
# The drain answers what is under way and flushes the log into Delta.
STOP_DEADLINE_S = 60
POLL_S = 0.02


def binary():
    """The built program: `ATALAYA_BIN`, or the debug build of the usual target directory."""
    target = os.environ.get("CARGO_TARGET_DIR") or os.path.expanduser("~/.cache/atalaya/target")
    path = Path(os.environ.get("ATALAYA_BIN") or Path(target) / "debug" / "atalaya")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; build it with: make build")
    return str(path)


def environment(**settings):
    """What the program is started with: ours without the tests' own `ATALAYA_*`, which it would take for settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ATALAYA_")} | settings


def run(*arguments, check=True, **options):
    """Runs the program to its end and returns the finished process."""
    options.setdefault("env", environment())
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"atalaya {shlex.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def wait_until(condition, deadline_s, what):
    """Polls until `condition()` is truthy and returns that; fails with `what` at the deadline."""
    end = time.monotonic() + deadline_s
    pause = threading.Event()
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"after {deadline_s} s still waiting for {what}")
        pause.wait(POLL_S)


class Server:
    """One `atalaya up` over a home of its own."""

    def __init__(self, home, *flags, **settings):
        self.home = Path(home)
        self.flags = flags
        # Variables such as ATALAYA_PYTHON__WORKERS.
        self.settings = settings
        self.process = None
        self.url = None
        self.log_path = self.home.parent / f"{self.home.name}.log"

    def start(self):
        """Starts it and returns once it listens and says that it is healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        address = self.home / "listen.addr"
        # A killed server leaves its address behind.
        address.unlink(missing_ok=True)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), "up", "--home", str(self.home), "--listen", "127.0.0.1:0", *self.flags],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # The tests' webhook receivers listen on loopback, where only an operator may let notifications go.
                env=environment(ATALAYA_EGRESS_ALLOW='["127.0.0.0/8"]', **self.settings),
            )
        wait_until(lambda: self._alive() and address.is_file() and address.read_text().strip(), START_DEADLINE_S, "listen.addr")
        self.url = "http://" + address.read_text().strip()
        health = requests.get(self.url + "/health", timeout=10)
        assert (health.status_code, health.text) == (200, "OK")
        return self

    def _alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_tail()}")
        return True

    def log_tail(self, size=4000):
        """The end of what the server printed."""
        return self.log_path.read_text(errors="replace")[-size:] if self.log_path.exists() else ""

    @property
    def token(self):
        """The administrator's token."""
        return (self.home / "admin.token").read_text().strip()

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}

    def kill(self):
        """Ends it as a power switch would end a process: no handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_DEADLINE_S)

    def stop(self):
        """Asks it to end and returns its exit code; the log is in Delta by then."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_DEADLINE_S)

    def close(self):
        """Ends it whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    def call(self, method, path, body=None, status=200, **options):
        """One API call; checks the status and returns the JSON of the answer."""
        reply = requests.request(
            method, self.url + path, json=body, headers={**self.headers, **options.pop("headers", {})}, timeout=60, **options
        )
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text[:2000]}"
        return reply.json() if reply.content else None

    def register(self, *versions):
        """Registers versions of the demo's model in order; the first becomes version 1."""
        for version in versions:
            run("model", "register", DIABETES / f"version_{version}", "--name", MODEL, "--home", self.home)

    def create_endpoint(self, name, routes=(("1", 100),), **config):
        """Creates an endpoint over versions of the demo's model and waits until it serves."""
        entities = [
            {"name": f"{MODEL}-{version}", "entity_name": MODEL, "entity_version": version, "workload_size": "Small", "scale_to_zero_enabled": False}
            for version, _ in routes
        ]
        shares = [{"served_model_name": f"{MODEL}-{version}", "traffic_percentage": share} for version, share in routes]
        body = {"name": name, "config": {"served_entities": entities, "traffic_config": {"routes": shares}, **config}}
        self.call("POST", "/api/2.0/serving-endpoints", body)
        return self.wait_ready(name)

    def wait_ready(self, name):
        """Waits until the endpoint serves its newest configuration."""

        def ready():
            endpoint = self.call("GET", f"/api/2.0/serving-endpoints/{name}")
            state = endpoint["state"]
            assert state["config_update"] != "UPDATE_FAILED", endpoint
            return endpoint if state == {"ready": "READY", "config_update": "NOT_UPDATING"} else None

        return wait_until(ready, 60, f"endpoint {name}")

    def invoke(self, name, body, session=requests, headers=None, **options):
        """One invocation; `body` is JSON, or bytes together with a `Content-Type` header."""
        url = f"{self.url}/serving-endpoints/{name}/invocations"
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        return session.post(url, headers={**self.headers, **(headers or {})}, timeout=60, **sent, **options)

    def flush(self, name):
        """Moves what the endpoint has logged into Delta now."""
        return self.call("POST", f"/api/atalaya/v1/endpoints/{name}/flush", {})

    def table(self, endpoint, name):
        """The rows of one of the endpoint's Delta tables, read by the Python `deltalake` package."""
        return DeltaTable(str(self.home / "lake" / endpoint / name)).to_pyarrow_table().to_pandas()

    def client_env(self):
        """What `atalaya env` exports for the real clients."""
        exported = {}
        for line in run("env", "--home", self.home).stdout.splitlines():
            words = shlex.split(line, comments=True)
            for word in words[1:] if words[:1] == ["export"] else words:
                key, _, value = word.partition("=")
                exported[key] = value
        return exported


def record(age, bmi, blood_pressure, glucose):
    """One person as the demo's model wants them, in JSON types."""
    return {"age": int(age), "bmi": float(bmi), "blood_pressure": int(blood_pressure), "glucose": int(glucose)}


def receipt(reply):
    """Mode and sequence number of the `Atalaya-Log` header, for example `("process", 17)`."""
    mode, _, rest = reply.headers["Atalaya-Log"].partition(";")
    key, _, value = rest.partition("=")
    assert key == "seq", reply.headers["Atalaya-Log"]
    return mode, int(value)


@contextlib.contextmanager
def receiver():
    """An HTTP server that takes webhooks; yields its URL and the list of bodies received so far."""
    bodies = []

    class Receive(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receive)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}/hook", bodies
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()
