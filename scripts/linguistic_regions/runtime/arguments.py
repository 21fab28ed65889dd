"""What is wrong with a command line that does not fit a program's options, in one line."""

from tyro import _errors as tyro_errors  # private: tyro is pinned, and tests/runtime/test_nonsense.py tests each case

from linguistic_regions.runtime.errors import UserError


def refuse(event: tyro_errors.ParseErrorEvent) -> None:
    """Say what is wrong in place of tyro, which would print a box of several lines.

    Raises:
        UserError: always, except for what no program of ours gives rise to.
    """
    match event:
        case (
            tyro_errors.MissingArgs(unrecognized_tokens=[unknown, *_])
            | tyro_errors.UnrecognizedArgs(tokens=[unknown, *_])
        ):
            wrong = f"{unknown}: there is no such option"
        case tyro_errors.MissingArgs(missing_arguments=missing):
            wrong = f"{', '.join(each.arg.display_name() for each in missing)}: missing"
        case tyro_errors.MissingSubcommand(subcommand_spec=commands):
            wrong = f"give one of the commands {', '.join(commands.parser_from_name)}"
        case tyro_errors.InvalidChoice(argument=argument, value=value, choices=choices):
            wrong = f"{argument.display_name()}: {value} must be one of {', '.join(choices)}"
        case tyro_errors.BadValue(argument=argument):
            wrong = f"{argument.display_name()}: the value is missing"
        case tyro_errors.InstantiationFailure(argument=argument) if argument:
            wrong = f"{argument.display_name()}: it takes {argument.lowered.metavar}"
        case _:
            return
    raise UserError(f"{wrong}: see --help")
