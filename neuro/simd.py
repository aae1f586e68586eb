"""Vectors of eight float64 for kernels, and what the loops over a row's targets do with them.

Each lane is computed with the same IEEE operations as a single number, so no bit depends on where a row is cut. On
machines with shorter vector registers, the compiler uses several of them.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

LANES = 8

__all__ = [
    "GOLDEN", "LANES", "MIX", "add_contiguous", "add_pairs", "add_quads", "add_weighted", "all_lanes", "copy_targets",
    "gather", "lane_choice", "lane_max", "lane_min", "lane_mix", "load_lanes", "load_pairs", "not_below",
    "power_of_two", "prefetch", "prefetch_l2", "scatter", "store_keys", "store_lanes", "uniform_of_words",
]  # fmt: skip

_I32, _I64, _DOUBLE = ir.IntType(32), ir.IntType(64), ir.DoubleType()
_BYTES = ir.IntType(8).as_pointer()
_PAIR, _WIDE = ir.VectorType(_DOUBLE, 2), ir.VectorType(_DOUBLE, LANES)
_WORDS = ir.VectorType(_I64, LANES)
GOLDEN, MIX = 0x9E3779B97F4A7C15, (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Constants of SplitMix64: the step of its counter, and the factors of its mix."""


class _Lanes(types.Type):
    """Eight float64."""

    def __init__(self) -> None:
        super().__init__("lanes")


_LANES = _Lanes()
_BOTH: Any = types.containers.UniTuple(_LANES, 2)


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _WIDE)


def _indices(*numbers: int) -> Any:
    return ir.Constant(ir.VectorType(_I32, len(numbers)), list(numbers))


