"""What a run says in the terminal: a few lines at its start and its end, and one line per job that begins or ends.

`Terminal` takes the place of the handler of Snakemake's logger that writes to the terminal; the handler that writes
Snakemake's log file stays as it is. Standard library only.
"""

import logging
import signal
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from linguistic_regions.runtime import joblogs
from linguistic_regions.runtime.errors import RESUME_HINT
from linguistic_regions.runtime.work import Job, Work, duration

# Modules of Snakemake whose messages below warnings are left to its log.
BOOKKEEPING = {"api", "dag", "jobs", "job_scheduler", "local", "logging", "shell", "workflow"}
SHOWN = 5  # warnings at the end


class Terminal(logging.Handler):
    """Writes the run's lines, and lets warnings, errors and messages of other modules through.

    Before `begin`, messages of Snakemake that are of no use to a user are dropped once it starts to execute.

    Args:
        snakemake: the handler that it replaces. Its filter has the user's choice of --quiet.
        clock: a clock that only runs forward, in seconds.
    """

    def __init__(self, snakemake: logging.StreamHandler, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.stopped = False  # by Ctrl-C
        self._stopping = False  # by SIGTERM, at which Snakemake waits for the jobs that run
        self._snakemake, self._clock = snakemake, clock
        self._executing = self._over = False
        self._work: Work | None = None
        self._timed = True
        self._jobs: dict[int, joblogs.Failure] = {}  # what to say if it fails
        self._failed: dict[int, joblogs.Failure] = {}
        self._errors: dict[int | None, str] = {}  # of the threads that wait for jobs
        self._warnings: Counter[str] = Counter()

    def begin(self, jobs: Mapping[int, Job], heading: str, timed: bool) -> None:
        """Say what will run.

        Args:
            jobs: the jobs that will run, by Snakemake's job id.
            heading: where, and what comes out.
            timed: whether the jobs start as soon as there is room, so that the remaining time can be told.
        """
        self._work, self._timed = Work(jobs, self._clock()), timed
        rules = Counter(job.rule for job in jobs.values())
        counts = ", ".join(f"{rule} {count}" if count > 1 else rule for rule, count in rules.items())
        weight = self._work.remaining(self._work.start) if timed else sum(job.seconds for job in jobs.values())
        effort = f"about {duration(weight)}{'' if timed else ' of work'}"
        counts = textwrap.wrap(counts, 100, initial_indent="  ", subsequent_indent="  ")
        self.say([f"{len(jobs)} job{'' if len(jobs) == 1 else 's'}, {effort}{heading}", *counts])

    def succeed(self, lines: Iterable[str]) -> None:
        """Say that the run is finished, and what came out."""
        self._end([f"Finished in {self._elapsed()}.", *lines])

    def fail(self) -> None:
        """Say that the run is stopped, or not finished, and why. After Ctrl-C, all has been said."""
        failed = [each for each in self._failed.values() if not (self._stopping and each.interrupted)]
        end = "Stopped" if self._stopping else f"Not finished after {self._elapsed()}"
        self._end([*(line for failure in failed for line in failure.lines()), f"{end}: {RESUME_HINT}."])

    def _elapsed(self) -> str:
        return duration(self._clock() - self._work.start) if self._work else "0 s"

    def _end(self, lines: list[str]) -> None:
        self._over = True
        counts = self._warnings.most_common(SHOWN)
        shown = [f"  {text}{f' ({count} times)' if count > 1 else ''}" for text, count in counts]
        if more := len(self._warnings) - len(shown):
            shown.append(f"  and {more} more, in the logs")
        if not self.stopped:
            self.say([*(["Warnings:", *shown] if shown else []), *lines])

    def stop_at_interrupt(self) -> None:
        """At Ctrl-C, say how to resume, and stop; meanwhile, another one is ignored.

        Without effect where Ctrl-C is ignored already (nohup), and outside the main thread.
        """

        def stop(number: int, frame: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            self.stopped = True
            self.say([f"Stopped: {RESUME_HINT}."])
            sys.exit(128 + number)  # no traceback, wherever Snakemake is; its scheduler ends the jobs

        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, stop)

    def say(self, lines: Iterable[str]) -> None:
        """Write lines to the terminal."""
        self._snakemake.stream.write("".join(f"{line}\n" for line in lines))
        self._snakemake.flush()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record of Snakemake's logger, or what the user needs of it."""
        try:
            event = str(getattr(record, "event", None))
            if self._work and event in ("job_info", "job_finished", "job_error"):
                line = getattr(self, f"_{event}")(record, self._clock())
                if line and not self.stopped and self._snakemake.filter(record):
                    self.say([line])
            elif not self._is_bookkeeping(record, event):
                if record.levelno == logging.WARNING and record.pathname.endswith(".smk"):  # the workflow's own
                    self._warnings[record.getMessage().splitlines()[0]] += 1
                self._snakemake.handle(record)
        except Exception:  # a line less must not end a run
            self.handleError(record)

    def _is_bookkeeping(self, record: logging.LogRecord, event: str) -> bool:
        text = str(record.msg)
        if event == "workflow_started":
            self._executing = True
        elif event == "job_started" and not self._work:  # without `begin`, Snakemake speaks for itself
            self._executing = False
        if self._work and event == "error" and "CalledProcessError" in text:
            # That of the job follows, from the same thread.
            self._errors[record.thread] = text
            return True
        if text.startswith("Nothing to be done"):
            return False
        if text.startswith("Will exit"):  # at SIGTERM, and again whenever a job ends
            again, self._stopping = self._stopping, True
            return again
        if record.levelno >= logging.WARNING:
            return self._over or self.stopped or event == "group_error" or text.startswith("Exiting because a job")
        own = record.module in BOOKKEEPING and event != "shellcmd"
        return own and (self._executing or record.module == "api")

    def _job_info(self, record: logging.LogRecord, now: float) -> str | None:
        memory = dict(record.resources.items()).get("mem_mb")
        self._jobs[record.jobid] = joblogs.Failure(record.rule_msg or "", record.rule_name, memory, list(record.log))
        self._failed.pop(record.jobid, None)
        self._work.begin(record.jobid, now)
        return self._timed_line(now, "begins", record.rule_msg) if record.rule_msg else None

    def _job_finished(self, record: logging.LogRecord, now: float) -> str | None:
        job = self._jobs.get(record.job_id)
        took = self._work.end(record.job_id, now)
        if job is None or not job.message:
            return None
        self._warnings.update(joblogs.warnings(job.logs))
        left = self._work.remaining(now)
        progress = f"{100 * self._work.done(now):.0f} % of the work done"
        progress += f", about {duration(left)} left" if self._timed and left >= 0.5 else ""
        return self._timed_line(now, "done", f"{job.message}, in {duration(took)}; {progress}")

    def _job_error(self, record: logging.LogRecord, now: float) -> str | None:
        whole = record.output and all(Path(str(path)).exists() for path in record.output)
        if record.indent and whole:  # a job that went through, in a group with one that failed
            return None
        job = self._jobs.get(record.jobid) or joblogs.Failure(record.rule_name, record.rule_name, "?", [])
        job.logs = [str(path) for path in record.log if Path(str(path)).exists()]
        error = self._errors.pop(record.thread, "") + str(record.rule_msg)
        job.killed = joblogs.KILLED.search(error) is not None
        self._failed[record.jobid] = job
        took = self._work.end(record.jobid, now, done=False)
        job.interrupted = joblogs.INTERRUPTED.search(error) is not None
        if job.interrupted:  # Snakemake may hear of it later
            return None
        return self._timed_line(now, "FAILED", f"{job.message}, after {duration(took)}")

    def _timed_line(self, now: float, verb: str, text: str) -> str:
        seconds = int(now - self._work.start)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}  {verb:6}  {text}"
