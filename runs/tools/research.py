"""What can be read about a company: a register and the press. Both only read."""

from typing import TypeVar

from django.conf import settings
from pydantic import BaseModel, Field, ValidationError

from runs import errors
from runs.tools import http
from runs.tools.shop import Answer

T = TypeVar("T", bound=BaseModel)


class Company(Answer):
    """A company as the register tells it."""

    domain: str = Field(max_length=253)
    name: str = Field(max_length=200)
    country: str = ""
    city: str = ""
    industry: str = ""
    employees: int | None = Field(default=None, ge=0)
    founded: int | None = None
    purpose: str = Field(default="", max_length=1000)

    def told(self) -> str:
        """As a source that claims are checked against."""
        parts = (self.name, self.industry, self.city, self.country, self.purpose)
        numbers = (
            f"{self.employees} employees" if self.employees else "",
            f"founded {self.founded}" if self.founded else "",
        )
        return ". ".join(part for part in (*parts, *numbers) if part)


class Article(Answer):
    id: str = Field(max_length=80)
    title: str = Field(max_length=300)
    published: str = ""
    excerpt: str = Field(default="", max_length=2000)
    url: str = ""

    def told(self) -> str:
        return f"{self.title}. {self.excerpt} {self.published}"


class Press(BaseModel):
    articles: list[Article]
    note: str = ""


def look_up(domain: str) -> Company:
    """The company behind `domain`. Raises `Declined` when the register has none."""
    body = http.call("GET", settings.HOLDPOINT_WORLD["register"], f"/companies/{domain}")
    if body is None:
        raise errors.Declined(f"The register has no company with the domain {domain}.")
    return _shape(Company, body, "register")


def read_press(domain: str) -> Press:
    """The newest articles about `domain`, at most five; none is an answer too."""
    body = http.call("GET", settings.HOLDPOINT_WORLD["press"], f"/articles?domain={domain}") or {"articles": []}
    found = _shape(Press, body, "press")
    kept = found.articles[:5]
    return Press(articles=kept, note=f"{len(kept)} articles" if len(kept) != 1 else "1 article")


def _shape(shape: type[T], body: dict, who: str) -> T:
    try:
        return shape.model_validate(body)
    except ValidationError as error:
        raise errors.BrokenContract(f"The {who} answered in another shape: {error.errors()[0]['loc']}.") from None
