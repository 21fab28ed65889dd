"""What a run says in the terminal, from the records of Snakemake's logger."""

import io
import logging

import pytest

from linguistic_regions.runtime.terminal import Terminal
from linguistic_regions.runtime.work import Job

JOBS = {1: Job("score", 100.0, 0.5), 2: Job("score", 100.0, 0.5), 3: Job("tables", 10.0, 0.5)}
MESSAGES = {1: "Score the weights: ru", 2: "Score the weights: zh", 3: "Make the tables"}


class Run:
    """A terminal, and Snakemake's logger, which speaks to it at times that a test sets."""

    def __init__(self, folder):
        self.now, self.folder, self.stream = 0.0, folder, io.StringIO()
        self.snakemake = logging.StreamHandler(self.stream)
        self.terminal = Terminal(self.snakemake, clock=lambda: self.now)

    def log(self, text, event=None, module="job_scheduler", level=logging.INFO, file="py", **fields):
        record = logging.LogRecord("snakemake.logging", level, f"{module}.{file}", 1, text, None, None)
        record.__dict__ |= fields | ({"event": event} if event else {})
        self.terminal.handle(record)

    def begin(self, timed=True):
        self.log("Workflow has started!", "workflow_started", "workflow")
        self.terminal.begin(JOBS, " on 2 cores; report: report.html", timed)
        return self.said()

    def job(self, number):
        fields = {"rule_msg": MESSAGES[number], "rule_name": JOBS[number].rule, "resources": {"mem_mb": 700}}
        self.log(None, "job_info", "jobs", jobid=number, log=[self.path(number)], **fields)

    def finish(self, number, text=""):
        (self.folder / f"{number}.log").write_text(text, encoding="utf-8")
        self.log(None, "job_finished", job_id=number)

    def fail(self, number, text, error="returned non-zero exit status 1", output=(), indent=False):
        (self.folder / f"{number}.log").write_text(text, encoding="utf-8")
        self.log(f"CalledProcessError: Command 'x' {error}.", "error", "exceptions", logging.ERROR)
        fields = {"rule_name": JOBS[number].rule, "rule_msg": None, "log": [self.path(number)], "output": output}
        self.log(None, "job_error", "jobs", logging.ERROR, jobid=number, indent=indent, **fields)

    def path(self, number):
        return str(self.folder / f"{number}.log")

    def said(self):
        """The lines since this was last asked."""
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return lines


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


def test_what_will_run_how_long_and_to_which_end(run):
    assert run.begin() == ["3 jobs, about 2 min on 2 cores; report: report.html", "  score 2, tables"]


def test_on_a_cluster_the_work_is_told_and_not_the_time(run):
    assert run.begin(timed=False)[0].startswith("3 jobs, about 4 min of work")
    run.job(1)
    run.finish(1)
    assert run.said()[-1].endswith("% of the work done")


def test_a_line_per_job_that_begins_or_ends(run):
    run.begin()
    run.job(1)
    run.job(2)
    run.now = 100.0
    run.finish(1, "lots of words\n")
    assert run.said() == [
        "0:00:00  begins  Score the weights: ru",
        "0:00:00  begins  Score the weights: zh",
        "0:01:40  done    Score the weights: ru, in 2 min; 95 % of the work done, about 10 s left",
    ]


def test_quiet_is_respected(run):
    run.snakemake.addFilter(lambda record: record.event != "job_info")
    run.begin()
    run.job(1)
    run.finish(1)
    assert [line.split()[1] for line in run.said()] == ["done"]


def test_bookkeeping_is_left_to_the_log_and_nothing_else(run):
    run.log("Unlocked working directory.", module="workflow")
    run.log("Workflow has started!", "workflow_started", "workflow")
    run.log("Building DAG of jobs...", module="workflow")
    run.log("Nothing to be done", module="workflow")
    run.terminal.begin(JOBS, "", True)
    run.log("Select jobs to execute...")
    run.log("Execute 2 jobs...", "job_started")
    run.log("submitted with SLURM jobid 7", module="submit")
    run.log("a file has no record", module="start", level=logging.WARNING)
    run.log("MissingOutputException: no such file", "error", "exceptions", logging.ERROR)
    said = [line for line in run.said() if "jobs" not in line]
    assert said[:2] == ["Unlocked working directory.", "Nothing to be done"]
    assert said[3:] == ["submitted with SLURM jobid 7", "a file has no record", "MissingOutputException: no such file"]


def test_a_run_without_a_beginning_is_told_by_snakemake(run):
    run.log("Workflow has started!", "workflow_started", "workflow")
    run.log("Execute 1 jobs...", "job_started")
    run.log("Job 1", "job_info", "jobs")
    assert run.said() == ["Execute 1 jobs...", "Job 1"]


