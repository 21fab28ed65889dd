"""What is removed, in words."""

from collections.abc import Mapping

from linguistic_regions.reporting import formats
from linguistic_regions.reporting.methods.words import listed, many, named


def core(settings: Mapping) -> list[str]:
    sentences = [
        f"{listed([formats.percent(ratio) for ratio in settings['ratios']])} of the weights are set to zero, "
        f"{listed([formats.scope(scope) for scope in settings['scopes']])}: the top, the bottom and "
        f"{many(settings['replicates'], 'random region')} each."
    ]
    if settings["regions"]:
        sentences.append(f"The regions {listed(settings['regions'])} of the configuration are also removed.")
    curve = settings["curve"]
    if curve["estimators"] and curve["ratios"]:
        sentences.append(
            f"For curves, the top {listed([formats.percent(ratio) for ratio in curve['ratios']])} of each tensor by "
            f"{listed(curve['estimators'])} and as many random weights are removed"
            f"{', each also without the outlier dimensions' if curve['without_outliers'] else ''}."
        )
    return sentences


def controls(settings: Mapping) -> list[str]:
    kinds = [kind.replace("_", " ") for kind in settings["regions"]]
    sentences = [
        f"The core of {formats.percent(settings['ratio'])} is compared with further regions: {listed(kinds)}. Random "
        f"regions are drawn {many(settings['replicates'], 'time')}.",
        f"Outliers are those of {many(settings['blocks'], 'block')} of each language of importance.",
    ]
    if settings["factors"]:
        factors = listed([f"{factor:g}" for factor in settings["factors"]])
        sentences.append(f"Outlier rows and weights are multiplied by {factors} too.")
    if settings["noise"]:
        scales = listed([f"{scale:g}" for scale in settings["noise"]])
        sentences.append(f"Gaussian noise of {scales} standard deviations of each matrix is added to them too.")
    return sentences


def monolingual(settings: Mapping, names: Mapping[str, str]) -> list[str]:
    ratio, own = formats.percent(settings["ratio"]), named(settings["languages"], names)
    others = named(settings["subtract"], names) if settings["subtract"] else "the others"
    designs = {
        "difference": f"A monolingual region is the part of the top {ratio} for one of {own} that is not in the top "
        f"for any of {others}, ranked within each tensor.",
        "contrast": f"A contrast region is the top {ratio} by the scores of one of {own} minus the mean of the scores "
        f"of {others}, ranked within each tensor.",
    }
    controls = {"random": many(settings["replicates"], "random region"), "bottom": "a bottom region"}
    controls = [named for control, named in controls.items() if control in settings["controls"]]
    sentences = [designs[design] for design in settings["designs"]]
    if settings["size"] == "smallest":
        sentences.append("All regions are cut, by score, to the smallest in each tensor.")
    if controls:
        sentences.append(f"Each is compared with {listed(controls)} of the same size in each tensor.")
    return sentences
