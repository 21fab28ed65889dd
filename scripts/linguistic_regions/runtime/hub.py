"""The Hugging Face hub, through its own clients: patient with what passes, exact about what does not."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from glob import escape
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.logging import disable_propagation
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.runtime.storage import remove

log = logging.getLogger(__name__)
disable_propagation()  # its logger has a handler of its own

ATTEMPTS = 8
LONGEST_WAIT = 60.0  # seconds between two of them; in all two minutes
BUSY = (408, 429, 500, 502, 503, 504)

Result = TypeVar("Result")


def fetch(
    repo: str,
    revision: str | None,
    waiting: Path,
    stages: Sequence[list[str]],
    kind: str = "",
    after_first: Callable[[Path], None] = lambda folder: None,
) -> tuple[Path, str]:
    """Bring a model to a folder below `waiting`, and check the hashes of its files.

    Each model and commit has a folder of its own there: whole files of an earlier attempt are kept, and never mixed
    with those of another model.

    Args:
        repo: name on the hub.
        revision: commit, tag or branch; None: main.
        waiting: made if need be.
        stages: patterns of the names of the files to fetch, stage after stage.
        kind: keeps downloads of one repository with different patterns apart.
        after_first: checks what the first stage fetched, before the others begin.

    Returns:
        The folder, and the commit.

    Raises:
        UserError: they cannot be had, or what came is not what the hub's hashes say.
    """
    folder = waiting
    try:
        commit = with_retries(lambda: HfApi().model_info(repo, revision=revision).sha)
        folder = waiting / "--".join([*repo.split("/"), commit, *[kind] * bool(kind)])
        for number, wanted in enumerate(stages):
            _download(repo, revision, commit, folder, wanted)
            if number == 0:
                after_first(folder)
    except UserError:
        raise
    except Exception as error:
        raise system_error(error, folder) or UserError(f"model.pretrained: {explain(error, repo, revision)}") from error
    remove(folder / ".cache")  # the client's notes
    return folder, commit


def fetch_file(repo: str, file: str, revision: str | None, waiting: Path) -> tuple[Path, str]:
    """Bring one file of a repository to a folder below `waiting`, and check its hash.

    Args:
        repo: name on the hub.
        file: its path in the repository.
        revision: commit, tag or branch; None: main.
        waiting: made if need be.

    Returns:
        The file, and the commit.

    Raises:
        UserError: it cannot be had, or is not what the hub's hash says.
    """
    folder = waiting
    try:
        commit = with_retries(lambda: HfApi().model_info(repo, revision=revision).sha)
        folder = waiting / "--".join([*repo.split("/"), commit])
        _download(repo, revision, commit, folder, [escape(file)])
    except UserError:
        raise
    except Exception as error:
        raise system_error(error, folder) or UserError(f"model.pretrained: {explain(error, repo, revision)}") from error
    if not (folder / file).is_file():
        raise UserError(f"model.pretrained: {repo} ({revision or 'main'}) has no file {file}: check its name")
    return folder / file, commit


def _download(repo: str, revision: str | None, commit: str, folder: Path, wanted: list[str]) -> None:
    """Bring the files of a repository whose names match one of these patterns, and check their hashes."""
    with_retries(partial(snapshot_download, repo, revision=commit, allow_patterns=wanted, local_dir=folder))
    found = with_retries(lambda: HfApi().verify_repo_checksums(repo, revision=commit, local_dir=folder))
    if damaged := [mismatch["path"] for mismatch in found.mismatches]:
        for path in damaged:
            remove(folder / path)
        raise UserError(
            f"model.pretrained: {repo} ({revision or 'main'}): {', '.join(damaged)} came damaged (its hash is not the "
            "hub's) and was removed: run again, and it is fetched again"
        )


def with_retries(action: Callable[[], Result]) -> Result:
    """What `action` gives, tried again with growing pauses while the server is busy or the connection breaks."""
    trying = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(max=LONGEST_WAIT),
        before_sleep=_tell,
        reraise=True,
    )
    return trying(action)


def is_transient(error: BaseException) -> bool:
    """Whether an error is one that a later attempt may not meet: a busy server, a broken connection."""
    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return False
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return status in BUSY
        if type(cause).__module__.split(".")[0].startswith("httpx") or isinstance(
            cause, ConnectionError | TimeoutError
        ):
            return True
    return "Consistency check failed" in str(error)  # fewer bytes came than the server had announced


def explain(error: BaseException, name: str, revision: str | None) -> str:
    """What is wrong with a repository of the hub, and what to do, in one line.

    Args:
        error: of a client of the hub.
        name: of the repository.
        revision: that was asked for; None: main.
    """
    where = f"{name} ({revision or 'main'})"
    for cause in _causes(error):
        if isinstance(cause, GatedRepoError):
            return f"{where} is gated: accept its terms on the hub, and give your token in the environment (HF_TOKEN)"
        if isinstance(cause, RevisionNotFoundError):
            return f"{name} has no revision {revision!r}: name a commit, tag or branch of it"
        if isinstance(cause, RepositoryNotFoundError):
            return f"{where} is not on the hub, or is private: check its name, and give your token (HF_TOKEN)"
        if isinstance(cause, EntryNotFoundError) and not isinstance(cause, LocalEntryNotFoundError):
            return f"{where} lacks a file that is needed: {str(cause).splitlines()[0]}"
        if isinstance(cause, OfflineModeIsEnabled):
            return (
                f"{where} cannot be fetched in offline mode: unset HF_HUB_OFFLINE, or fetch it before (docs/cluster.md)"
            )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if is_transient(error):
        return f"{where}: the hub is busy or cannot be reached ({reason}): try again later, the same command goes on"
    return f"{where}: {reason}: check its name, the network, and HF_TOKEN if it is gated"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tell(state: RetryCallState) -> None:
    reason = (str(state.outcome.exception()).splitlines() or ["no reason given"])[0]
    log.warning("the hub: %s; trying again in %.0f s", reason, state.next_action.sleep)
