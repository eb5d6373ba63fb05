"""A lead as every door lets it in: form, file and API."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Lead(BaseModel):
    """One person at one company whom a mail may be written to."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    company: str = Field(min_length=1, max_length=120)
    domain: Annotated[str, StringConstraints(to_lower=True, max_length=253, pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$")]
    person: str = Field(min_length=1, max_length=120)
    email: Annotated[
        str, StringConstraints(to_lower=True, max_length=180, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$")
    ]
    role: str = Field(default="", max_length=80)
    note: str = Field(default="", max_length=500)
    owner_email: str = Field(default="", max_length=254)
    priority: Literal["low", "normal", "high"] = "normal"
    due_on: date | None = None
