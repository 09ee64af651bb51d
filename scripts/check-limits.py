#!/usr/bin/env python3
"""Holds docs/limits.md to the constants in the code: check-limits.py [--write].

A row of a table there ends with "| value | `path/to/file:kConstant` |". The value must be what the
constant is defined as; with --write it is written into the row.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "limits.md"
SHARED = ["common/budget/limits.h", "common/budget/bytes.h"]  # where constants of others are defined
ROW = re.compile(r"^(\|.*\|) ([^|]*) \| `([^`:]+):(\w+)` \|$")
UNITS = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]


def definition(path: str, name: str) -> str:
    for place in [path, *SHARED]:
        text = (ROOT / place).read_text()
        found = re.search(rf"constexpr\s+[\w:]+\s+{name}\s*=\s*([^;]+);", text)
        if found:
            return found.group(1)
    raise SystemExit(f"{PAGE.name}: {name} is not defined in {path}")


def value(path: str, name: str) -> float:
    text = definition(path, name)
    text = re.sub(r"(?:std::)?(?:int64_t|size_t|int32_t|uint64_t)\{([^}]*)\}", r"(\1)", text)
    text = re.sub(r"(?<=\d)'(?=\d)", "", text)
    text = re.sub(r"(?<=\d)[uUlL]+\b", "", text)
    text = re.sub(r"absl::Seconds\(([^)]*)\)", r"(\1)", text)
    text = re.sub(r"\bk[A-Z]\w*", lambda used: str(value(path, used.group())), text)
    if not re.fullmatch(r"[\d\s.+*/()<>-]+", text):
        raise SystemExit(f"{PAGE.name}: cannot work out {name} = {text}")
    return eval(text)  # digits and operators alone


def shown(number: float, unit: str) -> str:
    if unit == "bytes":
        for size, symbol in UNITS:
            if number >= size and number % size == 0:
                return f"{number // size:,} {symbol}"
        if number >= 10 << 10 and number % 1024 == 0:
            return f"{number // 1024:,} KiB"
        return f"{number:,} bytes"
    return f"{number:,} {unit}".strip()


def unit_of(text: str) -> str:
    unit = text.split()[-1] if text.split()[1:] else ""
    return "bytes" if unit in {"bytes", *(symbol for _, symbol in UNITS)} else unit


def main() -> int:
    lines = PAGE.read_text().splitlines()
    wrong = rows = 0
    for number, line in enumerate(lines):
        row = ROW.match(line)
        if not row:
            continue
        rows += 1
        head, text, path, name = row.groups()
        right = shown(value(path, name), unit_of(text))
        if right == text:
            continue
        wrong += 1
        lines[number] = f"{head} {right} | `{path}:{name}` |"
        if "--write" not in sys.argv:
            print(f"{PAGE.relative_to(ROOT)}:{number + 1}: says {text}, {path} has {name} = {right}")
    if "--write" in sys.argv:
        PAGE.write_text("\n".join(lines) + "\n")
        return 0
    if rows == 0:
        print(f"{PAGE.relative_to(ROOT)}: no row names a constant")
    return 1 if wrong or rows == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
