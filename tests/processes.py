"""Processes forked from a test: in a new interpreter the imports would take longer than all else."""

import functools
import multiprocessing
import os
import socket
from collections.abc import Callable

import torch


def forked(main: Callable[[], object]) -> multiprocessing.Process:
    """A process that has begun to call `main`."""
    process = multiprocessing.get_context('fork').Process(target=alone, args=(main,))
    process.start()
    return process


def alone(main: Callable[[], object]) -> None:
    """`main` in one thread: those that the parent's operators had started are not in a forked process."""
    torch.set_num_threads(1)
    main()


def run_ranks(number: int, main: Callable[[], object]) -> list[int]:
    """The exit codes of `start_ranks`."""
    ranks = start_ranks(number, main)
    for rank in ranks:
        rank.join()
    return [rank.exitcode for rank in ranks]


def start_ranks(number: int, main: Callable[[], object]) -> list[multiprocessing.Process]:
    """Processes that call `main` and can join one group, as torchrun would start them."""
    port = str(free_port())
    return [forked(functools.partial(as_rank, main, rank, number, port)) for rank in range(number)]


def as_rank(main: Callable[[], object], rank: int, number: int, port: str) -> None:
    """`main` with the environment of one rank."""
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(number))
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    main()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]
