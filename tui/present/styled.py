"""Text with a few words of style, for whoever draws it."""

#: Pieces in order: plain text, or text and its style (``bold``, ``bold $warning``).
Styled = list[str | tuple[str, str]]


def plain_text(parts: Styled) -> str:
    """Return the text alone."""
    return "".join(part if isinstance(part, str) else part[0] for part in parts)
