"""Score every selectable weight by its importance for one language (paper, section 2)."""

import logging
from pathlib import Path
from typing import Literal

from huggingface_hub import save_torch_state_dict

from linguistic_regions import importance, models, tokens
from linguistic_regions.commands import UserError, run
from linguistic_regions.storage import whole


def main(
    *,
    model: str,
    tokens_folder: Path,
    languages: tuple[str, ...],
    output: Path,
    milestones: tuple[int, ...],
    estimator: Literal["taylor", "taylor_abs", "magnitude"] = "taylor",
    micro_batch: int = 1,
    precision: Literal["auto", "bf16", "fp32"] = "auto",
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    threads: int = 1,
) -> None:
    """Write the scores to `output`/{language}/{samples}, as safetensors named and shaped like the weights.

    Args:
        model: folder of the model; {language} in it becomes the language (for further pre-trained weights).
        tokens_folder: the blocks: {language}/train.parquet.
        languages: the languages to score the weights for.
        output: folder of the scores.
        milestones: numbers of samples, ascending; all come out of one pass.
        estimator: what importance means.
        micro_batch: blocks in one backward pass.
        precision: of the matrix products; sums are float32.
        include: regular expressions of the weights to score; none: the decoder layers' matrices.
        exclude: regular expressions of weights to leave out.
        threads: CPU threads.
    """
    models.prepare(threads)
    for language in languages:
        samples = tokens.read(tokens_folder / language / "train.parquet", milestones[-1])
        if milestones[-1] > len(samples):
            raise UserError(
                f"{language}: importance.samples asks for {milestones[-1]} of its {len(samples)} training blocks; "
                "lower it or give the language more text"
            )
        scored = models.load(model.replace("{language}", language))
        parameters = models.selectable(scored, list(include), list(exclude))
        passes = importance.scores(scored, parameters, samples, list(milestones), estimator, micro_batch, precision)
        for count, scores in passes:
            with whole(output / language / str(count)) as part:
                part.mkdir()
                save_torch_state_dict(scores, part, filename_pattern="importance{suffix}.safetensors")
            logging.info("%s, %s: %d samples, %d matrices", language, estimator, count, len(scores))


if __name__ == "__main__":
    run(main)
