"""Serving endpoints through `mlflow.deployments`, `databricks-sdk` and plain HTTP."""
import io
import json
import math

import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.serving import (
    DataframeSplitInput,
    EndpointCoreConfigInput,
    Route,
    ServedEntityInput,
    TrafficConfig,
)
from harness import FEATURES, MODEL, ROOT, Server, receipt, record, run
from mlflow.deployments import get_deploy_client

LAB = [record(45, 27.3, 120, 95), record(52, 32.1, 135, 160), record(38, 24.5, 110, 88)]
LAB_ANSWER = [0, 1, 0]
ROWS = [[one[feature] for feature in FEATURES] for one in LAB]


def served(version, **more):
    return {"model_name": MODEL, "model_version": version, "workload_size": "Small", "scale_to_zero_enabled": True, **more}


def test_the_life_of_an_endpoint_through_mlflow_deployments(databricks, server):
    client = get_deploy_client("databricks")
    name = "through-deployments"
    created = client.create_endpoint(name=name, config={"served_models": [served("1")]})
    assert created["name"] == name
    endpoint = server.wait_ready(name)
    # The lab reads these two without looking at the state first.
    assert created["config"]["served_models"][0]["workload_size"] == "Small"
    assert endpoint["url"] == f"{server.url}/serving-endpoints/{name}/invocations"

    assert name in [each["name"] for each in client.list_endpoints()]
    answer = client.predict(endpoint=name, inputs={"dataframe_records": LAB})
    assert answer["predictions"] == LAB_ANSWER

    canary = {"served_models": [served("1", traffic_percentage=90), served(2, traffic_percentage=10)]}
    client.update_endpoint_config(endpoint=name, config=canary)
    config = server.wait_ready(name)["config"]
    assert config["config_version"] == 2
    shares = {route["served_model_name"]: route["traffic_percentage"] for route in config["traffic_config"]["routes"]}
    assert shares == {f"{MODEL}-1": 90, f"{MODEL}-2": 10}
    assert [entity["entity_version"] for entity in config["served_entities"]] == ["1", "2"]

    with pytest.raises(requests.HTTPError, match="RESOURCE_ALREADY_EXISTS|already exists"):
        client.create_endpoint(name=name, config={"served_models": [served("1")]})
    client.delete_endpoint(endpoint=name)
    assert name not in [each["name"] for each in client.list_endpoints()]


def test_the_life_of_an_endpoint_through_the_sdk(databricks):
    workspace = WorkspaceClient()
    name = "through-the-sdk"
    entity = ServedEntityInput(
        name="only", entity_name=MODEL, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    config = EndpointCoreConfigInput(name=name, served_entities=[entity])
    created = workspace.serving_endpoints.create_and_wait(name=name, config=config)
    assert created.state.ready.value == "READY"
    assert name in [each.name for each in workspace.serving_endpoints.list()]

    answer = workspace.serving_endpoints.query(name=name, dataframe_records=LAB)
    assert answer.predictions == LAB_ANSWER
    assert answer.served_model_name == "only"
    split = DataframeSplitInput(columns=FEATURES, data=ROWS)
    assert workspace.serving_endpoints.query(name=name, dataframe_split=split).predictions == LAB_ANSWER

    second = ServedEntityInput(
        name="second", entity_name=MODEL, entity_version="2", workload_size="Small", scale_to_zero_enabled=False
    )
    routes = [
        Route(served_model_name="only", traffic_percentage=50),
        Route(served_model_name="second", traffic_percentage=50),
    ]
    updated = workspace.serving_endpoints.update_config_and_wait(
        name=name, served_entities=[entity, second], traffic_config=TrafficConfig(routes=routes)
    )
    assert len(updated.config.served_entities) == 2
    workspace.serving_endpoints.delete(name=name)
    with pytest.raises(NotFound):
        workspace.serving_endpoints.get(name=name)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": LAB},
        {"dataframe_split": {"columns": FEATURES, "data": ROWS}},
        {"dataframe_split": {"columns": FEATURES[::-1], "data": [row[::-1] for row in ROWS], "index": [7, 8, 9]}},
        {"instances": LAB},
        {"inputs": {feature: [one[feature] for one in LAB] for feature in FEATURES}},
    ],
    ids=["records", "split", "split-reordered", "instances", "inputs"],
)
def test_every_json_shape_gives_the_same_answer(server, endpoint, body):
    reply = server.invoke(endpoint, body)
    assert (reply.status_code, reply.json()) == (200, {"predictions": LAB_ANSWER})


def test_csv_gives_the_same_answer(server, endpoint):
    text = io.StringIO()
    text.write(",".join(FEATURES) + "\n")
    text.writelines(",".join(map(str, row)) + "\n" for row in ROWS)
    for content_type in ("text/csv", "text/csv; charset=utf-8"):
        reply = server.invoke(endpoint, text.getvalue().encode(), headers={"Content-Type": content_type})
        assert (reply.status_code, reply.json()) == (200, {"predictions": LAB_ANSWER})


