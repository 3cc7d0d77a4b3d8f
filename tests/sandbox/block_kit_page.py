"""Posts as an HTML page, near enough to Slack to judge a message by its looks.

One file, no script, nothing fetched. Open it in a browser, or have one take a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from tests.sandbox.slack_stand_in import Post

_STYLE = """
body { margin: 0; background: #fff; color: #1d1c1d;
       font: 15px/1.47 Lato, "Helvetica Neue", Helvetica, Arial, "Noto Color Emoji", sans-serif; }
main { max-width: 760px; padding: 12px 20px; }
article { position: relative; padding: 6px 0 6px 48px; }
article.reply { margin-left: 48px; }
article::before { content: "🐢"; position: absolute; left: 0; top: 9px; width: 36px;
                  height: 36px; border-radius: 8px; background: #e8f5fa;
                  font-size: 22px; line-height: 36px; text-align: center; }
.who { font-weight: 900; } .app { font-size: 10px; background: #eee; color: #616061;
       border-radius: 2px; padding: 1px 3px; font-weight: 700; } time { font-size: 12px;
       color: #616061; }
h3 { font-size: 18px; line-height: 1.33; margin: 8px 0 4px; font-weight: 900; }
p { margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { margin: 4px 0; padding: 8px; background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px;
      font: 12px/1.5 Monaco, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      white-space: pre-wrap; overflow-wrap: anywhere; }
blockquote { margin: 4px 0; padding: 0 0 0 12px; border-left: 4px solid #ddd;
             white-space: pre-wrap; overflow-wrap: anywhere; }
small { display: block; font-size: 12px; color: #616061; margin: 4px 0; white-space: pre-wrap; }
hr { border: 0; border-top: 1px solid #ddd; margin: 12px 0; }
dl { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 16px; margin: 4px 0; }
"""
_TAGS = {"rich_text_preformatted": "pre", "rich_text_quote": "blockquote"}


def page(posts: Iterable[Post]) -> str:
    """Return ``posts`` as one HTML page, replies indented below the first."""
    articles = "\n".join(_article(post) for post in posts)
    head = f'<meta charset="utf-8"><title>The channel</title><style>{_STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body><main>{articles}</main></body></html>\n"


def _article(post: Post) -> str:
    kind = ' class="reply"' if post.thread_ts else ""
    line = '<span class="who">Slow queries</span> <span class="app">APP</span> <time>14:10</time>'
    return f"<article{kind}>{line}{''.join(map(_block, post.blocks))}</article>"


def _block(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "divider":
            return "<hr>"
        case "header":
            return f"<h3>{escape(block['text']['text'])}</h3>"
        case "context":
            return "".join(f"<small>{escape(each['text'])}</small>" for each in block["elements"])
        case "section" if "fields" in block:
            fields = "".join(f"<p>{escape(field['text'])}</p>" for field in block["fields"])
            return f"<dl>{fields}</dl>"
        case "section":
            return f"<p>{escape(block['text']['text'])}</p>"
    return "".join(map(_rich, block["elements"]))


def _rich(element: Mapping[str, Any]) -> str:
    tag = _TAGS.get(element["type"], "p")
    return f"<{tag}>{''.join(map(_run, element['elements']))}</{tag}>"


def _run(run: Mapping[str, Any]) -> str:
    words = escape(run["text"])
    return f"<b>{words}</b>" if run.get("style", {}).get("bold") else words
