"""The prediction log: what was acknowledged is what a second implementation finds in Delta."""
import json

import pytest
from harness import FEATURES, MODEL, receipt, record

GOOD = record(45, 27.3, 120, 95)


def test_receipts_and_rows_agree(fresh_server, production):
    name, requests_sent, rows_sent = "counted", 0, 0
    fresh_server.create_endpoint(name, routes=(("1", 90), ("2", 10)))
    receipts = {}
    for start in range(0, 300, 3):
        rows = production[FEATURES].iloc[start : start + 1 + start % 3]
        body = {"dataframe_records": [record(*row) for row in rows.itertuples(index=False)], "client_request_id": f"c{start}"}
        reply = fresh_server.invoke(name, body)
        assert reply.status_code == 200
        receipts[reply.headers["x-request-id"]] = (receipt(reply), reply.headers["served-model-name"], reply.json(), body)
        requests_sent, rows_sent = requests_sent + 1, rows_sent + len(rows)
    assert len({sequence for (_, sequence), *_ in receipts.values()}) == requests_sent
    fresh_server.flush(name)

    payload = fresh_server.table(name, "payload").set_index("databricks_request_id")
    assert len(payload) == requests_sent and payload.index.is_unique
    assert set(payload.index) == set(receipts)
    for request_id, (_, _, answer, body) in receipts.items():
        row = payload.loc[request_id]
        assert (row.status_code, row.client_request_id) == (200, body["client_request_id"])
        assert (json.loads(row.request), json.loads(row.response)) == (body, answer)

    rows = fresh_server.table(name, "rows")
    assert len(rows) == rows_sent and rows.row_id.is_unique
    for request_id, group in rows.groupby("databricks_request_id"):
        _, served, answer, body = receipts[request_id]
        group = group.sort_values("row_index")
        assert group.row_id.tolist() == [f"{request_id}#{index}" for index in range(len(group))]
        assert set(group.served_entity) == {served}
        assert set(group.model_version.astype(str)) == {served.removeprefix(f"{MODEL}-")}
        assert group.prediction.tolist() == answer["predictions"]
        assert group[FEATURES].to_dict("records") == body["dataframe_records"]


def test_failed_requests_are_logged_too(fresh_server):
    name = "failing"
    fresh_server.create_endpoint(name)
    bad = [b"{", json.dumps({"dataframe_records": [{"age": 1}]}).encode(), json.dumps({"dataframe_records": [{**GOOD, "age": "x"}]}).encode()]
    refused = [fresh_server.invoke(name, body, headers={"Content-Type": "application/json"}) for body in bad]
    assert [reply.status_code for reply in refused] == [400, 400, 400]
    assert fresh_server.invoke(name, {"dataframe_records": [GOOD]}).status_code == 200
    fresh_server.flush(name)
    payload = fresh_server.table(name, "payload").set_index("databricks_request_id")
    assert sorted(payload.status_code) == [200, 400, 400, 400]
    for reply in refused:
        assert receipt(reply)[0] == "process"
        assert payload.loc[reply.headers["x-request-id"]].status_code == 400
    assert len(fresh_server.table(name, "rows")) == 1


def test_flushing_again_adds_nothing(fresh_server):
    name = "twice"
    fresh_server.create_endpoint(name)
    for _ in range(10):
        fresh_server.invoke(name, {"dataframe_records": [GOOD]})
    for _ in range(3):
        fresh_server.flush(name)
    assert len(fresh_server.table(name, "payload")) == 10


def test_a_graceful_end_leaves_everything_in_delta(fresh_server):
    name = "drained"
    fresh_server.create_endpoint(name)
    for _ in range(25):
        assert fresh_server.invoke(name, {"dataframe_records": [GOOD]}).status_code == 200
    assert fresh_server.stop() == 0
    assert len(fresh_server.table(name, "payload")) == 25
    assert len(fresh_server.table(name, "rows")) == 25


@pytest.mark.parametrize("durability", ["process", "fsync"])
def test_the_receipt_names_the_configured_durability(fresh_server, durability):
    name = f"durable-{durability}"
    fresh_server.create_endpoint(name, inference_log={"durability": durability})
    reply = fresh_server.invoke(name, {"dataframe_records": [GOOD]})
    assert receipt(reply)[0] == durability
