"""Convert the page's fields and sliders into class lists and settings; find those without effect."""

from collections.abc import Mapping

from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.text.check import in_background, repeated_queries
from itaclip_mmseg.text.class_sources import bank_of_entries
from itaclip_mmseg.text.classes import bank_of_text
from itaclip_mmseg.text.grammar import parse, quoted, spell
from itaclip_mmseg.utils.errors import UserError

THRESHOLDS = ('prob_threshold', 'area_threshold')


def class_list(classes: str, background: str, definitions: str = '') -> str:
    """The page's fields as `--classes` takes them.

    Args:
        classes: a list in the grammar of `itaclip_mmseg.text.grammar`, such as one class per line.
        background: words between commas; none for no background.
        definitions: a line `name: definition` for each class; without effect unless every class has one.

    Raises:
        UserError: there is no class, or the text could mean something else.
    """
    bank_of_text(classes)
    entries = with_definitions(parse(classes), definitions)
    if words := ', '.join(line for line in background.splitlines() if line.strip()).strip(' ,'):
        first, *others = parse(f'background = {words}', 'background words')
        if others or 'definition' in first:
            raise UserError(f'background words: {background!r:.80} is no list of words; separate them by commas')
        entries = [first, *entries]
    return spell(bank_of_entries(entries, 'classes', 'classes').classes, 'definition')


def with_definitions(entries: list[dict], definitions: str) -> list[dict]:
    """Add the definitions that belong to the names, if no class has one yet and all get one."""
    known = {entry['name']: entry.get('definition') for entry in parse(definitions, 'definitions')}
    complete = all(known.get(entry['name']) and not entry.get('definition') for entry in entries)
    return [entry | dict(definition=known[entry['name']]) for entry in entries] if complete else entries


def class_fields(bank: TextBank, auxiliary: str | None) -> tuple[str, str, str]:
    """Convert a bank into the page's fields: classes, background words, definitions; the reverse of `class_list`."""
    background = ', '.join(map(quoted, bank.classes[0].words)) if bank.background else ''
    classes = bank.classes[bank.background :]
    texts = [' '.join(((auxiliary and getattr(entry, auxiliary)) or '').split()) for entry in classes]
    lines = [f'{quoted(entry.name)}: {quoted(text, ";")}' for entry, text in zip(classes, texts) if text]
    return spell(classes, None, '\n'), background, '\n'.join(lines)


def idle(values: Mapping[str, float], bank: TextBank) -> dict[str, str]:
    """Sliders that have no effect, each with the reason.

    Args:
        values: of the sliders, by name of the setting.
        bank: the classes.
    """
    reasons = {}
    if not bank.background:
        reasons |= dict.fromkeys(THRESHOLDS, 'no effect: there are no background words')
    if not any(values.get(name) and name not in reasons for name in THRESHOLDS):
        reasons['logit_scale'] = 'no effect: both thresholds are off'
    if not any(entry.definition for entry in bank.classes):
        reasons['text_coefficient'] = 'no effect: not every class has a definition'
    return {name: reason for name, reason in reasons.items() if name in values}


def fitting(values: Mapping[str, float], bank: TextBank) -> dict[str, object]:
    """Convert sliders into settings, without those that have no effect; 0 turns a threshold or PAMR off."""
    without_effect = idle(values, bank)
    changes: dict[str, object] = dict(values)
    for name in values.keys() & set(THRESHOLDS):
        changes[name] = None if name in without_effect else values[name] or None
    if 'pamr' in values:
        changes['pamr'] = int(values['pamr']) or None
    if changes.pop('regions', 1) == 0:
        changes['regions'] = None
    if 'text_coefficient' in values:  # of auxiliary texts
        changes['auxiliary'] = None if 'text_coefficient' in without_effect else 'definition'
    return changes


def word_warnings(bank: TextBank) -> list[str]:
    """Notes on the words for the visitor, one sentence each."""
    told = [
        f'{uses[-1][1]!r} is a background word, too, and without definitions the background wins its pixels; remove one'
        for uses in repeated_queries(bank)
        if in_background(bank, uses)
    ]
    if len(bank.classes) == 1:
        told.append(f'{bank.classes[0].name!r} alone takes every pixel; add other classes or background words')
    return told
