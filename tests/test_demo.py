"""`atalaya demo`: the main job end to end, judged by its summary and by what it left in Delta."""
import json
import math
from pathlib import Path

from deltalake import DeltaTable
from harness import DIABETES, MODEL, run

REQUESTS = 2000
BATCH_ROWS = 100_000


def test_the_demo_does_the_main_job(tmp_path):
    summary_file = tmp_path / "summary.json"
    done = run("demo", "--exit", "--json", summary_file, "--home", tmp_path / "home", "--fixtures", DIABETES)
    summary = json.loads(summary_file.read_text())

    requests = summary["requests"]
    assert requests["sent"] == requests["receipts"] == summary["tables"]["payload"]["rows"] == REQUESTS
    assert requests["failed"] == 0

    canary = summary["split"][f"{MODEL}-2"]
    assert summary["split"][f"{MODEL}-1"] + canary == REQUESTS
    # Five standard deviations: wrong by chance once in a million runs.
    assert abs(canary - REQUESTS * 0.1) < 5 * math.sqrt(REQUESTS * 0.1 * 0.9)

    latency = summary["latency_ms"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p95"] <= latency["p99"]
    assert 0 < latency["mean"]

    assert sorted(summary["drifted_columns"]) == ["bmi", "glucose"]
    assert summary["alerts"]["delivered"] == summary["alerts"]["fired"] >= 1
    assert summary["score"]["rows"] == BATCH_ROWS
    assert summary["score"]["rows_per_second"] > 0

    for name, table in summary["tables"].items():
        assert DeltaTable(table["path"]).to_pyarrow_table().num_rows == table["rows"], name
    assert {"payload", "rows", "labels", "scored"} <= summary["tables"].keys()
    assert summary["tables"]["rows"]["rows"] == REQUESTS
    assert summary["tables"]["scored"]["rows"] == BATCH_ROWS
    assert DeltaTable(summary["tables"]["scored"]["path"]).metadata().partition_columns == ["date"]

    report = Path(summary["report"]["html"])
    page = report.read_text()
    assert "<svg" in page or "data:image/" in page
    # Self-contained: nothing is fetched when it is opened.
    assert 'src="http' not in page and 'href="http' not in page
    assert Path(summary["report"]["png"]).read_bytes().startswith(b"\x89PNG")
    assert str(report) in done.stdout
