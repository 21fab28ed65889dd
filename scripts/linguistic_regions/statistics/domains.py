"""The domains that a run was tested on, from a table's column `domain`."""

import pandas as pd

COLUMN = "domain"


def domains(table: pd.DataFrame | None) -> list[str]:
    """Return the domains in order of appearance; a single unnamed one if the table has no such column."""
    if table is None or COLUMN not in table:
        return [""]
    return list(table[COLUMN].unique())


def only(table: pd.DataFrame, domain: str) -> pd.DataFrame:
    """Return the rows of one domain."""
    return table[table[COLUMN] == domain] if COLUMN in table else table


def first(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first domain, the one that regions are selected on."""
    return only(table, domains(table)[0]) if len(table) else table
