import json

from itaclip_mmseg.text.bank import load_bank
from itaclip_mmseg.text.check import file_faults
from itaclip_mmseg.text.length import LONGEST, cut_words, length_faults
from itaclip_mmseg.text.templates import IMAGENET
from itaclip_mmseg.text.tokenizer import tokenizer


def test_equals_what_the_tokenizer_cuts():
    """Protects the count: a text is long exactly where open_clip drops tokens of one of its sentences."""
    found = set()
    for words in range(50, 80):
        text = ' '.join(['boat'] * words)
        cut = any(len(tokenizer().encode(template.replace('{}', text))) > LONGEST for template in IMAGENET)
        assert bool(cut_words(text)) == cut
        found.add(cut)
    assert found == {True, False}
    assert cut_words(' '.join(['boat'] * 75) + ' lighthouse', ('{}',)) == 'lighthouse'


def test_class_kind_and_words_are_named(tmp_path):
    path = tmp_path / 'bank.json'
    long = 'a vessel ' * 40 + 'lighthouse'
    classes = [dict(name='boat', words=['boat', 'ship'], definition=long), dict(name='cat', words=['cat'])]
    path.write_text(json.dumps(dict(dataset='own', background=False, classes=classes)))
    (fault,) = file_faults(path)
    assert fault.startswith(f"{path}: class 'boat': the definition is longer") and 'lighthouse' in fault
    assert list(length_faults(load_bank(path), kinds=())) == []
