"""Run each evaluation of a model, loaded once, in each condition."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from linguistic_regions.evaluation.conditions import Condition
from linguistic_regions.evaluation.evidence import Evidence
from linguistic_regions.evaluation.protocol import Measurement, Subject
from linguistic_regions.runtime.checksums import fingerprint
from linguistic_regions.runtime.distributed import processes
from linguistic_regions.runtime.progress import progress


def evaluate(
    subject: Subject,
    conditions: Sequence[Condition],
    measurements: Mapping[str, Measurement],
    known: Mapping[str, Sequence[Path]],
    checkpoints: Mapping[str, Path],
    identities: Mapping[str, str],
) -> dict[str, Evidence]:
    """Run each evaluation in each condition; reuse what earlier evidence holds.

    Args:
        subject: the intact model; afterwards it is restored bit for bit.
        conditions: the states to evaluate it in.
        measurements: the evaluations, by name.
        known: files of earlier evidence of each evaluation, which may be missing.
        checkpoints: for each evaluation, the file that stores evidence until all conditions are measured.
        identities: for each evaluation, the identity of the model, the numerical settings and the code.

    Returns:
        The evidence of each evaluation, in the conditions in which it is wanted.
    """
    earlier = {name: [Evidence.load(path) for path in (*known[name], checkpoints[name])] for name in measurements}
    gathered = {name: Evidence() for name in measurements}
    for condition in progress(conditions, "conditions", unit="condition"):
        states = {
            name: fingerprint((identities[name], condition.fingerprint, measurement.fingerprint()))
            for name, measurement in measurements.items()
            if measurement.wanted_in(condition.labels)
        }
        pending = []
        for name, state in states.items():
            found = next((evidence for evidence in earlier[name] if evidence.has(condition.name, state)), None)
            if found:
                logging.info("%s: %s was measured before", condition.name, name)
                gathered[name].take(condition.name, found)
            else:
                pending.append(name)
        if not pending:
            continue
        with condition.applied(subject.model):
            for name in pending:
                columns = measurements[name].measure(subject)
                gathered[name].add(condition.name, states[name], condition.labels, columns)
                if processes().is_main_process:
                    gathered[name].save(checkpoints[name])
    return gathered
