"""D-1: `kill -9` at any moment under load loses no acknowledged request and doubles none.

The oracle is the client. It keeps every id it sent and every receipt it read; in the end the Python `deltalake` package,
not our code, reads the tables. A request that was sent and never answered may be there or not.
"""
import os
import random
import threading
import time
from collections import Counter

import requests
from harness import FEATURES, Server, receipt, record

KILLS = int(os.environ.get("ATALAYA_KILLS", "20"))
SEED = int(os.environ.get("ATALAYA_KILL_SEED", "20251208"))
ENDPOINTS = ("one", "two", "three", "four")
MAX_ROWS = 500
# Long enough to reach flushes and recoveries, short enough for twenty of them.
LIFE_S = (0.05, 1.2)
TIME_BOX_S = 6 * KILLS


class Load(threading.Thread):
    """Sends requests to one endpoint, one after the other, and keeps a journal."""

    def __init__(self, server, endpoint, people, seed):
        super().__init__(name=f"load-{endpoint}", daemon=True)
        self.server, self.endpoint, self.people = server, endpoint, people
        self.random = random.Random(seed)
        self.ended = threading.Event()
        self.sent = {}
        self.acked = {}
        self.wrong = []

    def run(self):
        session = requests.Session()
        number = 0
        while not self.ended.is_set():
            rows = 1 if self.random.random() < 0.7 else self.random.randint(2, MAX_ROWS)
            body_id = f"{self.endpoint}-{number}"
            number += 1
            first = self.random.randrange(len(self.people) - rows)
            body = {"dataframe_records": self.people[first : first + rows], "client_request_id": body_id}
            self.sent[body_id] = rows
            try:
                reply = self.server.invoke(self.endpoint, body, session)
            except requests.RequestException:
                # Killed before the answer came; the next life has another port.
                session = requests.Session()
                self.ended.wait(0.01)
                continue
            try:
                self.note(body_id, rows, reply)
            except (KeyError, ValueError, AssertionError) as error:
                self.wrong.append((body_id, repr(error)))

    def note(self, body_id, rows, reply):
        if reply.status_code == 503:
            return
        if reply.status_code != 200 or len(reply.json()["predictions"]) != rows:
            self.wrong.append((body_id, reply.status_code, reply.text[:300]))
            return
        mode, _ = receipt(reply)
        if mode != "process":
            self.wrong.append((body_id, mode))
        self.acked[body_id] = reply.headers["x-request-id"]


def test_kill_9_loses_nothing_and_doubles_nothing(tmp_path, production):
    people = [record(*row) for row in production[FEATURES].itertuples(index=False)]
    dice = random.Random(SEED)
    began = time.monotonic()
    server = Server(tmp_path / "home").start()
    server.register("1", "2")
    for endpoint in ENDPOINTS:
        server.create_endpoint(endpoint, routes=(("1", 90), ("2", 10)))
    loads = [Load(server, endpoint, people, dice.random()) for endpoint in ENDPOINTS]
    for load in loads:
        load.start()
    moment = threading.Event()
    try:
        for kill in range(KILLS):
            # The moment of the kill is the experiment, not a wait for something to have happened.
            moment.wait(dice.uniform(*LIFE_S))
            if dice.random() < 0.5:
                threading.Thread(target=flush_quietly, args=(server, dice.choice(ENDPOINTS)), daemon=True).start()
                moment.wait(dice.uniform(0, 0.1))
            server.kill()
            server.start()
        moment.wait(LIFE_S[1])
    finally:
        for load in loads:
            load.ended.set()
        for load in loads:
            load.join(60)
        ended = server.stop()
    assert ended == 0, server.log_tail()
    assert time.monotonic() - began < TIME_BOX_S
    assert [load.wrong for load in loads] == [[]] * len(loads)
    for load in loads:
        judge(server, load)
    acked = sum(len(load.acked) for load in loads)
    print(f"kills {KILLS}, requests sent {sum(len(load.sent) for load in loads)}, acknowledged {acked}, lost 0, doubled 0")
    assert acked > 10 * KILLS, "too little load to mean anything"


def flush_quietly(server, endpoint):
    """Starts a flush for the kill to hit; how it ends is no matter."""
    try:
        requests.post(f"{server.url}/api/atalaya/v1/endpoints/{endpoint}/flush", json={}, headers=server.headers, timeout=60)
    except requests.RequestException:
        pass


def judge(server, load):
    """Holds the two Delta tables of one endpoint against the journal of its load."""
    where = f"endpoint {load.endpoint}, ATALAYA_KILL_SEED={SEED}"
    payload = server.table(load.endpoint, "payload")
    found = dict(zip(payload.client_request_id, payload.databricks_request_id))
    lost = [body_id for body_id, request_id in load.acked.items() if found.get(body_id) != request_id]
    doubled = [body_id for body_id, count in Counter(payload.client_request_id).items() if count > 1]
    phantom = set(found) - set(load.sent)
    assert not lost, f"{where}: lost {len(lost)} of {len(load.acked)}: {lost[:5]}"
    assert not doubled, f"{where}: doubled {doubled[:5]}"
    assert not phantom, f"{where}: never sent {sorted(phantom)[:5]}"
    assert payload.databricks_request_id.is_unique, where

    rows = server.table(load.endpoint, "rows")
    assert rows.row_id.is_unique, f"{where}: {rows.row_id.duplicated().sum()} rows doubled"
    counted = rows.groupby("databricks_request_id").size().to_dict()
    answered = payload[payload.status_code == 200]
    expected = {request_id: load.sent[body_id] for body_id, request_id in zip(answered.client_request_id, answered.databricks_request_id)}
    assert counted == expected, f"{where}: rows and payload disagree"
