"""The program's own manners: tokens, the environment of the clients, exit codes, its end."""
import stat

import requests
from databricks.sdk import WorkspaceClient
from harness import DIABETES, Server, run


def test_the_first_start_writes_a_token_that_only_the_owner_reads(server):
    file = server.home / "admin.token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server.token not in server.log_tail(10**7)


def test_a_generated_token_is_adopted(tmp_path):
    token = run("token", "generate").stdout.strip()
    assert token and token != run("token", "generate").stdout.strip()
    home = tmp_path / "home"
    home.mkdir()
    (home / "admin.token").write_text(token + "\n")
    (home / "admin.token").chmod(0o600)
    server = Server(home).start()
    try:
        assert server.token == token
        assert server.call("GET", "/api/2.0/serving-endpoints") == {"endpoints": []}
    finally:
        server.close()


def test_a_malformed_token_is_refused_and_not_replaced(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "admin.token").write_text("canary-7f3a91\n")
    refused = run("up", "--home", home, "--listen", "127.0.0.1:0", check=False)
    assert refused.returncode == 1
    assert "admin.token" in refused.stderr and "canary-7f3a91" not in refused.stderr
    assert (home / "admin.token").read_text() == "canary-7f3a91\n"


def test_the_exported_environment_is_what_the_clients_need(server, exported):
    assert exported["DATABRICKS_HOST"] == server.url
    assert exported["DATABRICKS_TOKEN"] == server.token
    assert exported["MLFLOW_TRACKING_URI"] == exported["MLFLOW_REGISTRY_URI"] == "databricks"


def test_tokens_are_made_listed_and_revoked(databricks, server):
    workspace = WorkspaceClient()
    made = workspace.tokens.create(comment="for a test", lifetime_seconds=3600)
    headers = {"Authorization": f"Bearer {made.token_value}"}
    url = f"{server.url}/api/2.0/serving-endpoints"
    assert requests.get(url, headers=headers, timeout=60).status_code == 200
    listed = {each.token_id: each for each in workspace.tokens.list()}
    assert listed[made.token_info.token_id].comment == "for a test"
    workspace.tokens.delete(token_id=made.token_info.token_id)
    assert requests.get(url, headers=headers, timeout=60).status_code == 401


def test_health_and_version_need_no_token_and_metrics_do(server, endpoint):
    assert requests.get(server.url + "/version", timeout=60).text.strip() == "3.17.2"
    assert requests.get(server.url + "/metrics", timeout=60).status_code == 401
    metrics = requests.get(server.url + "/metrics", headers=server.headers, timeout=60)
    assert metrics.status_code == 200 and "# TYPE" in metrics.text


def test_wrong_use_ends_with_2_and_failure_with_1(tmp_path):
    assert run("up", "--no-such-flag", check=False).returncode == 2
    assert run("no-such-command", check=False).returncode == 2
    missing = run("model", "register", tmp_path / "nowhere", "--name", "x", "--home", tmp_path / "home", check=False)
    assert missing.returncode == 1


def test_a_home_has_one_server(fresh_server):
    second = run("up", "--home", fresh_server.home, "--listen", "127.0.0.1:0", check=False)
    assert second.returncode == 1
    assert str(fresh_server.home) in second.stderr
    assert requests.get(fresh_server.url + "/health", timeout=10).text == "OK"


def test_a_model_is_registered_while_the_server_runs(fresh_server):
    run("model", "register", DIABETES / "version_3", "--name", "late", "--home", fresh_server.home)
    found = fresh_server.call("GET", "/api/2.0/mlflow/model-versions/get?name=late&version=1")["model_version"]
    assert found["status"] == "READY"
