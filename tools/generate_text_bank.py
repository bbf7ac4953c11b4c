"""Write definitions and synonyms of a class list with a language model, as a text bank.

python tools/generate_text_bank.py classes.txt bank.json --base-url http://localhost:8000/v1 --model llama-3-8b-instruct
"""

import argparse
from pathlib import Path


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write definitions and synonyms of a class list with a language model, as a text bank. '
        'If the run is stopped, run the same command again to continue.'
    )
    parser.add_argument(
        'classes',
        help='a text bank (.json); a text file with one class per line, its name first, query words separated by '
        'commas; a data.yaml; the name of a dataset, e.g. PascalVOCDataset; or "balloon, fish, ball" (docs/words.md)',
    )
    parser.add_argument('out', type=Path, metavar='OUT.json', help='text bank to write')
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument(
        '--base-url', metavar='URL', help='OpenAI-compatible server; set OPENAI_API_KEY if it needs a key'
    )
    model.add_argument('--local', type=Path, metavar='FOLDER', help='local model in the format of transformers')
    parser.add_argument('--model', help='name of the model on the server')
    parser.add_argument(
        '--kinds',
        nargs='+',
        choices=['definition', 'synonym'],
        default=['definition', 'synonym'],
        help='(default: both)',
    )
    parser.add_argument('--temperature', type=float, default=0, help='sampling temperature (default: 0, greedy)')
    parser.add_argument('--seed', type=int, default=0, help='sampling seed (default: %(default)s)')
    parser.add_argument('--workers', type=int, default=8, help='parallel requests to a server (default: %(default)s)')
    parser.add_argument('--timeout', type=float, default=60, help='seconds to wait for a server (default: %(default)s)')
    parser.add_argument('--overwrite', action='store_true', help='overwrite OUT.json')
    return parser.parse_args()


def check_args() -> None:
    """Check the arguments before the first request."""
    from itaclip_mmseg.text.generation.llm import journal_of
    from itaclip_mmseg.utils.errors import UserError
    from itaclip_mmseg.utils.outputs import Output, check_outputs
    from itaclip_mmseg.utils.resources import files_among

    check_outputs([Output(args.out), Output(journal_of(args.out))], files_among([args.classes]))
    if args.out.exists() and not args.overwrite:
        raise UserError(f'{args.out}: exists already; add --overwrite, or choose another file')
    if args.base_url and not args.model:
        raise UserError("--base-url: needs --model, the model's name on the server")
    if args.local and args.model:
        raise UserError('--model: is the name of a model on a server; remove it with --local')
    if args.temperature < 0 or args.workers < 1 or args.timeout <= 0:
        raise UserError('--temperature must be 0 or more, --workers 1 or more, --timeout above 0')


def main() -> None:
    from itaclip_mmseg.text.classes import bank_of, understood
    from itaclip_mmseg.text.generation.backends import LocalModel, Server
    from itaclip_mmseg.text.generation.llm import generate_bank

    check_args()
    bank = bank_of(args.classes)
    print(understood(bank), flush=True)
    kinds = list(dict.fromkeys(args.kinds))
    if args.local:
        backend, workers = LocalModel(args.local, args.temperature), 1
    else:
        backend, workers = Server(args.base_url, args.model, args.temperature, args.timeout), args.workers
    bank = generate_bank(bank, args.out, backend, kinds, args.seed, workers)
    print(f'{args.out}: {" and ".join(kinds)} of {len(bank.classes) - bank.background} classes')


if __name__ == '__main__':
    args = parse_args()  # before the imports, so that --help is fast
    from itaclip_mmseg.utils.errors import run

    run(main)
