"""The composition root: the platform, the real outside systems, and every surface on one Sanic server."""

from __future__ import annotations

import secrets
from typing import Any

from sanic import Sanic
from sanic.config import Config

from adapters.boss.client import BossClient
from adapters.sms.client import SmsClient
from adapters.wechat.client import WeChatClient
from auth.tokens import TokenVerifier
from bots.wechat import app as wechat
from config.settings import Settings
from gateway.authentication import Authentication
from gateway.capabilities.partners import Partners
from gateway.platform import Outside, Platform
from gateway.surfaces import health, oauth, openapi, rest
from gateway.surfaces.rest import Server
from widgets import portal

VERSION = "0.1.0"
