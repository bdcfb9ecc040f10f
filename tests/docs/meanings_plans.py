"""What the codes of plans, lockout and rollback mean, and of some declarations."""

from __future__ import annotations

PLANS = {
    "KP-BACK-001": (
        "Something was changed since the run",
        (
            "A rollback puts back what a run changed, and only while it is as the run left it: "
            "what somebody changed since is never overwritten."
        ),
    ),
    "KP-BACK-002": (
        "An undo leaves something behind",
        (
            "A key that the run made is suspended and kept, a new version stays, a grant comes "
            "back with another id."
        ),
    ),
    "KP-BACK-003": (
        "A step has no way back",
        (
            "Destroyed material and one-way attributes stay as they are, whatever is rolled back. "
            "So does a key of which nothing may be read: the others are taken back."
        ),
    ),
    "KP-BACK-004": (
        "A key has come to rest on one that the run made",
        "Its parent would be suspended, and nobody could use it.",
    ),
    "KP-DECL-022": (
        "A provider type that is not installed",
        (
            "The part of a provider's name before the dot is its type. `keyplan providers` lists "
            "those that are installed."
        ),
    ),
    "KP-HIER-022": (
        "A parent would leave before its children",
        (
            "Material of a key that stays rests on a key that is to be destroyed: it would be lost "
            "with it."
        ),
    ),
    "KP-LANG-001": (
        "There is no stack here",
        "A stack is a folder with `keyplan.yaml` or files that end in `.keyplan.yaml`.",
    ),
    "KP-LOCK-001": (
        "Nobody could administer a key",
        (
            "After the step that is named, no principal could set the key's policy without a "
            "condition, an end or a deny in the way. Most services would refuse it, or only their "
            "support could repair it."
        ),
    ),
    "KP-LOCK-002": (
        "Whether the caller may go on is not known",
        (
            "The key policy delegates to the account, and who applies usually cannot read its own"
            " rights in IAM. AWS checks exactly this when the policy is put, and refuses what "
            "would lock the caller out."
        ),
    ),
    "KP-LOCK-003": (
        "Nobody surely keeps control of a key that is only looked at",
        (
            "The policy that the key has is not declared here (`policies: keep`, or nothing), and "
            "in it no principal may set the policy without a condition, an end or a deny in the "
            "way. Nothing is changed; once those who still can are gone, only the service's "
            "support can repair it."
        ),
    ),
    "KP-LOCK-004": (
        "Whoever applies could not set the policy again",
        (
            "Others could, so that the key is not lost; but nothing in the new policy allows it to "
            "whoever applies, or a deny takes it. The service refuses such a policy, and so does "
            "keyplan. The brake `lockout` releases this error and no other: the steps that put "
            "such a policy then bypass the service's check. Whether whoever applies may take them "
            "back is not proved."
        ),
    ),
    "KP-LOCK-005": (
        "Whoever applies may not change the policy that is in force",
        "The live policy does not allow it to them, or denies it: the service refuses the step.",
    ),
    "KP-LOCK-006": (
        "A rollback would not put the policy back that is in force",
        (
            "No principal may set that policy again without a condition that can fail or a deny in "
            "the way. It may be replaced, but no plan puts such a policy in force, and so neither "
            "does a rollback."
        ),
    ),
    "KP-PLAN-001": (
        "What a key is made with cannot change",
        (
            "Another algorithm, usage, relation or provider means another key, and keyplan never "
            "replaces a key: what it protected would be lost."
        ),
    ),
    "KP-PLAN-002": (
        "An observed key is not known",
        (
            "`lifecycle: {manage: observe}` reads a key that exists, and nothing in the state says "
            "which one that is. An `import` entry says so."
        ),
    ),
    "KP-PLAN-003": (
        "A key has vanished",
        "It is in the state, and its provider does not have it any more. keyplan did not do it.",
    ),
    "KP-PLAN-004": (
        "A state does not lead there",
        (
            "Only active and suspended lead back to each other (NIST SP 800-57 Part 1 section 7). "
            "A key that was compromised stays so."
        ),
    ),
    "KP-PLAN-005": (
        "An alias is another key's",
        (
            "It points to a key that this stack does not manage, and keyplan takes nothing away "
            "from strangers."
        ),
    ),
    "KP-PLAN-006": (
        "A protected key would be destroyed",
        (
            "It is no longer declared, or `keyplan destroy` was asked for, and it was protected at "
            "its last apply. Absence never destroys."
        ),
    ),
    "KP-PLAN-007": (
        "The provider never destroys keys",
        "Its manifest says that material cannot be destroyed there.",
    ),
    "KP-PLAN-008": (
        "A key cannot move to another address",
        "Something is declared under the old address still, or the new one is taken.",
    ),
    "KP-PLAN-009": (
        "A key to import is not there",
        "Its provider has no key of that id.",
    ),
    "KP-PLAN-010": (
        "A key to import is managed already",
        "The state has it under another address, and a key has one.",
    ),
    "KP-PLAN-011": (
        "Versions that keys are derived from never end",
        "A derived key is made again from the version it came from, so that version must stay.",
    ),
    "KP-PLAN-012": (
        "The provider does not perform a step",
        (
            "Its service has no such operation, or refuses it for what the key is or has now (its"
            " state, its kind, the number of its labels). Apply would stop there half-way through."
        ),
    ),
    "KP-PLAN-013": (
        "A new key has already expired",
        "It would be deactivated by the next apply, before anything could use it.",
    ),
    "KP-PLAN-014": (
        "A parent that is needed does not work",
        "A key that is suspended, ended or pending deletion wraps, derives and signs nothing.",
    ),
    "KP-PLAN-015": (
        "An attribute cannot be read",
        (
            "The provider may not read it, or does not answer for it. It is compared with what was "
            "last applied, and never guessed: a change that somebody made is not seen. A key of "
            "which nothing can be read is an error for that key (a warning, if it is only observed "
            "or only the state is refreshed); the plan of the others is shown. It is never taken "
            "for gone, and to forget it needs no call."
        ),
    ),
    "KP-PLAN-016": (
        "A replica or a primary cannot become what is declared",
        (
            "Replicas are made from a primary that works, the primary changes between keys that "
            "work, and it cannot leave before another one is the primary."
        ),
    ),
    "KP-PLAN-017": (
        "A key that its service manages",
        (
            "The service made it for itself and changes it alone: it can be looked at, and nothing "
            "of it can be set."
        ),
    ),
    "KP-PLAN-018": (
        "Somebody whom a policy names is not who it was",
        (
            "Services know identities by ids. One that was deleted leaves its id in policies, and "
            "one that was made anew under the same name is somebody else to the service."
        ),
    ),
    "KP-PLAN-019": (
        "A replica is made without the policy of its key",
        (
            "The policy of the key is not declared here (`policies: keep`, or nothing), and "
            "services copy none to another place: the replica has the same material under the "
            "policy that every new key gets, which may let more people use it."
        ),
    ),
    "KP-PLAN-020": (
        "A key is suspended, and nothing will enable it",
        (
            "No `state` is declared for it, and a state never loosens by itself: not when the rest "
            "of the declaration is applied, nor after a rollback, which suspends what the run made."
        ),
    ),
    "KP-PLAN-022": (
        "A replica has vanished, and is made again",
        (
            "It is in the state, and its place does not have it any more. A replica has the "
            "material of its primary and none of its own, so making it again loses nothing; what "
            "keyplan does not manage on it, such as grants, is not made again."
        ),
    ),
    "KP-PLAN-023": (
        "A key can hardly be rotated on demand any more",
        (
            "Its service allows so many of these rotations in a key's life and raises no limit. The"
            " plan warns of the last five, and is refused where it needs more than are left."
        ),
    ),
    "KP-PLAN-024": (
        "A key that is not this stack's would be ended",
        (
            "It was only observed at its last apply, so it belongs to others, or it was never "
            "marked. Taking its block out forgets the first, and ends neither."
        ),
    ),
    "KP-POL-004": (
        "A policy that the provider cannot compile",
        (
            "The service has no way to say it, most often a condition that it does not check. It "
            "would not be honoured, so it is refused."
        ),
    ),
    "KP-POL-005": (
        "A gap that was accepted changes what a policy does",
        (
            "`unenforced` drops a condition, so that the statement is wider than written, or "
            "leaves the statement out."
        ),
    ),
    "KP-POL-006": (
        "An attribute that the provider does not honour",
        "It is declared, and the gap was accepted with `unenforced`; the provider never sees it.",
    ),
}
"""Title and reason of each."""
