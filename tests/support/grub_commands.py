"""Commands of GRUB's language, made by chance: conditions, loops, functions, tests."""

from __future__ import annotations

from collections.abc import Callable

from support.grub_words import Scope, Words

_REGEXPS = (
    ("([a-z]+)-([0-9]+)", "foo-12"), ("^v(.*)$", "vmlinuz"), ("(a)(b)?", "a"), ("x", "abc"),
    ("([^/]*)$", "/boot/k"), ("k[0-9][0-9]*", "k77"), ("[[:alpha:]]([[:digit:]])", "z9"),
    ("(a|ab)(c|bcd)*", "abcd"), ("((x|y)+)-(z*)", "xyx-zz"), ("(a*)+b|c{2}", "aab"),
    ("^([0-9]+[.]?)*$", "6.1.12"), ("(rt|amd64|)$", "k-amd64"), ("v(0|1){2,3}", "v0110"),
)  # fmt: skip


class Commands(Words):
    """Makes commands and blocks of them."""

    def block(self, scope: Scope, least: int = 1, most: int = 3) -> str:
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

    def command(self, scope: Scope) -> str:
        kinds: list[Callable[[Scope], str]] = [
            self._set, self._set, self._assign, self._if, self._for, self._loop, self._call,
            self._test, self._eval, self._regexp, self._unset, self._status, self._not,
            self._shift, self._glob, self._export, self._block_argument,
        ]  # fmt: skip
        if scope.depth > 2:
            kinds = [self._set, self._assign, self._call, self._unset, self._status, self._regexp]
        return self.chance.choice(kinds)(scope)

    def _set(self, scope: Scope) -> str:
        self.use("set")
        value = self.word(scope)
        name = self._target(scope)
        more = " " + self._plain(scope) if self.maybe(10) else ""
        return f"set {name}={value}{more}"

    def _assign(self, scope: Scope) -> str:
        self.use("assignment")
        value = self.word(scope)
        return f"{self._target(scope)}={value}"

    def _target(self, scope: Scope) -> str:
        """Return a new name: a value that grew by itself would leave the screen."""
        if scope.loop and self.maybe(60):
            self.use("set in a loop")
        name = self.fresh("e" if scope.entry else "v")
        scope.names.append(name)
        return name

    def _condition(self, scope: Scope) -> str:
        text = self.chance.choice([self._test, self._test, self._call, self._not, self._truth])(
            scope
        )
        if self.maybe(10):
            text = f"true; {text}"
        return text

    def _truth(self, scope: Scope) -> str:
        del scope
        return self.one("true", "false")

    def _if(self, scope: Scope) -> str:
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

    def _for(self, scope: Scope) -> str:
        self.use("for")
        name = self.fresh("i")
        words = self.words(scope, 0, 3)
        inner = scope.inner(loop=True)
        inner.names.append(name)
        body = self._leaving(inner)
        acc = self.fresh("s")
        scope.names.append(acc)
        return f"for {name} in {words}; do {body}\n{acc}=$" + f"{{{acc}}}+\ndone"

    def _loop(self, scope: Scope) -> str:
        word = self.one("while", "until")
        self.use(word)
        name = self.fresh("n")
        operator = "!=" if word == "while" else "="
        inner = scope.inner(loop=True)
        inner.names.append(name)
        body = self._leaving(inner)
        scope.names.append(name)
        return f'{name}=; {word} [ "${name}" {operator} xxx ]; do {name}=${{{name}}}x\n{body}; done'

    def _leaving(self, scope: Scope) -> str:
        body = self.block(scope)
        if self.maybe(45):
            word = self.one("break", "continue")
            self.use(word)
            count = self.one("", "", " 1", " 2")
            body += (
                f"\nif {self._condition(scope)}; then {word}{count}; fi\n{self.block(scope, 1, 2)}"
            )
        return body

    def _call(self, scope: Scope) -> str:
        if not self.functions or not self._may_leak(scope):
            return "true"
        self.use("function call")
        return f"{self.chance.choice(self.functions)} {self.words(scope, 0, 4)}"

    def _test(self, scope: Scope) -> str:
        parts = [self._expression(scope)]
        while self.maybe(25):
            self.use("test -a -o")
            parts += [self.one("-a", "-o"), self._expression(scope)]
        text = " ".join(parts)
        return f"test {text}" if self.maybe(30) else f"[ {text} ]"

    def _expression(self, scope: Scope) -> str:
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

    def _eval(self, scope: Scope) -> str:
        self.use("eval")
        name = self._target(scope)
        return self.one(
            f"eval {name}={self._plain(scope)}",
            f"eval \"{name}='a b'; true\"",
            f"eval set '{name}=\"$unset_one'{self._plain(scope)}'\"'",
        )

    def _regexp(self, scope: Scope) -> str:
        self.use("regexp")
        pattern, text = self.chance.choice(_REGEXPS)
        first, second = self._target(scope), self._target(scope)
        return f"regexp --set 1:{first} --set={self.one('2:', '0:', '')}{second} '{pattern}' {text}"

    def _unset(self, scope: Scope) -> str:
        self.use("unset")
        # Those that start with n end loops.
        names = [name for name in scope.names if not name.startswith("n")]
        if not self._may_leak(scope):
            names = [name for name in names if name.startswith("e")]
        return f"unset {self.chance.choice([*names, 'unset_one'])}"

    def _status(self, scope: Scope) -> str:
        self.use("$?")
        before = self.one("true", "false", "[ a = b ]", "! false", "! true")
        return f"{before}; {self._target(scope)}=$?"

    def _not(self, scope: Scope) -> str:
        self.use("! command")
        return "! " + self.one("true", "false", self._test(scope))

    def _shift(self, scope: Scope) -> str:
        if scope.parameters is None:
            return "true"
        if self.maybe(40):
            self.use("setparams")
            return f"setparams {self.words(scope, 1, 3)}"
        self.use("shift")
        return self.one("shift", "shift 2", "shift 9")

    def _glob(self, scope: Scope) -> str:
        self.use("wildcard")
        name = self._target(scope)
        pattern = self.one("only*", "on?y-one.txt", "*.txt", "nothing*", "'only'*")
        found = f"if [ $g = @DIR@/only-one.txt ]; then {name}=yes; fi"
        return f"for g in @DIR@/{pattern}; do {found}; done"

    def _export(self, scope: Scope) -> str:
        if not self._may_leak(scope):
            return "true"
        self.use("export")
        return f"export {self.chance.choice([*scope.names, 'never_set'])}"

    def _may_leak(self, scope: Scope) -> bool:
        return self.leaks or not scope.entry

    def _block_argument(self, scope: Scope) -> str:
        if not self.functions or scope.parameters is not None:
            return "true"
        self.use("block as an argument")
        return f"{self.chance.choice(self.functions)} a{self.one('', ' ')}{{ true; }}"
