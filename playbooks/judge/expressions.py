"""The small language of rule files: comparisons of names, numbers, texts and lists.

``elf_machine != 62 and page_size == 65536`` over the fields of a profile; ``not answers`` over one
item of the context. Nothing can be called and nothing reached but the names given.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


class ExpressionError(ValueError):
    """The text is not an expression of this language."""


class MissingName(LookupError):
    """A name that the expression needs has no value: the answer cannot be known."""


def compile_expression(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """A function from names to true or false. Raises ExpressionError; the function MissingName."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(f"{text!r}: {error.msg}") from error
    evaluate = _compile(tree, text)
    return lambda names: bool(evaluate(names))


def _compile(  # noqa: PLR0911 (one a kind of node)
    node: ast.expr, text: str
) -> Callable[[Mapping[str, Any]], Any]:
    match node:
        case ast.Constant(value=value):
            return lambda _: value
        case ast.Name(id=name):
            return lambda names: _value(names, name)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            parts = [_compile(item, text) for item in items]
            return lambda names: [part(names) for part in parts]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _compile(operand, text)
            return lambda names: not inner(names)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return lambda _: -value
        case ast.BoolOp(op=op, values=values):
            parts = [_compile(value, text) for value in values]
            if isinstance(op, ast.And):
                return lambda names: all(part(names) for part in parts)
            return lambda names: any(part(names) for part in parts)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            one, other, compare = _compile(left, text), _compile(right, text), _COMPARE[type(op)]
            return lambda names: compare(one(names), other(names))
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            one, other = _compile(left, text), _compile(right, text)
            return lambda names: one(names) * other(names)
        case _:
            raise ExpressionError(f"{text!r}: {ast.unparse(node)} is not allowed here")


def _value(names: Mapping[str, Any], name: str) -> Any:
    value = names.get(name)
    if value is None:
        raise MissingName(name)
    return value
