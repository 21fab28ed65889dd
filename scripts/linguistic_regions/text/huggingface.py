"""Source `huggingface`: a data set of the Hugging Face hub, or one in a local folder, read in streaming mode.

Nothing is downloaded beyond what is read. Needs the network unless the data set is a folder.
"""

from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
from huggingface_hub import HfApi

from linguistic_regions.runtime import hub
from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.text.documents import Document

datasets.utils.logging.disable_propagation()  # it has a handler of its own


class HuggingFace:
    """The documents of one split of a data set: a row is a document.

    Args:
        repo: Name on the hub, such as `HuggingFaceFW/fineweb-2`, or a local folder of parquet, jsonl, csv or txt files.
        config: Configuration (subset) of the data set, such as `rus_Cyrl`, if it has several.
        split: Split of the data set; it has nothing to do with the splits made of it here.
        column: The column that holds the text.
        revision: Commit, tag or branch. What it points to now is pinned in the manifest.
    """

    def __init__(
        self,
        repo: str,
        config: str | None = None,
        split: str = "train",
        column: str = "text",
        revision: str | None = None,
    ):
        self.repo, self.config, self.split, self.column = repo, config, split, column
        self.is_local = Path(repo).is_dir()
        if datasets.config.HF_HUB_OFFLINE and not self.is_local:
            raise UserError(
                f"{repo} cannot be streamed in offline mode: unset HF_HUB_OFFLINE and HF_DATASETS_OFFLINE, "
                "or download it and name its folder"
            )
        self.commit = revision if self.is_local else self._commit(revision)

    def __iter__(self) -> Iterator[Document]:
        source = "/".join(filter(None, (self.repo, self.config)))
        for number, row in enumerate(self._rows()):
            if self.column not in row:
                columns = ", ".join(row)
                raise UserError(f"{source} has no column '{self.column}' (there are: {columns}): set the column")
            text = row[self.column]
            if not isinstance(text, str | None):
                kind = type(text).__name__
                raise UserError(f"{source}: column '{self.column}' holds {kind}, no text: set the column")
            yield Document(str(row.get("id", number)), text or "", source)

    def origin(self) -> dict:
        return {"repo": self.repo, "config": self.config, "split": self.split, "revision": self.commit}

    def _rows(self) -> Iterator[dict]:
        try:
            yield from hub.with_retries(
                lambda: datasets.load_dataset(
                    self.repo, self.config, split=self.split, revision=self.commit, streaming=True
                )
            )
        except Exception as error:  # the library raises a dozen kinds, from four packages
            raise self._user_error(error) from error

    def _commit(self, revision: str | None) -> str:
        try:
            return hub.with_retries(lambda: HfApi().dataset_info(self.repo, revision=revision).sha)
        except Exception as error:
            raise UserError(f"data set {hub.explain(error, self.repo, revision)}") from error

    def _user_error(self, error: Exception) -> UserError:
        if told := system_error(error):
            return told
        what = f"data set {self.repo} (config {self.config}, split {self.split})"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, pa.ArrowException):
            return UserError(
                f"{what}: a file of it is damaged, or came so ({reason}): run again, or name another revision"
            )
        if hub.is_transient(error):
            return UserError(f"{what}: the hub is busy or cannot be reached ({reason}): run again later")
        return UserError(f"{what} cannot be read: {reason}: check its name, config and split, and the network")