def _words(*numbers: int) -> Any:
    """Eight whole numbers; one number stands for eight."""
    return ir.Constant(_WORDS, [*numbers] * (LANES // len(numbers)))


def _splat(builder: Any, value: Any, kind: Any = _WIDE) -> Any:
    """The same number in every lane."""
    nothing = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(nothing, value, _I32(0))
    return builder.shuffle_vector(one, nothing, _indices(*[0] * kind.count))


def _pair(builder: Any, a: Any, b: Any) -> Any:
    first = builder.insert_element(ir.Constant(_PAIR, ir.Undefined), a, _I32(0))
    return builder.insert_element(first, b, _I32(1))


def _unzip(builder: Any, pairs: list[Any]) -> list[Any]:
    """Split the pairs (a, b) of eight targets into all a and all b."""
    size = 2
    while len(pairs) > 1:
        size *= 2
        places, halves = _indices(*range(size)), zip(pairs[::2], pairs[1::2], strict=True)
        pairs = [builder.shuffle_vector(x, y, places) for x, y in halves]
    nothing = ir.Constant(pairs[0].type, ir.Undefined)
    return [builder.shuffle_vector(pairs[0], nothing, _indices(*range(k, 2 * LANES, 2))) for k in (0, 1)]


def _operation(symbol: Any, method: str) -> None:
    @infer_global(symbol)
    class _Template(ConcreteTemplate):  # type: ignore[misc]
        cases = [signature(_LANES, _LANES, _LANES), signature(_LANES, _LANES, types.float64)]  # noqa: RUF012

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, method)(args[0], args[1] if sig.args[1] == _LANES else _splat(builder, args[1]))

    lower_builtin(symbol, _LANES, _LANES)(lower)
    lower_builtin(symbol, _LANES, types.float64)(lower)


for _name, _method in {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}.items():
    _operation(getattr(operator, _name), _method)


@intrinsic  # type: ignore[untyped-decorator]
def all_lanes(typing: Any, x: Any) -> Any:
    """One number in all lanes."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, args[0])

    return _LANES(types.float64), build


def _choose(symbol: str, text: str) -> Any:
    """An intrinsic for the greater (">") or the lesser ("<") of two numbers in each lane."""

    def typed(typing: Any, x: Any, y: Any) -> Any:
        def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.select(builder.fcmp_ordered(symbol, args[1], args[0]), args[1], args[0])

        return _LANES(_LANES, _LANES), build

    typed.__doc__ = text
    return intrinsic(typed)


lane_max = _choose(">", "``max(x, y)`` in each lane.")
lane_min = _choose("<", "``min(x, y)`` in each lane.")


@intrinsic  # type: ignore[untyped-decorator]
def lane_choice(typing: Any, x: Any, y: Any, a: Any, b: Any) -> Any:
    """`a` in each lane where ``x < y``, else `b`."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args[:2]), *args[2:])

    return _LANES(_LANES, _LANES, _LANES, _LANES), build


@intrinsic  # type: ignore[untyped-decorator]
def not_below(typing: Any, x: Any, y: Any) -> Any:
    """A bit for each lane where ``not x < y``; the lowest is the first lane's."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        marks = builder.fcmp_unordered(">=", *args)
        return builder.zext(builder.bitcast(marks, ir.IntType(LANES)), _I64)

    return types.uint64(_LANES, _LANES), build


@intrinsic  # type: ignore[untyped-decorator]
def lane_mix(typing: Any, bits: Any, a: Any, b: Any) -> Any:
    """`a` in each lane whose bit is set, else `b`; the lowest bit is the first lane's."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        marks = builder.bitcast(builder.trunc(args[0], ir.IntType(LANES)), ir.VectorType(ir.IntType(1), LANES))
        return builder.select(marks, args[1], args[2])

    return _LANES(types.uint64, _LANES, _LANES), build


def _targets(context: Any, builder: Any, kind: Any, post: Any, at: Any) -> list[Any]:
    """The eight targets from post[at] on, as 64-bit numbers."""
    first = builder.gep(context.make_array(kind)(context, builder, post).data, [at])
    return [builder.zext(builder.load(builder.gep(first, [_I64(k)])), _I64) for k in range(LANES)]


def _add(context: Any, builder: Any, kind: Any, amp: Any, targets: list[Any], inputs: list[Any]) -> list[Any]:
    """Add a pair to each target, one after the other, since a target may occur twice."""
    data, sums = context.make_array(kind)(context, builder, amp).data, []
    for j, value in zip(targets, inputs, strict=True):
        place = builder.bitcast(builder.gep(data, [builder.shl(j, _I64(1))]), _PAIR.as_pointer())
        total = builder.fadd(builder.load(place, align=8), value)
        builder.store(total, place, align=8)
        sums.append(total)
    return sums


@intrinsic  # type: ignore[untyped-decorator]
def add_pairs(typing: Any, amp: Any, post: Any, at: Any, da: Any, db: Any) -> Any:
    """Add (da, db) to the pairs amp[j] of the targets j in post[at : at + 8]; return all new a and all new b."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        targets = _targets(context, builder, sig.args[1], args[1], args[2])
        sums = _add(context, builder, sig.args[0], args[0], targets, [_pair(builder, args[3], args[4])] * LANES)
        return context.make_tuple(builder, _BOTH, _unzip(builder, sums))

    return _BOTH(amp, post, types.uint64, types.float64, types.float64), build


@intrinsic  # type: ignore[untyped-decorator]
def add_quads(typing: Any, values: Any, post: Any, at: Any, a: Any, b: Any, c: Any) -> Any:
    """Add (a, b, c, 0) of each lane to the rows of four values[j] of the targets j in post[at : at + 8], in order."""
    four = ir.VectorType(_DOUBLE, 4)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        mixed = _indices(*(k + half for k in range(LANES) for half in (0, LANES)))
        pairs = builder.shuffle_vector(args[3], args[4], mixed)
        others = builder.shuffle_vector(args[5], ir.Constant(_WIDE, [0.0] * LANES), mixed)
        for k, j in enumerate(_targets(context, builder, sig.args[1], args[1], args[2])):
            own = _indices(2 * k, 2 * k + 1, 2 * LANES + 2 * k, 2 * LANES + 2 * k + 1)
            quad = builder.shuffle_vector(pairs, others, own)
            place = builder.bitcast(builder.gep(data, [builder.shl(j, _I64(2))]), four.as_pointer())
            builder.store(builder.fadd(builder.load(place, align=8), quad), place, align=8)
        return context.get_dummy_value()

    return types.void(values, post, types.uint64, _LANES, _LANES, _LANES), build


@intrinsic  # type: ignore[untyped-decorator]
def add_weighted(typing: Any, amp: Any, post: Any, weights: Any, at: Any, w0: Any, unit_a: Any, unit_b: Any) -> Any:
    """`add_pairs` of (w unit_a, w unit_b) for the weights w in weights[w0 : w0 + 8]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        targets = _targets(context, builder, sig.args[1], args[1], args[3])
        first = builder.gep(context.make_array(sig.args[2])(context, builder, args[2]).data, [args[4]])
        units, inputs = _pair(builder, args[5], args[6]), []
        for k in range(LANES):
            w = builder.load(builder.gep(first, [_I64(k)]))
            if sig.args[2].dtype != types.float64:
                w = builder.fpext(w, _DOUBLE)
            inputs.append(builder.fmul(_splat(builder, w, _PAIR), units))
        sums = _add(context, builder, sig.args[0], args[0], targets, inputs)
        return context.make_tuple(builder, _BOTH, _unzip(builder, sums))

    return _BOTH(amp, post, weights, types.uint64, types.uint64, types.float64, types.float64), build


@intrinsic  # type: ignore[untyped-decorator]
def gather(typing: Any, values: Any, base: Any, post: Any, at: Any) -> Any:
    """values[base + j] for the targets j in post[at : at + 8]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[1]])
        found: Any = ir.Constant(_WIDE, ir.Undefined)
        for k, j in enumerate(_targets(context, builder, sig.args[2], args[2], args[3])):
            value = builder.load(builder.gep(data, [j]))
            wide = value if value.type == _DOUBLE else builder.fpext(value, _DOUBLE)
            found = builder.insert_element(found, wide, _I32(k))
        return found

    return _LANES(values, types.int64, post, types.uint64), build


@intrinsic  # type: ignore[untyped-decorator]
def scatter(typing: Any, values: Any, post: Any, at: Any, x: Any) -> Any:
    """values[j] = x for the targets j in post[at : at + 8], one after the other."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        for k, j in enumerate(_targets(context, builder, sig.args[1], args[1], args[2])):
            builder.store(builder.extract_element(args[3], _I32(k)), builder.gep(data, [j]))
        return context.get_dummy_value()

    return types.void(values, post, types.uint64, _LANES), build


def _prefetch(locality: int, text: str) -> Any:
    """An intrinsic that prefetches into the first cache (3) or the second (2)."""
    kind = ir.FunctionType(ir.VoidType(), [_BYTES, _I32, _I32, _I32])

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = context.make_array(sig.args[0])(context, builder, args[0])
        stride = builder.extract_value(array.strides, 0)
        place = builder.gep(builder.bitcast(array.data, _BYTES), [builder.mul(stride, args[1])])
        call = builder.module.declare_intrinsic("llvm.prefetch", [_BYTES], kind)
        builder.call(call, [place, _I32(0), _I32(locality), _I32(1)])
        return context.get_dummy_value()

    def typed(typing: Any, values: Any, at: Any) -> Any:
        return types.void(values, types.int64), build

    typed.__doc__ = text
    return intrinsic(typed)


prefetch = _prefetch(3, "Prefetch values[at], or the start of the row values[at]; `at` may be out of bounds.")
prefetch_l2 = _prefetch(2, "`prefetch` into the second cache only, for more data than the first cache can hold.")


@intrinsic  # type: ignore[untyped-decorator]
def load_lanes(typing: Any, values: Any, at: Any) -> Any:
    """values[at : at + 8]."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        item = context.get_data_type(sig.args[0].dtype)
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.VectorType(item, LANES).as_pointer())
        found = builder.load(place, align=context.get_abi_sizeof(item))
        return found if item == _DOUBLE else builder.fpext(found, _WIDE)

    return _LANES(values, types.int64), build


@intrinsic  # type: ignore[untyped-decorator]
def store_lanes(typing: Any, values: Any, at: Any, x: Any) -> Any:
    """values[at : at + 8] = x."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        builder.store(args[2], builder.bitcast(builder.gep(data, [args[1]]), _WIDE.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(values, types.int64, _LANES), build


@intrinsic  # type: ignore[untyped-decorator]
def add_contiguous(typing: Any, amp: Any, who: Any, da: Any, db: Any) -> Any:
    """Add da and db to the pairs amp[who : who + 8]; return all new a and all new b."""
    both = ir.VectorType(_DOUBLE, 2 * LANES)

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [builder.shl(args[1], _I64(1))]), both.as_pointer())
        mixed = _indices(*(k + half for k in range(LANES) for half in (0, LANES)))
        total = builder.fadd(builder.load(place, align=8), builder.shuffle_vector(args[2], args[3], mixed))
        builder.store(total, place, align=8)
        return context.make_tuple(builder, _BOTH, _unzip(builder, [total]))

    return _BOTH(amp, types.int64, _LANES, _LANES), build


