"""All that is wrong in a text bank, not only what is found first."""

from collections.abc import Callable, Sequence
from pathlib import Path

from itaclip_mmseg.text.bank import bank_faults, parse_bank, read_content
from itaclip_mmseg.text.length import length_faults
from itaclip_mmseg.utils.errors import UserError


def file_faults(path: Path, classes_of: Callable[[str], Sequence[str] | None] = lambda dataset: None) -> list[str]:
    """Faults of a bank file, a line each.

    Args:
        classes_of: class names of a data set by its name; None where they are not known, and then not compared.
    """
    try:
        content = read_content(path)
    except UserError as error:
        return [str(error)]
    faults = list(bank_faults(content, str(path)))
    if faults:
        return faults
    bank = parse_bank(content, str(path))
    faults = list(length_faults(bank))
    names = classes_of(bank.dataset)
    try:
        if names is not None:
            bank.check_classes(names)
    except UserError as error:
        faults.append(str(error))
    return faults
