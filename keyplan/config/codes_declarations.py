"""Diagnostic codes of blocks, references, policies, the hierarchy and capabilities.

The numbers of `KP-HIER` up to 027 are those of the hierarchy's rule table; from 030 on
are rules that it does not have. `codes` has the codes of files and expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from keyplan.config.codes import CODES, CodeInfo

_DECLARATIONS = {
    "KP-DECL-001": CodeInfo(
        "A field that there is not",
        "Every block has a fixed set of fields. Unknown ones are refused, since a slip in "
        "the name of a limit would otherwise lift it.",
    ),
    "KP-DECL-002": CodeInfo(
        "A required field is missing",
        "A key needs `provider`, `usage` and `algorithm`, here or in `defaults`; with "
        "`lifecycle: {manage: observe}` only `provider`.",
    ),
    "KP-DECL-003": CodeInfo(
        "A value of another shape",
        "Text stands where a map or a list belongs, or the other way round.",
    ),
    "KP-DECL-004": CodeInfo(
        "This is not there yet",
        "The word belongs to the language or is kept for what comes, and this version cannot "
        "do it. It is refused, never ignored.",
    ),
    "KP-DECL-005": CodeInfo(
        "A value that the field does not take",
        "Booleans are `true` and `false`, durations have a unit, dates are RFC 3339 or "
        "`YYYY-MM-DD`, choices are spelt as listed.",
    ),
    "KP-DECL-007": CodeInfo(
        "This is not a name",
        "Names are small letters, digits and `_`, beginning with a letter; names of statements "
        "are letters and digits, since they become Sids.",
    ),
    "KP-DECL-008": CodeInfo(
        "Something is declared twice",
        "All files of a stack are merged, and an address has one declaration.",
    ),
    "KP-DECL-009": CodeInfo(
        "An item is in a list twice", "The order and number of items mean nothing here."
    ),
    "KP-DECL-010": CodeInfo(
        "A field has no value",
        "An empty value could mean two things: leave the field out if it is not managed, or "
        "write `none` to remove what is there.",
    ),
    "KP-DECL-011": CodeInfo(
        "A block that there is not",
        "The blocks are keyplan, variable, locals, defaults, provider, principal, policy, key, "
        "output, import, moved and removed; `defaults` has key, policy and principal.",
    ),
    "KP-DECL-012": CodeInfo(
        "A template where none is read",
        "What says how the stack itself is run is taken literally: it is read before variables.",
    ),
    "KP-DECL-013": CodeInfo(
        "The stack needs another version of keyplan",
        "`keyplan.required_version` does not allow the version that runs.",
    ),
    "KP-DECL-014": CodeInfo(
        "A requirement of a version cannot be read",
        "Write comparisons separated by commas: `>=0.1,<1`, `==0.2.1`, `~=0.3`.",
    ),
    "KP-DECL-016": CodeInfo(
        "A variable has no value",
        "A variable without `default` needs one from `KEYPLAN_VAR_name`, `keyplan.vars.yaml`, "
        "a `*.auto.vars.yaml`, `--var` or `--var-file`; the last one named wins.",
    ),
    "KP-DECL-017": CodeInfo(
        "A value for a variable that is not declared",
        "Only the environment may have values for variables of other stacks.",
    ),
    "KP-DECL-019": CodeInfo(
        "A variable's value is refused", "One of its own `validation` conditions is false."
    ),
    "KP-DECL-020": CodeInfo(
        "This is not a type",
        "Types are `string`, `number`, `bool`, and `list`, `set` and `map` of them: "
        "`list(string)` or `{list: string}`.",
    ),
    "KP-DECL-021": CodeInfo(
        "An assignment of variables cannot be used",
        "`--var` takes `name=value`; `--var-file` a YAML file with a map of values.",
    ),
    "KP-DECL-022": CodeInfo(
        "A provider type that is not installed",
        "The part of a provider's name before the dot is its type. Types come with extras: "
        "`pip install 'keyplan[aws]'`.",
    ),
    "KP-DECL-023": CodeInfo(
        "A provider's setting cannot be used",
        "The provider's own model refuses it. The value is not repeated: it might be a secret.",
    ),
    "KP-DECL-024": CodeInfo(
        "A provider's block on a key that is not its own",
        "A key has at most the block of the provider that it lives in, if that one has any.",
    ),
    "KP-DECL-025": CodeInfo(
        "`for_each` cannot be used",
        "It takes a map, or a list of text without duplicates. Its values are known before "
        "anything is linked, so it reads variables and locals only.",
    ),
    "KP-DECL-027": CodeInfo(
        "A `removed` entry cannot be used",
        "`from` is the address of a key that is no longer declared; in an index, `*` matches any.",
    ),
    "KP-DECL-028": CodeInfo(
        "An identity that is not used",
        "A principal has a name with a provider that is neither installed nor declared. Stacks "
        "that share principals may ignore the warning.",
    ),
    "KP-DECL-030": CodeInfo(
        "A module's source cannot be used",
        "`source` is a directory below the stack, written relative to the file that names it: "
        "`./modules/tenant`. Links may not lead out of the stack.",
    ),
    "KP-DECL-031": CodeInfo(
        "Modules contain each other in a circle, or too deeply",
        "A module cannot contain itself, modules are nested at most 10 levels deep, and a stack "
        "has at most 20,000 instances of them.",
    ),
    "KP-DECL-033": CodeInfo(
        "A block that belongs to the stack",
        "Providers, `import`, `moved`, `removed` and what `keyplan` says of a stack are written "
        "in the stack's own files; a module gets its providers from who uses it.",
    ),
    "KP-DECL-034": CodeInfo(
        "An `import` entry cannot be used",
        "`to` is the address of a declared key, `id` what its provider calls the existing one; "
        "a key comes in once, under one address.",
    ),
    "KP-DECL-035": CodeInfo(
        "A `moved` entry cannot be used",
        "`from` is an address that is no longer declared, `to` one that is: of a key, of all "
        "instances of a block, or of a module. Each moves once, and no circle leads back.",
    ),
    "KP-DECL-037": CodeInfo(
        "A replica cannot be there",
        "Replicas are copies that the service makes in other places of its own, one in each; "
        "only a key with `multi_region: true` can have them.",
    ),
    "KP-DECL-038": CodeInfo(
        "What seals the state cannot be used",
        "`sealed` beside a store takes a passphrase from a variable or a file, or the path of a "
        "key file, and one of the two. The value is not repeated: it might be a secret.",
    ),
    "KP-DECL-036": CodeInfo(
        "A sensitive value would be kept or shown",
        "The value of a variable with `sensitive: true` decides, and is never written: not to "
        "a plan, a state or a provider, and not through locals, inputs and outputs.",
    ),
}

_REFERENCES = {
    "KP-REF-001": CodeInfo(
        "This is not an address",
        'There is one spelling only: `key.name`, and `key.name["instance"]` where the block '
        "has `for_each`. Text is not a reference.",
    ),
    "KP-REF-002": CodeInfo(
        "Something that was not declared",
        "The address is well formed, and nothing has it: a slip, an instance that `for_each` "
        "does not have, or one that `declare: false` leaves out.",
    ),
    "KP-REF-003": CodeInfo(
        "An index too few or too many",
        "A block with `for_each` stands for several things, so its address has an index; "
        "without `for_each` there is none.",
    ),
    "KP-REF-004": CodeInfo(
        "A reference to something of another kind",
        "`parent` and `depends_on` take keys, `policies` policies, `principals` and "
        "`administrators` principals.",
    ),
    "KP-REF-005": CodeInfo(
        "Keys refer to each other in a circle",
        "Parents, `depends_on` and what templates read of other keys give the order in which "
        "keys are made; in a circle there is none.",
    ),
    "KP-REF-006": CodeInfo(
        "A value that is known too late",
        "An attribute that only the provider knows may stand in labels, in descriptions and in "
        "outputs, alone or in text.",
    ),
    "KP-REF-007": CodeInfo(
        "An attribute that cannot be read",
        "Attributes of keys can be read, except those that say how a key is declared. Policies "
        "and principals can only be referred to.",
    ),
    "KP-REF-008": CodeInfo(
        "Locals refer to each other in a circle", "A local is computed from others before it."
    ),
    "KP-REF-009": CodeInfo(
        "A provider that is not declared",
        "`provider` of a key names an instance: a type such as `aws`, or an alias `aws.dr`.",
    ),
    "KP-REF-010": CodeInfo(
        "`this` has no such attribute or entry",
        "An entry that other keys have and this one lacks is `none`; one that no key of the "
        "stack has is a slip.",
    ),
    "KP-REF-011": CodeInfo(
        "Something refers to itself", "A key cannot read its own attributes, nor wait for itself."
    ),
    "KP-REF-012": CodeInfo(
        "A name that cannot be read here",
        "`each` needs `for_each`, `this` is for policies and guardrails, and variables, locals, "
        "`for_each` and `declare` are evaluated before keys are known.",
    ),
    "KP-REF-013": CodeInfo(
        "Modules read each other's values in a circle",
        "An input that needs an output that needs the input has no value.",
    ),
}

_POLICIES = {
    "KP-POL-001": CodeInfo(
        "A principal is nobody on the key's provider",
        "Every principal that a policy or grant names needs an identity with the provider of "
        "every key that it is used on.",
    ),
    "KP-POL-002": CodeInfo(
        "A key breaks a constraint of its policy",
        "All constraints of all policies of a key hold. What a key does not say it does not "
        "promise: without `rotation` it breaks `max_rotation`.",
    ),
    "KP-POL-003": CodeInfo(
        "An accepted gap is over",
        "`unenforced` accepts what a provider cannot honour until a day, and that day has passed.",
    ),
    "KP-POL-004": CodeInfo(
        "A policy that the provider cannot compile",
        "What a provider cannot honour is refused, unless `unenforced` accepts the gap. The "
        "provider's own words say which part it is.",
    ),
}

_HIERARCHY = {
    "KP-HIER-001": CodeInfo(
        "The hierarchy is not a tree of tiers",
        "Each key has one parent, no circle leads back to it, a root has none, and tiers go "
        "root, master, service, data downwards; only master and service may repeat.",
    ),
    "KP-HIER-002": CodeInfo(
        "Scope is widened",
        "A key has its parent's scope and may add to it, never change it.",
    ),
    "KP-HIER-003": CodeInfo(
        "An environment is crossed",
        "A key of one environment never stands under a key of another (PCI DSS 4.0.1 3.6.1.1).",
    ),
    "KP-HIER-004": CodeInfo(
        "A key outlives its parent",
        "`expires_at` is not after the parent's: nothing is wrapped, derived or signed after "
        "the end of the originator-usage period (SP 800-57 Part 1 rev. 5 §5.3.6).",
    ),
    "KP-HIER-005": CodeInfo(
        "A key is stronger than what protects it",
        "Where a parent wraps, derives or signs, it is at least as strong as the child "
        "(SP 800-57 Part 1 rev. 5 §5.6.2, RFC 5649 §7).",
    ),
    "KP-HIER-007": CodeInfo(
        "A relation that these keys cannot have",
        "Wrapping needs a parent with usage wrap, deriving derive, signing sign; derived keys "
        "are symmetric, signed ones have a public key; material stays in its provider.",
    ),
    "KP-HIER-009": CodeInfo(
        "A usage that the algorithm does not have",
        "A key has exactly one usage, and its algorithm must suit it "
        "(SP 800-57 Part 1 rev. 5 §5.2).",
    ),
    "KP-HIER-011": CodeInfo(
        "A key is better protected than what protects it",
        "A parent in software defeats the hardware that its child is in.",
    ),
    "KP-HIER-030": CodeInfo(
        "A key without a parent", "Only roots stand alone; every other key belongs under one."
    ),
    "KP-HIER-031": CodeInfo(
        "Two keys want one alias", "With a provider, an alias points to exactly one key."
    ),
}

_CAPABILITIES = {
    "KP-CAP-001": CodeInfo(
        "An attribute that the provider does not support",
        "It would not be honoured, so it is refused, unless `unenforced` accepts the gap with "
        "a reason and an end.",
    ),
    "KP-CAP-002": CodeInfo(
        "An algorithm that the provider does not have",
        "`keyplan providers TYPE` lists what it has.",
    ),
    "KP-CAP-003": CodeInfo(
        "A usage that the provider does not have for this algorithm",
        "The algorithm could be used so, only not there.",
    ),
    "KP-CAP-004": CodeInfo(
        "A relation that the provider does not have",
        "`governs` is authority only and always possible; wrapping, deriving and signing "
        "depend on the service.",
    ),
    "KP-CAP-005": CodeInfo(
        "A state that the provider cannot put a key into",
        "Services know fewer states than NIST SP 800-57.",
    ),
    "KP-CAP-006": CodeInfo(
        "A deletion window that the provider does not have",
        "Services fix how long a deletion can be cancelled, at least or at most.",
    ),
}

DECLARATION_CODES: Mapping[str, CodeInfo] = MappingProxyType(
    _DECLARATIONS | _REFERENCES | _POLICIES | _HIERARCHY | _CAPABILITIES
)
"""The codes of this table."""

ALL_CODES: Mapping[str, CodeInfo] = MappingProxyType({**CODES, **DECLARATION_CODES})
"""Every code that `validate` can show, but those of providers."""
