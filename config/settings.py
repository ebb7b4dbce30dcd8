"""The one typed description of an installation: defaults, then a TOML file, then the environment.

The TOML file is the one `TUILA_CONFIG` names. In the environment a field is `TUILA_` plus its name, groups joined by `__`:
`TUILA_PORT=8000`, `TUILA_WECHAT__APPID=wx…`. `config/example.env` lists every field.
"""

import os
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

_GROUP = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _seconds(value: object) -> object:
    """Read "4.5" as seconds; pydantic by itself takes numbers or ISO 8601 text, and the environment only has text."""
    if isinstance(value, str):
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            return value
    return value


Seconds = Annotated[timedelta, BeforeValidator(_seconds)]
"""A length of time: a number of seconds or ISO 8601 text ("PT5M")."""


class WeChatSettings(BaseModel):
    """One WeChat official account."""

    model_config = _GROUP

    gh_id: str
    """Original id of the official account (gh_…), the ToUserName of its callbacks."""
    appid: str
    """Application id (wx…)."""
    secret: SecretStr
    """Application secret: buys access tokens."""
    token: SecretStr
    """Callback token: signs the callbacks."""
    encoding_aes_key: SecretStr | None = None
    """Message encryption key, 43 characters; needed in the compatible and encrypted modes."""
    previous_encoding_aes_key: SecretStr | None = None
    """The key before the last change, still accepted for messages already on their way."""
    mode: Literal["plain", "compatible", "encrypted"] = "encrypted"
    """How callbacks arrive, as chosen in the account's back office."""
    api_base_url: str = "https://api.weixin.qq.com"
    """Address of the platform's server API."""
    timeout: Seconds = timedelta(seconds=5)
    """Longest wait for one answer of the platform."""

    @model_validator(mode="after")
    def _has_the_key_its_mode_needs(self) -> Self:
        if self.mode != "plain" and self.encoding_aes_key is None:
            raise ValueError(f"encoding_aes_key is needed in mode {self.mode}")
        return self


class SmsSettings(BaseModel):
    """The SMS network."""

    model_config = _GROUP

    base_url: str
    """Address of the SMS network's HTTP interface."""
    api_key: SecretStr
    """Key that the SMS network gave this installation."""
    timeout: Seconds = timedelta(seconds=5)
    """Longest wait for one answer of the SMS network."""


class BossSettings(BaseModel):
    """The operator's business and operation support system, which provisions orders."""

    model_config = _GROUP

    base_url: str
    """Address of the BOSS's HTTP interface."""
    api_key: SecretStr
    """Key that the BOSS gave this installation."""
    timeout: Seconds = timedelta(seconds=10)
    """Longest wait for one answer of the BOSS; after it the order's outcome is unknown and is asked for."""


class CamaraSettings(BaseModel):
    """The operator's CAMARA gateway, which knows of numbers and SIM cards that changed hands."""

    model_config = _GROUP

    base_url: str
    """Address below which the APIs are published."""
    token_url: str
    """Address of the token endpoint, for client credentials."""
    client_id: str
    """Client id that the gateway gave this installation."""
    client_secret: SecretStr
    """Its secret."""
    number_recycling: str = "number-recycling/v0.1"
    """Path of the Number Recycling API, with its version."""
    sim_swap: str = "sim-swap/v2"
    """Path of the SIM Swap API, with its version."""
    timeout: Seconds = timedelta(seconds=5)
    """Longest wait for one answer of the gateway."""


class NumberCheckSettings(BaseModel):
    """When numbers are checked for having changed hands, where there is a CAMARA gateway."""

    model_config = _GROUP

    fresh_for: Seconds = timedelta(hours=24)
    """How long an answer holds for further orders of the same subscriber."""
    unchecked_after: Seconds | None = None
    """An order that costs and gets no answer goes on unchecked after this time; it waits on where none is given."""
    sweep_every: Seconds = timedelta(days=7)
    """Every bound number is checked about so often."""
    sweep_per_minute: int = Field(default=1200, ge=1, le=60_000)
    """Numbers checked in a minute by the sweep, at most."""
    sweep_at_once: int = Field(default=8, ge=1, le=256)
    """Numbers that the sweep asks about at the same time."""


