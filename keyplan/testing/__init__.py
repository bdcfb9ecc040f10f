"""What authors of providers and stores test with; nothing of keyplan imports this.

- `provider_contract.ProviderContract`: the musts of `keyplan.sdk.provider`, as tests;
- `store_contract.StoreContract`: the same for `keyplan.sdk.store`;
- `fake.fake_plugin`: a provider in memory, with faults on request;
- `memory_store.MemoryStore`: a store in memory that can crash at any durable write;
- `clock.ManualClock`: time that moves only when told;
- `bench.Bench`: plan, perform and plan again without YAML, store or applier;
- `strategies`, `stacks`: random hierarchies and accidents, and stacks of any size.

Needs the extra `testing` (pytest and hypothesis).
"""
