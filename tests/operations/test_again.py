"""The command that a report gives to run it again is the run: the same jobs, and nothing to do where it is done."""

import pytest

from small_run import SMALL, copy_workflow, jobs, planned, snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def test_the_recorded_config_asks_for_the_same_jobs(tmp_path):
    folder = copy_workflow(tmp_path / "workflow")
    settings = "results/small/config.json"
    made = snakemake(folder, settings)
    assert made.returncode == 0, made.stderr[-2000:]
    assert jobs(snakemake(folder, "--dry-run", settings, config=settings)) == {}
    rest = jobs(snakemake(folder, "--dry-run", config=settings))
    assert rest == planned(folder, SMALL) and "report" in rest