@intrinsic  # type: ignore[untyped-decorator]
def load_pairs(typing: Any, amp: Any, who: Any) -> Any:
    """All a and all b of the pairs amp[who : who + 8]."""
    both = ir.VectorType(_DOUBLE, 2 * LANES).as_pointer()

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [builder.shl(args[1], _I64(1))]), both)
        return context.make_tuple(builder, _BOTH, _unzip(builder, [builder.load(place, align=8)]))

    return _BOTH(amp, types.int64), build


@intrinsic  # type: ignore[untyped-decorator]
def power_of_two(typing: Any, exponent: Any) -> Any:
    """2^exponent in each lane, for whole numbers between -1022 and 1023."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = builder.fptosi(args[0], _WORDS)
        return builder.bitcast(builder.shl(builder.add(whole, _words(1023)), _words(52)), _WIDE)

    return _LANES(_LANES), build


def _uniform(builder: Any, z: Any) -> Any:
    """Eight numbers in [0, 1) from the upper 52 bits of words."""
    one_to_two = builder.or_(builder.lshr(z, _words(12)), _words(1023 << 52))
    return builder.fsub(builder.bitcast(one_to_two, _WIDE), ir.Constant(_WIDE, [1.0] * LANES))


def _mixed(builder: Any, z: Any) -> Any:
    """SplitMix64's mix of eight words."""
    z = builder.mul(builder.xor(z, builder.lshr(z, _words(30))), _words(MIX[0]))
    z = builder.mul(builder.xor(z, builder.lshr(z, _words(27))), _words(MIX[1]))
    return builder.xor(z, builder.lshr(z, _words(31)))