def test_values_are_coerced_to_the_signature(server, endpoint):
    coerced = {"age": 45.0, "bmi": 27, "blood_pressure": "120", "glucose": 95, "unknown": "x"}
    reply = server.invoke(endpoint, {"dataframe_records": [coerced], "params": {"unknown": 1}})
    assert (reply.status_code, reply.json()) == (200, {"predictions": [0]})


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_two_thousand_rows_are_answered_as_scikit_learn_answers(server, production, expected, version):
    name = f"exact-{version}"
    server.create_endpoint(name, routes=((version, 100),))
    rows = production[FEATURES].astype(object).to_numpy().tolist()
    reply = server.invoke(name, {"dataframe_split": {"columns": FEATURES, "data": rows}})
    assert reply.json()["predictions"] == expected(version, "production_predict").tolist()


def test_an_answer_says_who_answered_and_what_was_logged(server, endpoint):
    first, second = (server.invoke(endpoint, {"dataframe_records": LAB}) for _ in range(2))
    assert first.headers["served-model-name"] == f"{MODEL}-1"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    (mode, earlier), (_, later) = receipt(first), receipt(second)
    assert mode == "process"
    assert earlier < later


def test_one_served_entity_can_be_asked_directly(server):
    name = "canary"
    server.create_endpoint(name, routes=(("1", 100), ("2", 0)))
    url = f"{server.url}/serving-endpoints/{name}/served-models/{MODEL}-2/invocations"
    reply = requests.post(url, json={"dataframe_records": LAB}, headers=server.headers, timeout=60)
    assert (reply.status_code, reply.headers["served-model-name"]) == (200, f"{MODEL}-2")
    missing = requests.post(url.replace(f"{MODEL}-2", "nobody"), json={"dataframe_records": LAB}, headers=server.headers, timeout=60)
    assert missing.status_code == 404


def test_a_split_is_kept_within_binomial_bounds(server):
    name = "split"
    server.create_endpoint(name, routes=(("1", 90), ("2", 10)))
    session = requests.Session()
    count, share = 1000, 0.1
    answers = [server.invoke(name, {"dataframe_records": LAB[:1]}, session).headers["served-model-name"] for _ in range(count)]
    canary = answers.count(f"{MODEL}-2")
    # Five standard deviations: wrong by chance once in a million runs.
    assert abs(canary - count * share) < 5 * math.sqrt(count * share * (1 - share))


def test_state_survives_a_restart(fresh_server):
    fresh_server.create_endpoint("kept", routes=(("2", 100),))
    before = fresh_server.invoke("kept", {"dataframe_records": LAB}).json()
    assert fresh_server.stop() == 0
    fresh_server.start()
    fresh_server.wait_ready("kept")
    assert fresh_server.invoke("kept", {"dataframe_records": LAB}).json() == before


def test_what_the_program_prints_about_its_routes_is_complete(server):
    routes = json.loads(run("routes", "--json").stdout)
    assert all({"method", "path", "access", "body_limit_bytes", "audit"} <= route.keys() for route in routes)
    closed = [route for route in routes if route["access"] != "open"]
    paths = {(route["method"], route["path"]) for route in closed}
    assert ("POST", "/serving-endpoints/{name}/invocations") in paths
    for method, path in sorted(paths):
        reply = requests.request(method, server.url + path.replace("{", "").replace("}", ""), timeout=60)
        assert reply.status_code == 401, (method, path, reply.status_code)


def test_a_restarted_server_wakes_models_of_trees_from_their_compiled_form(tmp_path):
    case = ROOT / "fixtures" / "models" / "sk13_lgb_booster_rf"
    recorded = json.loads((case / "serving.json").read_text())
    server = Server(tmp_path / "home").start()
    try:
        run("model", "register", case / "model_lgb", "--name", "trees", "--home", server.home)
        entity = {"name": "trees-1", "entity_name": "trees", "entity_version": "1"}
        server.call("POST", "/api/2.0/serving-endpoints", {"name": "trees", "config": {"served_entities": [entity]}})

        def answers():
            return server.invoke("trees", recorded["request"]).text

        def built():
            return server.call("GET", "/api/2.0/serving-endpoints/trees/served-models/trees-1/build-logs")["logs"]

        first = answers()
        assert first == recorded["response_text"]
        assert "woken" not in built()
        form = next((server.home / "compiled").iterdir())
        server.kill()
        server.start()
        assert "woken from its compiled form" in built()
        assert answers() == first
        # A damaged form is no harm: the model is read from its files, and the form made anew.
        server.stop()
        damaged = bytearray(form.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        form.write_bytes(damaged)
        server.start()
        assert "woken" not in built()
        assert answers() == first
    finally:
        server.close()
