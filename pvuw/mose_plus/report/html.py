"""Links to the row of a video."""

from html import escape

from pvuw.mose_plus.build.manifest import ManifestEntry


def link(video: ManifestEntry) -> str:
    """Return the video's id as a link to its row in the table of all videos."""
    name = escape(video.video_id)
    return f'<a href="#{anchor(video)}">{name}</a>'


def anchor(video: ManifestEntry) -> str:
    """Return the name of the video's row within the page.

    Hexadecimal, because ids may hold any character and a link may not.
    """
    return "v" + str(video.key).encode().hex()
