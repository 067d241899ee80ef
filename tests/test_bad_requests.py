"""Bad requests: refused with a code, a message that names what is wrong and repeats nothing, and a healthy server after."""
import json
import math

import pytest
import requests
from harness import FEATURES, record

# Planted where user data stands; an answer or a log line that shows it has leaked.
CANARY = "canary-7f3a91"
CANARY_NUMBER = 918273645546372819
GOOD = record(45, 27.3, 120, 95)
JSON = {"Content-Type": "application/json"}


def without(*names):
    return {name: value for name, value in GOOD.items() if name not in names}


def records(text):
    """A body with one record given as JSON text, for what `json.dumps` would not write."""
    return ('{"dataframe_records": [' + text + "]}").encode()


CASES = {
    "missing column": (json.dumps({"dataframe_records": [without("glucose")]}).encode(), "glucose"),
    "wrong column": (json.dumps({"dataframe_records": [{**without("bmi"), "bmj": CANARY}]}).encode(), "bmi"),
    "text in a number": (json.dumps({"dataframe_records": [{**GOOD, "bmi": CANARY}]}).encode(), "bmi"),
    "null in a required column": (json.dumps({"dataframe_records": [{**GOOD, "age": None}]}).encode(), "age"),
    "object in a number": (json.dumps({"dataframe_records": [{**GOOD, "age": {"x": CANARY}}]}).encode(), "age"),
    "NaN literal": (records('{"age": 45, "bmi": NaN, "blood_pressure": 120, "glucose": 95}'), None),
    "infinity literal": (records('{"age": 45, "bmi": -Infinity, "blood_pressure": 120, "glucose": 95}'), None),
    "number beyond a double": (records('{"age": 45, "bmi": 1e999, "blood_pressure": 120, "glucose": 95}'), None),
    "30-digit integer": (records('{"age": 123456789012345678901234567890, "bmi": 27.3, "blood_pressure": 120, "glucose": 95}'), "age"),
    "duplicate key in a record": (records('{"age": 45, "age": 46, "bmi": 27.3, "blood_pressure": 120, "glucose": 95}'), "age"),
    "duplicate shape": (b'{"dataframe_records": [], "dataframe_records": []}', "dataframe_records"),
    "two shapes at once": (json.dumps({"dataframe_records": [GOOD], "instances": [GOOD]}).encode(), "instances"),
    "no shape": (json.dumps({"records": [GOOD]}).encode(), "dataframe_records"),
    "empty object": (b"{}", "dataframe_records"),
    "no JSON": (b"{", None),
    "empty body": (b"", None),
    "a list at the top": (b"[]", None),
    "not UTF-8": (b'{"dataframe_records": [{"age": "\xff"}]}', None),
    "no records": (b'{"dataframe_records": []}', None),
    "a record that is no object": (json.dumps({"dataframe_records": [CANARY]}).encode(), "dataframe_records"),
    "ragged split": (json.dumps({"dataframe_split": {"columns": FEATURES, "data": [[45, 27.3]]}}).encode(), None),
    "duplicate column in a split": (json.dumps({"dataframe_split": {"columns": ["age", *FEATURES], "data": [[1, 45, 27.3, 120, 95]]}}).encode(), "age"),
    "columns of different lengths": (json.dumps({"inputs": {**{name: [1] for name in FEATURES}, "age": [1, 2]}}).encode(), None),
    "very deep": (b'{"dataframe_records": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
}


def assert_refused(reply, names=None, status=400, secrets=(CANARY, str(CANARY_NUMBER))):
    assert reply.status_code == status, reply.text[:500]
    assert reply.headers["Content-Type"].startswith("application/json")
    body = reply.json()
    assert body["error_code"].isupper(), body
    assert body["message"] and not body["message"].isspace()
    for secret in secrets:
        assert secret not in reply.text, body
    if names:
        assert names in body["message"], body


def assert_healthy(server, endpoint):
    assert requests.get(server.url + "/health", timeout=10).text == "OK"
    reply = server.invoke(endpoint, {"dataframe_records": [GOOD]})
    assert (reply.status_code, reply.json()) == (200, {"predictions": [0]})


@pytest.mark.parametrize("case", CASES)
def test_a_bad_body_is_refused_and_named(server, endpoint, case):
    body, names = CASES[case]
    reply = server.invoke(endpoint, body, headers=JSON)
    assert_refused(reply, names)
    assert_healthy(server, endpoint)


def test_a_value_is_never_echoed(server, endpoint):
    for field in FEATURES:
        reply = server.invoke(endpoint, {"dataframe_records": [{**GOOD, field: f"{CANARY}-{field}"}]})
        assert_refused(reply, field)
    reply = server.invoke(endpoint, {"dataframe_records": [{**GOOD, "age": CANARY_NUMBER * 10**9}]})
    assert_refused(reply, "age")
    assert CANARY not in server.log_tail(10**7)


@pytest.mark.parametrize(
    "text, names",
    [
        ("age,bmi,blood_pressure\n45,27.3,120\n", "glucose"),
        ("age,bmi,blood_pressure,glucose\n45,canary-7f3a91,120,95\n", "bmi"),
        ("age,bmi,blood_pressure,glucose\n45,27.3\n", None),
        ("age,age,bmi,blood_pressure,glucose\n1,45,27.3,120,95\n", "age"),
        ("", None),
    ],
    ids=["missing column", "text in a number", "ragged", "duplicate column", "empty"],
)
def test_bad_csv_is_refused_and_named(server, endpoint, text, names):
    assert_refused(server.invoke(endpoint, text.encode(), headers={"Content-Type": "text/csv"}), names)
    assert_healthy(server, endpoint)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", ""])
def test_another_content_type_is_unsupported(server, endpoint, content_type):
    reply = server.invoke(endpoint, b"{}", headers={"Content-Type": content_type})
    assert_refused(reply, status=415)


def test_a_body_of_twenty_mebibytes_is_refused(server, endpoint):
    body = b'{"dataframe_records": [' + b" " * (20 << 20) + b"]}"
    assert_refused(server.invoke(endpoint, body, headers=JSON), status=413)
    # Nor does a body that hides its length get further.
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    url = f"{server.url}/serving-endpoints/{endpoint}/invocations"
    try:
        reply = requests.post(url, data=pieces, headers={**server.headers, **JSON}, timeout=60)
    except requests.ConnectionError:
        pass  # the server may close the connection before we have written it all
    else:
        assert_refused(reply, status=413)
    assert_healthy(server, endpoint)


def test_an_unknown_endpoint_is_missing(server, endpoint):
    reply = server.invoke("nobody-knows-it", {"dataframe_records": [GOOD]})
    assert_refused(reply, status=404)
    assert reply.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    for path in ("/api/2.0/nothing", "/nothing", "/api/2.0/mlflow/nothing"):
        reply = requests.get(server.url + path, headers=server.headers, timeout=60)
        assert_refused(reply, status=404)
        assert reply.json()["error_code"] == "ENDPOINT_NOT_FOUND"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Bearer dapi" + "0" * 32, "Basic eDp5", "Token x"])
def test_nobody_enters_without_a_token(server, endpoint, header):
    headers = {} if header is None else {"Authorization": header}
    calls = [
        ("POST", f"/serving-endpoints/{endpoint}/invocations"),
        ("GET", "/api/2.0/serving-endpoints"),
        ("GET", "/api/2.0/mlflow/registered-models/search"),
        ("GET", "/metrics"),
        ("GET", "/api/atalaya/v1/monitors"),
    ]
    for method, path in calls:
        reply = requests.request(method, server.url + path, headers=headers, timeout=60)
        assert_refused(reply, status=401)
        assert reply.json()["error_code"] == "UNAUTHENTICATED"


def test_a_wrong_method_is_no_server_error(server, endpoint):
    reply = requests.put(f"{server.url}/serving-endpoints/{endpoint}/invocations", headers=server.headers, timeout=60)
    assert reply.status_code in (404, 405)
    assert reply.json()["error_code"]


@pytest.mark.parametrize(
    "config, status, names",
    [
        ({}, 400, "served"),
        ({"served_models": [{"model_name": "diabetes_predictor", "model_version": "99", "workload_size": "Small", "scale_to_zero_enabled": False}]}, 404, None),
        ({"served_models": [{"model_name": "nobody", "model_version": "1", "workload_size": "Small", "scale_to_zero_enabled": False}]}, 404, None),
        ({"served_models": [{"model_name": "diabetes_predictor", "model_version": "1", "workload_size": "Gigantic", "scale_to_zero_enabled": False}]}, 400, "workload_size"),
        ({"served_models": [{"model_name": "diabetes_predictor", "model_version": version, "workload_size": "Small", "scale_to_zero_enabled": False, "traffic_percentage": 60} for version in "12"]}, 400, "traffic"),
    ],
    ids=["no entities", "unknown version", "unknown model", "unknown size", "shares of 120"],
)
def test_a_bad_endpoint_config_is_refused(server, config, status, names):
    body = {"name": "never-made", "config": config}
    reply = requests.post(f"{server.url}/api/2.0/serving-endpoints", json=body, headers=server.headers, timeout=60)
    assert_refused(reply, names, status)
    listed = server.call("GET", "/api/2.0/serving-endpoints")["endpoints"]
    assert "never-made" not in [endpoint["name"] for endpoint in listed]


def test_answers_are_finite(server, endpoint, production):
    answers = server.invoke(endpoint, {"inputs": {name: production[name].tolist() for name in FEATURES}}).json()["predictions"]
    assert len(answers) == len(production)
    assert all(math.isfinite(answer) for answer in answers)