class CodeLimits(BaseModel):
    """How one-time codes may be asked for and tried."""

    model_config = _GROUP

    lifetime: Seconds = timedelta(minutes=5)
    """How long a code is good."""
    tries: int = Field(default=5, ge=1)
    """Wrong or right answers a single code takes."""
    resend_after: Seconds = timedelta(seconds=60)
    """Shortest time between two codes for one number, or for one account."""
    number_per_hour: int = Field(default=5, ge=1)
    """Codes sent to one number in any 60 minutes."""
    number_per_day: int = Field(default=10, ge=1)
    """Codes sent to one number in any 24 hours."""
    account_per_hour: int = Field(default=5, ge=1)
    """Codes one account may ask for in any 60 minutes, over all numbers."""
    account_per_day: int = Field(default=10, ge=1)
    """Codes one account may ask for in any 24 hours, over all numbers."""


class QuotaSettings(BaseModel):
    """How much one caller may ask for."""

    model_config = _GROUP

    partner_per_second: int = Field(default=100, ge=1)
    """Requests one partner may make in a second, unless its contract says otherwise."""
    partner_per_day: int = Field(default=1_000_000, ge=1)
    """Requests one partner may make in a day, unless its contract says otherwise."""
    slowed_pct: int = Field(default=10, ge=1, le=100)
    """What is left of its requests, in percent, to a partner that was slowed."""
    account_per_minute: int = Field(default=60, ge=1)
    """Requests one chat account or web session may make in a minute."""
    anonymous_per_minute: int = Field(default=60, ge=1)
    """Requests without a caller that one network address may make in a minute."""


class RateLimits(BaseModel):
    """Shares, 0 to 1, of a partner's orders beyond which they go wrong too often."""

    model_config = _GROUP

    failed: float = Field(default=0.3, gt=0, le=1)
    """Refused by the back end, of those that were carried out or refused."""
    unconfirmed: float = Field(default=0.6, gt=0, le=1)
    """Without the subscriber's yes, of those that waited for one."""
    complained: float = Field(default=0.02, gt=0, le=1)
    """Complained about, of those that waited for a yes."""
    ended_early: float = Field(default=0.3, gt=0, le=1)
    """Unsubscribed soon after they began, of those that were carried out."""


class OrderingRules(BaseModel):
    """When orders for one number, or through one partner, are out of the ordinary."""

    model_config = _GROUP

    number_orders: int = Field(default=6, ge=2)
    """Orders pushed for one number ..."""
    number_partners: int = Field(default=3, ge=2)
    """... by so many partners ..."""
    number_span: Seconds = timedelta(hours=1)
    """... within this time are too many."""
    cycles: int = Field(default=5, ge=2)
    """Orders for one number that were placed and cancelled ..."""
    cycles_span: Seconds = timedelta(hours=24)
    """... within this time."""
    refusals: int = Field(default=3, ge=1)
    """Orders for one number that the back end refused for want of money ..."""
    refusals_span: Seconds = timedelta(days=7)
    """... within this time."""
    arrears_reasons: frozenset[str] = frozenset({"arrears", "insufficient_balance"})
    """Reasons with which the back end refuses for want of money."""
    partner_refusals: int = Field(default=20, ge=1)
    """Such refusals through one partner in the window of the watch, at least ..."""
    partner_refused_share: float = Field(default=0.1, gt=0, le=1)
    """... and surely more than this share of its orders that were carried out or refused."""
    burst_numbers: int = Field(default=500, ge=1)
    """Numbers that one partner ordered for in an hour, at least ..."""
    burst_factor: float = Field(default=3, ge=1)
    """... and more than so many times the orders of its busiest hour ..."""
    habit: Seconds = timedelta(days=7)
    """... in this time before."""
    grey_for: Seconds = timedelta(days=30)
    """How long a number that trips a rule stays on the grey list."""


class WatchSettings(BaseModel):
    """How partners' orders are watched."""

    model_config = _GROUP

    window: Seconds = timedelta(hours=24)
    """How far back orders are judged, in whole hours."""
    smallest_sample: int = Field(default=50, ge=1)
    """Orders that must be seen before a rate is judged."""
    early: Seconds = timedelta(days=7)
    """A subscription that ends within this time ended early."""
    slow: RateLimits = RateLimits()
    """Limits that slow a partner."""
    stop: RateLimits = RateLimits(failed=0.6, unconfirmed=0.9, complained=0.05, ended_early=0.6)
    """Limits that stop its ordering."""
    ordering: OrderingRules = OrderingRules()
    """What is abnormal ordering."""


