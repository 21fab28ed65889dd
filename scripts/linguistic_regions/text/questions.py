"""Questions about minimal pairs, `resources/questions/{language}.yaml`: which sentence is better, or is this one good?

The wordings are of three kinds, a simple question, an instruction and a complex question, as in Hu and Levy (2023,
"Prompting is not a substitute for probability measurements in large language models", EMNLP, table 2); the words are
our own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import yaml

from linguistic_regions.runtime.checkout import ROOT, checkout_file

FOLDER = ROOT / "resources" / "questions"
WORDINGS = tuple(f"{kind}_{form}" for kind in ("choice", "yes_no") for form in ("simple", "instruction", "complex"))


@dataclass(frozen=True)
class Question:
    """A question about a pair of sentences, and its two possible answers.

    Attributes:
        text: the question.
        instruction: the question without the sentences.
        cue: what follows the question and precedes the answer.
        right: the right answer, with the space that separates it from the cue.
        wrong: the wrong answer, as `right`.
        shown: the sentences that are shown: "both", "good" or "bad".
        order: "good first" or "bad first", of two sentences; "yes first" or "no first", of the words for the answers.
        right_first: whether the right answer is the first of the two that the question names.
    """

    text: str
    instruction: str
    cue: str
    right: str
    wrong: str
    shown: str
    order: str
    right_first: bool


def languages() -> list[str]:
    """The codes of the languages in which there are questions."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def wordings(language: str) -> dict[str, str]:
    """The wordings in a language, and the words for the answers, by key."""
    return yaml.safe_load(checkout_file(FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))


def questions(good: str, bad: str, wording: str, language: str) -> Iterator[Question]:
    """The questions about a pair: both orders of what the question names, and, if it shows one sentence, either one.

    Args:
        good: the better sentence.
        bad: the other one.
        wording: one of `WORDINGS`.
        language: the code of the question's language.
    """
    words = wordings(language)
    if wording.startswith("choice"):
        for order, sentences in (("good first", (good, bad)), ("bad first", (bad, good))):
            named = {"sentence_1": sentences[0], "sentence_2": sentences[1]}
            right = order == "good first"
            yield _question(words, wording, named, ("1", "2"), right, "both", order)
        return
    for shown, sentence, right in (("good", good, words["yes"]), ("bad", bad, words["no"])):
        for order, answers in (("yes first", (words["yes"], words["no"])), ("no first", (words["no"], words["yes"]))):
            named = {"sentence": sentence, "answer_1": answers[0], "answer_2": answers[1]}
            yield _question(words, wording, named, answers, answers[0] == right, shown, order)


def _question(
    words: dict[str, str],
    wording: str,
    named: dict[str, str],
    answers: tuple[str, str],
    right_first: bool,
    shown: str,
    order: str,
) -> Question:
    """A question with the answers in the order in which it names them."""
    template, cue = words[wording], words["answer"]
    instruction = " ".join(line for line in template.splitlines() if "{sentence" not in line)
    space = cue[len(cue.rstrip()) :]
    right, wrong = answers if right_first else answers[::-1]
    return Question(
        text=template.format(**named),
        instruction=instruction.format(**named),
        cue=cue.rstrip(),
        right=space + right,
        wrong=space + wrong,
        shown=shown,
        order=order,
        right_first=right_first,
    )
