"""Why an order file was not taken."""

from __future__ import annotations

from gateway.errors import Conflict, MalformedRequest, NotFound, TooManyRequests


class OrderFileNotFound(NotFound):
    """There is no such file among yours."""

    code = "order-file-not-found"
    title = {"zh": "没有这个订单文件", "en": "There is no such order file among yours"}


class OrderFileTooLarge(MalformedRequest):
    """The file is larger than this installation takes."""

    code = "order-file-too-large"
    title = {"zh": "订单文件过大", "en": "The order file is too large"}


class TooManyOrderFiles(TooManyRequests):
    """As many files as are allowed are open, or were handed in today."""

    code = "too-many-order-files"
    title = {"zh": "订单文件过多", "en": "Too many order files"}


class OrderFileBegun(Conflict):
    """The file was begun with another format or other columns; change its content to hand it in anew."""

    code = "order-file-begun"
    title = {"zh": "该文件已按其他格式处理过一部分", "en": "This file was begun with another format or other columns"}


class ContentAwaited(Conflict):
    """The file's content has not come yet."""

    code = "content-awaited"
    title = {"zh": "文件内容尚未上传", "en": "The file's content has not been uploaded yet"}


class ContentNotAwaited(Conflict):
    """The file is past waiting for its content."""

    code = "content-not-awaited"
    title = {"zh": "该文件不需要再上传", "en": "This file waits for no content"}


class ContentDiffers(MalformedRequest):
    """The content that came is not the one announced."""

    code = "content-differs"
    title = {"zh": "文件内容与登记的摘要或长度不符", "en": "The content is not what was announced"}
