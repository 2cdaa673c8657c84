"""GRUB configurations made from a grammar: every construct of the language, from a seed.

`@DIR@` stands for the folder of the case's files. Values stay short: a line of grub-emu's screen
holds 80 characters. What only a running GRUB knows is not in them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

FILES = {
    "full": "text", "empty": "", "folder/": "", "folder/inner": "x", "only-one.txt": "y",
    "v1.0.0": "old", "v2.0.0": "new",
}  # fmt: skip
_PLAIN = (
    "a",
    "bc",
    "ro",
    "quiet",
    "x=1",
    "k.v",
    "a#b",
    "p%q",
    "é",
    "u~v",
    "w:z",
    "c,d",
    "(e)",
    "a-b",
)
_INSIDE = ("a b", "c", "", "  d", "e;f", "{g}", "h|i", "#j", "k'l", "m=n", "s*", "o?")
_REGEXPS = (
    ("([a-z]+)-([0-9]+)", "foo-12"), ("^v(.*)$", "vmlinuz"), ("(a)(b)?", "a"), ("x", "abc"),
    ("([^/]*)$", "/boot/k"), ("k[0-9][0-9]*", "k77"), ("[[:alpha:]]([[:digit:]])", "z9"),
)  # fmt: skip


@dataclass
class Case:
    """A configuration: its files, and the names of the constructs that are in it.

    `leaks` is True where an entry may leave something behind that another one sees, if both are
    executed one after the other.
    """

    files: dict[str, str]
    seen: set[str]
    leaks: bool


@dataclass
class _Scope:
    """What a piece of script may name: variables, and how many parameters there are."""

    names: list[str] = field(default_factory=list)
    parameters: int | None = None
    depth: int = 0
    entry: bool = False
    loop: bool = False

    def inner(self, **changes: bool | int | None) -> _Scope:
        result = _Scope(list(self.names), self.parameters, self.depth + 1, self.entry, self.loop)
        for name, value in changes.items():
            setattr(result, name, value)
        return result


class Grammar:
    """Makes one case from a random source."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.seen: set[str] = set()
        self.files: dict[str, str] = {}
        self.functions: list[str] = []
        self.number = 0
        self.leaks = self.maybe(30)

    def one(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def maybe(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent

    def use(self, name: str) -> None:
        self.seen.add(name)

    def fresh(self, start: str) -> str:
        self.number += 1
        return f"{start}{self.number}"

    # Words

    def word(self, scope: _Scope) -> str:
        """Return a word of one to three pieces."""
        count = self.chance.choice((1, 1, 1, 2, 2, 3))
        return "".join(self._piece(scope) for _ in range(count))

    def words(self, scope: _Scope, least: int = 0, most: int = 3) -> str:
        return " ".join(self.word(scope) for _ in range(self.chance.randint(least, most)))

    def _piece(self, scope: _Scope) -> str:
        kinds: list[Callable[[_Scope], str]] = [
            self._plain, self._single, self._double, self._escape, self._variable, self._variable,
            self._parameter, self._translated, self._continued,
        ]  # fmt: skip
        return self.chance.choice(kinds)(scope)

    def _plain(self, scope: _Scope) -> str:
        del scope
        text = self.chance.choice(_PLAIN)
        if "#" in text:
            self.use("hash in a word")
        return text

    def _single(self, scope: _Scope) -> str:
        del scope
        self.use("single quotes")
        if self.maybe(15):
            self.use("quote over two lines")
            return "'a\nb'" if self.maybe(50) else "'a\n#gone\nb'"
        text = self.chance.choice(_INSIDE).replace("'", '"')
        return f"'{text}$x\\'" if self.maybe(25) else f"'{text}'"

    def _double(self, scope: _Scope) -> str:
        self.use("double quotes")
        parts = [self.chance.choice(_INSIDE)]
        if self.maybe(30):
            self.use("escape in quotes")
            parts.append(self.one("\\$", '\\"', "\\\\", "\\n", "\\\n", "\\x20"))
        if self.maybe(50):
            parts.append(self._variable(scope))
        if self.maybe(40) and scope.parameters is not None:
            parts.append(self._quoted_parameter())
        return '"' + "".join(parts) + '"'

    def _quoted_parameter(self) -> str:
        name = self.one("@", "*", "#", "1", "2", "{3}")
        self.use({"@": "quoted $@", "*": "quoted $*", "#": "$#"}.get(name, "parameter"))
        return f"${name}"

    def _escape(self, scope: _Scope) -> str:
        del scope
        self.use("escape outside quotes")
        return self.one(
            "\\ ", "\\$", "\\;", "\\\\", "\\a", "\\{", "\\#", "\\'", '\\"', "\\x20", "\\*"
        )

    def _variable(self, scope: _Scope) -> str:
        name = self.chance.choice([*scope.names, "unset_one"])
        if name == "unset_one":
            self.use("unset variable")
        if self.maybe(60):
            self.use("${a}b")
            return f"${{{name}}}" + self.one("", "z", "9")
        return f"${name}"

    def _parameter(self, scope: _Scope) -> str:
        if scope.parameters is None:
            return self._plain(scope)
        name = self.one("1", "2", "3", "10", "@", "*", "#", "{1}", "{11}")
        said = {"@": "bare $@", "*": "bare $*", "#": "$#", "10": "$10", "{11}": "$10"}
        self.use(said.get(name, "parameter"))
        return f"${name}"

    def _translated(self, scope: _Scope) -> str:
        self.use('$"text"')
        name = self.chance.choice([*scope.names, "unset_one"])
        return self.one('$"a b"', f'$"c ${name} d"', f'$"e${{{name}}}f"', '$"g\\$h"')

    def _continued(self, scope: _Scope) -> str:
        del scope
        self.use("continued line in a word")
        return "q\\\nr"

    # Commands

    def block(self, scope: _Scope, least: int = 1, most: int = 3) -> str:
        """Return commands with delimiters between them, the last one without."""
        lines = [self.command(scope) for _ in range(self.chance.randint(least, most))]
        text = lines[0]
        for line in lines[1:]:
            if self.maybe(30):
                self.use("semicolon")
                text += self.one(";", " ; ", "; \n\n") + line
            else:
                if self.maybe(15):
                    self.use("comment")
                    text += self.one(" # it's \"said", " #x")
                text += "\n" + self.one("", "", "# a line\n", "\n", "\t") + line
        return text

    def command(self, scope: _Scope) -> str:
        kinds: list[Callable[[_Scope], str]] = [
            self._set, self._set, self._assign, self._if, self._for, self._loop, self._call,
            self._test, self._eval, self._regexp, self._unset, self._status, self._not,
            self._shift, self._glob, self._export, self._block_argument,
        ]  # fmt: skip
        if scope.depth > 2:
            kinds = [self._set, self._assign, self._call, self._unset, self._status, self._regexp]
        return self.chance.choice(kinds)(scope)

    def _set(self, scope: _Scope) -> str:
        self.use("set")
        value = self.word(scope)
        name = self._target(scope)
        more = " " + self._plain(scope) if self.maybe(10) else ""
        return f"set {name}={value}{more}"

    def _assign(self, scope: _Scope) -> str:
        self.use("assignment")
        value = self.word(scope)
        return f"{self._target(scope)}={value}"

    def _target(self, scope: _Scope) -> str:
        """Return a new name: a value that grew by itself would leave the screen."""
        if scope.loop and self.maybe(60):
            self.use("set in a loop")
        name = self.fresh("e" if scope.entry else "v")
        scope.names.append(name)
        return name

    def _condition(self, scope: _Scope) -> str:
        text = self.chance.choice([self._test, self._test, self._call, self._not, self._truth])(
            scope
        )
        if self.maybe(10):
            text = f"true; {text}"
        return text

    def _truth(self, scope: _Scope) -> str:
        del scope
        return self.one("true", "false")

    def _if(self, scope: _Scope) -> str:
        self.use("if")
        inner = scope.inner()
        text = f"if {self._condition(inner)}; then{self.one(' ', chr(10))}{self.block(inner)}"
        while self.maybe(25):
            self.use("elif")
            inner = scope.inner()
            text += (
                f"\nelif {self._condition(inner)}{self.one('; ', chr(10))}then {self.block(inner)}"
            )
        if self.maybe(50):
            self.use("else")
            text += f"{self.one('; ', chr(10))}else {self.block(scope.inner())}"
        return text + self.one("; fi", "\nfi")

    def _for(self, scope: _Scope) -> str:
        self.use("for")
        name = self.fresh("i")
        words = self.words(scope, 0, 3)
        inner = scope.inner(loop=True)
        inner.names.append(name)
        body = self._leaving(inner)
        acc = self.fresh("s")
        scope.names.append(acc)
        return f"for {name} in {words}; do {body}\n{acc}=$" + f"{{{acc}}}+\ndone"

    def _loop(self, scope: _Scope) -> str:
        word = self.one("while", "until")
        self.use(word)
        name = self.fresh("n")
        operator = "!=" if word == "while" else "="
        inner = scope.inner(loop=True)
        inner.names.append(name)
        body = self._leaving(inner)
        scope.names.append(name)
        return f'{name}=; {word} [ "${name}" {operator} xxx ]; do {name}=${{{name}}}x\n{body}; done'

    def _leaving(self, scope: _Scope) -> str:
        body = self.block(scope)
        if self.maybe(45):
            word = self.one("break", "continue")
            self.use(word)
            count = self.one("", "", " 1", " 2")
            body += (
                f"\nif {self._condition(scope)}; then {word}{count}; fi\n{self.block(scope, 1, 2)}"
            )
        return body

    def _call(self, scope: _Scope) -> str:
        if not self.functions or not self._may_leak(scope):
            return "true"
        self.use("function call")
        return f"{self.chance.choice(self.functions)} {self.words(scope, 0, 4)}"

    def _test(self, scope: _Scope) -> str:
        parts = [self._expression(scope)]
        while self.maybe(25):
            self.use("test -a -o")
            parts += [self.one("-a", "-o"), self._expression(scope)]
        text = " ".join(parts)
        return f"test {text}" if self.maybe(30) else f"[ {text} ]"

    def _expression(self, scope: _Scope) -> str:
        bang = ""
        if self.maybe(15):
            self.use("test !")
            bang = "! "
        if self.maybe(8):
            self.use("test ( )")
            return f"{bang}( {self._expression(scope)} )"
        left, right = self.word(scope), self.word(scope)
        kind = self.chance.randrange(7)
        if kind == 0:
            self.use("test numbers")
            numbers = ("0", "1", "2", "10", "010", "0x10", "-1", "x", "3y")
            a, b = self.one(*numbers), self.one(*numbers)
            return f"{bang}{a} {self.one('-eq', '-ne', '-lt', '-le', '-gt', '-ge')} {b}"
        if kind == 1:
            self.use("test files")
            operator = self.one("-e", "-f", "-d", "-s")
            path = self.one("full", "empty", "folder", "folder/", "folder/inner", "none", "none/x")
            if operator == "-s" and path.startswith("folder"):
                path = "none"  # grub-emu opens a folder as if it were a file
            return f"{bang}{operator} @DIR@/{path}"
        if kind == 2:
            self.use("test -n -z")
            return f'{bang}{self.one("-n", "-z")} "{self._variable(scope)}"'
        if kind == 3:
            self.use("test order")
            return f"{bang}{self._plain(scope)} '{self.one('<', '>', '<=', '>=')}' b"
        if kind == 4:
            self.use("test -nt -ot")
            old, new = self.one("v1.0.0", "none"), self.one("v2.0.0", "full")
            return f"{bang}@DIR@/{old} {self.one('-nt', '-ot', '-nt-9000', '-ot5')} @DIR@/{new}"
        if kind == 5:
            self.use("test -pgt -plt")
            a, b = self.one("k-2", "k-11", "3", "k"), self.one("k-9", "k-11", "20", "k-x")
            return f"{bang}{a} {self.one('-pgt', '-plt')} {b}"
        self.use("test strings")
        return f"{bang}{left} {self.one('=', '==', '!=')} {right}"

    def _eval(self, scope: _Scope) -> str:
        self.use("eval")
        name = self._target(scope)
        return self.one(
            f"eval {name}={self._plain(scope)}",
            f"eval \"{name}='a b'; true\"",
            f"eval set '{name}=\"$unset_one'{self._plain(scope)}'\"'",
        )

    def _regexp(self, scope: _Scope) -> str:
        self.use("regexp")
        pattern, text = self.chance.choice(_REGEXPS)
        first, second = self._target(scope), self._target(scope)
        return f"regexp --set 1:{first} --set={self.one('2:', '0:', '')}{second} '{pattern}' {text}"

    def _unset(self, scope: _Scope) -> str:
        self.use("unset")
        # Those that start with n end loops.
        names = [name for name in scope.names if not name.startswith("n")]
        if not self._may_leak(scope):
            names = [name for name in names if name.startswith("e")]
        return f"unset {self.chance.choice([*names, 'unset_one'])}"

    def _status(self, scope: _Scope) -> str:
        self.use("$?")
        before = self.one("true", "false", "[ a = b ]", "! false", "! true")
        return f"{before}; {self._target(scope)}=$?"

    def _not(self, scope: _Scope) -> str:
        self.use("! command")
        return "! " + self.one("true", "false", self._test(scope))

    def _shift(self, scope: _Scope) -> str:
        if scope.parameters is None:
            return "true"
        if self.maybe(40):
            self.use("setparams")
            return f"setparams {self.words(scope, 1, 3)}"
        self.use("shift")
        return self.one("shift", "shift 2", "shift 9")

    def _glob(self, scope: _Scope) -> str:
        self.use("wildcard")
        name = self._target(scope)
        pattern = self.one("only*", "on?y-one.txt", "*.txt", "nothing*", "'only'*")
        found = f"if [ $g = @DIR@/only-one.txt ]; then {name}=yes; fi"
        return f"for g in @DIR@/{pattern}; do {found}; done"

    def _export(self, scope: _Scope) -> str:
        if not self._may_leak(scope):
            return "true"
        self.use("export")
        return f"export {self.chance.choice([*scope.names, 'never_set'])}"

    def _may_leak(self, scope: _Scope) -> bool:
        return self.leaks or not scope.entry

    def _block_argument(self, scope: _Scope) -> str:
        if not self.functions or scope.parameters is not None:
            return "true"
        self.use("block as an argument")
        return f"{self.chance.choice(self.functions)} a{self.one('', ' ')}{{ true; }}"

    # The file

    def function(self) -> str:
        """Return the definition of a function."""
        self.use("function")
        name = self.fresh("f")
        scope = _Scope(["g1"], 3)
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

    def entry(self, scope: _Scope) -> str:
        """Return a menu entry that loads something."""
        title, number = self.fresh("Entry "), self.number
        inner = _Scope(list(scope.names), 3, 1, entry=True)
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
        text = f"{body}\nlinux {kernel} {words}"
        if self.maybe(60):
            self.use("initrd")
            text += f"\ninitrd /i{number} {self.one('', '/more', '(host)/x')}"
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

    def submenu(self, scope: _Scope, depth: int = 0) -> str:
        """Return a submenu, which sees what is exported only."""
        self.use("submenu")
        title, number = self.fresh("More "), self.number
        inner = _Scope(list(scope.names), 1, 1)
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
            f"menuentry {name} {{ }}", f"menuentry {name} {{ linux /f\n function h {{ true; }}\n}}",
            "for a b in c; do true; done", "function 1x { true; }", "if true; then fi",
            f"menuentry {name} {{\nlinux /f\n) ; ;\nset g1=leaked\n}}", "while true; done",
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
        scope = _Scope(["g1"])
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
            lines.append('for z in p q; do menuentry "Loop $z" $z { linux /l $2 }\ndone')
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

    def _included(self, scope: _Scope) -> str:
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
