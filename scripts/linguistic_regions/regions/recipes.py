"""Recipes: which regions a run declares, by name, and how one is made. Needs numpy and safetensors only.

A recipe is a dict of JSON values with one of these shapes (scores are folders below importance/, "language/samples"):

    {select: top | bottom, scores: [...], ratio: r, scope: tensor | model}    ranked by the sum of the scores
    {select: top | bottom, scores: [...], like: region}                       as many per matrix as that region
    {select: random, like: region, seed: n}                                   the same, drawn at random
    {select: union | intersection, of: [region, ...]}
    {select: difference, of: [region, ...]}                                   the first without the others
    {select: complement, of: [region]}                                        all selectable weights but those

An optional `label` says what the region stands for in the tables: kind, ratio, samples, replicate, scope, target.
"""

from collections.abc import Callable
from functools import lru_cache, reduce

from linguistic_regions.regions import selection
from linguistic_regions.regions.region import Region, union_of
from linguistic_regions.regions.selection import Scored
from linguistic_regions.runtime.errors import UserError

Recipes = dict[str, dict]


def ingredients(recipe: dict) -> list[str]:
    """The names of the regions that a recipe needs."""
    return [recipe["like"]] if "like" in recipe else recipe.get("of", [])


def needed(name: str, recipes: Recipes) -> Recipes:
    """The recipe `name` and all that it needs, ingredients first.

    Raises:
        UserError: a region is not declared, or is made of itself.
    """
    found: Recipes = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise UserError(f"regions.{path[0]}: it is made of itself ({' of '.join((*path, name))})")
        if name not in recipes:
            raise UserError(f"regions.{path[-1] if path else name}: no region {name!r} is declared")
        for ingredient in ingredients(recipes[name]):
            visit(ingredient, (*path, name))
        found.setdefault(name, recipes[name])

    visit(name, ())
    return found


def build(made: Recipes, scored: Callable[..., Scored], built: Callable[[str], Region]) -> dict[str, Region]:
    """Regions by recipe; nothing is computed before their masks are asked for, and sums of scores are shared.

    Args:
        made: as described above, ingredients first.
        scored: gives the sum of some scores, by their names.
        built: gives an ingredient that is not among `made`, by its name.
    """
    sums = lru_cache(maxsize=None)(scored)
    found: dict[str, Region] = {}
    for name, recipe in made.items():
        parts = [found[part] if part in found else built(part) for part in ingredients(recipe)]
        found[name] = _make(recipe, parts, sums)
    return found


def _make(recipe: dict, parts: list[Region], sums: Callable[..., Scored]) -> Region:
    kind = recipe["select"]
    if kind in ("top", "bottom"):
        like = parts[0] if parts else None
        scope = recipe.get("scope", "tensor")
        return selection.select(sums(*recipe["scores"]), recipe.get("ratio"), like, scope, top=kind == "top")
    if kind == "random":
        return selection.random(parts[0], recipe["seed"])
    if kind == "intersection":
        return reduce(lambda a, b: a & b, parts)
    if kind == "union":
        return union_of(parts)
    if kind == "difference":
        return parts[0] - union_of(parts[1:])
    if kind == "complement":
        return ~parts[0]
    raise UserError(f"recipe: select is {kind!r}; docs/method.md lists what it can be")
