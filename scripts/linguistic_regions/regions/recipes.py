"""Recipes: which regions a run declares, by name, and how one is made. Needs numpy and safetensors only.

A recipe is a dict of JSON values with one of these shapes. Scores are folders below importance/,
"estimator/language/samples"; a config may leave out the estimator.

    {select: top | bottom, scores: [...], ratio: r, scope: tensor | model}    ranked by the sum of the scores
    {select: top | bottom, scores: [...], like: region}                       as many per matrix as that region
    {select: random, like: region, seed: n}                                   the same, drawn at random
    {select: union | intersection, of: [region, ...]}
    {select: difference, of: [region, ...]}                                   the first without the others
    {select: complement, of: [region]}                                        all selectable weights but those

An optional `label` says what the region stands for in the tables: kind, ratio, samples, replicate, scope, target.
"""

from functools import reduce

from linguistic_regions.regions import selection
from linguistic_regions.regions.region import Region, union_of
from linguistic_regions.regions.selection import Scored
from linguistic_regions.runtime.errors import UserError

Recipes = dict[str, dict]


def like(recipe: dict) -> list[str]:
    """The name of the region whose size a recipe takes, if any."""
    return [recipe["like"]] if "like" in recipe else []


def operands(recipe: dict) -> list[str]:
    """The names of the regions that a recipe combines, in their order."""
    return recipe.get("of", [])


def ingredients(recipe: dict) -> list[str]:
    """The names of all regions that a recipe needs."""
    return like(recipe) + operands(recipe)


def settings(recipe: dict) -> dict[str, object]:
    """A recipe as options of region.py, without the files that it needs."""
    plain = {key: recipe[key] for key in ("select", "ratio", "scope", "seed") if key in recipe}
    return plain | {f"label.{key}": value for key, value in recipe.get("label", {}).items()}


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


def build(recipe: dict, scored: Scored | None, parts: list[Region]) -> Region:
    """The region of a recipe; nothing is computed before its masks are asked for.

    Args:
        recipe: as described above.
        scored: the sum of the scores that it ranks by, if it does.
        parts: its ingredients, in the order of `ingredients`.
    """
    match recipe["select"]:
        case "top" | "bottom" as kind:
            like = parts[0] if parts else None
            return selection.select(scored, recipe.get("ratio"), like, recipe.get("scope", "tensor"), top=kind == "top")
        case "random":
            return selection.random(parts[0], recipe["seed"])
        case "intersection":
            return reduce(lambda a, b: a & b, parts)
        case "union":
            return union_of(parts)
        case "difference":
            return parts[0] - union_of(parts[1:])
        case "complement":
            return ~parts[0]
        case kind:
            raise UserError(f"recipe: select is {kind!r}; docs/method.md lists what it can be")
