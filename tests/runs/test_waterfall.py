"""The geometry of the trace: where bars stand when people take an hour to decide."""

from datetime import UTC, datetime, timedelta

from runs.waterfall import FOLDED, Piece, Scale, duration

BEGIN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def work(start: float, end: float) -> Piece:
    return Piece(kind="", start=after(start), end=after(end))


def test_a_wait_longer_than_the_work_folds_into_a_narrow_gap():
    scale = Scale([work(0, 10), work(3600, 3610)], BEGIN, after(3610))
    assert [(gap.seconds, gap.x) for gap in scale.gaps] == [(3590.0, 46.5)]
    assert scale.at(after(10)) == 46.5
    assert round(scale.at(after(3600)), 2) == 46.5 + FOLDED
    assert scale.at(after(3610)) == 100.0


def test_a_wait_shorter_than_the_work_keeps_its_length():
    scale = Scale([work(0, 10), work(15, 25)], BEGIN, after(25))
    assert scale.gaps == []
    assert scale.at(after(10)) == 40.0


def test_a_run_that_has_only_waited_is_not_folded_away():
    scale = Scale([Piece(kind="bar-wait", start=BEGIN, end=after(600))], BEGIN, after(600))
    assert scale.gaps == []


def test_only_the_longest_waits_fold():
    pieces = [work(100 * n, 100 * n + 1) for n in range(8)]
    scale = Scale(pieces, BEGIN, after(701))
    assert len(scale.gaps) == 4
    assert scale.at(after(701)) == 100.0


def test_places_never_run_backwards():
    scale = Scale([work(0, 1), work(50, 52), work(400, 401)], BEGIN, after(401))
    places = [scale.at(after(n)) for n in range(402)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0.0, 100.0)


def test_durations_are_told_as_people_say_them():
    told = [duration(value) for value in (0.0004, 0.412, 3.14, 46, 245, 4320, 273_600)]
    assert told == ["0 ms", "412 ms", "3.1 s", "46 s", "4 m 05 s", "1 h 12 m", "3 d 4 h"]
