"""Access to the Hugging Face hub: retries for transient errors, precise messages for permanent ones."""

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
disable_propagation()  # the library's logger has its own handler

MAX_ATTEMPTS = 8
MAX_WAIT = 60.0  # seconds between two attempts; two minutes in total
TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)

Result = TypeVar("Result")


def fetch(
    repo: str,
    revision: str | None,
    downloads: Path,
    stages: Sequence[list[str]],
    kind: str = "",
    after_first: Callable[[Path], None] = lambda folder: None,
) -> tuple[Path, str]:
    """Download a model to a folder in `downloads`, and verify the hashes of its files.

    Each model and commit has its own folder there, so complete files of an earlier attempt are reused.

    Args:
        repo: name on the hub.
        revision: commit, tag or branch; None: main.
        downloads: created if necessary.
        stages: for each stage, glob patterns of the files to download.
        kind: separates downloads of one repository with different patterns.
        after_first: called with the folder after the first stage, to check its files before the other stages.

    Returns:
        The folder, and the commit.

    Raises:
        UserError: the model is not available, or a file's hash differs from the hub's.
    """
    folder = downloads
    try:
        commit = with_retries(lambda: HfApi().model_info(repo, revision=revision).sha)
        folder = downloads / "--".join([*repo.split("/"), commit, *[kind] * bool(kind)])
        for number, patterns in enumerate(stages):
            _download(repo, revision, commit, folder, patterns)
            if number == 0:
                after_first(folder)
    except UserError:
        raise
    except Exception as error:
        raise system_error(error, folder) or UserError(f"model.pretrained: {explain(error, repo, revision)}") from error
    remove(folder / ".cache")  # metadata of the client
    return folder, commit


def fetch_file(repo: str, file: str, revision: str | None, downloads: Path) -> tuple[Path, str]:
    """Download one file of a repository to a folder in `downloads`, and verify its hash.

    Args:
        repo: name on the hub.
        file: its path in the repository.
        revision: commit, tag or branch; None: main.
        downloads: created if necessary.

    Returns:
        The file, and the commit.

    Raises:
        UserError: the file is not available, or its hash differs from the hub's.
    """
    folder = downloads
    try:
        commit = with_retries(lambda: HfApi().model_info(repo, revision=revision).sha)
        folder = downloads / "--".join([*repo.split("/"), commit])
        _download(repo, revision, commit, folder, [escape(file)])
    except UserError:
        raise
    except Exception as error:
        raise system_error(error, folder) or UserError(f"model.pretrained: {explain(error, repo, revision)}") from error
    if not (folder / file).is_file():
        raise UserError(f"model.pretrained: {repo} ({revision or 'main'}) has no file {file}: check its name")
    return folder / file, commit


def _download(repo: str, revision: str | None, commit: str, folder: Path, patterns: list[str]) -> None:
    """Download the files of a repository that match one of the patterns, and verify their hashes."""
    with_retries(partial(snapshot_download, repo, revision=commit, allow_patterns=patterns, local_dir=folder))
    verification = with_retries(lambda: HfApi().verify_repo_checksums(repo, revision=commit, local_dir=folder))
    if corrupted := [mismatch["path"] for mismatch in verification.mismatches]:
        for path in corrupted:
            remove(folder / path)
        raise UserError(
            f"model.pretrained: {repo} ({revision or 'main'}): the hash of {', '.join(corrupted)} differs from the "
            "hub's, so the download was removed: run the same command to download it again"
        )


def with_retries(action: Callable[[], Result]) -> Result:
    """Call `action` and return its result; retry transient errors with exponential backoff."""
    retrying = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=wait_exponential(max=MAX_WAIT),
        before_sleep=_log_retry,
        reraise=True,
    )
    return retrying(action)


def is_transient(error: BaseException) -> bool:
    """Whether an error may go away by itself: a busy server, a broken connection."""
    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return False
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return status in TRANSIENT_STATUS
        if type(cause).__module__.split(".")[0].startswith("httpx") or isinstance(
            cause, ConnectionError | TimeoutError
        ):
            return True
    return "Consistency check failed" in str(error)  # fewer bytes than the server announced


def explain(error: BaseException, name: str, revision: str | None) -> str:
    """The error message, in one line, for a repository of the hub that cannot be read.

    Args:
        error: raised by a client of the hub.
        name: name of the repository.
        revision: the requested revision; None: main.
    """
    where = f"{name} ({revision or 'main'})"
    for cause in _causes(error):
        if isinstance(cause, GatedRepoError):
            return f"{where} is gated: accept its terms on the hub, and set your token in the environment (HF_TOKEN)"
        if isinstance(cause, RevisionNotFoundError):
            return f"{name} has no revision {revision!r}: name a commit, tag or branch of it"
        if isinstance(cause, RepositoryNotFoundError):
            return f"{where} is not on the hub, or is private: check its name, and set your token (HF_TOKEN)"
        if isinstance(cause, EntryNotFoundError) and not isinstance(cause, LocalEntryNotFoundError):
            return f"{where} lacks a required file: {str(cause).splitlines()[0]}"
        if isinstance(cause, OfflineModeIsEnabled):
            return (
                f"{where} cannot be downloaded in offline mode: unset HF_HUB_OFFLINE, or download it beforehand "
                "(docs/cluster.md)"
            )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if is_transient(error):
        return f"{where}: the hub is busy or cannot be reached ({reason}): run the same command again later"
    return f"{where}: {reason}: check its name, the network, and HF_TOKEN if it is gated"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _log_retry(state: RetryCallState) -> None:
    reason = (str(state.outcome.exception()).splitlines() or ["no reason given"])[0]
    log.warning("the hub: %s; retrying in %.0f s", reason, state.next_action.sleep)
