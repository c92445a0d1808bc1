"""`python -m policloud.crdgen`: write what is generated from the models."""

from __future__ import annotations

from pathlib import Path

import click

from policloud.crdgen import crd, pages
from policloud.crdgen.structural import NotStructuralError


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--docs", type=click.Path(path_type=Path, file_okay=False), help="Write reference pages to this folder.")
def main(directory: Path | None, docs: Path | None) -> None:
    """Write CustomResourceDefinitions to DIRECTORY (and reference pages to --docs)."""
    if directory is None and docs is None:
        raise click.UsageError("say where to: a directory for CRDs (crds), --docs for pages (docs/reference), or both")
    try:
        changed = [*(crd.write(directory) if directory else ()), *(pages.write(docs) if docs else ())]
    except NotStructuralError as e:
        raise click.ClickException(f"the models cannot become a CRD: {e}") from None
    for path in changed:
        click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
