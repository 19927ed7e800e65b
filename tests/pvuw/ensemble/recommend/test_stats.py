from pvuw.ensemble.recommend.priors import PUBLISHED_MEMBERS, prior_of
from pvuw.ensemble.recommend.stats import member_table, published_table
from tests.pvuw.ensemble.rows import features, row


def test_members_by_kind_of_video():
    rows = [
        row("xmem", "a", jf=0.4, features=features(small=1.0)),
        row("xmem", "b", jf=0.8, features=features(objects=3.0)),
        row("cutie", "a", jf=0.6, features=features(small=1.0)),
    ]
    head, cutie, xmem = member_table(rows).splitlines()
    assert head.split()[:3] == ["member", "all", "4+"]
    assert cutie.split() == ["cutie", "0.600", "(1)", "-", "0.600", "(1)", "-", "-", "-"]
    assert xmem.split()[:7] == ["xmem", "0.600", "(2)", "0.800", "(1)", "0.400", "(1)"]


def test_published_figures_name_their_source():
    lines = published_table().splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(PUBLISHED_MEMBERS)
    assert all(len(prior_of(member).source) > 20 for member in PUBLISHED_MEMBERS)
    assert "LiVOS (arXiv 2411.02818)" in prior_of("livos").source
