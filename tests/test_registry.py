"""The registry as the real `mlflow` clients see it, in both of their dialects."""
import mlflow
import numpy as np
import pandas as pd
import pytest
from harness import DIABETES, FEATURES, MODEL, run
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


@pytest.fixture(params=["databricks", "plain_http"])
def client(request):
    """A client of each dialect."""
    request.getfixturevalue(request.param)
    client = MlflowClient()
    client.dialect = request.param
    return client


def test_versions_are_ready_and_numbered(client):
    model = client.get_registered_model(MODEL)
    assert model.name == MODEL
    versions = {version.version: version for version in client.search_model_versions(f"name='{MODEL}'")}
    assert {"1", "2", "3"} <= {str(number) for number in versions}
    assert all(version.status == "READY" for version in versions.values())
    assert str(client.get_model_version(MODEL, "2").version) == "2"


def test_a_registered_model_is_created_found_changed_and_deleted(client):
    name = f"made-by-{client.dialect}"
    client.create_registered_model(name, tags={"team": "lab"}, description="first")
    with pytest.raises(MlflowException) as refused:
        client.create_registered_model(name)
    assert refused.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.update_registered_model(name, "second")
    client.set_registered_model_tag(name, "stage", "trial")
    model = client.get_registered_model(name)
    assert (model.description, model.tags) == ("second", {"team": "lab", "stage": "trial"})
    found = client.search_registered_models(filter_string=f"name LIKE 'made-by-{client.dialect}%'")
    assert [model.name for model in found] == [name]
    client.delete_registered_model_tag(name, "stage")
    client.rename_registered_model(name, name + "-renamed")
    assert client.get_registered_model(name + "-renamed").tags == {"team": "lab"}
    client.delete_registered_model(name + "-renamed")
    with pytest.raises(MlflowException) as gone:
        client.get_registered_model(name + "-renamed")
    assert gone.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_version_tags_are_set_one_by_one_and_read_back(client):
    tags = {f"{client.dialect}-{index}": f"value {index}" for index in range(20)}
    for key, value in tags.items():
        client.set_model_version_tag(MODEL, "3", key, value)
    assert tags.items() <= client.get_model_version(MODEL, "3").tags.items()
    for key in tags:
        client.delete_model_version_tag(MODEL, "3", key)
    assert not tags.keys() & client.get_model_version(MODEL, "3").tags.keys()


def test_a_description_is_changed(client):
    client.update_model_version(MODEL, "2", f"described by {client.dialect}")
    assert client.get_model_version(MODEL, "2").description == f"described by {client.dialect}"


def test_stages_move_and_archive_each_other(client, server):
    name = f"staged-{client.dialect}"
    for _ in range(2):
        run("model", "register", DIABETES / "version_1", "--name", name, "--home", server.home)
    for version in ("1", "2"):
        moved = client.transition_model_version_stage(name, version, "Production", archive_existing_versions=True)
        assert moved.current_stage == "Production"
    assert client.get_model_version(name, "1").current_stage == "Archived"
    assert [str(found.version) for found in client.get_latest_versions(name, ["Production"])] == ["2"]
    with pytest.raises(MlflowException) as refused:
        client.transition_model_version_stage(name, "1", "Nirvana")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_aliases_follow_the_version_they_are_set_to(plain_http):
    client = MlflowClient()
    client.set_registered_model_alias(MODEL, "champion", "1")
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == "1"
    client.set_registered_model_alias(MODEL, "champion", "2")
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == "2"
    assert "champion" in client.get_model_version(MODEL, "2").aliases
    client.delete_registered_model_alias(MODEL, "champion")
    with pytest.raises(MlflowException):
        client.get_model_version_by_alias(MODEL, "champion")


@pytest.mark.parametrize("version", ["1", "2", "3"])
def test_load_model_under_databricks_predicts_as_recorded(databricks, production, expected, version):
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/{version}")
    assert np.array_equal(model.predict(production[FEATURES]), expected(version, "production_predict"))


def test_load_model_over_http_predicts_as_recorded(plain_http, production, expected):
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/1")
    assert np.array_equal(model.predict(production[FEATURES]), expected("1", "production_predict"))
    lab = pd.DataFrame({"age": [52], "bmi": [32.1], "blood_pressure": [135], "glucose": [160]})
    assert model.predict(lab).tolist() == [1]


def test_load_model_by_stage(databricks):
    client = MlflowClient()
    client.transition_model_version_stage(MODEL, "2", "Staging")
    model = mlflow.pyfunc.load_model(f"models:/{MODEL}/Staging")
    assert model.metadata.signature.inputs.input_names() == FEATURES


def test_what_is_missing_is_said_to_be_missing(client):
    with pytest.raises(MlflowException) as missing:
        client.get_model_version(MODEL, "99")
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_registering_a_folder_that_is_no_model_says_so(server, tmp_path):
    refused = run("model", "register", tmp_path, "--name", "nothing", "--home", server.home, check=False)
    assert refused.returncode == 1
    assert "MLmodel" in refused.stderr
