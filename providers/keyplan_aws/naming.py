"""Grants and aliases: what points to a key by a name, and may be somebody else's.

Rules: a grant is recognised by its name and its terms, and its token is never kept; an
alias is looked at before it is moved or deleted, because it may be another key's by now.
"""

from __future__ import annotations

from contextlib import suppress

from keyplan.errors import ConflictError, NotFoundError
from keyplan.model.observations import grant_name
from keyplan.model.operations import CreateGrant, RevokeGrant
from keyplan_aws.api import Work
from keyplan_aws.attributes import ALIAS, alias_name
from keyplan_aws.changes import described
from keyplan_aws.grants import Grant, canonical_grant, observe, request

# -- grants ------------------------------------------------------------------------------


def create_grant(work: Work, key: str, operation: CreateGrant) -> None:
    """Give the grant, unless it is there with these terms. Its token is not kept."""
    wanted = request(operation.grant, operation.terms)
    if not _matching(work, key, operation):
        work.write("CreateGrant", KeyId=key, **wanted)


def revoke_grant(work: Work, key: str, operation: RevokeGrant) -> None:
    """Take back the grant of that name with these terms, or the foreign one of that id."""
    for grant in _matching(work, key, operation):
        with suppress(NotFoundError):  # somebody retired it in between
            work.write("RevokeGrant", KeyId=key, GrantId=grant.id)


def _matching(work: Work, key: str, operation: CreateGrant | RevokeGrant) -> list[Grant]:
    terms = canonical_grant(operation.terms)
    return [
        grant
        for grant in _grants(work, key)
        if operation.grant == grant.id
        or (grant_name(operation.grant) == grant.name and grant.terms == terms)
    ]


def _grants(work: Work, key: str) -> list[Grant]:
    return observe(work.pages("ListGrants", "Grants", KeyId=key, Limit=100))


# -- names -------------------------------------------------------------------------------


def create_alias(work: Work, key: str, alias: str) -> None:
    """Give the key a name that nothing has; one that it has already is no failure."""
    name = f"{ALIAS}{alias_name(alias)}"
    try:
        work.write("CreateAlias", AliasName=name, TargetKeyId=key)
    except ConflictError as error:
        if alias_target(work, alias) != key:
            raise ConflictError(
                f"the alias {alias_name(alias)} points to another key",
                target=key,
                why=error.why,
                advice="Choose another name, or move the alias from the key that has it.",
                operation="CreateAlias",
                request_id=error.request_id,
            ) from None


def move_alias(work: Work, key: str, alias: str, source: str) -> None:
    """Point a name at the key instead of `source`, in one call."""
    now = alias_target(work, alias)
    if now == key:
        return
    if now != source:
        raise ConflictError(
            f"the alias {alias_name(alias)} is not where it was",
            target=key,
            why=f"It points to {now or 'nothing'}, not to {source}.",
            advice="Plan again.",
            operation="UpdateAlias",
        )
    work.write("UpdateAlias", AliasName=f"{ALIAS}{alias_name(alias)}", TargetKeyId=key)


def delete_alias(work: Work, key: str, alias: str) -> None:
    """Take a name off the key; one that points elsewhere by now is not the key's any more."""
    described(work, key)
    if alias_target(work, alias) == key:
        work.write("DeleteAlias", AliasName=f"{ALIAS}{alias_name(alias)}")


def alias_target(work: Work, alias: str) -> str | None:
    """The key id of the key that an alias points to."""
    try:
        answer = work.read("DescribeKey", KeyId=f"{ALIAS}{alias_name(alias)}")
    except NotFoundError:
        return None
    return str(answer["KeyMetadata"]["KeyId"])
