"""Recipes: how each region that a run declares is built. Needs only numpy and safetensors.

A recipe is a dict of JSON values of one of these forms. Scores are folders below importance/,
"estimator/language/samples"; in a config the estimator may be omitted.

    {select: top | bottom, scores: [...], ratio: r, scope: tensor | model}    ranked by the sum of the scores
    {select: top | bottom, scores: [...], like: region}                       as many per matrix as that region
    {select: top | bottom, scores: [...], minus: [...], ratio: r}             by the sum less the mean of those in minus
    {select: cut, scores: [...], of: [region, ...]}                           the first's top: as many per matrix as the
                                                                              smallest of the regions has there
    {select: random, like: region, seed: n}                                   the same, drawn at random
    {select: random, like: region, seed: n, match: magnitude, scores: [...]}  outside it, of the same |weight|
    {select: random, like: region, seed: n, match: dimensions}                as many in each row and column
    {select: dimension, like: region, dimension: d}                           readers and writers of hidden dimension d
    {select: entries, like: region, matrix: name, row: r, column: c}          a weight; without column a row
    {select: outliers, like: region, kind: dimensions | rows | weights}      those that outliers.py found
    {select: union | intersection, of: [region, ...]}
    {select: difference, of: [region, ...]}                                   the first without the others
    {select: complement, of: [region]}                                        all other selectable weights

For dimension, entries and outliers, `like` is any region of the model: it lists the matrices.

An optional `label` describes the region in the tables: kind, ratio, samples, replicate, scope, target,
estimator.
"""

from functools import reduce

from linguistic_regions.regions import controls, outliers, selection
from linguistic_regions.regions.region import Region, union_of
from linguistic_regions.regions.selection import Scored
from linguistic_regions.runtime.errors import UserError

Recipes = dict[str, dict]

SETTINGS = ("select", "ratio", "scope", "seed", "match", "dimension", "matrix", "row", "column", "kind")


def like(recipe: dict) -> list[str]:
    """Return the name of the region that a recipe takes its size from, if any."""
    return [recipe["like"]] if "like" in recipe else []


def operands(recipe: dict) -> list[str]:
    """Return the names of the regions that a recipe combines, in order."""
    return recipe.get("of", [])


def dependencies(recipe: dict) -> list[str]:
    """Return the names of all regions that a recipe needs."""
    return like(recipe) + operands(recipe)


def ranked_by(recipe: dict) -> list[str]:
    """Return the folders of all scores that a recipe ranks by, those that it subtracts included."""
    return [*recipe.get("scores", []), *recipe.get("minus", [])]


def settings(recipe: dict) -> dict[str, object]:
    """Return a recipe as options of region.py, without its input files."""
    plain = {key: recipe[key] for key in SETTINGS if recipe.get(key) is not None}
    return plain | {f"label.{key}": value for key, value in recipe.get("label", {}).items()}


def needed(name: str, recipes: Recipes) -> Recipes:
    """Return the recipe `name` and all recipes that it needs, dependencies first.

    Raises:
        UserError: if a region is not declared, or depends on itself.
    """
    found: Recipes = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise UserError(f"regions.{path[0]}: the region depends on itself ({' -> '.join((*path, name))})")
        if name not in recipes:
            raise UserError(f"regions.{path[-1] if path else name}: no region {name!r} is declared")
        for dependency in dependencies(recipes[name]):
            visit(dependency, (*path, name))
        found.setdefault(name, recipes[name])

    visit(name, ())
    return found


def build(recipe: dict, scored: Scored | None, parts: list[Region], name: str = "") -> Region:
    """Build the region of a recipe; its masks are computed on access.

    Args:
        recipe: as described above.
        scored: the scores to rank by, if it ranks.
        parts: the regions that it needs, in the order of `dependencies`.
        name: name of the region, part of the seed of a random one.

    Raises:
        UserError: if `select` or `match` is unknown.
    """
    match recipe["select"]:
        case "top" | "bottom" as kind:
            like = parts[0] if parts else None
            return selection.select(scored, recipe.get("ratio"), like, recipe.get("scope", "tensor"), top=kind == "top")
        case "cut":
            return selection.cut(scored, parts)
        case "random":
            return _random(recipe, scored, parts[0], name)
        case "dimension":
            return outliers.dimensions(parts[0], [recipe["dimension"]])
        case "entries":
            return outliers.entries(parts[0], [{key: recipe.get(key) for key in ("matrix", "row", "column")}])
        case "outliers":
            return outliers.from_file(parts[0], recipe["outliers"], recipe["kind"])
        case "intersection":
            return reduce(lambda a, b: a & b, parts)
        case "union":
            return union_of(parts)
        case "difference":
            return parts[0] - union_of(parts[1:])
        case "complement":
            return ~parts[0]
        case kind:
            raise UserError(f"recipe: unknown select {kind!r}; docs/method.md lists the allowed values")


def matching(recipe: dict, scored: Scored | None, parts: list[Region], made: Region) -> dict:
    """Measure how well a random region matches its original, for its metadata.

    Returns:
        For `magnitude`, what `controls.magnitude_match` returns. For `dimensions`, the `overlap`: the number of weights
        shared with the original.
    """
    if recipe["match"] == "magnitude":
        return controls.magnitude_match(made, parts[0], scored)
    return {"overlap": controls.overlap(made, parts[0])}


def _random(recipe: dict, scored: Scored | None, like: Region, name: str) -> Region:
    match recipe.get("match", "count"):
        case "count":
            return selection.random(like, recipe["seed"], name)
        case "magnitude":
            return controls.matched_magnitude(like, scored, recipe["seed"], name)
        case "dimensions":
            return controls.matched_dimensions(like, recipe["seed"], name)
        case kind:
            raise UserError(f"recipe: unknown match {kind!r}; docs/method.md lists the allowed values")
