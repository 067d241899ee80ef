"""Models that only Python can run, and native ones beside their Python original."""
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import cloudpickle
import mlflow
import pandas as pd
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import DatabricksError
from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput
from harness import DIABETES, Server, environment, run, wait_until
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server import predictions_to_json
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

# The interpreter of these tests has everything that the models need.
LOCAL = {"ATALAYA_PYTHON__INTERPRETERS": json.dumps([sys.executable]), "ATALAYA_PYTHON__WORKERS": "1"}
FRAME = pd.DataFrame({"a": [0.5, 2.0, -1.0, 8.0], "b": [1.0, 0.0, 3.0, 2.0]})
# Starting Python with pandas and mlflow takes seconds, more on a busy machine.
START_S = 120


class Doubling(mlflow.pyfunc.PythonModel):
    """Code of a user: nothing but Python can run it."""

    def predict(self, context, model_input, params=None):
        if (model_input["a"] == -666.0).any():
            raise ValueError("this text names the caller's 12345")
        if (model_input["a"] == -999.0).any():
            os._exit(9)
        factor = (params or {}).get("factor", 2.0)
        return model_input["a"] * factor + model_input["b"]


def cube(x):
    return x**3


def save_custom(folder):
    signature = infer_signature(FRAME, pd.Series([1.0]), params={"factor": 2.0})
    mlflow.pyfunc.save_model(str(folder), python_model=Doubling(), signature=signature, pip_requirements=["mlflow-skinny", "pandas"])
    return folder


def save_user_step(folder):
    model = Pipeline([("cube", FunctionTransformer(cube)), ("logistic", LogisticRegression())]).fit(FRAME, [0, 1, 0, 1])
    signature = infer_signature(FRAME, model.predict(FRAME))
    mlflow.sklearn.save_model(model, str(folder), signature=signature, serialization_format="cloudpickle")
    return folder


@pytest.fixture(scope="module")
def python_server(tmp_path_factory):
    """A server with two models that cannot run natively, which runs them with the tests' own Python."""
    folder = tmp_path_factory.mktemp("python")
    # The models hold this module's code themselves, as those of a notebook do.
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    save_custom(folder / "custom")
    save_user_step(folder / "step")
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    server = Server(folder / "home", "--env", "local", **LOCAL).start()
    try:
        for name in ("custom", "step"):
            run("model", "register", folder / name, "--name", name, "--home", server.home)
        yield server
    finally:
        server.close()


def deploy(server, name):
    """Creates an endpoint over version 1 of a model with the real SDK and returns it when it answers."""
    client = WorkspaceClient(host=server.url, token=server.token)
    entity = ServedEntityInput(entity_name=name, entity_version="1", workload_size="Small", scale_to_zero_enabled=False, name=f"{name}-1")
    config = EndpointCoreConfigInput(name=name, served_entities=[entity])
    try:
        client.serving_endpoints.create(name=name, config=config)
    except DatabricksError as error:
        assert "already exists" in str(error), error
    server.wait_ready(name)
    return client