def _eight_words(context: Any, builder: Any, kind: Any, words: Any, at: Any) -> Any:
    """Where eight words of an array begin."""
    data = context.make_array(kind)(context, builder, words).data
    return builder.bitcast(builder.gep(data, [at]), _WORDS.as_pointer())


@intrinsic  # type: ignore[untyped-decorator]
def store_keys(typing: Any, words: Any, at: Any, common: Any, first: Any) -> Any:
    """words[at + n] = SplitMix64's mix of common ^ ((first + n) MIX[0]), for n below eight."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = builder.add(_splat(builder, args[3], _WORDS), _words(*range(LANES)))
        z = builder.xor(_splat(builder, args[2], _WORDS), builder.mul(number, _words(MIX[0])))
        builder.store(_mixed(builder, z), _eight_words(context, builder, sig.args[0], *args[:2]), align=8)
        return context.get_dummy_value()

    return types.void(words, types.int64, types.uint64, types.int64), build


@intrinsic  # type: ignore[untyped-decorator]
def uniform_of_words(typing: Any, words: Any, at: Any) -> Any:
    """Eight random numbers in [0, 1), multiples of 2^-52: SplitMix64's mix of eight words (Steele, Lea, Flood 2014)."""

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        z = _mixed(builder, builder.load(_eight_words(context, builder, sig.args[0], *args), align=8))
        return _uniform(builder, z)

    return _LANES(words, types.int64), build


@intrinsic  # type: ignore[untyped-decorator]
def copy_targets(typing: Any, post: Any, at: Any, into: Any, to: Any) -> Any:
    """into[to : to + 8] = post[at : at + 8], of uint32."""
    eight = ir.VectorType(_I32, LANES).as_pointer()

    def build(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        places = [
            builder.bitcast(builder.gep(context.make_array(kind)(context, builder, array).data, [at]), eight)
            for kind, array, at in ((sig.args[0], args[0], args[1]), (sig.args[2], args[2], args[3]))
        ]
        builder.store(builder.load(places[0], align=4), places[1], align=4)
        return context.get_dummy_value()

    return types.void(post, types.int64, into, types.int64), build
