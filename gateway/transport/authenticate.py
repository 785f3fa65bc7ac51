"""From the head of a request to who asks: which credential counts, and whether it may here.

A credential that a browser sends unasked counts only for what its own pages asked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from gateway.auth.identify import Identify
from gateway.auth.origins import Origins
from gateway.auth.passwords import KnownPasswords
from gateway.caller import Caller
from gateway.dispatch import Dispatch
from gateway.transport.sanic_adapter import Head
from gateway.transport.switchboard import Hit
from protocol.accounts import Credential, Password, Principal, Token
from protocol.commands.login import Login
from protocol.dialect import Dialect
from protocol.errors import GatewayError, Kind

__all__ = ["Authenticate", "authorization", "cookie"]

_LONGEST_BASIC = 4096
_REMEMBERED_SECONDS = 60


class Authenticate:
    """Tells who asks.

    Args:
        identify: whom a token proves.
        passwords: which passwords were right lately.
        dispatch: looks at the others, as at any login.
        origins: which pages may use a credential that comes by itself.
    """

    def __init__(
        self, identify: Identify, passwords: KnownPasswords, dispatch: Dispatch, origins: Origins
    ) -> None:
        self._identify = identify
        self._passwords = passwords
        self._dispatch = dispatch
        self._origins = origins

    async def __call__(self, head: Head, hit: Hit) -> Principal | None:
        """Who asks; None only on a route that is open to strangers.

        Raises:
            GatewayError: UNAUTHENTICATED, FORBIDDEN, or UNSUPPORTED for a body that another site
                could have made a browser send; EXHAUSTED after too many wrong passwords.
        """
        if hit.open:
            return await self._stranger(head, hit)
        credential = self.credential(head, hit.dialect, passwords=hit.passwords)
        if credential is None:
            raise GatewayError(Kind.UNAUTHENTICATED, "you are not logged in, please login first")
        # An unknown password is costly to look at: not for another site's sake.
        if isinstance(credential, Password):
            self._check(head, hit, credential)
        principal = await self._proven(credential, head.address)
        self._check(head, hit, credential)
        return principal

    def credential(
        self, head: Head, dialect: Dialect, *, passwords: bool = False
    ) -> Credential | None:
        """What a request offers as a proof, the explicit before the cookie."""
        own = authorization(head.headers, passwords=passwords) or dialect.credential(head.headers)
        return own or cookie(head.headers, dialect.cookie)

    async def _stranger(self, head: Head, hit: Hit) -> Principal | None:
        """On an open route a credential counts if it is good and is no reason to refuse if not.

        Unless the route acts: what another site had asked is refused, and not done for nobody.
        """
        offered = cookie(head.headers, hit.dialect.cookie)
        if hit.route.acts and offered is not None:
            self._origins.check_cookie(head.method, head.headers, offered, harmless=True, acts=True)
        try:
            credential = self.credential(head, hit.dialect, passwords=hit.passwords)
            if credential is None:
                return None
            self._origins.check_cookie(head.method, head.headers, credential)
            return await self._proven(credential, head.address)
        except GatewayError:
            return None

    async def _proven(self, credential: Credential, address: str) -> Principal:
        if isinstance(credential, Token):
            return self._identify(credential)
        found = self._passwords.find(credential)
        if found is None:
            # Nobody gets the ticket of this login: it ends as soon as the password is asked again.
            login = Login(credential.user, credential.password, seconds=_REMEMBERED_SECONDS)
            found = (await self._dispatch(Caller(None, address), login)).principal
            self._passwords.remember(credential, found.name)
        return found

    def _check(self, head: Head, hit: Hit, credential: Credential) -> None:
        self._origins.check_cookie(
            head.method,
            head.headers,
            credential,
            harmless=hit.route.harmless,
            form=hit.route.streams,
            acts=hit.route.acts,
        )


def authorization(headers: Mapping[str, str], *, passwords: bool = False) -> Credential | None:
    """What the Authorization header proves with; None if there is no such header.

    Raises:
        GatewayError: UNAUTHENTICATED if it is malformed or of a scheme that is not taken here:
            a name and a password only with ``passwords``.
    """
    value = headers.get("authorization")
    if value is None:
        return None
    scheme, _, said = value.partition(" ")
    said = said.strip()
    if passwords and scheme.lower() == "basic":
        return _basic(said)
    if scheme.lower() != "bearer" or not said:
        raise GatewayError(Kind.UNAUTHENTICATED, "the Authorization header must be a bearer token")
    return Token(said)


def _basic(said: str) -> Password:
    """The name and the password of RFC 7617, in UTF-8."""
    try:
        text = base64.b64decode(said, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise GatewayError(
            Kind.UNAUTHENTICATED, "the Authorization header holds no name and password"
        ) from error
    user, colon, password = text.partition(":")
    if not colon or len(text) > _LONGEST_BASIC or not text.isprintable():
        raise GatewayError(
            Kind.UNAUTHENTICATED, "the Authorization header holds no name and password"
        )
    return Password(user, password)


def cookie(headers: Mapping[str, str], name: str) -> Token | None:
    """The token in the cookie of that name, if there is one."""
    if not name:
        return None
    for part in headers.get("cookie", "").split(";"):
        key, separator, value = part.strip().partition("=")
        if separator and key == name and value:
            return Token(value.strip('"'), from_cookie=True)
    return None