class WebSocketLimits(BaseModel):
    """Bounds on WebSocket connections; each process counts its own."""

    model_config = _GROUP

    connections: int = Field(default=20_000, ge=1)
    """Connections of all callers together."""
    per_partner: int = Field(default=1000, ge=1)
    """Connections that one partner's servers may hold."""
    per_address: int = Field(default=100, ge=1)
    """Connections from one network address that are no partner's: web sessions and callers without credentials."""
    calls_at_once: int = Field(default=16, ge=1)
    """Calls of one connection that run at the same time; further ones wait."""
    heartbeat: Seconds = timedelta(seconds=20)
    """Silence after which the peer is pinged; after twice as much the connection is given up."""
    authenticate_within: Seconds = timedelta(seconds=15)
    """Time within which a connection opened without credentials must show some."""
    slow_reader: Seconds = timedelta(seconds=20)
    """Time a peer may leave what was sent to it unread."""
    standing: Seconds = timedelta(seconds=2)
    """How often it is looked whether those who are connected still may be."""


class Limits(BaseModel):
    """Bounds on what comes in."""

    model_config = _GROUP

    body_bytes: int = Field(default=2_097_152, ge=1024)
    """Longest request body, in bytes."""
    codes: CodeLimits = CodeLimits()
    """One-time codes."""
    quotas: QuotaSettings = QuotaSettings()
    """Requests per caller."""
    websocket: WebSocketLimits = WebSocketLimits()
    """WebSocket connections."""


class ExchangeSettings(BaseModel):
    """Files of orders that partners hand in."""

    model_config = _GROUP

    file_bytes: int = Field(default=4 * 1024**3, ge=1)
    """Longest content of one file, in bytes, as it is sent."""
    rows: int = Field(default=10_000_000, ge=1)
    """Rows of one file; those beyond are not taken."""
    files_per_day: int = Field(default=100, ge=1)
    """Files one partner may announce in any 24 hours."""
    open_files: int = Field(default=5, ge=1)
    """Files of one partner that may be open at once."""
    files_at_once: int = Field(default=4, ge=1, le=12)
    """Files that one process works through at once, in turn; others wait."""
    batch_rows: int = Field(default=1000, ge=1, le=20_000)
    """Rows placed in one transaction: more is faster, and lets others wait longer."""
    upload_within: Seconds = timedelta(days=1)
    """How long an announced file waits for its content."""
    kept_for: Seconds = timedelta(days=30)
    """How long the results of a file that has ended are kept."""
    booked_form: Literal["csv", "parquet"] = "csv"
    """How the daily file of booked orders for the back office is written."""


class SandboxSettings(BaseModel):
    """Sandboxes in which partners try things out."""

    model_config = _GROUP

    users: int = Field(default=100, ge=1, le=10_000)
    """Made-up users one sandbox partner may have."""
    opened_per_day: int = Field(default=100, ge=0)
    """Sandboxes opened for applicants in any 24 hours; later ones get none with their application."""


class WorkerSettings(BaseModel):
    """How owed work is done: calls to the outside, messages, questions that come due."""

    model_config = _GROUP

    lease: Seconds = timedelta(seconds=60)
    """How long a worker has a piece of work to itself; one that dies holding it is followed by another after that."""
    retry_first: Seconds = timedelta(seconds=1)
    """Longest wait after the first failed attempt; it doubles with each further one."""
    retry_longest: Seconds = timedelta(minutes=10)
    """Longest wait between two attempts."""
    attempts: int = Field(default=30, ge=1)
    """Failed attempts after which work is parked until an operator replays it."""


class WebhookSettings(BaseModel):
    """Events sent to addresses that partners choose."""

    model_config = _GROUP

    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks and addresses that may be reached although they are not of the public internet."""
    timeout: Seconds = timedelta(seconds=15)
    """Longest wait for one answer of a receiver."""
    lease: Seconds = timedelta(seconds=30)
    """How long a process has an endpoint to itself; one that dies holding it is followed by another after that."""
    waits: tuple[Seconds, ...] = (
        timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
        timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
    )  # fmt: skip
    """The wait after each failed attempt; after the last one an event is given up."""


class KeySettings(BaseModel):
    """The installation's keys. Those not given here are read from the key file (see auth.keys)."""

    model_config = _GROUP

    phone_encryption: SecretStr | None = None
    """Keys that encrypt phone numbers, "id:base64" of 32 bytes, comma separated, the current one first."""
    phone_hash: SecretStr | None = None
    """Key of the phone look-up hash, base64 of 32 bytes."""
    token_signing: SecretStr | None = None
    """Token signing keys as a JSON Web Key Set of private P-256 keys, the current one first."""
    sealing: SecretStr | None = None
    """Keys that seal partners' signing keys, "id:base64" of 32 bytes, comma separated, the current one first."""
    code_pepper: SecretStr | None = None
    """Key of the one-time code digests, base64 of 32 bytes."""


