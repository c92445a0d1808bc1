"""What a CRD cannot express is refused with the path of the field; what it can comes out in its form."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, create_model

from policloud.api.v1alpha1.common import ApiModel
from policloud.api.v1alpha1.schema import Atomic, Embedded, Form, MapOf, Persisted, SetOf
from policloud.crdgen.jsonschema import json_schema
from policloud.crdgen.structural import NotStructuralError, structural

Word = Annotated[str, Field(max_length=9)]


class Entry(ApiModel):
    name: Word
    note: Word | None = None


class Tree(ApiModel):
    child: Tree | None = None


def _schema(annotation: Any, default: Any = ...) -> dict[str, Any]:
    model = create_model("Probe", __base__=ApiModel, some_field=(annotation, default))
    field: dict[str, Any] = structural(json_schema(model))["properties"]["someField"]
    return field


REFUSED = [
    (str, "a string without a bound; give it max_length"),
    (Annotated[str, Field(max_length=9, pattern="^a+$")], "a pattern without words for it; mark it Form(words)"),
    (int, "an integer without a lower bound; give it ge"),
    (float, "type 'number' is not one of object, array, string, integer, boolean"),
    (Decimal, "a union of types; use one field for each and a rule"),
    (int | str, "a union of types; use one field for each and a rule"),
    (Any, "type None is not one of object, array, string, integer, boolean"),
    (Literal[True], "a boolean that may have one value only"),
    (bytes, "format binary is not checked by an API server"),
    (tuple[Word, ...], "a list without a bound; give it max_length"),
    (
        Annotated[tuple[Word, ...], Field(max_length=3)],
        "a list without a kind; mark it MapOf(keys), SetOf() or Atomic()",
    ),
    (Annotated[tuple[Entry, ...], Field(max_length=3), SetOf()], "a set of objects; mark it MapOf(keys)"),
    (Annotated[tuple[Entry, ...], Field(max_length=3), MapOf(("id",))], "key id is not a field of its entries"),
    (Annotated[tuple[Entry, ...], Field(max_length=3), MapOf(("note",))], "key note must be required in its entries"),
    (tuple[int, str], "prefixItems cannot be expressed in a structural schema"),
    (Annotated[set[Word], Field(max_length=3)], "uniqueItems cannot be expressed in a structural schema"),
    (Annotated[int, Field(gt=0)], "exclusiveMinimum cannot be expressed in a structural schema"),
    (dict[str, Word], "a map without a bound; give it max_length"),
    (dict[str, Any], "an object without fields; mark it Embedded()"),
    (Tree, "Tree contains itself"),
]


@pytest.mark.parametrize(("annotation", "problem"), REFUSED, ids=[p for _, p in REFUSED])
def test_refused_with_the_path(annotation: Any, problem: str) -> None:
    with pytest.raises(NotStructuralError) as caught:
        _schema(annotation)
    path, _, rest = str(caught.value).partition(": ")
    assert path.startswith("someField")
    assert rest == problem


def test_the_path_leads_into_lists_and_maps() -> None:
    inner = Annotated[dict[str, str], Field(max_length=3)]
    with pytest.raises(NotStructuralError, match=r"^someField\[\*\]\[\*\]: a string without a bound"):
        _schema(Annotated[tuple[inner, ...], Field(max_length=3), Atomic()])


TAKEN = [
    (Word, {"type": "string", "maxLength": 9}),
    (Word | None, {"type": "string", "maxLength": 9}),
    (Literal["A"], {"type": "string", "enum": ["A"]}),
    (Annotated[int, Field(ge=1, le=9)], {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9}),
    (Annotated[dict[str, Any], Embedded()], {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    (
        Annotated[tuple[Word, ...], Field(max_length=3), SetOf()],
        {
            "type": "array",
            "maxItems": 3,
            "items": {"type": "string", "maxLength": 9},
            "x-kubernetes-list-type": "set",
        },
    ),
]


@pytest.mark.parametrize(
    ("annotation", "schema"), TAKEN, ids=[str(s["type"]) + str(i) for i, (_, s) in enumerate(TAKEN)]
)
def test_taken(annotation: Any, schema: dict[str, Any]) -> None:
    assert _schema(annotation) == schema


def test_a_default_is_written_only_if_it_is_part_of_the_contract() -> None:
    assert "default" not in _schema(bool, True)  # noqa: FBT003 - the default of the field
    assert _schema(Annotated[bool, Persisted()], True)["default"] is True  # noqa: FBT003 - as above


def test_a_pattern_becomes_a_rule_in_words() -> None:
    schema = _schema(Annotated[str, Field(max_length=9, pattern=r"^a\.b$"), Form("a dot")])
    assert "pattern" not in schema
    assert schema["x-kubernetes-validations"] == [
        {
            "rule": r"self.matches('^a\\.b$')",
            "message": "must be a dot",
            "messageExpression": "'must be a dot, not %s'.format([self])",
        }
    ]
