"""Batch scoring from and to files that other programs read."""
import json

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from deltalake import DeltaTable, write_deltalake
from harness import FEATURES, MODEL, run

INPUTS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
    "delta": lambda frame, path: write_deltalake(str(path), frame),
}


@pytest.fixture
def batch(production):
    """The demo's requests with a date to partition by."""
    frame = production.copy()
    frame["date"] = frame.timestamp.str.slice(0, 10)
    return frame


def score(server, source, target, *flags, version="1", check=True):
    return run(
        "score", "--home", server.home, "--model", f"models:/{MODEL}/{version}", "--input", source, "--output", target, *flags, check=check
    )


@pytest.mark.parametrize("form", INPUTS)
def test_delta_out_of_every_form(server, batch, expected, tmp_path, form):
    source, target = tmp_path / f"in.{form}", tmp_path / "scored"
    INPUTS[form](batch, source)
    done = score(server, source, target, "--partition-by", "date")
    table = DeltaTable(str(target))
    assert table.metadata().partition_columns == ["date"]
    scored = table.to_pyarrow_table().to_pandas().sort_values("request_id")
    assert scored.prediction.tolist() == expected("1", "production_predict").tolist()
    assert set(scored.model_version.astype(str)) == {"1"}
    assert scored[FEATURES].reset_index(drop=True).equals(batch[FEATURES])
    assert "2000" in done.stdout and "rows/s" in done.stdout


def test_parquet_out(server, batch, expected, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    batch.to_parquet(source, index=False)
    score(server, source, target, version="2")
    scored = pyarrow.parquet.read_table(target).to_pandas()
    assert np.array_equal(scored.prediction, expected("2", "production_predict"))


def test_append_adds_and_overwrite_replaces(server, batch, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "scored"
    batch.to_csv(source, index=False)
    score(server, source, target)
    score(server, source, target, "--mode", "append")
    assert DeltaTable(str(target)).to_pyarrow_table().num_rows == 4000
    score(server, source, target, "--mode", "overwrite")
    assert DeltaTable(str(target)).to_pyarrow_table().num_rows == 2000


def test_the_run_is_recorded(server, batch, tmp_path):
    source = tmp_path / "in.csv"
    batch.to_csv(source, index=False)
    score(server, source, tmp_path / "scored")
    found = server.call("POST", "/api/2.0/mlflow/runs/search", {"experiment_ids": ["0"], "max_results": 100})["runs"]
    metrics = [{metric["key"]: metric["value"] for metric in run_["data"].get("metrics", [])} for run_ in found]
    mine = [each for each in metrics if each.get("rows") == 2000]
    assert mine and all(each["seconds"] > 0 and each["rows_per_second"] > 0 for each in mine), json.dumps(found)[:2000]


@pytest.mark.parametrize(
    "spoil, names",
    [
        (lambda frame: frame.drop(columns="glucose"), "glucose"),
        (lambda frame: frame.assign(bmi="canary-7f3a91"), "bmi"),
    ],
    ids=["missing column", "text in a number"],
)
def test_input_that_does_not_fit_is_refused_and_leaves_nothing(server, batch, tmp_path, spoil, names):
    source, target = tmp_path / "in.csv", tmp_path / "scored"
    spoil(batch).to_csv(source, index=False)
    refused = score(server, source, target, check=False)
    assert refused.returncode == 1
    assert names in refused.stderr and "canary-7f3a91" not in refused.stderr
    assert not target.exists() or not DeltaTable.is_deltatable(str(target))


def test_an_unknown_model_is_named(server, batch, tmp_path):
    source = tmp_path / "in.csv"
    batch.to_csv(source, index=False)
    refused = score(server, source, tmp_path / "scored", version="99", check=False)
    assert refused.returncode == 1 and MODEL in refused.stderr


def test_a_pipe_gets_no_progress_bar(server, batch, tmp_path):
    pd.concat([batch] * 5).to_csv(tmp_path / "in.csv", index=False)
    done = score(server, tmp_path / "in.csv", tmp_path / "scored")
    assert "\r" not in done.stdout + done.stderr and "\x1b" not in done.stdout + done.stderr
