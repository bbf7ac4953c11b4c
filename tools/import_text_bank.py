"""Convert the text files of ITACLIP's authors to a text bank, and back.

python tools/import_text_bank.py bank.json --classes cls_voc21.txt --definitions def.txt --dataset voc21 --background
python tools/import_text_bank.py bank.json --export folder
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Convert the text files of ITACLIP's authors to a text bank, and back."
    )
    parser.add_argument('bank', type=Path, metavar='BANK.json', help='text bank to write, or to read with --export')
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument('--classes', type=Path, help='class list: one class per line, query words separated by commas')
    mode.add_argument('--export', type=Path, metavar='FOLDER', help='write the text files of BANK.json to this folder')
    parser.add_argument('--definitions', type=Path, help='lines "name >=text", without the background')
    parser.add_argument('--synonyms', type=Path, help='the same for synonyms')
    parser.add_argument('--background', action='store_true', help='the first line of the class list is the background')
    parser.add_argument('--dataset', help='use the class names of voc21, coco-object, ..., or give any other name')
    args = parser.parse_args()
    if args.classes and not args.dataset:
        parser.error('--classes needs --dataset')
    return args


def main() -> None:
    from itaclip_mmseg.datasets.configs import config_classes
    from itaclip_mmseg.text.authors import read_authors, write_authors
    from itaclip_mmseg.text.bank import load_bank, save_bank
    from itaclip_mmseg.utils.outputs import Output, check_outputs

    if args.export:
        for path in write_authors(load_bank(args.bank), args.export):
            print(path)
        return
    texts = {'definition': args.definitions, 'synonym': args.synonyms}
    texts = {kind: path for kind, path in texts.items() if path}
    check_outputs([Output(args.bank)], [args.classes, *texts.values()])
    names = config_classes(args.dataset)
    save_bank(read_authors(args.classes, args.dataset, args.background, texts, names), args.bank)
    print(f'{args.bank}: {len(load_bank(args.bank).classes)} classes')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
