"""Names of all kinds that a file, a person or an address may bring: each must be shown as itself, everywhere."""

NAMES = (
    # What a page would make links of.
    *("www.x.example", "WWW.x.example/a?b=1", "https://x.example/y"),
    *("(http://x.example)", "a@b.c", "me+you@x.example"),
    *("<https://x.example>", "[x](javascript:alert(1))", "[x]: http://y.example"),
    *("[^1]", "[^1]: note", "www.", "mailto:a@b.c"),
    # Icons, images, emoji, colours, arrows and formulas.
    *(":material/delete:", ":material_delete:", ":streamlit:", ":smile:"),
    *(":+1:", ":red[boom]", ":help[x]", ":::", "12:30:45"),
    *("a -> b", "a <- b", "a -- b", "a <-> b", "a >= b", "a <= b"),
    *("a ~= b", "->", "--", "$x$", "$$x$$", "$5 and $6"),
    # Markdown and HTML.
    *("**bold**", "_it_", "~~gone~~", "`code`", "```"),
    *("&amp;", "&#65;", "<b>x</b>", "<img src=x onerror=alert(1)>", "<!-- -->"),
    *("# heading", "> quote", "- item", "+ item", "1. first", "12) twelve"),
    *("- [ ] to do", "---", "===", "| a | b |", "\\|", "\\"),
    *("![x](http://x.example/y.png)", "    indented", "\tTab", "a\nb", "a\r\n\r\n# b", "  two  spaces  "),
    # What a chart would fill in.
    *("%{y}", "{x}", "<extra>x</extra>", "<a href='https://x.example'>x</a>"),
    # Nothing to see, too much of it, or turned around.
    *("", " ", "\n", "\u200b", "\u3164"),
    *("\u202egpj.exe", "photo\u202e64.9%", "\u2066x\u2069", "\u2068x", "\ufeffx", "a\u00adb"),
    *("שלום", "مرحبا 12", "\u0301x"),
    *("e\u0301", "z" + "\u0300\u0301\u0302" * 9, "x" * 10_000, "W" * 200, "\x00x", "\x1b[31m"),
    *("👨\u200d👩\u200d👧", "❤\ufe0f", "1\ufe0f\u20e3", "می\u200cخواهم", "日本語の名前"),
    *("\ue000", "C:\\Users\\me", "=1+1"),
)  # fmt: skip