def test_the_error_of_a_failed_job_comes_once_and_last_with_the_path_of_its_log(run):
    run.begin()
    run.job(1)
    run.now = 3.0
    run.fail(1, "some words\nscore.py: error: no model is there\n")
    run.log("Exiting because a job execution failed. Look above for error messages", level=logging.ERROR)
    assert run.said()[1:] == ["0:00:03  FAILED  Score the weights: ru, after 3 s"]
    run.terminal.fail()
    run.log("At least one job did not complete successfully.", "error", "exceptions", logging.ERROR)
    assert run.said() == [
        "Failed: Score the weights: ru",
        "  score.py: error: no model is there",
        f"  log: {run.path(1)}",
        "Not finished after 3 s: finished work is kept, and the same command resumes the run.",
    ]


def test_of_another_error_the_end_of_the_log_is_shown(run):
    run.begin()
    run.job(1)
    run.fail(1, "\n".join(f"line {number}" for number in range(50)))
    run.terminal.fail()
    assert [line for line in run.said() if line.startswith("  line")] == [
        f"  line {number}" for number in range(30, 50)
    ]


@pytest.mark.parametrize("error", ["died with <Signals.SIGKILL: 9>", "returned non-zero exit status 137"])
def test_a_job_that_the_system_killed_lacked_memory(run, error):
    run.begin()
    run.job(1)
    run.fail(1, "importance: 10 %", error)
    run.job(2)
    run.fail(2, "score.py: error: no")
    run.terminal.fail()
    (killed,) = [line for line in run.said() if "killed" in line]
    assert "memory ran out; it was given 700 MiB" in killed
    assert "--set-resources score:mem_mb=N" in killed and "batch_tokens" in killed


def test_a_job_that_succeeds_at_the_second_attempt_has_not_failed(run):
    run.begin()
    run.job(1)
    run.fail(1, "score.py: error: no")
    run.job(1)
    run.finish(1)
    run.terminal.succeed(["Report: report.html"])
    assert [line.split()[1] for line in run.said()[:4]] == ["begins", "FAILED", "begins", "done"]
    run.terminal.fail()
    assert len(run.said()) == 1


def test_in_a_group_that_failed_jobs_whose_outputs_are_there_have_not(run, tmp_path):
    run.begin()
    (tmp_path / "made").touch()
    for number, output in ((1, [tmp_path / "made"]), (2, [tmp_path / "made", tmp_path / "missing"])):
        run.job(number)
        run.fail(number, f"score.py: error: {number}", output=output, indent=True)
    run.terminal.fail()
    assert [line for line in run.said() if "error" in line] == ["  score.py: error: 2"]


def test_warnings_of_jobs_and_of_the_workflow_are_told_at_the_end(run):
    run.begin()
    for number in JOBS:
        run.job(number)
        run.finish(number, "warning: a checkpoint is corrupted\nother words\n")
    run.log("no record", module="start", file="smk", level=logging.WARNING)
    run.log("of a plugin", module="executor", level=logging.WARNING)
    run.said()
    run.terminal.succeed(["Report: report.html"])
    assert run.said() == [
        "Warnings:",
        "  a checkpoint is corrupted (3 times)",
        "  no record",
        "Finished in 0 s.",
        "Report: report.html",
    ]


def test_after_ctrl_c_nothing_is_said(run):
    run.begin()
    run.job(1)
    run.said()
    run.terminal.stopped = True
    run.fail(1, "Traceback")
    run.log("Terminating processes on user request, this might take some time.")
    run.terminal.fail()
    run.log("At least one job did not complete successfully.", "error", "exceptions", logging.ERROR)
    assert run.said() == []


def test_a_job_that_hears_of_ctrl_c_first_is_not_said_to_fail(run):
    run.begin()
    run.job(1)
    run.said()
    run.fail(1, "score.py: stopped", "returned non-zero exit status 130")
    assert run.said() == []
    run.terminal.fail()  # but there was no Ctrl-C in the terminal
    assert run.said()[:2] == ["Failed: Score the weights: ru", "  score.py: stopped"]


def test_at_sigterm_the_run_is_stopped_and_what_failed_before_is_named(run):
    run.begin()
    run.job(1)
    run.job(2)
    run.fail(1, "score.py: error: no")
    run.said()
    for _ in range(2):
        run.log("Will exit after finishing currently running jobs (scheduler).")
    run.fail(2, "", "died with <Signals.SIGTERM: 15>")
    assert run.said() == ["Will exit after finishing currently running jobs (scheduler)."]
    run.terminal.fail()
    failed = ["Failed: Score the weights: ru", "  score.py: error: no", f"  log: {run.path(1)}"]
    assert run.said() == [*failed, "Stopped: finished work is kept, and the same command resumes the run."]


def test_a_record_that_cannot_be_read_does_not_end_the_run(run, capsys):
    run.begin()
    run.log(None, "job_info", "jobs")
    assert "AttributeError" in capsys.readouterr().err
