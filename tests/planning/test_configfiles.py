"""Config files: no key twice, anchors under `x-` keys, and one line for what is not a config."""

import pytest
import yaml

import estimate
from linguistic_regions.planning import configfiles, configuration
from linguistic_regions.runtime.errors import UserError
from small_run import ROOT, copy_workflow, snakemake

ANCHORED = """
run: mine
x-six: &six {languages: [en, es, ru], samples: [8]}
x-more: &more
  <<: *six
  samples: [16]
further: {languages: [en, es, ru]}
importance:
  <<: *more
  micro_batch: 2
"""


def write(folder, content):
    path = folder / "my.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


TWICE = {
    "a section": ("tokens: {bos: true}\nrun: x\ntokens: {bos: false}\n", "tokens is given twice, in lines 1 and 3"),
    "a key of a section": ("tokens:\n  bos: true\n\n  bos: false\n", "bos is given twice, in lines 2 and 4"),
    "within a list": ("removal: {ratios: [{a: 1,\n b: 2,\n a: 3}]}", "a is given twice, in lines 1 and 3"),
    "a number and its name": ("5: 1\n'5': 2\n", "5 is given twice, in lines 1 and 2"),
    "once more by anchor": ("x-a: &a {b: 1,\n b: 2}\nc: {<<: *a}\n", "b is given twice, in lines 1 and 2"),
    "in a line": ("importance: {samples: [40], samples: [8]}\n", "samples is given twice, in line 1"),
    "in JSON": ('{"run": "a",\n"run": "b"}', "run is given twice, in lines 1 and 2"),
}


@pytest.mark.parametrize("case", TWICE)
def test_a_key_that_is_given_twice_is_refused_with_both_lines(tmp_path, case):
    content, message = TWICE[case]
    path = write(tmp_path, content)
    with pytest.raises(UserError) as told:
        configfiles.read(path)
    assert str(told.value) == f"{path}: {message}: remove one"


def test_anchors_and_merge_keys_are_no_keys_given_twice(tmp_path):
    content = configfiles.read(write(tmp_path, ANCHORED))
    assert content == yaml.safe_load(ANCHORED)
    assert content["importance"]["samples"] == [16]
    config = configuration.check(content | {"experiments": ["removal"]})
    assert config["importance"]["micro_batch"] == 2
    assert not [key for key in config if key.startswith("x-")]


NO_CONFIGS = {
    "empty": (b"", "this config has no keys"),
    "a list": (b"- a\n", "this config has no keys"),
    "bytes": (b"\x93\xff\x00\x01", "this is not a text file"),
    "UTF-16": ("run: x\n".encode("utf-16"), "this is not a text file in UTF-8 (invalid start byte)"),
    "a control character": (b"run: \x01", "this is not a text file"),
    "half of YAML": (b"run: x\ntokens: [\n", "this is not YAML (expected the node content, but found '<stream end>'"),
    "a list as a key": (b"? [a]\n: 1\n", "this is not YAML (found unhashable key in line 1)"),
    "two documents": (b"run: x\n---\nrun: y\n", "this is not YAML (but found another document in line 2)"),
}


@pytest.mark.parametrize("case", NO_CONFIGS)
def test_what_is_no_config_is_named_in_one_line(tmp_path, case):
    content, message = NO_CONFIGS[case]
    path = write(tmp_path, content)
    with pytest.raises(UserError) as told:
        estimate.main(configfile=(path,))
    assert str(told.value).startswith(f"{path}: {message}")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", [".", "nowhere.yaml"])
def test_a_config_that_is_not_there(tmp_path, name):
    with pytest.raises(UserError, match=f"^{tmp_path / name}: the config cannot be read"):
        configfiles.read(tmp_path / name)


REFUSED = {  # files that Snakemake would open before it reads the Snakefile
    "missing": (None, "the config cannot be read (No such file or directory): check the path"),
    "empty": (b"", "this config has no keys; docs/config.md lists them"),
    "bytes": (b"\x93\xff\x00\x01", "this is not a text file in UTF-8 (invalid start byte): name a config in YAML"),
    "twice": (b"run: a\nrun: b\n", "run is given twice, in lines 1 and 2: remove one"),
}


@pytest.mark.workflow
@pytest.mark.parametrize("case", REFUSED)
def test_the_workflow_names_them_in_one_line_from_any_folder(tmp_path, case):
    content, message = REFUSED[case]
    if content is not None:
        write(tmp_path, content)
    run = snakemake(tmp_path, "--dry-run", "--snakefile", ROOT / "Snakefile", config="my.yaml")
    assert run.returncode == 1
    assert run.stderr.splitlines()[1:] == [f"config: my.yaml: {message}"]  # after Snakemake's line about the profile


def test_a_target_after_the_config_files_is_told_from_them(tmp_path):
    with pytest.raises(SystemExit) as ended:
        configfiles.check([write(tmp_path, "run: x"), "report"])
    assert str(ended.value.code).endswith("check the path; targets are given before --configfile, or after --")


@pytest.mark.workflow
def test_a_config_is_read_by_the_workflow_too_if_another_profile_is_used(tmp_path):
    folder = copy_workflow(tmp_path / "workflow")
    write(folder, "run: a\nrun: b\n")
    run = snakemake(folder, "--dry-run", "--workflow-profile", "none", config="my.yaml")
    assert run.returncode == 1
    assert "my.yaml: run is given twice, in lines 1 and 2: remove one" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
