"""GRUB configurations made from a grammar: every construct of the language, from a seed.

`@DIR@` stands for the folder of the case's files. Values stay short: a line of grub-emu's screen
holds 80 characters. What only a running GRUB knows is not in them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from support.grub_commands import Commands
from support.grub_words import Scope

FILES = {
    "full": "text", "empty": "", "folder/": "", "folder/inner": "x", "only-one.txt": "y",
    "v1.0.0": "old", "v2.0.0": "new",
}  # fmt: skip


@dataclass
class Case:
    """A configuration: its files, and the names of the constructs that are in it.

    `leaks` is True where an entry may leave something behind that another one sees, if both are
    executed one after the other.
    """

    files: dict[str, str]
    seen: set[str]
    leaks: bool


class Grammar(Commands):
    """Makes one case."""

    def function(self) -> str:
        """Return the definition of a function."""
        self.use("function")
        name = self.fresh("f")
        scope = Scope(["g1"], 3)
        scope.depth = 1
        body = self.block(scope, 1, 3)
        if self.maybe(50):
            value = self.one("", " 0", " 1", " 3")
            self.use("return")
            body += (
                f"\nif {self._condition(scope)}; then return{value}; fi\n{self.block(scope, 1, 2)}"
            )
        # What a call leaves behind is seen in a variable that all share.
        body += f'\ng1="{name}$#$1"'
        self.functions.append(name)
        return f"function {name} {{{self.one(chr(10), ' ')}{body}\n}}"

    def entry(self, scope: Scope) -> str:
        """Return a menu entry that loads something."""
        title, number = self.fresh("Entry "), self.number
        inner = Scope(list(scope.names), 3, 1, entry=True)
        body = self.block(inner, 1, 3) if self.maybe(80) else "true"
        words = self.words(inner, 0, 3)
        if self.maybe(20):
            self.use("continued line")
            words = f"\\\n \\\n{words}"
        kernel = f"/k{number}"
        if self.maybe(15):
            self.use("search --file")
            body += "\n" + self._search()
            kernel = "($found)@DIR@/full"
        text = f"{body}\nlinux16 {kernel} {words}"
        if self.maybe(60):
            self.use("initrd")
            text += f"\ninitrd16 /i{number} {self.one('', '/more', '(host)/x')}"
        brace = self.one("{", " {")
        self.use("brace without blank" if brace == "{" else "brace with blank")
        head = f"menuentry {self._title(title)}{self._options(number)}"
        if self.maybe(30):
            self.use("arguments of an entry")
            head += f" {self.words(scope, 1, 2)}"
        end = self.one("\n}", ";}", " }", "}")
        opening = self.one("\n", " ", "")
        return f"{head}{brace}{opening}{text}{end}"

    def _search(self) -> str:
        return self.one(
            "search --no-floppy --file --set=found @DIR@/full",
            "search --file @DIR@/full --set found --hint hd0,gpt2",
            "search -n -f -s found @DIR@/full",
            "search --set=found --hint-bios=hd0 --hint-efi=hd0 --file @DIR@/full",
            "search.file @DIR@/full found",
            "search --file @DIR@/full; found=$root",
        )

    def _title(self, title: str) -> str:
        if self.maybe(15):
            self.use("variable in a title")
            return self.one(f'"{title} $g1"', f'"{title}${{g1}}-$unset_one"', f"'{title} '\"$g1\"")
        return self.one(f"'{title}'", f'"{title}"', title.replace(" ", "\\ "))

    def _options(self, number: int) -> str:
        text = ""
        if self.maybe(40):
            self.use("--class")
            text += self.one(" --class os --class gnu", " --class=os")
        if self.maybe(20):
            self.use("--unrestricted")
            text += " --unrestricted"
        if self.maybe(20):
            self.use("--users")
            text += self.one(" --users root", " --users ''")
        if self.maybe(20):
            self.use("--hotkey")
            text += self.one(" --hotkey=q", " --hotkey f9")
        if self.maybe(60):
            self.use("--id")
            text += self.one(f" --id id{number}", f" --id=id{number}",
                             f" $menuentry_id_option 'id{number}'")  # fmt: skip
            if "$menuentry" in text:
                self.use("$menuentry_id_option")
        return text

    def submenu(self, scope: Scope, depth: int = 0) -> str:
        """Return a submenu, which sees what is exported only."""
        self.use("submenu")
        title, number = self.fresh("More "), self.number
        inner = Scope(list(scope.names), 1, 1)
        lines = [self.command(inner) for _ in range(self.chance.randint(0, 2))]
        if self.maybe(30):
            self.use("default of a submenu")
            lines.append(f"default={self.one('0', '1', 'nothing')}")
        lines += [self.entry(inner) for _ in range(self.chance.randint(1, 2))]
        if depth < 1 and self.maybe(40):
            self.use("nested submenu")
            lines.append(self.submenu(inner, depth + 1))
        body = "\n".join(lines)
        return f"submenu '{title}'{self._options(number)} {{\n{body}\n}}"

    def fault(self) -> str:
        """Return something that GRUB refuses to parse, and drops."""
        self.use("syntax error")
        name = self.fresh("t")
        return self.one(
            "}", "fi", "echo a & echo b", "true | true", "true; ; true", 'set x="a$ b"',
            f"menuentry {name} {{ }}",
            f"menuentry {name} {{ linux16 /f\n function h {{ true; }}\n}}",
            "for a b in c; do true; done", "function 1x { true; }", "if true; then fi",
            f"menuentry {name} {{\nlinux16 /f\n) ; ;\nset g1=leaked\n}}", "while true; done",
            "echo <x",
            "true && true", "true || true", "done", "set $=1", f"submenu {name} {{\ntrue\n;true }}",
            "if [ a = a ] then true; fi", "echo [[ x", "function f9 { true }",
        )  # fmt: skip

    def default(self, entries: list[tuple[str, str]]) -> str:
        """Return a value of default: a number, a title, an id, a path or nothing that there is."""
        title, ident = self.chance.choice(entries)
        kind = self.chance.randrange(6)
        if kind == 0:
            self.use("default by number")
            return str(self.chance.randint(0, 5))
        if kind == 1:
            self.use("default by title")
            return title
        if kind == 2:
            self.use("default by id")
            return ident
        if kind == 3:
            self.use("default by path")
            return f"{self.one(title, ident, '1', '2')}>{self.one('0', '1', 'nothing')}"
        if kind == 4:
            self.use("default that names nothing")
            return self.one("nothing", "-1", "99", "")
        self.use("default that starts with a number")
        return self.one("1st", "01", "0x1", " 1", "1>1>1")

    def case(self) -> Case:
        """Return a whole configuration."""
        scope = Scope(["g1"])
        parts = ["g1=g", "menuentry_id_option=--id"]
        parts += [self.function() for _ in range(self.chance.randint(0, 2))]
        parts += [self.command(scope) for _ in range(self.chance.randint(1, 5))]
        lines = [self.entry(scope) for _ in range(self.chance.randint(1, 3))]
        if self.maybe(50):
            lines.append(self.submenu(scope))
        self.chance.shuffle(lines)
        if self.maybe(25):
            lines.insert(self.chance.randint(0, len(lines)), self._included(scope))
        if self.maybe(25):
            lines.insert(self.chance.randint(0, len(lines)), self.fault())
        if self.maybe(20):
            self.use("entry in a condition")
            lines[0] = (
                f"if {self._condition(scope.inner())}; then\n{lines[0]}\nfi"
                if lines[0].startswith("menuentry")
                else lines[0]
            )
        if self.maybe(10):
            self.use("entries in a loop")
            lines.append('for z in p q; do menuentry "Loop $z" $z { linux16 /l $2 }\ndone')
        parts += lines
        names = [(f"Entry {n}", f"id{n}") for n in range(1, self.number + 1)]
        parts.insert(2, self._start(self.default(names), self.default(names)))
        if self.maybe(5):
            self.use("text that does not end")
            parts.append(
                self.one("echo 'open", 'set x="open', "menuentry open {", "if true; then", "x=\\")
            )
        self.files["grub.cfg"] = "\n".join(parts) + self.one("", "\n")
        return Case(self.files, self.seen, self.leaks)

    def _included(self, scope: Scope) -> str:
        name = f"{self.fresh('inc')}.cfg"
        self.files[name] = self.command(scope) + "\n" + self.entry(scope) + "\n"
        how = self.one("source", ".", "configfile", "extract_entries_source")
        self.use("source" if how == "." else how)
        if how == "configfile":
            title = self.fresh("File ")
            return f"submenu '{title}' {{ configfile $prefix/{name} }}"
        if self.maybe(40):
            self.use("source -f")
            path = f"${{config_directory}}/{name}"
            return f"if [ -f {path} ]; then\n  {how} {path}; fi"
        return f"{how} {self.one('$prefix', '${prefix}', '@DIR@')}/{name}"

    def _start(self, default: str, other: str) -> str:
        """Return what the head of a configuration does with the environment block and default."""
        kind = self.chance.randrange(4)
        if kind == 0:
            return f"set default='{default}'"
        values = {"saved_entry": default}
        if kind == 2:
            self.use("next_entry")
            values["next_entry"] = other
        if kind == 3:
            self.use("prev_saved_entry")
            values["prev_saved_entry"] = other
        values["odd"] = "a\\\\b c"
        block = "# GRUB Environment Block\n" + "".join(f"{k}={v}\n" for k, v in values.items())
        name = self.one("grubenv", "other.env")
        self.files[name] = block.ljust(1024, "#")
        self.use("load_env" if name == "grubenv" else "load_env -f")
        load = "load_env" if name == "grubenv" else "load_env -f $prefix/other.env"
        if self.maybe(20):
            self.use("load_env with names")
            load += " saved_entry next_entry prev_saved_entry"
        return (
            f"if [ -s $prefix/{name} ]; then {load}; fi\n"
            'if [ "${next_entry}" ]; then set default="${next_entry}"; set next_entry=\n'
            'else set default="${saved_entry}"; fi\n'
            'if [ "${prev_saved_entry}" ]; then set saved_entry="${prev_saved_entry}"; fi'
        )


def make_case(seed: int) -> Case:
    """Return the case of a seed, the same one each time."""
    return Grammar(random.Random(seed)).case()
