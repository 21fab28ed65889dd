"""Minimal pairs asked about in prompts: which sentence is better, and is this sentence correct?

Filler tokens between question and answer are those of Pfau, Merrill and Bowman (2024, "Let's think dot by dot", COLM):
they give a model more passes in which to compute, and tell it nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from linguistic_regions.evaluation.direct import SENTENCE
from linguistic_regions.evaluation.protocol import Columns, OfLanguages, Subject
from linguistic_regions.planning import pairs, plan
from linguistic_regions.planning.evaluations import Plan
from linguistic_regions.planning.pairs import asked_in
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text import minimal_pairs, questions
from linguistic_regions.text.minimal_pairs import Pair
from linguistic_regions.text.minimal_pairs.selection import select
from linguistic_regions.text.questions import Question
from linguistic_regions.text.tokens import BlockTokenizer

PLAIN, CHAT = "plain", "chat"
NO_FILLER = ("none", 0)
UNITS = {"dots": " .", "spaces": " "}  # fillers that repeat one token, the last of these
INSTRUCTION = "instruction"
TOKEN_BYTES = 3  # of a question, on average
CHAT_TOKENS = 30  # that a chat template adds


def planned(config: dict) -> Plan | None:
    """Return what a run measures: questions about a few pairs of each language in `probes`; None without pairs."""
    languages, settings = pairs.languages(config), config["probes"]["prompted"]
    if not languages or not settings["pairs"]:
        return None
    options = {
        "languages": languages,
        "regions": settings["regions"],
        "max_pairs": settings["pairs"],
        "wordings": settings["wordings"],
        "asked_in": settings["languages"],
        "templates": settings["templates"],
        "filler_wording": settings["fillers"]["wording"],
        "filler_kinds": settings["fillers"]["kinds"],
        "filler_counts": settings["fillers"]["counts"],
        "bos": config["tokens"]["bos"],
    }
    measurement, sentence = Measurement(**options), "x" * TOKEN_BYTES * SENTENCE
    likely = [Pair(language, "", "", "", "", sentence, sentence) for language in languages]
    prompts = [prompt for pair in likely for prompt in measurement.prompts(pair)]
    return Plan(
        inputs=plan.pairs(config),
        options={"pairs": f"{plan.results(config)}/pairs", **options},
        tokens=settings["pairs"] * sum(map(_estimated_tokens, prompts)),
    )


@dataclass(frozen=True)
class Prompt:
    """A question, and how it is put to the model.

    Attributes:
        pair: what is asked about.
        wording: one of `questions.WORDINGS`.
        asked_in: code of the question's language.
        question: the question.
        template: "plain" or "chat".
        filler: kind of the tokens between question and answer.
        fillers: their number.
    """

    pair: Pair
    wording: str
    asked_in: str
    question: Question
    template: str
    filler: str
    fillers: int

    @property
    def cell(self) -> tuple:
        """What it has in common with the prompts about other pairs."""
        asked = (self.pair.language, self.wording, self.asked_in, self.template, self.filler, self.fillers)
        return (*asked, self.question.shown, self.question.order)


@dataclass(frozen=True)
class Measurement(OfLanguages):
    """The log-probabilities of both answers to questions about pairs.

    Attributes:
        pairs: folder of the pairs: {language}.parquet.
        languages: languages whose pairs are asked about; none: nothing is measured.
        regions: kinds of regions under which to measure, those of the core and of `languages`, once each.
        max_pairs: maximum number of pairs of each language, evenly over its phenomena.
        wordings: of the questions, of `questions.WORDINGS`.
        asked_in: languages of the questions; "own": that of the pair.
        templates: "plain": the question is the beginning of a text; "chat": it is a user's message in the model's chat
            template, and the answer is the model's. A model without one is asked plainly.
        filler_wording: the one of `wordings` that is also asked with fillers.
        filler_kinds: "dots"; "spaces"; "instruction", which repeats that of the question.
        filler_counts: numbers of tokens of a filler; 0 is the question without, which is asked anyway.
        bos: whether a plain prompt begins with BOS; None: if the tokenizer begins a text with BOS.
    """

    pairs: Path = Path("pairs")
    languages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    max_pairs: int = 10
    wordings: tuple[str, ...] = questions.WORDINGS
    asked_in: tuple[str, ...] = ("en", "own")
    templates: tuple[str, ...] = (PLAIN, CHAT)
    filler_wording: str = questions.WORDINGS[0]
    filler_kinds: tuple[str, ...] = ()
    filler_counts: tuple[int, ...] = ()
    bos: bool | None = None

    @cached_property
    def items(self) -> list[Pair]:
        """The pairs to ask about."""
        found = (minimal_pairs.read(self.pairs / f"{language}.parquet") for language in self.languages)
        return [pair for pairs in found for pair in select(pairs, self.max_pairs)]

    @cached_property
    def asked(self) -> list[Prompt]:
        """What is asked about all pairs."""
        return [prompt for pair in self.items for prompt in self.prompts(pair)]

    def prompts(self, pair: Pair) -> Iterator[Prompt]:
        """Yield what is asked about a pair, were there a chat template."""
        for code in asked_in(pair.language, self.asked_in):
            for wording in self.wordings:
                for question in questions.questions(pair.good, pair.bad, wording, code):
                    for template in self.templates:
                        for filler, count in self._fillers(wording):
                            yield Prompt(pair, wording, code, question, template, filler, count)

    def _fillers(self, wording: str) -> list[tuple[str, int]]:
        """Kind and number of the fillers with which a wording is asked."""
        if wording != self.filler_wording:
            return [NO_FILLER]
        return [NO_FILLER, *((kind, count) for kind in self.filler_kinds for count in self.filler_counts if count)]

    def fingerprint(self) -> str:
        """Identify the prompts and the settings."""
        return fingerprint([self.bos, *self.asked])

    def measure(self, subject: Subject) -> Columns:
        """Return a row per prompt, with more columns: see `docs/architecture.md`, Evidence.

        `tokens`, `nll` and `bytes` are of the right answer; `margin` is its log-probability minus that of the wrong
        one, in nats; `first` says whether the answer that the question names first is the more likely one.
        """
        from linguistic_regions.model import options

        reader = _Reader(subject, BlockTokenizer.load(subject.folder, self.bos))
        prompts = self.asked
        if not subject.tokenizer.chat_template:
            prompts = list(dict.fromkeys(replace(prompt, template=PLAIN) for prompt in prompts))
        read = [reader.read(prompt) for prompt in prompts]
        scored = [options.Question(context, answers) for _, context, answers in read]
        found = options.log_probabilities(subject.model, scored, subject.batch_tokens, subject.precision)
        shown: set[tuple] = set()
        rows = []
        for prompt, (text, _, answers), (right, wrong) in zip(prompts, read, found, strict=True):
            pair, question, margin = prompt.pair, prompt.question, float(right - wrong)
            rows.append({
                "language": pair.language,
                "domain": pair.source,
                "item": pair.item,
                "document": pair.template,
                "tokens": len(answers[0]),
                "nll": -float(right),
                "bytes": len(question.right.encode()),
                "phenomenon": pair.phenomenon,
                "wording": prompt.wording,
                "asked_in": prompt.asked_in,
                "template": prompt.template,
                "filler": prompt.filler,
                "fillers": prompt.fillers,
                "shown": question.shown,
                "order": question.order,
                "margin": margin,
                "first": margin > 0 if question.right_first else margin < 0,
                "prompt": "" if prompt.cell in shown else text,
            })  # fmt: skip
            shown.add(prompt.cell)
        return {name: [row[name] for row in rows] for name in rows[0]}


@dataclass(frozen=True)
class _Reader:
    """Turns prompts into the token ids that a model reads."""

    subject: Subject
    tokenizer: BlockTokenizer

    def read(self, prompt: Prompt) -> tuple[str, list[int], list[list[int]]]:
        """Return the exact text of a prompt, its token ids, and those of the right and the wrong answer.

        Question, cue and answer are tokenized together, and then cut where the two answers differ: so the ids are those
        of the whole text, and a token with which both answers begin, such as a space, belongs to the prompt. Fillers
        are inserted before the cue.
        """
        question, tokenizer = prompt.question, self.tokenizer.tokenizer
        text = question.text if prompt.template == PLAIN else self.subject.chat(question.text.strip())
        head = [self.tokenizer.bos] if prompt.template == PLAIN and self.tokenizer.bos is not None else []
        right, wrong = (
            tokenizer.encode(text + question.cue + answer, add_special_tokens=False)
            for answer in (question.right, question.wrong)
        )
        shared = _common(right.ids, wrong.ids)
        filler = self._filler(prompt)
        cue = min(shared, right.char_to_token(len(text)))
        context = [*head, *right.ids[:cue], *filler, *right.ids[cue:shared]]
        between = tokenizer.decode(filler, skip_special_tokens=False) if filler else ""
        return f"{text}{between}{question.cue}", context, [right.ids[shared:], wrong.ids[shared:]]

    def _filler(self, prompt: Prompt) -> list[int]:
        """The token ids of a prompt's filler.

        Raises:
            UserError: the tokenizer has no token for it.
        """
        is_instruction = prompt.filler == INSTRUCTION
        unit = prompt.question.instruction if is_instruction else UNITS.get(prompt.filler, "")
        ids = self.tokenizer.tokenizer.encode(unit, add_special_tokens=False).ids
        if prompt.fillers and not ids:
            raise UserError(
                f"probes.prompted.fillers.kinds: the tokenizer of {self.subject.folder} has no token for "
                f"{prompt.filler}: leave them out"
            )
        return ((ids if is_instruction else ids[-1:]) * prompt.fillers)[: prompt.fillers]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two texts have in common at the beginning; at least one of each is left over."""
    count = 0
    while count < min(len(one), len(other)) - 1 and one[count] == other[count]:
        count += 1
    return count


def _estimated_tokens(prompt: Prompt) -> float:
    text = len(f"{prompt.question.text}{prompt.question.cue}".encode()) / TOKEN_BYTES
    return text + prompt.fillers + (CHAT_TOKENS if prompt.template == CHAT else 0)
