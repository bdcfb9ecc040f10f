"""What authors of providers and stores test with; nothing of keyplan imports this.

- `provider_contract.ProviderContract`: the musts of `keyplan.sdk.provider`, as tests;
- `fake.fake_plugin`: a provider in memory, with faults on request;
- `memory_store.MemoryStore`: a store in memory that can crash at any durable write;
- `clock.ManualClock`: time that moves only when told;
- `strategies`, `stacks`: random hierarchies, and stacks of any size.

Needs the extra `testing` (pytest and hypothesis).
"""
