"""What the logs of jobs say: warnings, and why a job failed."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# In errors of Snakemake and its Slurm plugin.
KILLED = re.compile(r"SIGKILL|exit status 137|OUT_OF_MEMORY")
INTERRUPTED = re.compile(r"SIGINT|SIGTERM|exit status 130|exit status 143")
USER_ERROR = re.compile(r"\w+\.py: error: ")
WARNING = "warning: "  # begins a warning in the log of a job
EXCERPT = 20  # last lines of the log of a failed job
FULL = 1 << 20  # bytes; with less, a log may lack what the job said last


@dataclass
class Failure:
    """What to say of a job that fails.

    Attributes:
        message: what the job does.
        rule: name of its rule.
        memory: MiB that it was given.
        logs: its logs.
        killed: whether the system killed it.
        interrupted: whether Ctrl-C or SIGTERM stopped it.
    """

    message: str
    rule: str
    memory: object
    logs: list[str]
    killed: bool = False
    interrupted: bool = False

    def lines(self) -> list[str]:
        """The error: its one line if a user can mend it, otherwise the end of the log."""
        said = _lines(self.logs)
        mistakes = [line for line in said if USER_ERROR.match(line)]
        lines = [f"Failed: {self.message}", *(f"  {line}" for line in mistakes[-1:] or said[-EXCERPT:])]
        if self.killed:
            lines.append(
                f"  The system killed it, probably because memory ran out; it was given {self.memory} MiB. Give it "
                f"more (--set-resources {self.rule}:mem_mb=N), run fewer jobs at a time (--resources mem_mb=N, or "
                "make run MEMORY=N), or lower batch_tokens."
            )
        if any(_is_full(log) for log in self.logs):
            lines.append("  The disk is full: make room, then run the same command again.")
        return [*lines, f"  log: {', '.join(self.logs) or 'none'}"]


def _is_full(log: str) -> bool:
    """Whether the disk that a log is on is full."""
    folder = Path(log).parent
    return folder.exists() and shutil.disk_usage(folder).free < FULL


def warnings(logs: Iterable[str]) -> list[str]:
    """The warnings in some logs."""
    return [line.removeprefix(WARNING) for line in _lines(logs) if line.startswith(WARNING)]


def _lines(logs: Iterable[str]) -> list[str]:
    """The lines of logs; none of one that is not there."""
    there = [Path(log) for log in logs if Path(log).is_file()]
    return [line for log in there for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
