"""Recommenders of other libraries as recsae.Model.

Each function takes the library's own objects; none imports a library that its argument does not come from.
`adapt`, behind recsae.host, finds the function by the module of the object's class.
"""

from typing import Any, Callable, Dict, List

from recsae.hosting.model import Model


def _names(thing: Any) -> List[str]:
    return [kind.__module__ for kind in type(thing).__mro__]


def adapt(model: Any, *data: Any, **options: Any) -> Model:
    """`model` as a recsae.Model, by the adapter of its library. TypeError when there is none for it."""
    modules = _names(model)
    for root, adapter in ADAPTERS.items():
        if any(name == root or name.startswith(root + ".") for name in modules):
            return adapter(model, *data, **options)
    raise TypeError(f"{type(model).__module__}.{type(model).__qualname__} is of none of the libraries known here "
                    f"({', '.join(ADAPTERS)}): wrap it in recsae.TorchModel, recsae.FactorModel, or a subclass of recsae.Model")


def recbole(model: Any, *splits: Any, **options: Any) -> Model:
    """A trained RecBole model; see recsae.adapters.from_recbole.recbole."""
    from recsae.adapters.from_recbole import recbole as adapter

    return adapter(model, *splits, **options)


def rectools(model: Any, dataset: Any, **options: Any) -> Model:
    """A fitted RecTools transformer (SASRec, BERT4Rec); see recsae.adapters.from_rectools.rectools."""
    from recsae.adapters.from_rectools import rectools as adapter

    return adapter(model, dataset, **options)


def rechorus(model: Any, corpus: Any, **options: Any) -> Model:
    """A trained ReChorus model; see recsae.adapters.from_rechorus.rechorus."""
    from recsae.adapters.from_rechorus import rechorus as adapter

    return adapter(model, corpus, **options)


def implicit(model: Any, user_items: Any, **options: Any) -> Model:
    """A fitted implicit matrix factorisation; see recsae.adapters.from_implicit.implicit."""
    from recsae.adapters.from_implicit import implicit as adapter

    return adapter(model, user_items, **options)


def lightfm(model: Any, dataset: Any, *train: Any, **options: Any) -> Model:
    """A fitted LightFM; see recsae.adapters.from_lightfm.lightfm."""
    from recsae.adapters.from_lightfm import lightfm as adapter

    return adapter(model, dataset, *train, **options)


def cornac(model: Any, *train: Any, **options: Any) -> Model:
    """A fitted Cornac recommender; see recsae.adapters.from_cornac.cornac."""
    from recsae.adapters.from_cornac import cornac as adapter

    return adapter(model, *train, **options)


def torch(module: Any, **options: Any) -> Model:
    """Any torch.nn.Module: recsae.TorchModel(module, …)."""
    from recsae.torch_model import TorchModel

    return TorchModel(module, **options)


# By the module of the class or of one that it inherits from; torch last, for many of the others are its modules.
ADAPTERS: Dict[str, Callable[..., Model]] = {
    "recbole": recbole, "rectools": rectools, "models.BaseModel": rechorus, "implicit": implicit, "lightfm": lightfm,
    "cornac": cornac, "torch": torch}
