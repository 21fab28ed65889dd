"""The kinds of text that a run was tested on: its column `domain`, where a table has one."""

import pandas as pd

COLUMN = "domain"


def domains(table: pd.DataFrame | None) -> list[str]:
    """The domains in order of appearance; one without a name where the table tells none apart."""
    if table is None or COLUMN not in table:
        return [""]
    return list(table[COLUMN].unique())


def only(table: pd.DataFrame, domain: str) -> pd.DataFrame:
    """The rows of one of the table's domains."""
    return table[table[COLUMN] == domain] if COLUMN in table else table


def first(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first domain, that of the text which regions are cut from."""
    return only(table, domains(table)[0]) if len(table) else table
