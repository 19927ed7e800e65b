from pvuw.submit.names import match_names

FRAMES = ["00000", "00005", "00010"]


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_masks_come_in_the_order_of_the_frames(tmp_path):
    folder = touch(tmp_path / "a", "00010.png", "00000.png", "00005.png")
    match = match_names(folder, FRAMES)
    assert [mask.stem for mask in match.masks] == FRAMES
    assert match.problems == []


def test_runs_of_missing_frames_are_joined_and_single_ones_are_not(tmp_path):
    frames = [str(i) for i in range(8)]
    folder = touch(tmp_path / "a", "0.png", "2.png", "6.png")
    lines = match_names(folder, frames).problems
    assert [line.partition(": no such")[0] for line in lines] == [
        f"{folder}/1.png",
        f"{folder}/3.png to 5.png",
        f"{folder}/7.png",
    ]


def test_misspelt_name_is_one_problem_and_not_two(tmp_path):
    folder = touch(tmp_path / "a", "00000.png", "5.png", "00010.png", "7.png")
    lines = match_names(folder, FRAMES).problems
    assert len(lines) == 2
    assert "the frame is called 00005" in lines[0]
    assert lines[1].startswith(f"{folder}/7.png: mask of a frame that is not")
