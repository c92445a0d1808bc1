"""JSON schema of a model, as Pydantic makes it, with what the classes say beside it: attribute docs and CEL rules."""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from policloud.api.v1alpha1.common import ApiModel

Schema = dict[str, Any]


@functools.cache
def _docs_of_module(file: str) -> dict[str, dict[str, str]]:
    """Class name → attribute name → the string that stands under it."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {c.name: _docs_of_class(c) for c in tree.body if isinstance(c, ast.ClassDef)}


def _docs_of_class(node: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for statement, after in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            docs[statement.target.id] = " ".join(after.value.value.split())
    return docs


def attribute_docs(cls: type[ApiModel]) -> dict[str, str]:
    """Attribute name → doc, also of base classes. Read from source: at run time nobody pays for it."""
    docs: dict[str, str] = {}
    for c in reversed(cls.__mro__):
        if issubclass(c, ApiModel):
            docs.update(_docs_of_module(inspect.getfile(c)).get(c.__name__, {}))
    return docs


class ModelSchema(GenerateJsonSchema):
    """Adds descriptions and `x-kubernetes-validations` to each model's schema."""

    def model_schema(self, schema: Any) -> Schema:
        out: Schema = super().model_schema(schema)
        cls = schema["cls"]
        if not issubclass(cls, ApiModel):
            return out
        out["description"] = " ".join((inspect.getdoc(cls) or "").split())
        docs = attribute_docs(cls)
        for name, field in cls.model_fields.items():
            if name in docs:
                out["properties"][field.alias or name]["description"] = docs[name]
        if cls.rules:
            out["x-kubernetes-validations"] = [rule.to_schema() for rule in cls.rules]
        return out


def json_schema(cls: type[ApiModel]) -> Schema:
    """Draft 2020-12 schema of `cls` by alias, with `$defs`."""
    return cls.model_json_schema(by_alias=True, schema_generator=ModelSchema, mode="validation")
