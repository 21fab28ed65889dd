"""Access to the Hugging Face hub: retries for transient errors, precise messages for permanent ones."""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from glob import escape
from pathlib import Path
from typing import TypeVar

from huggingface_hub import CommitOperationAdd, HfApi, snapshot_download
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
REFUSED_STATUS = (401, 403)
TOKEN = "HF_TOKEN"

Result = TypeVar("Result")


def fetch(
    repo: str,
    revision: str | None,
    downloads: Path,
    stages: Sequence[list[str]],
    kind: str = "",
    after_first: Callable[[Path], None] = lambda folder: None,
    option: str = "model.pretrained",
) -> tuple[Path, str]:
    """Download a repository to a folder in `downloads`, and verify the hashes of its files.

    Each repository and commit has its own folder there, so complete files of an earlier attempt are reused.

    Args:
        repo: name on the hub.
        revision: commit, tag or branch; None: main.
        downloads: created if necessary.
        stages: for each stage, glob patterns of the files to download.
        kind: separates downloads of one repository with different patterns.
        after_first: called with the folder after the first stage, to check its files before the other stages.
        option: what names the repository, for error messages.

    Returns:
        The folder, and the commit.

    Raises:
        UserError: the repository is not available, or a file's hash differs from the hub's.
    """
    folder = downloads
    try:
        commit = with_retries(lambda: HfApi().model_info(repo, revision=revision).sha)
        folder = downloads / "--".join([*repo.split("/"), commit, *[kind] * bool(kind)])
        for number, patterns in enumerate(stages):
            _download(repo, revision, commit, folder, patterns, option)
            if number == 0:
                after_first(folder)
    except UserError:
        raise
    except Exception as error:
        raise system_error(error, folder) or UserError(f"{option}: {explain(error, repo, revision)}") from error
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


def upload(repo: str, files: Mapping[str, Path | str], private: bool, message: str) -> str:
    """Write files to a repository of models in one commit; the repository is made if it is not there.

    Args:
        repo: name on the hub.
        files: a file, or its text, by its path in the repository.
        private: whether a repository that is made is private; one that is there stays as it is.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        UserError: the environment has no token, the token may not write there, or the hub cannot be reached.
    """
    if not (token := os.environ.get(TOKEN)):
        raise UserError(f"{repo}: an upload needs a token that may write: set it in the environment ({TOKEN})")
    api = HfApi(token=token)
    contents = {name: file.encode() if isinstance(file, str) else file for name, file in files.items()}
    operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=content) for name, content in contents.items()]
    try:
        with_retries(lambda: api.create_repo(repo, private=private, exist_ok=True))
        return with_retries(lambda: api.create_commit(repo, operations, commit_message=message)).commit_url
    except Exception as error:
        if any(_status(cause) in REFUSED_STATUS for cause in _causes(error)):
            raise UserError(
                f"{repo}: the token in the environment ({TOKEN}) may not write there: set another"
            ) from None
        raise system_error(error) or UserError(explain(error, repo, None)) from error


def _download(
    repo: str, revision: str | None, commit: str, folder: Path, patterns: list[str], option: str = "model.pretrained"
) -> None:
    """Download the files of a repository that match one of the patterns, and verify their hashes."""
    with_retries(partial(snapshot_download, repo, revision=commit, allow_patterns=patterns, local_dir=folder))
    verification = with_retries(lambda: HfApi().verify_repo_checksums(repo, revision=commit, local_dir=folder))
    if corrupted := [mismatch["path"] for mismatch in verification.mismatches]:
        for path in corrupted:
            remove(folder / path)
        raise UserError(
            f"{option}: {repo} ({revision or 'main'}): the hash of {', '.join(corrupted)} differs from the "
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
    """Whether an error may go away by itself: a busy server, a broken connection; not a machine without a network."""
    if any(isinstance(cause, OfflineModeIsEnabled) or _knows_no_host(cause) for cause in _causes(error)):
        return False
    for cause in _causes(error):
        if (status := _status(cause)) is not None:
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
            return (
                f"{where} is not on the hub, or is private: check its name, or the path if it is a folder; set your "
                "token (HF_TOKEN) if it is private"
            )
        if isinstance(cause, EntryNotFoundError) and not isinstance(cause, LocalEntryNotFoundError):
            return f"{where} lacks a required file: {str(cause).splitlines()[0]}"
        if isinstance(cause, OfflineModeIsEnabled):
            return (
                f"{where} cannot be downloaded in offline mode: unset HF_HUB_OFFLINE, or download it beforehand "
                "(docs/cluster.md)"
            )
        if _knows_no_host(cause):
            return (
                f"{where}: the hub cannot be reached ({cause.strerror}): connect this machine to a network, or check "
                "the path if it is a folder"
            )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if is_transient(error):
        return f"{where}: the hub is busy or cannot be reached ({reason}): run the same command again later"
    return f"{where}: {reason}: check its name, the network, and HF_TOKEN if it is gated"


def _status(error: BaseException) -> int | None:
    """The HTTP status of the answer that an error is about."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _knows_no_host(error: BaseException) -> bool:
    """Whether no address was found for a host's name, as on a machine without a network."""
    return isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _log_retry(state: RetryCallState) -> None:
    reason = (str(state.outcome.exception()).splitlines() or ["no reason given"])[0]
    log.warning("the hub: %s; retrying in %.0f s", reason, state.next_action.sleep)
