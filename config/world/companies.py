"""Companies of the sales demo, as the register and the press know them. All of it is invented; .example belongs to nobody."""

from typing import Any

# domain: (name, country, city, industry, employees, founded, purpose, people (name, mailbox, role), articles)
_KNOWN: dict[str, tuple[Any, ...]] = {
    "brightloom.example": (
        "Brightloom Textiles",
        "United Kingdom",
        "Leeds",
        "Textile manufacturing",
        340,
        1998,
        "Weaves technical fabrics for outdoor clothing",
        (("Ada Osei", "ada.osei", "Head of operations"), ("Piotr Zielinski", "piotr", "Buyer")),
        (
            (
                "bl-2",
                "Brightloom opens a second mill",
                "2026-09-14",
                "Brightloom opened a second mill in Leeds. It will employ 60 people by spring.",
            ),
            (
                "bl-1",
                "Fabric award",
                "2026-03-02",
                "A wind-proof fabric of Brightloom won a design award in March, out of 84 entries.",
            ),
        ),
    ),
    "harrowfen.example": (
        "Harrow & Fen",
        "United Kingdom",
        "Norwich",
        "Landscape architecture",
        58,
        2009,
        "Plans parks and flood meadows for towns",
        (("Tobias Lindgren", "tobias", "Managing director"),),
        (
            (
                "hf-1",
                "Flood meadow finished",
                "2026-08-21",
                "Harrow & Fen finished a flood meadow of 12 hectares for the town.",
            ),
        ),
    ),
    "kestrelfreight.example": (
        "Kestrel Freight",
        "Ireland",
        "Cork",
        "Logistics",
        910,
        1986,
        "Moves chilled goods by road and sea",
        (("Niamh Doyle", "niamh.doyle", "Fleet manager"), ("Ruairi Walsh", "ruairi", "Head of people")),
        (
            (
                "kf-3",
                "Electric lorries",
                "2026-10-05",
                "Kestrel Freight ordered 25 electric lorries for its routes around Cork.",
            ),
            ("kf-2", "Night school", "2026-06-11", "The company pays for a night school that 140 drivers attend."),
            (
                "kf-1",
                "A cold store by the harbour",
                "2026-01-22",
                "Kestrel Freight rented a cold store of 6,200 square metres by the harbour of Cork.",
            ),
        ),
    ),
    "solvangenergi.example": (
        "Solvang Energi",
        "Norway",
        "Bergen",
        "Energy",
        1250,
        1974,
        "Runs small hydro power stations",
        (("Ingrid Haugen", "ingrid.haugen", "Head of field work"),),
        (
            (
                "se-1",
                "Three stations join",
                "2026-07-30",
                "Three stations in the west joined Solvang Energi, which now runs 41 of them.",
            ),
        ),
    ),
    "pinebarrow.example": (
        "Pinebarrow Schools",
        "United Kingdom",
        "Bath",
        "Education",
        410,
        1961,
        "Runs five schools with a forest programme",
        (("Grace Adeyemi", "grace", "Programme lead"),),
        (),
    ),
    "velarde.example": (
        "Velarde Vineyards",
        "Spain",
        "Logroño",
        "Agriculture",
        96,
        1932,
        "Grows grapes on terraces",
        (("Lucía Velarde", "lucia", "Owner"),),
        (
            (
                "vv-1",
                "Terraces restored",
                "2026-05-19",
                "Velarde restored 9 kilometres of dry stone walls on its terraces.",
            ),
        ),
    ),
    "tidemark.example": (
        "Tidemark Surveys",
        "Denmark",
        "Esbjerg",
        "Marine surveying",
        73,
        2014,
        "Measures the sea floor for wind farms",
        (("Mads Kjær", "mads", "Operations manager"),),
        (
            (
                "tm-1",
                "A new survey ship",
                "2026-09-28",
                "Tidemark took a survey ship of 38 metres into service in September.",
            ),
        ),
    ),
    "orchardlane.example": (
        "Orchard Lane Clinics",
        "United Kingdom",
        "Exeter",
        "Health care",
        265,
        2003,
        "Runs walk-in clinics in the south-west",
        (("Beatriz Almeida", "beatriz", "Practice manager"),),
        (
            (
                "ol-1",
                "Walking groups",
                "2026-04-08",
                "Orchard Lane Clinics began walking groups, and 320 patients came in the first month.",
            ),
        ),
    ),
}


def find(domain: str) -> dict[str, Any] | None:
    """What the register answers, or None."""
    known = _KNOWN.get(domain.lower())
    if known is None:
        return None
    name, country, city, industry, employees, founded, purpose, _, _ = known
    facts = {"name": name, "country": country, "city": city, "industry": industry, "employees": employees}
    return {"domain": domain.lower(), **facts, "founded": founded, "purpose": purpose}


def articles(domain: str) -> list[dict[str, Any]]:
    """Newest first."""
    known = _KNOWN.get(domain.lower())
    return [
        {"id": key, "title": title, "published": day, "excerpt": text, "url": f"https://press.example/{key}"}
        for key, title, day, text in (known[8] if known else ())
    ]


def people() -> list[dict[str, str]]:
    """Whom a lead may name: company, domain, person, email, role."""
    return [
        {"company": known[0], "domain": domain, "person": name, "email": f"{box}@{domain}", "role": role}
        for domain, known in _KNOWN.items()
        for name, box, role in known[7]
    ]


def stranger() -> dict[str, str]:
    """One more whom a lead may name, of a company that neither the register nor the press knows."""
    domain = "windhollow.example"
    named = {"company": "Windhollow Kites", "domain": domain, "person": "Corin Vale"}
    return {**named, "email": f"corin@{domain}", "role": "Founder"}
