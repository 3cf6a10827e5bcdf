"""Answers that are asked again: the same hits, or what differs."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from messages import facts, says

import platefree as pf
from platefree.errors import DataError, MismatchError
from platefree.gallery.again import Repeated
from platefree.gallery.feedback import Feedback
from platefree.gallery.gallery_answer import GalleryAnswer
from platefree.gallery.recorded_answer import RecordedFilter, record
from platefree.recipes.post import Post, Rerank


@pytest.fixture(scope="module")
def model() -> pf.Model:
    return pf.load_model("color_stripes")


@pytest.fixture
def lot(model: pf.Model, drawn_table: pf.Sightings, tmp_path: Path) -> pf.Gallery:
    gallery = pf.Gallery.create(tmp_path / "lot", model)
    embeddings, _ = model.embed(drawn_table)
    gallery.add(embeddings.take(np.arange(70)))
    return gallery


def written(answer: GalleryAnswer, of: pf.Gallery, path: Path, **changes: Any) -> Path:  # noqa: ANN401
    of.save_answer(answer, path)
    if changes:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def hits(answer: GalleryAnswer) -> list[tuple[int | None, float]]:
    return [(hit.number, round(hit.similarity, 6)) for hit in answer.hits]


def add_rest(lot: pf.Gallery, table: pf.Sightings) -> None:
    lot.add(lot.model.embed(table.take(np.arange(70, 96)))[0])


def test_every_question_finds_the_same_again(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    query = drawn_table.path(80)
    first = [hit.number or 0 for hit in lot.search(query, top=9).hits]
    where = pf.Filter(
        cameras=["cam1", "cam2"], between=("00:00", "23:00"), zone="+07:00", unknown_time="in",
        not_files=[drawn_table.path(3)], not_numbers=[first[8]], at_least=0.2,
    )  # fmt: skip
    boxed = pf.query_picture(query, camera="cam2", time="2026-05-01T08:00Z", box=(4, 4, 40, 44))
    options = Post(steps=["rerank", "camera", "tracks"], rerank=Rerank(k1=7, k2=2, lambda_=0.5))
    feedback = Feedback(yes=first[1:2], no=(first[0], first[2]))
    answers = [
        lot.search(query, where=where, top=30),
        lot.search(boxed, post=options, top=12),
        lot.search([query, drawn_table.path(90)], post="expand", feedback=feedback),
        lot.search(first[0], feedback=Feedback(no=first[1:3]), where=where),
        lot.search(where=pf.Filter(cameras=["cam1"], weekdays=["fri", "sat", "sun"])),
    ]
    for number, answer in enumerate(answers):
        path = written(answer, lot, tmp_path / f"{number}.json")
        again = lot.search_again(path)
        assert again.same
        assert repr(hits(again.answer)) == repr(hits(answer))
        assert answer.hits
        assert (again.added, again.lost, again.forgotten) == ((), (), ())
        assert says(again.sentences()[0], "same hits", answer.version)
        question = again.answer.question
        assert question.post == answer.question.post
        assert (question.top, question.number) == (answer.question.top, answer.question.number)


def test_the_version_of_then_is_searched_while_it_is_there(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    before = lot.search(drawn_table.path(80), top=20)
    path = written(before, lot, tmp_path / "answer.json")
    add_rest(lot, drawn_table)
    now = lot.search(drawn_table.path(80), top=20)
    assert hits(now) != hits(before)
    again = lot.search_again(path)
    assert hits(again.answer) == hits(before)
    assert again.same
    assert (again.answer.version, again.newest) == (before.version, now.version)
    assert says(" ".join(again.sentences()), before.version, now.version)

    lot.compact()
    changed = lot.search_again(path)
    assert not changed.same
    assert hits(changed.answer) == hits(now)
    then, since = ([hit.number for hit in each.hits] for each in (before, now))
    assert changed.added == tuple(number for number in since if number not in then)
    assert changed.lost == tuple(number for number in then if number not in since)
    assert changed.forgotten == ()
    text = " ".join(changed.sentences())
    assert says(text, before.version, "no longer", changed.answer.version, changed.added[0])


def test_what_was_forgotten_is_not_found_in_an_older_version(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    before = lot.search(drawn_table.path(80), top=20)
    path = written(before, lot, tmp_path / "answer.json")
    gone = [hit for hit in before.hits if hit.labels["camera"] == "cam3"]
    assert 0 < len(gone) < 20
    lot.forget(pf.Filter(cameras=["cam3"]))

    def check(again: Repeated) -> None:
        assert not again.same
        assert all(hit.labels["camera"] != "cam3" for hit in again.answer.hits)
        assert again.forgotten == tuple(hit.number for hit in gone)
        assert says(" ".join(again.sentences()), f"{len(gone)} hits forgotten", gone[0].number or 0)

    check(lot.search_again(path))
    assert lot.search_again(path).answer.version == before.version
    lot.compact()
    check(lot.search_again(path))
    assert gone[0].number is not None
    for said in (Feedback(yes=[gone[0].number]), Feedback(no=[gone[0].number])):
        asked = replace(before, question=replace(before.question, feedback=said))
        with pytest.raises(DataError, match=facts(gone[0].number, "deleted")):
            lot.search_again(written(asked, lot, path))


def test_a_picture_that_changed_is_not_searched(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    query = tmp_path / "query.jpg"
    query.write_bytes(drawn_table.path(80).read_bytes())
    path = written(lot.search(query), lot, tmp_path / "answer.json")
    assert lot.search_again(path).same
    query.write_bytes(drawn_table.path(81).read_bytes())
    with pytest.raises(DataError, match=facts("query.jpg", "changed")):
        lot.search_again(path)
    query.unlink()
    with pytest.raises(DataError, match=facts("query.jpg", "gone")):
        lot.search_again(path)


def test_an_answer_of_another_model_or_gallery_is_refused(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    found = lot.search(drawn_table.path(80))
    path = tmp_path / "answer.json"
    with pytest.raises(MismatchError, match=facts("abc", lot.card.model)):
        lot.search_again(written(replace(found, model="abc"), lot, path))
    about = record(found, lot.card)["gallery"]
    written(found, lot, path, gallery={**about, "created": "2020-01-01T00:00:00+00:00"})
    with pytest.raises(DataError, match=facts("2020-01-01T00:00:00+00:00", lot.card.created)):
        lot.search_again(path)


def test_an_answer_is_data_that_is_checked(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    found = lot.search(drawn_table.path(80), top=3)
    path = written(found, lot, tmp_path / "answer.json")
    content = json.loads(path.read_text())
    asked, hit = content["asked"], content["hits"][0]
    picture = asked["pictures"][0]
    wrongs: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
        ({"format": "something"}, ("not the answer", "--json")),
        ({"version": 9}, ("version 9", "upgrade")),
        ({"asked": {**asked, "where": {"cameras": "gate"}}}, ("cameras",)),
        ({"asked": {**asked, "where": {"speed": 3}}}, ("'speed'",)),
        ({"asked": {**asked, "where": {"since": "tomorrow"}}}, ("'tomorrow'",)),
        ({"asked": {**asked, "where": {"at_least": 7.0}}}, (7.0,)),
        ({"asked": {**asked, "top": 0}}, ("top",)),
        ({"asked": {**asked, "number": 5}}, ("pictures", "number")),
        ({"asked": {**asked, "yes": [-1]}}, ("yes",)),
        ({"asked": {**asked, "yes": [7], "no": [7]}}, (7,)),
        ({"asked": {**asked, "post": {"steps": ["crop"]}}}, ("'crop'",)),
        ({"asked": {**asked, "post": {"steps": ["rerank"], "rerank": {"k1": -1}}}}, ("k1",)),
        ({"asked": {**asked, "pictures": [{**picture, "content": "00"}]}}, ("content",)),
        ({"asked": {**asked, "pictures": [{**picture, "box": [5, 5, 1, 9]}]}}, ("box",)),
        ({"asked": {**asked, "pictures": [{**picture, "time": "noon"}]}}, ("'noon'",)),
        ({"asked": {**asked, "pictures": [{**picture, "image": "/dev/zero"}]}}, ("/dev/zero",)),
        ({"hits": [{**hit, "similarity": 12.0}]}, ("similarity",)),
        ({"hits": [hit, hit]}, ("twice",)),
        ({"hits": None}, ("hits",)),
    ]
    for change, wanted in wrongs:
        path.write_text(json.dumps(content | change))
        with pytest.raises(pf.PlatefreeError, match=facts(*wanted)):
            lot.search_again(path)
    for text in ("", "[]", "{", '{"format": "platefree-answer"}'):
        path.write_text(text)
        with pytest.raises(DataError, match=facts("answer.json")):
            lot.search_again(path)
    path.write_text(json.dumps(content | {"later": [1], "hits": [{**hit, "p_same": 0.5}]}))
    assert not lot.search_again(path).same  # what is only told may say more


def test_an_answer_that_no_json_holds(
    lot: pf.Gallery, drawn_table: pf.Sightings, tmp_path: Path
) -> None:
    query = tmp_path / "\udcff.jpg"
    query.write_bytes(drawn_table.path(80).read_bytes())
    with pytest.raises(DataError, match=facts("answer.json")):
        lot.save_answer(lot.search(query), tmp_path / "answer.json")


def test_every_condition_is_recorded() -> None:
    assert set(RecordedFilter.model_fields) == {each.name for each in fields(pf.Filter)}


def test_feedback_needs_a_query(lot: pf.Gallery) -> None:
    with pytest.raises(DataError, match=facts("feedback")):
        lot.search(feedback=Feedback(no=[1]))
