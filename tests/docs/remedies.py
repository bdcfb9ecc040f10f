"""What to do about each code, and what those mean that have no entry in a table of codes.

`errors_page` makes `docs/errors.md` of this, of `keyplan.config.codes*` and of the
invariants of a state.
"""

from __future__ import annotations

OTHERS = {
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
        "Destroyed material and one-way attributes stay as they are, whatever is rolled back.",
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
    "KP-AWS-001": (
        "AWS has no such alias",
        (
            "Letters, digits and `: / _ -`, at most 250 of them, none that begins with `aws/`, and "
            "at most 50 for a key."
        ),
    ),
    "KP-AWS-002": (
        "The description is too long for AWS",
        "AWS KMS keeps 8192 characters.",
    ),
    "KP-AWS-003": (
        "A label cannot be a tag",
        (
            "Labels are tags in AWS: names of 1 to 128 and values of up to 256 characters, "
            "letters, digits, spaces and `_ . : / = + - @` only, not `aws:` nor `keyplan:`, 46 "
            "for a key."
        ),
    ),
    "KP-AWS-004": (
        "AWS does not rotate like this",
        (
            "Only aes-256 keys rotate by themselves, every 90 to 2560 days; older versions are "
            "kept for ever, so that there is no `overlap` and no `keep`."
        ),
    ),
    "KP-AWS-005": (
        "AWS counts deletion windows in whole days",
        "Write `window: 7d` to `30d`.",
    ),
    "KP-AWS-006": (
        "AWS cannot give a grant like this",
        (
            "A grant of AWS has one principal, operations that use the key or describe it, at "
            "most 8 pairs of context, and a name of letters, digits and `: _ -`."
        ),
    ),
    "KP-AWS-007": (
        "keyplan makes no keys with material outside AWS",
        (
            "Keys of custom key stores and with imported material are observed and protected: make "
            "them with AWS's tools, import them, and write `lifecycle: {manage: observe}`."
        ),
    ),
    "KP-AWS-008": (
        "Material never leaves AWS KMS",
        "Remove `exportable`, or write `exportable: false`.",
    ),
    "KP-HIER-022": (
        "A parent would leave before its children",
        (
            "Material of a key that stays rests on a key that is to be destroyed: it would be lost "
            "with it."
        ),
    ),
    "KP-HSM-001": (
        "A key pair cannot be derived",
        "The HSM emulator derives octets: AES and HMAC keys.",
    ),
    "KP-HSM-002": (
        "A symmetric key has nothing to certify",
        "`relation: signs` makes a certificate over a public key.",
    ),
    "KP-HSM-003": (
        "A certificate needs a parent that signs",
        "The parent is the authority that issues it.",
    ),
    "KP-HSM-004": (
        "The profile of a certificate cannot be used",
        (
            "The subject is no distinguished name, the validity no duration, or a usage is none of "
            "RFC 5280 that the emulator knows."
        ),
    ),
    "KP-HSM-005": (
        "The HSM emulator keeps every key itself",
        "It has no external key manager, so `protection: external` cannot be had.",
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
    "KP-KPOL-001": (
        "A key policy is too long",
        "KMS takes 32,768 bytes; from 80 % on it is a warning.",
    ),
    "KP-KPOL-002": (
        "A key policy holds a character that KMS refuses",
        "KMS takes tab, line feed, carriage return and the printable characters of Latin-1.",
    ),
    "KP-KPOL-004": (
        "A key policy cannot be repaired, or only by principals that can be deleted",
        (
            "Without the account, a key is lost to everybody when the principals that administer "
            "it are deleted; only AWS Support can help then."
        ),
    ),
    "KP-KPOL-006": (
        "An allow with NotPrincipal",
        "It allows everybody else, in every account.",
    ),
    "KP-KPOL-007": (
        "Everybody in every account is allowed",
        (
            "`principals: any` names everybody there is. A condition counts if it fails for "
            "strangers: account, organisation, network, ARN, without wildcards."
        ),
    ),
    "KP-KPOL-008": (
        "A key policy names what there is not, or can never match",
        (
            "An action, an operator or a condition key is unknown, or the action has no such key:"
            " AWS refuses the policy, or that part never applies."
        ),
    ),
    "KP-KPOL-009": (
        "ForAllValues on a key with one value",
        "It holds where the key is missing; on the encryption context KMS refuses it.",
    ),
    "KP-KPOL-010": (
        "ForAllValues without a test that the key is there",
        "It holds where the key is missing.",
    ),
    "KP-KPOL-011": (
        "A deny without a second factor spares long-term keys",
        "Their calls do not say whether there was a second factor, and `Bool` then does not match.",
    ),
    "KP-KPOL-012": (
        "A key policy names a principal that is deleted",
        (
            "AWS shows the unique id (`AROA...`, `AIDA...`) of a role or user that is gone; a new"
            " one of the same name is not it."
        ),
    ),
    "KP-KPOL-015": (
        "One principal can both set the policy and use the key",
        "Separation of duties: who decides about access should not have it.",
    ),
    "KP-KPOL-016": (
        "A principal may grant every use of the key",
        "`kms:CreateGrant` from a policy lets it grant any operation to anybody.",
    ),
    "KP-KPOL-017": (
        "A service may use the key for anybody",
        "Without the source, a service can be made to act for somebody else's resources.",
    ),
    "KP-KPOL-018": (
        "A principal of another account, without a limit",
        "Nothing says which organisation it must belong to, where it comes from, or when it ends.",
    ),
    "KP-KPOL-019": (
        "A live key policy cannot be read",
        (
            "It is no JSON, or has an element that keyplan does not know. It is kept word for word;"
            " what it allows is unknown, so it is drift wherever a policy is declared."
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
    "KP-PLAN-015": (
        "An attribute cannot be read",
        (
            "The provider may not read it, or does not answer for it. It is compared with what was "
            "last applied, and never guessed: a change that somebody made is not seen. A key of "
            "which nothing can be read is an error for that key; the plan of the others is shown."
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
    "KP-PLAN-023": (
        "A key can hardly be rotated on demand any more",
        (
            "Its service allows so many of these rotations in a key's life and raises no limit. The"
            " plan warns of the last five, and is refused where it needs more than are left."
        ),
    ),
    "KP-PLAN-020": (
        "A key is suspended, and nothing will enable it",
        (
            "No `state` is declared for it, and a state never loosens by itself: not when the rest "
            "of the declaration is applied, nor after a rollback, which suspends what the run made."
        ),
    ),
    "KP-PLAN-024": (
        "A key that is not this stack's would be ended",
        (
            "It was only observed at its last apply, so it belongs to others, or it was never "
            "marked. Taking its block out forgets the first, and ends neither."
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
    "KP-PLAN-014": (
        "A parent that is needed does not work",
        "A key that is suspended, ended or pending deletion wraps, derives and signs nothing.",
    ),
    "KP-POL-006": (
        "An attribute that the provider does not honour",
        "It is declared, and the gap was accepted with `unenforced`; the provider never sees it.",
    ),
    "KP-POL-005": (
        "A gap that was accepted changes what a policy does",
        (
            "`unenforced` drops a condition, so that the statement is wider than written, or "
            "leaves the statement out."
        ),
    ),
    "KP-POL-004": (
        "A policy that the provider cannot compile",
        (
            "The service has no way to say it, most often a condition that it does not check. It "
            "would not be honoured, so it is refused."
        ),
    ),
    "KP-PROV-001": (
        "A provider's setting cannot be used",
        (
            "The provider's own model refuses it when it is opened. The value is not repeated: it "
            "might be a secret."
        ),
    ),
    "KP-STORE-001": (
        "There is no such store",
        "`keyplan.state` names a store that no installed distribution brings.",
    ),
    "KP-STORE-002": (
        "A store's setting cannot be used",
        "The store's own model refuses it.",
    ),
}
"""Title and reason of codes of plans, stores and providers, and of two from the tables."""

STATE_REASON = "A state that breaks this is neither used nor written."

REMEDIES = {
    "KP-BACK-001": "Take that change back first, or plan what you want: `keyplan plan`.",
    "KP-BACK-002": "Nothing; the key can be destroyed later with a `removed` entry.",
    "KP-BACK-003": "Nothing can be done about it. Declare a successor where one is needed.",
    "KP-BACK-004": "Roll back the later runs first, or give the key another parent.",
    "KP-CAP-001": "Remove the attribute, or accept the gap in `unenforced`.",
    "KP-CAP-002": "Choose an algorithm that the message lists.",
    "KP-CAP-003": "Choose another usage, or an algorithm that has it there.",
    "KP-CAP-004": "Choose a relation that the message lists.",
    "KP-CAP-005": "Choose a state that the message lists.",
    "KP-CAP-006": "Write a window within the bounds that the message names.",
    "KP-DECL-001": "Correct the name as the message suggests, or remove it.",
    "KP-DECL-002": "Add it, in the block or in `defaults`.",
    "KP-DECL-003": "Write a map, a list or text, as the message says.",
    "KP-DECL-004": "Remove it.",
    "KP-DECL-005": "Write one of the values that the message names.",
    "KP-DECL-007": "Choose another name.",
    "KP-DECL-008": "Keep one of the two places that the message shows.",
    "KP-DECL-009": "Remove one of the two.",
    "KP-DECL-010": "Leave the field out, or write `none`.",
    "KP-DECL-011": "Correct the name, or move what is below it into the right block.",
    "KP-DECL-012": "Write the value itself.",
    "KP-DECL-013": "Install a version that fits, or change `required_version`.",
    "KP-DECL-014": "Correct the requirement.",
    "KP-DECL-016": "Give it a value or a default.",
    "KP-DECL-017": "Declare the variable, or correct its name.",
    "KP-DECL-019": "Give it a value that its validation accepts.",
    "KP-DECL-020": "Write one of these types.",
    "KP-DECL-021": "Correct the assignment, or the file.",
    "KP-DECL-022": "Correct the type, or install the distribution that brings it.",
    "KP-DECL-023": "Correct the setting; `keyplan providers TYPE` shows the provider.",
    "KP-DECL-024": "Remove the block.",
    "KP-DECL-025": "Give it such a map or list.",
    "KP-DECL-027": "Remove the entry, or the declaration that it contradicts.",
    "KP-DECL-028": "Remove the name, or declare the provider.",
    "KP-DECL-030": "Put the module below the stack, and name its folder: `./modules/name`.",
    "KP-DECL-031": "Take one of the modules out of the other; use deep ones from higher up.",
    "KP-DECL-033": "Move the block into the stack's own files.",
    "KP-DECL-034": "Name each existing key once, and declare the key that takes it over.",
    "KP-DECL-035": "Declare the key under its new address only; drop moves applied long ago.",
    "KP-DECL-038": "Write `sealed: {passphrase: {env: NAME}}` or `sealed: {key_file: PATH}`.",
    "KP-DECL-037": "Name another place of the same service, and write `multi_region: true`.",
    "KP-DECL-036": "Let the variable decide only, or take `sensitive` away from it.",
    "KP-EXPR-001": "Complete or correct it at the column that is marked.",
    "KP-EXPR-002": "Write it as the message shows.",
    "KP-EXPR-003": "Use an operator or a [function](language.md#functions).",
    "KP-EXPR-004": "Close it, or write the literal characters.",
    "KP-EXPR-005": "Correct the name; text needs quotes.",
    "KP-EXPR-006": "Correct the name, or declare it.",
    "KP-EXPR-007": "Choose a [function](language.md#functions) that there is.",
    "KP-EXPR-008": "Call it as the message shows.",
    "KP-EXPR-009": "Convert or compare so that both sides are of one kind.",
    "KP-EXPR-010": "Compare it with something.",
    "KP-EXPR-011": "Test for it first, or give a default.",
    "KP-EXPR-012": "Make text of it first.",
    "KP-EXPR-013": "Make it smaller, or name parts of it in `locals`.",
    "KP-EXPR-014": "Correct the value that is marked.",
    "KP-EXPR-015": "Put the file below the stack, as UTF-8 text.",
    "KP-EXPR-016": "Use it as it is, or compute from something that is declared.",
    "KP-HIER-001": "Give the key another parent, or another tier.",
    "KP-HIER-002": "Remove the entry from its scope, or choose another parent.",
    "KP-HIER-003": "Choose a parent of the same environment.",
    "KP-HIER-004": "End the child earlier, or the parent later.",
    "KP-HIER-005": "Choose a stronger parent, or a weaker child.",
    "KP-HIER-007": "Choose a relation or a parent that fits.",
    "KP-HIER-009": "Choose one of the usages that the message lists, or another algorithm.",
    "KP-HIER-011": "Give the parent the protection of the child.",
    "KP-HIER-022": "Destroy the child first, or give it another parent and apply that.",
    "KP-HIER-030": "Add `parent`, or `tier: root`.",
    "KP-HIER-031": "Take the alias off one of them.",
    "KP-AWS-001": "Choose another alias.",
    "KP-AWS-002": "Shorten the description.",
    "KP-AWS-003": "Choose other labels, or fewer.",
    "KP-AWS-004": "Write `rotation: {every: 365d}`, or `rotation: none`.",
    "KP-AWS-005": "Write whole days.",
    "KP-AWS-006": "Declare a grant for each principal, with operations that AWS can grant.",
    "KP-AWS-007": "Remove `protection: external`, or import the key and observe it.",
    "KP-AWS-008": "Remove `exportable`.",
    "KP-HSM-001": "Use `relation: wraps` or `relation: signs`.",
    "KP-HSM-002": "Use `relation: wraps` or `relation: derives`.",
    "KP-HSM-003": "Add `relation: signs`, or remove `certificate`.",
    "KP-HSM-004": 'Write `{subject: "CN=release", valid: 398d, usages: [code_signing]}`.',
    "KP-HSM-005": "Declare `protection: hsm` (emulated: it is software), or `software`.",
    "KP-LANG-001": "Write a `keyplan.yaml`, or name the stack's folder with `--chdir`.",
    "KP-LANG-002": "Do what the message says about the file.",
    "KP-LANG-003": "Save the file as UTF-8.",
    "KP-LANG-004": "Remove the character, or write it as an escape in double quotes.",
    "KP-LANG-006": "Correct the line; the mistake may be in the one before it.",
    "KP-LANG-007": "Put the address into single quotes.",
    "KP-LANG-008": "Put the whole value into quotes.",
    "KP-LANG-009": "Flatten it.",
    "KP-LANG-010": "Write the value out.",
    "KP-LANG-011": "Remove the tag; put text that begins with `!` into quotes.",
    "KP-LANG-012": "Use `defaults`, or write the entries out.",
    "KP-LANG-013": "Put the key into quotes.",
    "KP-LANG-014": "Remove one of the two, or merge them.",
    "KP-LANG-015": "Make a file of each document.",
    "KP-LANG-016": "Put the name of a block around it.",
    "KP-LOCK-001": "Name a principal in `administrators` of a policy that is in force on the key.",
    "KP-LOCK-002": "Nothing, if IAM of the account allows the caller `kms:PutKeyPolicy`.",
    "KP-LOCK-003": "Name an administrator without a condition, or declare `policies` here.",
    "KP-LOCK-004": (
        "Name who applies among the administrators, or let a deny spare them. To give the key up "
        "on purpose: `keyplan apply --allow lockout`."
    ),
    "KP-LOCK-005": "Apply as one of its administrators.",
    "KP-LOCK-006": "Nothing, if the new policy is to stay.",
    "KP-KPOL-001": "Name fewer principals: a role for many, or grants in place of statements.",
    "KP-KPOL-002": "Replace the character that is named.",
    "KP-KPOL-004": "Write `aws: {account: recovery}` on the policy.",
    "KP-KPOL-006": "Name those who are meant.",
    "KP-KPOL-007": "Add `when: {account: ...}` or `{org: ...}`, or name principals.",
    "KP-KPOL-008": "Correct the name, or split the statement.",
    "KP-KPOL-009": "Use the operator without `ForAllValues`.",
    "KP-KPOL-010": 'Add `Null: {<key>: "false"}`.',
    "KP-KPOL-011": "Use `BoolIfExists`.",
    "KP-KPOL-012": "Take the id out of the policy, or name the new principal.",
    "KP-KPOL-015": "Let one administer and another use it.",
    "KP-KPOL-016": (
        "Allow it for services only, or with a native condition on `kms:GrantOperations`."
    ),
    "KP-KPOL-017": "Add a native condition on `aws:SourceArn` or `aws:SourceAccount`.",
    "KP-KPOL-018": "Add `org`, `source_vpc` or `expires_at`.",
    "KP-KPOL-019": "Declare `policies`, and read in the plan what goes; or repair it by hand.",
    "KP-PLAN-001": "Keep the key, declare a successor, and move the alias in a later change.",
    "KP-PLAN-002": "Write an `import` entry with its id, or remove the key.",
    "KP-PLAN-003": "Find out who destroyed it. To go on: `removed` with `mode: forget`.",
    "KP-PLAN-004": "Write the state that it is in, and declare a successor key.",
    "KP-PLAN-005": "Choose another alias, or take it off that key first.",
    "KP-PLAN-006": "Put the key back, or say what its name is now with `moved`, or what becomes of"
    " it with `removed`.",
    "KP-PLAN-007": "Write `removed` with `mode: suspend`.",
    "KP-PLAN-008": "Declare the key under its new address only, or take the entry out.",
    "KP-PLAN-009": "Check the id, and that this is the provider where the key lives.",
    "KP-PLAN-010": "Write a `moved` entry to give it another address.",
    "KP-POL-001": "Give the principal a name on that provider, or correct the policy.",
    "KP-POL-002": "Change the key; the message names the line of the policy, too.",
    "KP-POL-003": "Remove what cannot be enforced, or accept it anew with another end.",
    "KP-PLAN-011": "Write only `every`; destroy the derived keys first to end old versions.",
    "KP-PLAN-012": "Take the change back; `keyplan providers TYPE` lists what is performed.",
    "KP-PLAN-013": "Give it a later `expires_at`, or none.",
    "KP-PLAN-015": "Give whoever plans the permission to read it.",
    "KP-PLAN-016": "Do as the message says; replicas and the primary can change in two applies.",
    "KP-PLAN-017": "Write `lifecycle: {manage: observe}`, or make a key of your own.",
    "KP-PLAN-018": "Find out who did it; then apply the policy again, or take the identity out.",
    "KP-PLAN-023": "Let the key rotate by itself, or make a successor and move the alias to it.",
    "KP-PLAN-020": "Write `state: active` where it shall work; else nothing.",
    "KP-PLAN-022": "Find out who did it. To go without: drop its entry, `removed` with `forget`.",
    "KP-PLAN-019": "Write `policies` in the replica's entry, or on the key.",
    "KP-PLAN-014": "Write `state: active` on the parent, or give the child another one.",
    "KP-PLAN-024": "Write `removed` with `mode: forget`, or manage it first, as the message says.",
    "KP-POL-006": "Nothing while the gap is accepted; then remove the attribute or the gap.",
    "KP-POL-005": "Nothing while the gap is accepted; then remove the condition or the gap.",
    "KP-POL-004": "Change the statement that is named, or accept the gap in `unenforced`.",
    "KP-PROV-001": "Correct the setting; `keyplan providers TYPE` shows the provider.",
    "KP-REF-001": "Write the address as the message shows.",
    "KP-REF-002": "Correct the address, or declare it.",
    "KP-REF-003": "Add the index, or take it away.",
    "KP-REF-004": "Refer to something of the kind that the field takes.",
    "KP-REF-005": "Take one of the references in the circle away.",
    "KP-REF-006": "Use an attribute that is declared.",
    "KP-REF-007": "Choose an attribute that can be read.",
    "KP-REF-008": "Write one of them without the others.",
    "KP-REF-009": "Declare the instance, or correct its name.",
    "KP-REF-010": "Correct the name.",
    "KP-REF-011": "Write the value again, or put it into a local.",
    "KP-REF-012": "Use a name that is known there.",
    "KP-REF-013": "Give one of the modules what it needs in another way.",
    "KP-STORE-001": "Name one that is installed; the message lists them.",
    "KP-STORE-002": "Correct the setting.",
}
"""One line each; a state's invariants share one."""

STATE_REMEDY = (
    "Put back the state that keyplan wrote (`.backup` has the one before), or report it if "
    "nobody edited it."
)