def _default_database(fields: dict[str, Any]) -> SecretStr:
    """A SQLite file in the data directory; `fields` holds what was already validated."""
    return SecretStr(f"sqlite:///{fields['data_dir'] / 'tuila.db'}")


class Settings(BaseSettings):
    """Read once where the program is put together and passed down in pieces; nothing else reads the environment.

    Raises:
        pydantic.ValidationError: a value is malformed, a group is incomplete, or a production start lacks something.
    """

    model_config = SettingsConfigDict(
        env_prefix="TUILA_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        nested_model_default_partial_update=True,
    )

    environment: Literal["development", "production"] = "development"
    """Where this runs; production refuses stand-ins, generated keys and plain http."""
    locale: Literal["zh-CN", "en"] = "zh-CN"
    """Language for people whose own is unknown."""
    data_dir: Path = Path("var")
    """Directory of everything this installation writes."""
    database_url: SecretStr = Field(default_factory=_default_database)
    """SQLAlchemy address of the database, sqlite:///… or postgresql://…; a file in data_dir when not given."""
    redis_url: SecretStr | None = None
    """Address of the Redis that processes share hot state through; inside the process when not given."""
    host: str = "127.0.0.1"
    """Network address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    public_url: str = "http://127.0.0.1:8000"
    """Address under which others reach this gateway, without a slash at the end; also the issuer of its tokens."""
    deadline: Seconds = timedelta(seconds=4.5)
    """Time within which a request or chat message is answered; slower work answers later."""
    partner_token_ttl: Seconds = timedelta(minutes=15)
    """How long a partner's access token is good."""
    grant_ttl: Seconds = timedelta(days=90)
    """How long a subscriber's grant to a partner lasts; then they sign in again."""
    refresh_idle_ttl: Seconds = timedelta(days=30)
    """How long a refresh token may lie unused."""
    session_token_ttl: Seconds = timedelta(hours=12)
    """How long the token of a web visitor or widget is good."""
    wechat: WeChatSettings | None = None
    """WeChat official account; its stand-in runs when not given."""
    sms: SmsSettings | None = None
    """SMS network; its stand-in runs when not given."""
    boss: BossSettings | None = None
    """Provisioning back end; its stand-in runs when not given."""
    camara: CamaraSettings | None = None
    """CAMARA gateway; numbers are not checked when not given."""
    number_checks: NumberCheckSettings = NumberCheckSettings()
    """When numbers are checked."""
    limits: Limits = Limits()
    """Bounds on what comes in."""
    watch: WatchSettings = WatchSettings()
    """How partners' orders are watched."""
    worker: WorkerSettings = WorkerSettings()
    """How owed work is done."""
    exchange: ExchangeSettings = ExchangeSettings()
    """Files of orders that partners hand in."""
    sandbox: SandboxSettings = SandboxSettings()
    """Sandboxes in which partners try things out."""
    webhooks: WebhookSettings = WebhookSettings()
    """Events sent to addresses that partners choose."""
    keys: KeySettings = KeySettings()
    """Keys given here instead of by the key file."""

    @property
    def key_file(self) -> Path:
        """Where the installation's keys are kept."""
        return self.data_dir / "keys.json"

    @model_validator(mode="after")
    def _is_complete_for_production(self) -> Self:
        if self.environment != "production":
            return self
        missing = [group for group in ("wechat", "sms", "boss") if getattr(self, group) is None]
        if missing:
            raise ValueError(f"production has no stand-ins; configure {', '.join(missing)}")
        if not self.public_url.startswith("https://"):
            raise ValueError("production needs an https public_url")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the TOML file."""
        path = os.environ.get("TUILA_CONFIG")
        if path is None:
            return init_settings, env_settings
        if not Path(path).is_file():  # the source itself skips a missing file, and a start with defaults would surprise
            raise FileNotFoundError(f"TUILA_CONFIG names a file that does not exist: {path}")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)
