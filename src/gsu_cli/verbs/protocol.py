"""The method of a line, as it is or at the strength that the protocol chooses for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from gsu_cli.checks import as_int, as_share
from gsu_cli.errors import UsageError
from gsu_cli.protocol.calibrated import Calibrated
from gsu_cli.protocol.trials import Known
from gsu_cli.run.own_names import check_name
from gsu_cli.unlearning.contract import Method, Strength, method_name
from gsu_cli.verbs.build import build_choice
from gsu_cli.verbs.line_keys import is_typed

OF_A_BUDGET = ("strength", "low", "high", "images", "latents")
CURVE = (0.003, 0.01, 0.03, 0.1)  # budgets of ``curve=true``
NAMED = "protocol.strength=OPTION protocol.low=VALUE protocol.high=VALUE"  # a strength on the line


@dataclass(frozen=True)
class Protocol:
    """How the method of a run gets its strength.

    Attributes:
        make: builds the method, options by keyword.
        strength: what the budget decides; None for a method that has none.
        budget: largest relative raise of the retain -ELBO on training images; None: the options are taken as typed.
        curve: budgets of a trade-off curve; empty for none.
        images: retained training images that a budget is measured on, at most.
        latents: of each of them.
    """

    make: Callable[..., Method]
    strength: Strength | None
    budget: float | None
    curve: tuple[float, ...]
    images: int
    latents: int

    @classmethod
    def of(cls, cfg: DictConfig) -> Protocol:
        """The protocol in ``method``, ``protocol`` and ``curve`` of a config; the method is built once, as a check.

        Raises:
            UsageError: an option is wrong, a strength is needed and unknown, or typed although the protocol chooses it.
        """
        make = build_choice(cfg, "method", _partial_=True)
        method = build_choice(cfg, "method")
        check_name(getattr(method, "name", type(method).__name__), method, "method")
        p = cfg.protocol
        budget = None if p.budget is None else as_share("protocol.budget", p.budget)
        as_int("protocol.images", p.images, 1)
        as_int("protocol.latents", p.latents, 1)
        curve = _budgets(OmegaConf.to_object(cfg.curve) if OmegaConf.is_config(cfg.curve) else cfg.curve)
        if budget is None and not curve:
            _refuse_alone(p)
            return cls(make, None, None, (), p.images, p.latents)
        strength = _strength(method, p)
        if curve and strength is None:
            raise UsageError(
                "a curve needs a strength to vary", found=f"{method_name(method)}, which has none",
                way_out=f"Choose another method, or type {NAMED}",
            )  # fmt: skip
        if strength is not None:
            _check_option(make, strength)
        if budget is not None and strength is not None:
            for option in filter(None, (strength.option, strength.stop_option)):
                _refuse_typed(f"method.{option}")
        return cls(make, strength, budget, curve, p.images, p.latents)

    def method(self) -> Method:
        """What to run."""
        return self.make() if self.budget is None or self.strength is None else self.at(self.budget)

    def remark(self, name: str) -> dict[str, Any] | None:
        """For the record of a method that a budget was given to and that has no strength to choose."""
        if self.budget is None or self.strength is not None:
            return None
        return {"option": None, "budget": self.budget, "reason": f"{name} has no strength: reported as it is"}

    def at(self, budget: float, known: Known | None = None) -> Calibrated:
        """The method at its largest strength within ``budget``."""
        assert self.strength is not None  # noqa: S101  # `of` refuses curves of methods that have none
        return Calibrated(self.make, self.strength, budget, images=self.images, known=known, latents=self.latents)


def _strength(method: Any, p: DictConfig) -> Strength | None:
    """The method's own strength, with what was typed in its place."""
    kind = type(method)  # an instance may hold the value of an option of that name
    found = getattr(kind, "strength", getattr(kind, "knob", Strength))  # the class stands for: it does not say
    if isinstance(found, Strength | None) and p.strength is None:
        if found is None:
            return None
        return _ordered(replace(found, low=_bound(p, "low", found.low), high=_bound(p, "high", found.high)))
    if None in (p.strength, p.low, p.high):
        without = [f"protocol.{key}" for key in ("low", "high") if p[key] is None]
        raise UsageError(
            "the protocol needs to know which option is the strength, and where to look",
            found=f"{method_name(method)}, which does not say"
            if p.strength is None
            else f"protocol.strength={p.strength} without {' and '.join(without)}",
            way_out=f"Type {NAMED}, or give the class an attribute `strength = Strength(option, low, high)`",
        )
    return _ordered(Strength(str(p.strength), _bound(p, "low", 0.0), _bound(p, "high", 0.0)))


def _ordered(strength: Strength) -> Strength:
    if strength.low >= strength.high:
        raise UsageError(
            "`protocol.low` must be below `protocol.high`", found=f"{strength.low:g} and {strength.high:g}"
        )
    return strength


def _check_option(make: Callable[..., Any], strength: Strength) -> None:
    try:
        make(**{strength.option: strength.high})
    except TypeError as e:
        raise UsageError(
            "`protocol.strength` must be an option of the method",
            found=f"{strength.option}, which it does not have",
            way_out="See its options below `method` with `gsu unlearn --cfg job`",
        ) from e


def _bound(p: DictConfig, key: str, default: float) -> float:
    value = p[key]
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(f"`protocol.{key}` must be a finite number > 0", found=value)
    return value


def _budgets(curve: object) -> tuple[float, ...]:
    if curve is None or curve is False:
        return ()
    values = CURVE if curve is True else curve if isinstance(curve, Sequence) and not isinstance(curve, str) else None
    if not values:
        raise UsageError(
            "`curve` must be true, false or a list of budgets", found=curve, way_out="Type curve=[0.01,0.03]"
        )
    return tuple(sorted({as_share("curve", value) for value in values}))


def _refuse_typed(option: str) -> None:
    typed = [str(word).lstrip("+").partition("=")[0] for word in HydraConfig.get().overrides.task]
    if option in typed:
        raise UsageError(
            f"`{option}` must be left to the protocol",
            found="a value typed for it",
            way_out="Leave it out, or protocol.budget",
        )


def _refuse_alone(p: DictConfig) -> None:
    """Without a budget nothing reads these, and a line that types one expects that something does."""
    if alone := [name for name in OF_A_BUDGET if p[name] is not None and is_typed(f"protocol.{name}")]:
        raise UsageError(
            f"`protocol.{alone[0]}` needs a budget for which a strength is looked for",
            found="neither protocol.budget nor curve",
            way_out="Type protocol.budget=0.01",
        )
