"""The model and catalog now in use, joined into one ranker."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, LargeBinary, String, Table, select

from gateway.capabilities.offers import Catalog, EligibilityIndex
from gateway.capabilities.recommendations.ranking import Ranker
from gateway.capabilities.recommendations.training import ItemModel, incidence, train
from gateway.store import Instant, Store, Unit, metadata

models = Table(
    "models",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("version", String(60), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("trained_at", Instant, nullable=False),
)

_NAME = "item-item"


class LiveRanker:
    """The ranker now in use; replaced as a whole when the model or the catalog changes."""

    def __init__(self) -> None:
        empty, _ = incidence(())
        self._model = train(empty, (), ())
        self._stamp: tuple[str, datetime] | None = None
        self._catalog = Catalog(())
        self.current = self._built()

    def use_catalog(self, catalog: Catalog) -> None:
        """Rank the offers of this catalog from now on."""
        self._catalog = catalog
        self.current = self._built()

    async def refresh(self, store: Store) -> bool:
        """Take over the store's model if it changed; whether it had."""
        stamp = await store.read(_stamp)
        if stamp is None or stamp == self._stamp:
            return False
        body = await store.read(_body)
        if body is None:
            return False
        self._model = ItemModel.loads(body)
        self._stamp = stamp
        self.current = self._built()
        return True

    def _built(self) -> Ranker:
        return Ranker(self._catalog, self._model, EligibilityIndex(self._catalog))


def put_model(unit: Unit, model: ItemModel, now: datetime) -> None:
    """Record a newly trained model; gateways take it over within seconds."""
    unit.upsert(models, name=_NAME, version=model.version, body=model.dumps(), trained_at=now)


def _stamp(connection: Connection) -> tuple[str, datetime] | None:
    row = connection.execute(select(models.c.version, models.c.trained_at).where(models.c.name == _NAME)).one_or_none()
    return None if row is None else (row.version, row.trained_at)


def _body(connection: Connection) -> bytes | None:
    return connection.scalar(select(models.c.body).where(models.c.name == _NAME))
