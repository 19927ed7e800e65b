import pytest

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query, distinct, require_scorable
from pvuw.io.videos import Video
from tests.helpers import synthetic


@pytest.fixture
def video(tmp_path):
    """The squares, prompted on their first frame and with their truth."""
    root = synthetic.write_mose_root(tmp_path) / "valid"
    (found,) = list_videos(
        VideoFolder(root / "JPEGImages", root / "Annotations", root / "GroundTruth")
    )
    return found


def test_a_video_with_masks_is_one_query(video):
    query = Query.of(video)
    assert query.query_id == video.video_id
    assert list(query.prompt) == [0]
    assert query.prompt.place(0) == str(video.annotations.path(0))
    assert list(query.truth.positions()) == list(range(len(video)))
    assert (query.truth.id_map(3, video.size_hw) == synthetic.id_map(3)).all()
    query.check(scored=True)


def test_a_sentence_needs_no_mask(video):
    query = Query("0000000c/0", video, "the red square")
    query.check()
    with pytest.raises(DataError, match="0000000c: no truth mask"):
        query.check(scored=True)


@pytest.mark.parametrize("query_id", ["", "/e", "v/", "v/e/f", "../v", "v/.e"])
def test_ids_that_are_no_folder_of_an_answer_are_refused(query_id):
    with pytest.raises(ValueError, match="`v` or `v/e`"):
        Query(query_id, Video("v", []), "a fish")


def test_answers_must_not_overwrite_each_other():
    video = Video("v", [])
    one, other = Query("v/0", video, "a fish"), Query("v/1", video, "a fish")
    assert distinct([one, other]) == [one, other]
    with pytest.raises(DataError, match="video v/0: found in 2 of the given folders"):
        distinct([one, other, one])
    with pytest.raises(DataError, match="v/1: video v is asked for as a whole too"):
        distinct([Query.of(video), other])


def asked(folder, **options):
    return [Query.of(video) for video in list_videos(VideoFolder(folder / "JPEGImages", **options))]


def test_every_query_that_cannot_be_scored_is_listed(tmp_path):
    for name in ("bare1", "bare2", "good"):
        synthetic.write_video(
            tmp_path, name, annotated=[0] if name == "good" else [], truth=tmp_path / "Truth"
        )
    (tmp_path / "JPEGImages" / "hollow").mkdir()
    masks = tmp_path / "Annotations"
    queries = asked(tmp_path, annotations=masks, truth=tmp_path / "Truth")
    require_scorable([query for query in queries if query.query_id == "good"])
    with pytest.raises(DataError) as error:
        require_scorable(queries)
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "bare1: no annotation mask" in lines[0]
    assert "bare2" in lines[1]
    assert "hollow: holds no frames" in lines[2]
    with pytest.raises(DataError, match="good: no truth mask"):
        require_scorable(asked(tmp_path, annotations=masks, videos=["good"]))


def test_long_reports_are_cut(tmp_path):
    for number in range(13):
        (tmp_path / "JPEGImages" / f"v{number:02d}").mkdir(parents=True)
    with pytest.raises(DataError) as error:
        require_scorable(asked(tmp_path))
    lines = str(error.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "... and 3 more"
