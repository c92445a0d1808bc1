"""What every section of a chart's values is: closed, documented, with a default for each field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from policloud.api.v1alpha1.common import ApiModel


class Section(ApiModel):
    """A mapping in values.yaml. Unknown names are refused; the string under each field is its documentation."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


# Charts merge values, so that what is not given is the empty text here, not null
Https = Annotated[str, Field(max_length=2048, pattern=r"^(https://[^\s/?#]+)?$")]
HttpProxy = Annotated[str, Field(max_length=2048, pattern=r"^(https?://[^\s/?#]+)?$")]
OptionalName = Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")]
OptionalObjectName = Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Duration = Annotated[str, Field(pattern=r"^[0-9]+(ms|s|m|h)$")]
Cidr = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
Texts = Annotated[dict[str, str], Field(default_factory=dict)]
LogFormat = Literal["json", "text"]
TimeScale = Annotated[float, Field(ge=0.001, le=100)]
