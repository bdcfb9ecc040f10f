"""Durations, dates and networks."""

from __future__ import annotations

import ipaddress
from datetime import date, timedelta

from keyplan.config.engine.functions.signature import Arguments, function
from keyplan.model.timing import parse_duration, parse_instant


def _duration(args: Arguments) -> object:
    value = args.value(0)
    if isinstance(value, timedelta):
        return value
    try:
        return parse_duration(args.text(0))
    except ValueError as error:
        raise args.unusable(0, str(error)) from None


def _date(args: Arguments) -> object:
    """A day, or an instant where a time is written."""
    value = args.value(0)
    if isinstance(value, date):
        return value
    text = args.text(0)
    try:
        instant = parse_instant(text)
    except ValueError as error:
        raise args.unusable(0, str(error)) from None
    return instant if len(text) > len("2027-06-30") else instant.date()


def _cidrcontains(args: Arguments) -> object:
    """Whether a network contains an address or another network of the same family."""
    network, other = (_network(args, number) for number in (0, 1))
    if isinstance(network, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return other.subnet_of(network)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return other.subnet_of(network)
    return False


def _network(args: Arguments, number: int) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    text = args.text(number)
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise args.unusable(number, str(error), "Write 10.0.0.0/8, or one address.") from None


TABLE = (
    function("duration(text)", _duration),
    function("date(text)", _date),
    function("cidrcontains(network, address)", _cidrcontains),
)
