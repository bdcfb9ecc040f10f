"""A local HSM emulator: real cryptography in one SQLite file, for development and tests.

It is software, not hardware. Keys are as safe as the file, its PIN and this process:
there is no tamper resistance, no certification, and memory is not wiped. What it does
keep is an HSM's contract: material never leaves in clear, states and policies are
enforced on every call, and every call is in a sealed audit chain.

Reading order: `records` (what a key is here), `sealing` and `vault` (how material is
kept), `device` (one opened HSM), `control` (the operations of keyplan), `dataplane`
(what applications call), `provider` and `plugin` (keyplan's contract).
"""
