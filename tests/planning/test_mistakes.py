"""Mistakes in a config, and files that it names and that are not there: each is named in one line, all at once."""

from pathlib import Path

import pytest
import yaml

from linguistic_regions.planning import configuration
from linguistic_regions.planning.configfiles import merged
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.languages import languages

ROOT = Path(__file__).parents[2]
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
TINY = merged(DEFAULTS, yaml.safe_load((ROOT / "configs/tiny.yaml").read_text(encoding="utf-8")))

MISTAKES = {
    "unknown key": ({"importnce": {}}, "importnce: there is no such key; did you mean 'importance'?"),
    "a key that is no string": ({5: 6}, "5: there is no such key; known keys are run, "),
    "a name with a line break": ({"run": "demo\n"}, "run: 'demo\\n' is not allowed"),
    "a seed beyond 32 bits": ({"seed": 2**32}, "seed: 4294967296 must be at most 4294967295"),
    "unknown key in a section": (
        {"importance": {"estimater": "taylor"}},
        "importance.estimater: there is no such key; did you mean 'estimator'?",
    ),
    "wrong type": ({"removal": {"ratios": "many"}}, "removal.ratios: 'many' is not a list in brackets, such as [a, b]"),
    "a section that is a list": ({"removal": [0.1]}, "removal: [0.1] is not a section with keys"),
    "an empty section": ({"removal": None}, "removal: null is not a section with keys"),
    "half a sample": ({"further": {"milestones": [0, 1.5]}}, "further.milestones.1: 1.5 is not a whole number"),
    "ratio 0": ({"removal": {"ratios": [0]}}, "removal.ratios.0: 0 must be more than 0"),
    "ratio 1": ({"freezing": {"ratio": 1}}, "freezing.ratio: 1 must be less than 1"),
    "ratio above 1": ({"monolingual": {"ratio": 1.5}}, "monolingual.ratio: 1.5 must be less than 1"),
    "ratio below 0": ({"removal": {"ratios": [-0.1]}}, "removal.ratios.0: -0.1 must be more than 0"),
    "ratio twice": ({"removal": {"ratios": [0.1, 0.1]}}, "removal.ratios: [0.1, 0.1] has an item twice"),
    "no ratio": ({"removal": {"ratios": []}}, "removal.ratios: [] must not be empty"),
    "a ratio in per cent": ({"removal": {"ratios": ["3%"]}}, "removal.ratios.0: '3%' is not a number: write 0.03"),
    "a ratio with a comma": ({"controls": {"ratio": "0,5 %"}}, "controls.ratio: '0,5 %' is not a number: write 0.005"),
    "a code in capitals": ({"languages": ["RU"]}, "languages.0: 'RU' is not allowed; did you mean ru?"),
    "a language by its name": ({"languages": ["Swahili"]}, "languages.0: 'Swahili' is not allowed; did you mean sw?"),
    "a word in capitals": ({"precision": "FP32"}, "'FP32' is not one of auto, bf16, fp32; did you mean 'fp32'?"),
    "a truth that is none": ({"model": {"scratch": {"tied": "maybe"}}}, "tied: 'maybe' is not true or false"),
    "learning rate 0": ({"further": {"learning_rate": 0}}, "further.learning_rate: 0 must be more than 0"),
    "learning rate that is no number": (
        {"further": {"learning_rate": float("nan")}},
        "further.learning_rate: nan is not a finite number",
    ),
    "weight decay without end": (
        {"training": {"weight_decay": float("inf")}},
        "training.weight_decay: inf is not a finite number",
    ),
    "learning rate in words": ({"further": {"learning_rate": "fast"}}, "learning_rate: 'fast' is not a number"),
    "no thread": ({"threads": 0}, "threads: 0 must be at least 1"),
    "a block too short": ({"tokens": {"block_size": 1}}, "tokens.block_size: 1 must be at least 8"),
    "no samples": ({"importance": {"samples": []}}, "importance.samples: [] must not be empty"),
    "a precision that is none": ({"precision": "fp16"}, "precision: 'fp16' is not one of auto, bf16, fp32"),
    "an arm that is none": ({"freezing": {"arms": ["ful"]}}, "freezing.arms.0: 'ful' is not one of full, core_frozen"),
    "a pattern that is none": ({"model": {"include": ["("]}}, "model.include: '(' is not a valid regular expression"),
    "a model without a name": ({"model": {"pretrained": ""}}, "model.pretrained: '' must not be empty"),
    "a package with a space": (
        {"corpora": {"debian": {"packages": ["a b"]}}},
        "corpora.debian.packages.0: 'a b' is not allowed",
    ),
    "a source that is none": (
        {"corpora": {"source": "web"}},
        "corpora.source: 'web' is not one of debian, huggingface",
    ),
    "generic resources with options": ({"cluster": {"gres": "gpu --x"}}, "cluster.gres: 'gpu --x' is not allowed"),
    "a region that climbs": (
        {"regions": {"../x": {"select": "complement", "of": ["top-0.01"]}}},
        "regions: '../x' is not allowed (names consist of letters",
    ),
    "a recipe in words": ({"regions": {"x": "both"}}, "config: regions.x: 'both' is not a section with keys"),
    "a recipe without anything": ({"regions": {"x": {"select": "random"}}}, "regions.x: like and seed are missing"),
    "a recipe without a size": (
        {"regions": {"x": {"select": "top", "scores": ["en/8"]}}},
        "regions.x: give one of ratio, like, and only one",
    ),
    "a region without itself": (
        {"regions": {"x": {"select": "difference", "of": ["top-0.01", "top-0.01"]}}},
        "regions.x.of: ['top-0.01', 'top-0.01'] has an item twice",
    ),
    "a region removed twice": ({"removal": {"regions": ["x", "x"]}}, "removal.regions: ['x', 'x'] has an item twice"),
    "a recipe that is none": ({"regions": {"x": {"select": "best"}}}, "regions.x.select: 'best' is not one of top"),
    "unknown word": ({"importance": {"estimator": "tailor"}}, "importance.estimator: 'tailor' is not one of taylor"),
    "unknown language": ({"languages": ["en", "xq"]}, "languages: language 'xq' is not in resources/languages.tsv"),
    "language twice": ({"languages": ["en", "en"]}, "languages:"),
    "language outside the run": (
        {"languages": ["en", "zh"], "freezing": {"languages": ["ar"]}},
        "freezing.languages: 'ar' is not in languages (en, zh)",
    ),
    "one monolingual language": ({"monolingual": {"languages": ["ru"]}}, "monolingual.languages: ['ru']"),
    "kin outside the run": (
        {"monolingual": {"kin": ["pl"]}, "importance": {"at": "base"}},
        "monolingual.kin: 'pl' is not in languages",
    ),
    "kin that is not trained on": (
        {"monolingual": {"kin": ["pt"]}},
        "monolingual.kin: 'pt' is not in further.languages",
    ),
    "kin that has a region": ({"monolingual": {"kin": ["ru"]}}, "monolingual.kin: 'ru' is in monolingual.languages"),
    "a language of which nothing is subtracted": (
        {"monolingual": {"subtract": ["ru"]}},
        "monolingual.subtract: nothing is subtracted from the region of ru; add another language",
    ),
    "a subtracted language without scores": (
        {"monolingual": {"subtract": ["en", "ru"]}},
        "monolingual.subtract: 'en' is not in importance.languages",
    ),
    "milestones out of order": (
        {"retraining": {"milestones": [0, 32, 16]}},
        "retraining.milestones: [0, 32, 16] must be in ascending order",
    ),
    "milestone between batches": (
        {"freezing": {"milestones": [0, 100]}},
        "100 is not a multiple of training.batch_size",
    ),
    "samples between batches": (
        {"importance": {"samples": [6], "estimator": "taylor_abs", "micro_batch": 4}},
        "6 is not a multiple of importance.micro_batch (4)",
    ),
    "a check of less than two halves": (
        {"importance": {"estimator": "taylor_abs", "micro_batch": 16}},
        "importance.stability.checks: 16 samples are fewer than two micro-batches",
    ),
    "nowhere to stop": (
        {"importance": {"stability": {"checks": [], "stop_at": 0.9}}},
        "importance.stability.stop_at: there are no checks at which to stop",
    ),
    "a run name that climbs": ({"run": "../x"}, "run: '../x' is not allowed"),
    "a run name from the root": ({"run": "/x"}, "run: '/x' is not allowed"),
    "an odd head": ({"model": {"scratch": {"width": 18, "heads": 6, "kv_heads": 6}}}, "width / heads = 3 dimensions"),
    "a run name beyond what a folder may have": ({"run": "x" * 300}, "run: 300 letters are too many: use at most 100"),
    "more threads than there are": ({"threads": 100000}, "threads: 100000 must be at most 1024"),
    "heads": ({"model": {"scratch": {"heads": 3, "kv_heads": 3}}}, "width must be a multiple of heads"),
    "a language without text in Debian": (
        {"languages": ["en", "sw"], "corpora": {"source": "debian"}},
        "corpora.source: debian has no text in Swahili; give another source under corpora.languages.sw, or remove 'sw'",
    ),
    "a language without fortunes": (
        {"languages": ["en", "zh", "ar"], "corpora": {"source": "debian", "debian": {"packages": ["{fortunes}"]}}},
        "corpora.debian.packages: language 'ar' has no fortunes",
    ),
    "files of another source": (
        {"corpora": {"source": "debian", "files": {"paths": ["{language}.txt"]}}},
        "corpora.files.paths: not read, because corpora.source is debian; set it to files",
    ),
    "a language's files of another source": (
        {"corpora": {"source": "debian", "languages": {"ru": {"files": {"paths": ["x.txt"]}}}}},
        "corpora.languages.ru.files.paths: not read, because corpora.languages.ru.source is debian; set it to files",
    ),
    "pairs of another source": (
        {"probes": {"languages": ["ru"], "files": {"paths": ["x.jsonl"]}}},
        "probes.files.paths: not read, because 'files' is not in probes.sources; add it",
    ),
    "pairs in other languages": (
        {"probes": {"languages": ["de"], "sources": ["files"], "files": {"paths": ["x.jsonl"]}}},
        "probes.files.paths: not read, because no language of probes.languages (de) is in languages; set it",
    ),
    "no training text": ({"corpora": {"test": 0.6, "valid": 0.5}}, "no text is left for training"),
    "a region that is not declared": (
        {"removal": {"regions": ["top-0.33"]}},
        "removal.regions: no region 'top-0.33' is declared; did you mean 'top-0.03'?",
    ),
    "a region of one that is not declared": (
        {"regions": {"x": {"select": "union", "of": ["monolingual-ru-999", "top-0.03"]}}},
        "regions.x: no region 'monolingual-ru-999' is declared; did you mean 'monolingual-ru-",
    ),
    "a region with a taken name": (
        {"regions": {"top-0.01": {"select": "random", "like": "top-0.03", "seed": 1}}},
        "regions: 'top-0.01' is not allowed (names consist of letters",
    ),
    "a region without scores": ({"regions": {"x": {"select": "top", "ratio": 0.1}}}, "regions.x: scores is missing"),
    "a region of unknown scores": (
        {"regions": {"x": {"select": "top", "ratio": 0.1, "scores": ["ru/999"]}}},
        "regions.x.scores: 'ru/999' is not one of ar/64",
    ),
    "a region of scores by no estimator": (
        {"regions": {"x": {"select": "top", "ratio": 0.1, "scores": ["tailor/ru/64"]}}},
        "regions.x.scores: 'tailor' is not one of taylor, taylor_abs, fisher, magnitude",
    ),
    "a language without a prompt": (
        {"languages": [*DEFAULTS["languages"], "de"], "generations": {"languages": ["de"]}},
        "generations.languages: 'de' has no prompt: add it to generations.prompts",
    ),
    "a prompt of a language that is none": (
        {"generations": {"prompts": {"eng": "The capital of France is"}}},
        "generations.prompts: ",
    ),
    "an address in place of a model's name": (
        {"model": {"pretrained": "https://hub.example/lab/tiny"}},
        "model.pretrained: https://hub.example/lab/tiny is an address: give the model's name on the hub, owner/name",
    ),
    "a prompt that is none": (
        {"generations": {"prompts": {"en": ""}}},
        "generations.prompts.en: '' must not be empty",
    ),
    "a language without minimal pairs": (
        {"probes": {"languages": ["ja"], "sources": ["templates", "hub", "files"]}},
        "probes.languages: 'ja' has no pairs (templates: there is no resources/minimal_pairs/ja.yaml; "
        "hub: language 'ja' has no multiblimp in resources/languages.tsv, which '{multiblimp}' needs; "
        "files: probes.files.paths is empty): add a source, such as corruptions",
    ),
    "no source of minimal pairs": ({"probes": {"sources": []}}, "probes.sources: [] must not be empty"),
    "a source of minimal pairs that is none": (
        {"probes": {"sources": ["web"]}},
        "probes.sources.0: 'web' is not one of",
    ),
    "a language without questions": (
        {"probes": {"prompted": {"languages": ["sv", "own"]}}},
        "probes.prompted.languages: there are no questions in 'sv': add resources/questions/sv.yaml, or choose from de",
    ),
    "a language that nobody asks about": (
        {"probes": {"languages": ["ar"], "sources": ["corruptions"], "prompted": {"languages": ["own"]}}},
        "probes.prompted.languages: there are no questions in 'ar': add resources/questions/ar.yaml, or another",
    ),
    "fillers of a question that is not asked": (
        {"probes": {"prompted": {"wordings": ["choice_complex"], "fillers": {"counts": [8]}}}},
        "probes.prompted.fillers.wording: 'choice_simple' is not in probes.prompted.wordings: add it there",
    ),
    "a wording that is none": (
        {"probes": {"prompted": {"wordings": ["choice"]}}},
        "probes.prompted.wordings.0: 'choice' is not one of choice_simple",
    ),
    "no minimal pair": ({"probes": {"pairs": 0}}, "probes.pairs: 0 must be at least 1"),
    "one region in a union": ({"regions": {"x": {"select": "union", "of": ["top-0.01"]}}}, "regions.x.of"),
    "milestones without the start": (
        {"freezing": {"milestones": [16, 32]}},
        "freezing.milestones.0: 16 must be 0 here",
    ),
    "one milestone": ({"further": {"milestones": [0]}}, "further.milestones: [0] must have at least 2 items"),
    "unknown key in a language's source": (
        {"corpora": {"languages": {"zh": {"files": {"path": ["x"]}}}}},
        "corpora.languages.zh.files.path: there is no such key; did you mean 'paths'?",
    ),
    "a report without figures": (
        {"figures": {"formats": ["pdf"]}},
        "figures.formats: ['pdf'] lacks svg: add it (File formats of the figures; must include svg",
    ),
    "a batch more than the samples": ({"model": {"scratch": {"samples": 8}}}, "fewer than one batch"),
    "a field that languages do not have": (
        {"corpora": {"languages": {"ru": {"source": "files", "files": {"paths": ["{lang}/*.txt"]}}}}},
        "corpora.languages.ru.files.paths: '{lang}/*.txt' names an unknown field {lang}; the fields are language,",
    ),
    "a field that languages do not have, of minimal pairs": (
        {"probes": {"hub": {"config": "{multi_blimp}"}}},
        "probes.hub.config: '{multi_blimp}' names an unknown field {multi_blimp}; the fields are language, code,",
    ),
    "a field without an end": (
        {"corpora": {"domains": {"own": {"source": "files", "files": {"paths": ["{language.txt"]}}}}},
        "corpora.domains.own.files.paths: '{language.txt' is not a valid template",
    ),
    "Norwegian as a key": ({False: {}}, "no: there is no such key"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(mistake):
    changes, message = MISTAKES[mistake]
    with pytest.raises(UserError) as error:
        configuration.check(merged(TINY, changes))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_mistakes_are_told_at_once():
    values = {"seed": -1, "removal": {"ratios": [0, 2], "scopes": ["model"]}, "precision": "fp16"}
    with pytest.raises(UserError) as told:
        configuration.check(values)
    assert [line.split(": ")[1] for line in str(told.value).splitlines()] == [
        "precision",
        "removal.ratios.0",
        "removal.ratios.1",
        "seed",
    ]
    between = {"languages": ["en", "ru"], "freezing": {"languages": ["zh", "uk"]}, "retraining": {"milestones": [0, 3]}}
    with pytest.raises(UserError) as told:
        configuration.check(between)
    assert str(told.value).splitlines() == [
        "config: freezing.languages: 'zh' is not in languages (en, ru)",
        "config: freezing.languages: 'uk' is not in languages (en, ru)",
        "config: retraining.milestones: 3 is not a multiple of training.batch_size (4)",
    ]


def test_a_language_needs_a_whole_row_and_a_lineage(monkeypatch):
    monkeypatch.setitem(languages(), "tok", languages()["en"] | {"name": "Toki Pona"})
    monkeypatch.setitem(languages(), "tlh", languages()["en"] | {"name": "Klingon", "family": None})
    with pytest.raises(UserError) as told:
        configuration.check({"languages": ["en", "tok", "tlh"]})
    assert str(told.value).splitlines() == [
        "config: languages: language 'tok' is not in resources/lineages.tsv: add a row with its ancestors",
        "config: languages: language 'tlh' has no family in resources/languages.tsv: fill in the columns, which tabs "
        "separate",
    ]


def test_texts_that_are_not_there_are_named_with_their_language(tmp_path):
    (tmp_path / "en.txt").touch()
    source = {"source": "files", "files": {"paths": [f"{tmp_path}/{{language}}.txt"]}}
    config = configuration.check({"languages": ["en", "zh"], "experiments": [], "corpora": source})
    with pytest.raises(UserError, match="corpora.files.paths: there is no file for zh .*/zh.txt"):
        configuration.check_files(config)
    configuration.check_files(config | {"languages": ["en"]})
    config = configuration.check({"languages": ["en"], "experiments": [], "corpora": {"source": "files"}})
    with pytest.raises(UserError, match="there is no file for en .no path given."):
        configuration.check_files(config)


def test_a_column_that_is_not_there_is_found_before_any_job(tmp_path):
    (tmp_path / "en.jsonl").write_text('{"body": "Some text."}\n')
    files = {"paths": [f"{tmp_path}/{{language}}.jsonl"]}
    source = {"languages": ["en"], "experiments": [], "corpora": {"source": "files", "files": files}}
    with pytest.raises(UserError, match="config: corpora.files: .*en.jsonl, line 1 has no 'text' .its fields: body"):
        configuration.check_files(configuration.check(source))
    files["column"] = "body"
    configuration.check_files(configuration.check(source))


FILES = {
    "no file": (["{language}/*.csv"], "there is no file for ru (ru/*.csv); check the path"),
    "one of two": (
        ["{language}/*.txt", "more/{language}.txt"],
        "there is no file for ru (more/ru.txt); check the path",
    ),
    "a folder": (["{language}"], "there is no file for ru (ru); use ru/*"),
    "the same for two": (["*/*.txt"], "ru and zh have the same files, such as ru/a.txt; put {language} in the path"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for code in ("ru", "zh"):
        Path(code).mkdir()
        Path(code, "a.txt").touch()
    paths, message = FILES[name]
    config = configuration.check(
        {"languages": ["ru", "zh"], "experiments": [], "corpora": {"source": "files", "files": {"paths": paths}}}
    )
    with pytest.raises(UserError) as told:
        configuration.check_files(config)
    assert str(told.value) == f"config: corpora.files.paths: {message}"


def test_a_file_of_minimal_pairs_is_not_named_by_language():
    config = configuration.check({"probes": {"sources": ["files"], "files": {"paths": ["{language}.jsonl"]}}})
    with pytest.raises(UserError) as told:
        configuration.check_files(config)
    advice = "give it without {}: each row names its language"
    assert str(told.value) == f"config: probes.files.paths: there is no file {{language}}.jsonl; {advice}"


def test_a_model_without_a_tokenizer_or_weights_is_named_before_any_job(tmp_path):
    (tmp_path / "config.json").touch()
    (tmp_path / "tokenizer_config.json").touch()
    config = configuration.check({"model": {"pretrained": str(tmp_path)}})
    with pytest.raises(UserError) as told:
        configuration.check_files(config)
    lacking = "has no tokenizer (tokenizer.json): save its own there"
    assert str(told.value) == f"config: model.pretrained: {tmp_path} {lacking}"
    (tmp_path / "spiece.model").touch()
    with pytest.raises(UserError, match="it has no weights in safetensors format; pickled weights are not loaded"):
        configuration.check_files(config)
    (tmp_path / "model.safetensors").touch()
    configuration.check_files(config)
