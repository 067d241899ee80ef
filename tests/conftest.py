"""One shared server for tests that only look, a server of its own for tests that break or count things."""
import os

import numpy as np
import pandas as pd
import pytest
from harness import DIABETES, Server

# The clients retry for minutes by default; here a failure shall fail.
os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
CLIENT_VARIABLES = ("DATABRICKS_", "MLFLOW_TRACKING_", "MLFLOW_REGISTRY_")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running server with versions 1, 2 and 3 of the demo's model."""
    server = Server(tmp_path_factory.mktemp("shared") / "home").start()
    try:
        server.register("1", "2", "3")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def endpoint(server):
    """The name of an endpoint that serves version 1 alone."""
    server.create_endpoint("diabetes")
    return "diabetes"


@pytest.fixture
def fresh_server(tmp_path):
    """A running server that nobody else uses, with versions 1 and 2 of the demo's model."""
    server = Server(tmp_path / "home").start()
    try:
        server.register("1", "2")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def exported(server):
    """What `atalaya env` prints for the shared server."""
    return server.client_env()


@pytest.fixture
def databricks(exported, monkeypatch):
    """The environment of a notebook: the clients find the shared server as their Databricks workspace."""
    import mlflow

    for name in list(os.environ):
        if name.startswith(CLIENT_VARIABLES):
            monkeypatch.delenv(name)
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    mlflow.set_tracking_uri(exported["MLFLOW_TRACKING_URI"])
    mlflow.set_registry_uri(exported["MLFLOW_REGISTRY_URI"])
    return exported


@pytest.fixture
def plain_http(server, monkeypatch):
    """The environment of a user of an MLflow server: tracking and registry under `http://`."""
    import mlflow

    for name in list(os.environ):
        if name.startswith(CLIENT_VARIABLES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", server.token)
    mlflow.set_tracking_uri(server.url)
    mlflow.set_registry_uri(server.url)
    return server.url


@pytest.fixture(scope="session")
def production():
    """The demo's 2,000 requests."""
    return pd.read_csv(DIABETES / "production.csv")


@pytest.fixture(scope="session")
def expected():
    """`expected(version, name)`: what scikit-learn answered, for example `lab_predict`."""
    return lambda version, name: np.load(DIABETES / f"expected_version_{version}" / f"{name}.npy")
