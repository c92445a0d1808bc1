"""`python -m policloud.chartgen charts`: write what is generated."""

from __future__ import annotations

from pathlib import Path

import click

from policloud.chartgen.files import write


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False, exists=True))
def main(directory: Path) -> None:
    """Write the generated files of the charts in DIRECTORY."""
    for path in write(directory):
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
