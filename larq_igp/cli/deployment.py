"""``convert`` and ``benchmark``."""

import click


@click.command()
def convert():
    pass


@click.command()
def benchmark():
    pass