def predictions(server, name, frame, **more):
    reply = server.invoke(name, {"dataframe_split": frame.to_dict(orient="split"), **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


def as_answered(expected):
    """What MLflow's own server answers for a model's output: a series, for one, becomes records."""
    out = io.StringIO()
    predictions_to_json(expected, out)
    return json.loads(out.getvalue())["predictions"]


def workers(server):
    """Process ids of the server's Python workers."""
    tasks = f"/proc/{server.process.pid}/task"
    # Threads and processes end while they are looked at.
    pids = {pid for task in os.listdir(tasks) for pid in text_of(f"{tasks}/{task}/children").split()}
    return [int(pid) for pid in pids if "worker-" in text_of(f"/proc/{pid}/cmdline")]


def text_of(path):
    """What a file of `/proc` says; nothing when what it tells of is gone."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.mark.parametrize("name", ["custom", "step"])
def test_the_answers_are_those_of_mlflow(python_server, name):
    client = deploy(python_server, name)
    folder = python_server.home.parent / name
    expected = mlflow.pyfunc.load_model(str(folder)).predict(FRAME)
    assert predictions(python_server, name, FRAME) == as_answered(expected)

    entity = python_server.call("GET", f"/api/2.0/serving-endpoints/{name}")["config"]["served_entities"][0]
    assert entity["executor"] == "python"
    assert "only Python can run it" in entity["executor_reason"], entity
    assert entity["state"]["deployment"] == "DEPLOYMENT_READY"
    assert entity["executor_reason"] in entity["state"]["deployment_state_message"]
    built = client.serving_endpoints.build_logs(name, f"{name}-1").logs
    for words in ("not native: ", f"environment `local`: {sys.executable}", "worker 0 ready after", "seccomp=on"):
        assert words in built, built
    logs = client.serving_endpoints.logs(name, f"{name}-1").logs
    assert "1 of 1 Python workers answer" in logs, logs


def test_parameters_reach_the_model(python_server):
    deploy(python_server, "custom")
    assert predictions(python_server, "custom", FRAME[:1], params={"factor": 10.0}) == [{"0": 6.0}]
    assert predictions(python_server, "custom", FRAME[:1]) == [{"0": 2.0}]


def test_what_a_model_raises_is_its_callers_error_and_nobody_elses(python_server):
    deploy(python_server, "custom")
    reply = python_server.invoke("custom", {"dataframe_records": [{"a": -666.0, "b": 1.0}]})
    assert reply.status_code == 400 and "ValueError" in reply.json()["message"], reply.text
    assert "12345" not in reply.text and "12345" not in python_server.log_tail(100_000)
    assert predictions(python_server, "custom", FRAME[1:2]) == [{"0": 4.0}]


def test_predictions_of_python_models_are_logged_with_their_rows(python_server):
    deploy(python_server, "step")
    predictions(python_server, "step", FRAME)
    python_server.flush("step")
    rows = python_server.table("step", "rows")
    assert set(rows.model_name) == {"step"} and {"a", "b"} <= set(rows.columns), rows.columns
    assert rows.a.isin(FRAME.a).all()


def test_a_killed_worker_comes_back_and_the_state_is_told_truly(python_server):
    deploy(python_server, "custom")
    before = workers(python_server)
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def told():
        endpoint = python_server.call("GET", "/api/2.0/serving-endpoints/custom")
        entity = endpoint["config"]["served_entities"][0]["state"]
        return (endpoint["state"]["ready"], entity["deployment"]) == ("NOT_READY", "DEPLOYMENT_RECOVERING")

    wait_until(told, START_S, "a state that says that nothing answers")

    def answers():
        reply = python_server.invoke("custom", {"dataframe_records": [{"a": 1.0, "b": 1.0}]})
        assert reply.status_code in (200, 503), reply.text
        return reply.status_code == 200

    wait_until(answers, START_S, "a new worker")
    assert not set(before) & set(workers(python_server))
    metrics = requests.get(python_server.url + "/metrics", headers=python_server.headers, timeout=60).text
    died = [line for line in metrics.splitlines() if line.startswith("atalaya_python_workers_died_total ")]
    assert float(died[0].split()[1]) >= 1, metrics
    logs = WorkspaceClient(host=python_server.url, token=python_server.token).serving_endpoints.build_logs("custom", "custom-1").logs
    assert "worker 0 died" in logs, logs


def test_a_request_that_kills_workers_is_refused_the_third_time(python_server):
    deploy(python_server, "custom")
    poison = {"dataframe_records": [{"a": -999.0, "b": 1.0}]}
    seen = []

    def refused():
        seen.append(python_server.invoke("custom", poison).status_code)
        return seen[-1] == 422

    wait_until(refused, START_S, "422")
    assert set(seen) <= {503, 422}, seen
    wait_until(
        lambda: python_server.invoke("custom", {"dataframe_records": [{"a": 1.0, "b": 1.0}]}).status_code == 200, START_S, "a new worker"
    )


def test_workers_end_with_their_endpoint_and_with_the_server(tmp_path, python_server):
    custom = python_server.home.parent / "custom"
    server = Server(tmp_path / "home", "--env", "local", **LOCAL).start()
    try:
        run("model", "register", custom, "--name", "custom", "--home", server.home)
        deploy(server, "custom")
        first = workers(server)
        assert len(first) == 1
        server.call("DELETE", "/api/2.0/serving-endpoints/custom")
        wait_until(lambda: not workers(server), START_S, "the end of the workers")
        deploy(server, "custom")
        orphans = workers(server)
        server.kill()
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in orphans), START_S, "the end of the orphans")
        # A restart restores the endpoint, and what the killed process left behind is cleared away.
        server.start()
        server.wait_ready("custom")
        assert predictions(server, "custom", FRAME[:1]) == [{"0": 2.0}]
        assert len([entry for entry in os.listdir(server.home / "run") if entry.startswith("model-")]) == 1
    finally:
        server.close()


def test_without_python_such_a_model_is_refused_with_its_reason(tmp_path, python_server):
    step = python_server.home.parent / "step"
    server = Server(tmp_path / "home", "--env", "off").start()
    try:
        run("model", "register", step, "--name", "step", "--home", server.home)
        body = {"name": "step", "config": {"served_entities": [{"name": "step-1", "entity_name": "step", "entity_version": "1"}]}}
        endpoint = server.call("POST", "/api/2.0/serving-endpoints", body)
        assert endpoint["state"]["config_update"] == "UPDATE_FAILED"
        message = endpoint["pending_config"]["served_entities"][0]["state"]["deployment_state_message"]
        assert "cube" in message and "python.environment" in message, message
    finally:
        server.close()


def test_inspect_and_batch_scoring_of_a_python_model(tmp_path, python_server):
    step = python_server.home.parent / "step"
    told = json.loads(run("model", "inspect", step, "--json").stdout)
    assert told["executor"] == "python" and "cube" in told["reason"], told
    FRAME.to_parquet(tmp_path / "in.parquet")
    expected = mlflow.pyfunc.load_model(str(step)).predict(FRAME)
    done = run(
        "score", "--model", step, "--input", tmp_path / "in.parquet", "--output", tmp_path / "out.arrow", "--env", "local",
        "--home", tmp_path / "home", env=environment(**LOCAL),
    )  # fmt: skip
    assert "(python)" in done.stdout, done.stdout
    import pyarrow.ipc

    with pyarrow.ipc.open_file(tmp_path / "out.arrow") as file:
        assert file.read_all()["prediction"].to_pylist() == expected.tolist()


def check(model, *flags, code=0):
    done = run("model", "check", model, "--env", "local", *flags, check=False, env=environment(**LOCAL))
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_check_compares_with_the_python_original(tmp_path, production):
    production.to_csv(tmp_path / "in.csv", index=False)
    done = check(DIABETES / "version_1", "--input", tmp_path / "in.csv", "--home", tmp_path / "home", "--json")
    told = json.loads(done.stdout)
    assert told["same"] and told["rows"] == len(production)
    by_method = {method["method"]: method for method in told["methods"]}
    assert {"predict", "predict_proba"} <= set(by_method)
    assert by_method["predict"]["equal"] == len(production)
    # Classes are the same; a sum of products may end otherwise in its last bits on another machine.
    assert all(method["difference"] <= 1e-12 * method["largest"] for method in by_method.values()), by_method
    text = check(DIABETES / "version_1", "--input", tmp_path / "in.csv", "--home", tmp_path / "home", "--method", "predict", "--tolerance", "0").stdout
    assert "every value is the same, to the last bit" in text, text


def test_check_takes_the_input_example_and_says_what_to_do_without_one(tmp_path):
    done = check(DIABETES / "version_1", "--home", tmp_path / "home")
    assert "rows of serving_input_example.json" in done.stdout, done.stdout
    bare = tmp_path / "bare"
    shutil.copytree(DIABETES / "version_1", bare, ignore=shutil.ignore_patterns("*input_example.json"))
    done = check(bare, "--home", tmp_path / "home", code=1)
    assert "input example" in done.stderr and "--input" in done.stderr, done.stderr
