"""All that is wrong in a text bank, not only what is found first."""

from pathlib import Path

from itaclip_mmseg.datasets.checks import config_classes
from itaclip_mmseg.errors import UserError
from itaclip_mmseg.text.bank import bank_faults, parse_bank, read_content


def file_faults(path: Path) -> list[str]:
    """Faults of a bank file, a line each; compared with the data set too where one of our configs has its name."""
    try:
        content = read_content(path)
    except UserError as error:
        return [str(error)]
    faults = list(bank_faults(content, str(path)))
    if faults:
        return faults
    bank = parse_bank(content, str(path))
    names = config_classes(bank.dataset)
    if names is None:
        return []
    try:
        bank.check_classes(names)
    except UserError as error:
        return [str(error)]
    return []
