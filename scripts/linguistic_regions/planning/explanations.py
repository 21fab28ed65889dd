"""What is wrong with a value of the config, in people's words, from the errors of the schema's validator."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from jsonschema.exceptions import ValidationError

from linguistic_regions.text.languages import meant

BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
TYPES = {
    "array": "a list in brackets, such as [a, b]",
    "object": "a section with keys",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}


def explain(error: ValidationError) -> str:
    """Explain an error in one line: the key, the value, and what to do."""
    where, value = ".".join(map(str, error.absolute_path)) or "top level", shown(error.instance)
    limit = error.validator_value
    match error.validator:
        case "additionalProperties":
            return _unknown_key(error, where)
        case "enum":
            return f"{where}: {value} is not one of {', '.join(map(str, limit))}{nearest(error.instance, limit)}"
        case "type":
            wanted = " or ".join(TYPES[kind] for kind in ([limit] if isinstance(limit, str) else limit))
            message = f"{value} is not {wanted}{_as_number(error.instance)}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return f"{where}: {value} must be {BOUNDS[error.validator]} {limit}"
        case "minItems" | "minLength" if limit == 1:
            message = f"{value} must not be empty"
        case "minItems":
            message = f"{value} must have at least {limit} items"
        case "maxItems":
            message = f"{value} must have at most {limit} items"
        case "maxLength":
            return f"{where}: {len(error.instance)} letters are too many: use at most {limit}"
        case "uniqueItems":
            message = f"{value} has an item twice"
        case "contains":
            message = f"{value} lacks {limit['const']}: add it"
        case "const":
            message = f"{value} must be {limit} here"
        case "required":
            missing = [key for key in limit if key not in error.instance]
            message = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        case "oneOf" if all(set(choice) == {"required"} for choice in limit):
            message = f"give one of {', '.join(key for choice in limit for key in choice['required'])}, and only one"
        case "pattern":
            advice = meant(error.instance)
            message = f"{value} is not allowed{f'; {advice}' if advice else ''}"
        case _:
            message = error.message
    description = error.schema.get("description", "")
    return f"{where}: {message}" + (f" ({description})" if description else "")


def shown(value: object) -> str:
    """A value as YAML has it, where Python has other words."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), repr(value))


def _unknown_key(error: ValidationError, where: str) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = next(key for key in error.instance if key not in known)
    path = unknown if where == "top level" else f"{where}.{unknown}"
    advice = nearest(unknown, known) or f"; known keys are {', '.join(known)}"
    return f"{path}: there is no such key{advice}"


def nearest(value: object, allowed: Iterable) -> str:
    """The end of a message: the allowed value that is most like a wrong one, if any is."""
    found = get_close_matches(str(value).lower(), map(str, allowed), 1, 0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def _as_number(value: object) -> str:
    """Advice for a number that was written as text: per cent, or with a comma."""
    found = re.fullmatch(r"\s*(\d+)(?:[.,](\d+))?\s*(%?)\s*", value) if isinstance(value, str) else None
    if not found:
        return ""
    number = float(f"{found[1]}.{found[2] or 0}") / (100 if found[3] else 1)
    return f": write {number:g}"
