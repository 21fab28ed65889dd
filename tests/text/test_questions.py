"""Each language has each wording, and asks about a pair in both orders."""

import pytest

from linguistic_regions.text.questions import WORDINGS, languages, questions, wordings

GOOD, BAD = "The {dogs} bark.", "The {dogs} barks."


def test_the_languages_are_those_of_the_templates_and_chinese():
    assert set(languages()) >= {"en", "de", "es", "fr", "it", "pt", "ru", "uk", "zh"}


@pytest.mark.parametrize("language", languages())
def test_a_file_has_all_wordings_and_no_other(language):
    words = wordings(language)
    assert list(words) == ["answer", "yes", "no", *WORDINGS]
    assert all(isinstance(text, str) and text == text.strip(" ") for key, text in words.items() if key != "answer")
    assert words["yes"] != words["no"]
    assert len({words[wording] for wording in WORDINGS}) == len(WORDINGS)


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("wording", WORDINGS)
def test_a_question_shows_the_sentences_and_the_answers(language, wording):
    words = wordings(language)
    asked = list(questions(GOOD, BAD, wording, language))
    assert len({question.text for question in asked}) == len(asked) == (2 if wording.startswith("choice") else 4)
    for question in asked:
        shown = {"both": [GOOD, BAD], "good": [GOOD], "bad": [BAD]}[question.shown]
        assert [sentence for sentence in (GOOD, BAD) if sentence in question.text] == shown
        assert question.text.endswith("\n")
        assert question.instruction and not any(sentence in question.instruction for sentence in (GOOD, BAD))
        answers = ["1", "2"] if wording.startswith("choice") else [words["yes"], words["no"]]
        assert {question.right.strip(), question.wrong.strip()} == set(answers)
        assert all(answer in question.instruction for answer in answers)
        assert question.cue + question.right == words["answer"] + question.right.strip()


def test_the_number_of_the_good_sentence_is_right():
    for wording in WORDINGS[:3]:
        for question in questions(GOOD, BAD, wording, "en"):
            assert f"{question.right.strip()}: {GOOD}\n" in question.text
            assert question.right_first == (question.order == "good first") == (question.right == " 1")


def test_the_good_sentence_is_correct_and_the_bad_one_is_not():
    for question in questions(GOOD, BAD, "yes_no_simple", "en"):
        assert question.right == (" Yes" if question.shown == "good" else " No")
        first, second = ("Yes", "No") if question.order == "yes first" else ("No", "Yes")
        assert question.text.startswith(f"Is this sentence correct, {first} or {second}?\n")
        assert question.right_first == (question.right == f" {first}")
