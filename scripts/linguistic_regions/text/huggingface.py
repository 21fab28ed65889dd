"""Source `huggingface`: a data set on the Hugging Face hub or in a local folder, read in streaming mode.

Only the rows that are read are downloaded. Needs network access unless the data set is a folder.
"""

from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow as pa
from huggingface_hub import HfApi

from linguistic_regions.runtime import hub
from linguistic_regions.runtime.errors import UserError, system_error
from linguistic_regions.text.documents import Document

datasets.utils.logging.disable_propagation()  # the library's logger has its own handler


class HuggingFace:
    """The documents of one split of a data set; each row is a document.

    Args:
        repo: name on the hub, such as `HuggingFaceFW/fineweb-2`, or a local folder of parquet, jsonl, csv or txt files.
        config: configuration (subset) of the data set, such as `rus_Cyrl`, if it has several.
        split: split of the data set, unrelated to the splits that are made from it.
        column: the column that contains the text.
        revision: commit, tag or branch; the manifest records its current commit.

    Raises:
        UserError: the data set is not available, or has no such configuration, split or column.
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
                "or download the data set and name its folder"
            )
        self.commit = revision if self.is_local else self._commit(revision)

    def __iter__(self) -> Iterator[Document]:
        source = "/".join(filter(None, (self.repo, self.config)))
        for number, row in enumerate(self.rows()):
            if self.column not in row:
                columns = ", ".join(row)
                raise UserError(f"{source} has no column '{self.column}' (its columns: {columns}): set the column")
            text = row[self.column]
            if not isinstance(text, str | None):
                kind = type(text).__name__
                raise UserError(f"{source}: column '{self.column}' contains {kind}, not text: set the column")
            yield Document(str(row.get("id", number)), text or "", source)

    def origin(self) -> dict:
        return {"repo": self.repo, "config": self.config, "split": self.split, "revision": self.commit}

    def configs(self) -> list[str]:
        """The names of all configurations of the data set."""
        try:
            return hub.with_retries(lambda: datasets.get_dataset_config_names(self.repo, revision=self.commit))
        except Exception as error:
            raise self._user_error(error) from error

    def rows(self) -> Iterator[dict]:
        """Yield the rows of the split, with all their columns."""
        try:
            yield from hub.with_retries(
                lambda: datasets.load_dataset(
                    self.repo, self.config, split=self.split, revision=self.commit, streaming=True
                )
            )
        except Exception as error:  # the library raises exceptions of many packages
            raise self._user_error(error) from error

    def _commit(self, revision: str | None) -> str:
        try:
            return hub.with_retries(lambda: HfApi().dataset_info(self.repo, revision=revision).sha)
        except Exception as error:
            raise UserError(f"data set {hub.explain(error, self.repo, revision)}") from error

    def _user_error(self, error: Exception) -> UserError:
        if user_error := system_error(error):
            return user_error
        what = f"data set {self.repo} (config {self.config}, split {self.split})"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, pa.ArrowException):
            return UserError(
                f"{what}: a file is corrupted ({reason}): run the same command again, or name another revision"
            )
        if hub.is_transient(error):
            return UserError(
                f"{what}: the hub is busy or cannot be reached ({reason}): run the same command again later"
            )
        return UserError(f"{what} cannot be read: {reason}: check its name, config and split, and the network")
