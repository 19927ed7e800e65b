from pvuw.fingerprint import recipe_fingerprint


def fingerprint(net, *, checkpoint=None, precision="32-true", **settings):
    model = {"class_path": "VOSModule", "init_args": {"net": net, **settings}}
    return recipe_fingerprint(model, checkpoint=checkpoint, precision=precision)


def test_what_only_training_and_scoring_read_does_not_count():
    net = {"class_path": "Sam2"}
    assert fingerprint(net, loss=1, optim=2, seed=3) == fingerprint(net, protocol="mosev2")
    assert fingerprint(net) != fingerprint(net, inference={"direction": "both"})
    assert fingerprint(net) != fingerprint(net, precision="bf16-mixed")


def test_weights_count_by_content_wherever_they_are_named(tmp_path):
    path, copy = tmp_path / "a.pt", tmp_path / "b.pt"
    path.write_bytes(b"one")
    copy.write_bytes(b"one")

    def nested(file):
        flow = {"init_args": {"weights": str(file)}}
        return fingerprint({"init_args": {"nets": [{"init_args": {"flow": flow}}]}})

    before = nested(path), fingerprint({}, checkpoint=path)
    assert before == (nested(copy), fingerprint({}, checkpoint=copy))
    path.write_bytes(b"two")
    assert nested(path) != before[0]
    assert fingerprint({}, checkpoint=path) != before[1]
