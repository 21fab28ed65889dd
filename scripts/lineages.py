"""Print resources/lineages.tsv, the ancestors of each language of resources/languages.tsv, from the package qwanqwa.

pip install -r envs/published.txt
.venv/bin/python scripts/lineages.py > resources/lineages.tsv
"""

from linguistic_regions.runtime.cli import run
from linguistic_regions.runtime.errors import UserError
from linguistic_regions.text.languages import languages

# ISO 639-3 codes where the two-letter code is that of a macrolanguage, which has no place in the tree.
MEMBERS = {"ar": "arb", "fa": "pes", "ms": "zsm", "sw": "swh", "zh": "cmn"}


def main() -> None:
    """Print the table of lineages."""
    try:
        from qq import Database, IdType
    except ImportError:
        raise UserError("the package qwanqwa is missing: pip install -r envs/published.txt") from None
    database = Database.load()
    print("code", "glottocode", "lineage", sep="\t")
    for code in languages():
        member = MEMBERS.get(code)
        languoid = database.get(member, id_type=IdType.ISO_639_3) if member else database.get(code)
        ancestors = [ancestor.name for ancestor in reversed(languoid.family_tree)]
        print(code, languoid.glottocode, " > ".join(ancestors), sep="\t")


if __name__ == "__main__":
    run(main)
