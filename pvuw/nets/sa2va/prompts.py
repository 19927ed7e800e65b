"""What the language model is asked, word by word as Sa2VA was trained."""

IMAGE, IMAGE_START, IMAGE_END = "<IMG_CONTEXT>", "<img>", "</img>"
"""Tokens of InternVL: one for each cell of a frame, and those around a frame."""
SEG = "[SEG]"
"""What the model says where it means an object."""
TURN_END = "<|im_end|>"
"""Ends a turn of a chat, and an answer."""


def question(sentence: str) -> str:
    """What is asked of a sentence about a video, which follows its frames.

    Example:
        >>> question("the red car")
        'Please segment the red car.'
        >>> question("who is it?")
        ' who is it? Please respond with a segmentation mask.'
    """
    if "?" in sentence:
        return f" {sentence} Please respond with a segmentation mask."
    return f"Please segment {sentence}."


def chat(text: str) -> str:
    """A chat whose first turn is `text` and whose second is to be written.

    The chat templates of InternLM2 and of Qwen are the same.
    """
    return f"<|im_start|>user\n{text}{TURN_END}\n<|im_start|>assistant\n"


def video_chat(sentence: str, *, num_frames: int, tokens_per_frame: int) -> str:
    """The chat about key frames of a video, for InternVL: each frame is a run of image tokens."""
    frame = f"{IMAGE_START}{IMAGE * tokens_per_frame}{IMAGE_END}"
    return chat("\n".join([*[frame] * num_frames, question(sentence)]))
