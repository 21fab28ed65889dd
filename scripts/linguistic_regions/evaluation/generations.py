"""What a model says: a prompt per language, continued greedily, and answered where the model has a chat template."""

from dataclasses import dataclass

from linguistic_regions.evaluation.protocol import Columns, OfLanguages, Subject
from linguistic_regions.planning import plan
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.text.tokens import BlockTokenizer

TEMPLATES = ("plain", "chat")


def planned(config: dict) -> Plan | None:
    """Return what a run measures: the prompts of the languages in `generations`; None without languages."""
    settings, prompts = config["generations"], plan.prompts(config)
    if not prompts:
        return None
    steps = len(TEMPLATES) * len(prompts) * settings["tokens"]
    return Plan(
        inputs=[],
        options={
            "languages": list(prompts),
            "prompts": list(prompts.values()),
            "length": settings["tokens"],
            "regions": settings["regions"],
            "bos": config["tokens"]["bos"],
        },
        tokens=len(TEMPLATES) * sum(map(len, prompts.values())) + steps,
        steps=steps,
    )


@dataclass(frozen=True)
class Measurement(OfLanguages):
    """Continuations of a prompt in each language.

    Attributes:
        languages: language of each prompt; none: nothing is measured.
        prompts: the prompts.
        length: maximum number of tokens of a continuation.
        regions: kinds of regions under which to measure, those of the core and of `languages`, once each.
        bos: whether a prompt that is continued plainly begins with BOS; None: if the tokenizer begins a text with BOS.
    """

    languages: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    length: int = 16
    regions: tuple[str, ...] = ()
    bos: bool | None = None

    def fingerprint(self) -> str:
        """Identify the prompts and the settings."""
        return fingerprint([self.languages, self.prompts, self.length, self.bos])

    def measure(self, subject: Subject) -> Columns:
        """Return a row per prompt and template, with more columns: `template`, `prompt` and `continuation`.

        `tokens` and `nll` count the token that ends a text; `continuation` is without special tokens.
        """
        from linguistic_regions.model.generation import continue_greedily, end_tokens

        tokenizer = BlockTokenizer.load(subject.folder, self.bos)
        ends = end_tokens(subject.model) | {tokenizer.eos}
        rows = []
        for language, prompt in zip(self.languages, self.prompts, strict=True):
            for template, ids in _inputs(prompt, tokenizer, subject).items():
                said, nll = continue_greedily(subject.model, ids, self.length, ends, subject.precision)
                continuation = tokenizer.tokenizer.decode(said, skip_special_tokens=True)
                rows.append({
                    "language": language,
                    "domain": "prompts",
                    "item": f"{language}/{template}",
                    "document": language,
                    "tokens": len(said),
                    "nll": nll,
                    "bytes": len(continuation.encode()),
                    "template": template,
                    "prompt": prompt,
                    "continuation": continuation,
                })  # fmt: skip
        return {name: [row[name] for row in rows] for name in rows[0]}


def _inputs(prompt: str, tokenizer: BlockTokenizer, subject: Subject) -> dict[str, list[int]]:
    """The token ids that the model reads, by template: the prompt itself, and a conversation that begins with it."""
    plain, chat = TEMPLATES
    head = [] if tokenizer.bos is None else [tokenizer.bos]
    read = {plain: head + tokenizer.tokenizer.encode(prompt, add_special_tokens=False).ids}
    if text := subject.chat(prompt):
        read[chat] = tokenizer.tokenizer.encode(text, add_special_tokens=False).ids
    return read
